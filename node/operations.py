"""Monitoring and takeover put together from settings and key files."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import aiohttp

from core.settings import Settings
from node.console import Refused
from node.heartbeat_figures import Paces, certificate_until
from node.peering import read_server_keys, require_address, tls_of
from node.peering_keys import current_key
from node.version import VERSION
from sync.access.address import TopLevelAddress, read_address
from sync.access.signed_http import SignedHttp
from sync.monitoring.heartbeat import Service
from sync.monitoring.monitor import Monitor, Node
from sync.monitoring.statistics import Sealer, Sealing
from sync.operations.shapes import MEDIA_TYPE, MOST_DOCUMENT_BYTES
from sync.signing.keys import KeyUnusable, Signer, Verifier, load_signer
from sync.takeover.comparing import Comparison
from sync.takeover.doors import OrderDesk, TakeoverDoor
from sync.takeover.flow import Flow
from sync.takeover.handing_back import HandingBack
from sync.takeover.keeper import Keeper
from sync.takeover.orders import Orders
from sync.takeover.standby import Put, Standby

log = logging.getLogger(__name__)
_HEALTH_SECONDS = 2.0
_STANDBY = "standby"
_COMPARE_SECONDS = 600.0  # both ends add up tens of millions


def monitor_of(settings: Settings, pool: Any, clock: Callable[[], datetime] | None = None) -> Monitor | None:
    """None where the top level takes no signed HTTP. Raises `Refused`."""
    address = operations_address(settings)
    if address is None:
        return None
    sealing = Sealing(
        timedelta(minutes=settings.statistics_seal_minutes), timedelta(hours=settings.statistics_recheck_hours)
    )
    orders = orders_of(settings, pool)
    node = Node(
        settings.node_prefix, VERSION, services_of(settings), health_of(settings), orders.notices, Paces(),
        certificate_until(settings),
    )  # fmt: skip
    sealer = Sealer(pool, settings.node_prefix, sealing, clock)
    return Monitor(
        pool, signed_http(settings, address), address.url, node, sealer, settings.heartbeat_seconds, clock
    )  # fmt: skip


def operations_address(settings: Settings) -> TopLevelAddress | None:
    """None where nothing is told. Raises `Refused`."""
    if settings.peering_operations_url == "off":
        return None
    if not settings.peering_operations_url:
        found = require_address(settings)
        return TopLevelAddress(found.scheme, found.host, found.port, "") if found.scheme in ("https", "http") else None
    try:
        found = read_address(settings.peering_operations_url)
    except ValueError as wrong:
        raise Refused(f"BIAOJIE_PEERING_OPERATIONS_URL: {wrong}", f"BIAOJIE_PEERING_OPERATIONS_URL：{wrong}") from None
    given = settings.peering_operations_url.partition("://")[2]
    return TopLevelAddress(found.scheme, found.host, found.port, found.path if "/" in given else "")


def signed_http(settings: Settings, address: TopLevelAddress, timeout_seconds: float = 0.0) -> SignedHttp:
    """`timeout_seconds`: of what takes longer than usual. Raises `Refused`."""
    key = current_key(settings.data_dir)
    return SignedHttp(
        key.app_id, signer_of(settings), pinned_keys(settings),
        timeout_seconds=max(timeout_seconds, settings.peering_timeout_seconds), tls=tls_of(settings, address),
    )  # fmt: skip


def signer_of(settings: Settings) -> Signer:
    """Of the key in use. Raises `Refused`."""
    key = current_key(settings.data_dir)
    try:
        return load_signer(key.algorithm, key.keyid, key.secret)
    except KeyUnusable as wrong:
        raise Refused(wrong.en, wrong.zh) from None


def services_of(settings: Settings) -> tuple[Service, ...]:
    """Where this node answers."""
    scheme = settings.public_url.partition("://")[0]
    found = [
        Service("resolution", scheme, f"{settings.public_url}/"),
        Service("registration", scheme, f"{settings.public_url}/api/v1/"),
        Service("iiidap", scheme, f"{settings.public_url}/iiidap/"),
    ]
    if settings.handle_port:
        host = settings.handle_public_address
        address = f"[{host}]:{settings.handle_port}" if ":" in host else f"{host}:{settings.handle_port}"
        found += [Service("resolution", "tcp", address), Service("resolution", "udp", address)]
    return tuple(found)


def health_of(settings: Settings) -> Callable[[], Awaitable[str]]:
    """Asks this node's own readiness: up, degraded (it says that it is not), or down."""
    host = "127.0.0.1" if settings.http_host in ("0.0.0.0", "*", "") else settings.http_host  # noqa: S104
    url = f"http://{f'[{host}]' if ':' in host else host}:{settings.http_port}/readyz"

    async def health() -> str:
        try:
            deadline = aiohttp.ClientTimeout(total=_HEALTH_SECONDS)
            async with aiohttp.ClientSession(timeout=deadline) as session, session.get(url) as answer:
                return "up" if answer.status == 200 else "degraded"
        except (aiohttp.ClientError, TimeoutError, OSError):
            return "down"

    return health


def orders_of(settings: Settings, pool: Any, clock: Callable[[], datetime] | None = None) -> Orders:
    """Raises `Refused`."""
    automatic = settings.takeover_acceptance == "automatic"
    return Orders(
        pool, settings.node_prefix, signer_of(settings), pinned_keys(settings), automatic=automatic, clock=clock
    )


def handing_back_of(settings: Settings, pool: Any, clock: Callable[[], datetime] | None = None) -> HandingBack:
    """Raises `Refused`."""
    return HandingBack(pool, settings.node_prefix, signer_of(settings), pinned_keys(settings), clock)


def takeover_door(settings: Settings, pool: Any) -> TakeoverDoor:
    """Closed where there is no peering, no key of ours, or none pinned of the top level's."""
    try:
        if settings.peering_url and (keys := pinned_keys(settings)):
            desk = OrderDesk(orders_of(settings, pool), handing_back_of(settings, pool), signer_of(settings))
            return TakeoverDoor(pool, keys, desk)
    except Refused as wrong:
        log.warning("orders of the top level are not taken: %s", wrong.message_en)
    return TakeoverDoor(pool, {})


def pinned_keys(settings: Settings) -> dict[str, Verifier]:
    """Of the top level. Raises `Refused`."""
    try:
        return read_server_keys(settings.peering_server_keys)
    except KeyUnusable as wrong:
        raise Refused(wrong.en, wrong.zh) from None


def standby_of(settings: Settings, pool: Any, clock: Callable[[], datetime] | None = None) -> Standby | None:
    """None where the top level takes no signed HTTP. Its caller closes it. Raises `Refused`."""
    address = operations_address(settings)
    if address is None:
        return None
    http = signed_http(settings, address)
    folder = settings.data_dir.resolve() / _STANDBY
    put = _sending(http, "PUT", f"{address.url}/ops/v1/standby/")
    return Standby(pool, settings.node_prefix, signer_of(settings), put, http.close, folder, clock)


def keeper_of(settings: Settings, pool: Any, clock: Callable[[], datetime] | None = None) -> Keeper | None:
    """None where the top level takes no signed HTTP. Raises `Refused`."""
    standby, address = standby_of(settings, pool, clock), operations_address(settings)
    if standby is None or address is None:
        return None
    flowing, asking = signed_http(settings, address), signed_http(settings, address, _COMPARE_SECONDS)
    url, sln = f"{address.url}/ops/v1/standby/", settings.node_prefix
    flow = Flow(pool, sln, _sending(flowing, "PUT", url), settings.standby_changes_percent, clock)
    ask = _sending(asking, "POST", url)
    comparison = Comparison(sln, lambda body: ask(f"{sln}/question", body, MEDIA_TYPE))
    keeper = Keeper(
        pool, orders_of(settings, pool, clock), handing_back_of(settings, pool, clock), standby, flow, comparison,
        timedelta(seconds=settings.standby_change_seconds),
    )  # fmt: skip
    keeper.closing += [flowing.close, asking.close]
    return keeper


def _sending(http: SignedHttp, method: str, base_url: str) -> Put:
    async def send(path: str, body: bytes, media_type: str) -> tuple[int, bytes]:
        answer = await http.send(method, base_url + path, body, media_type, MOST_DOCUMENT_BYTES)
        return answer.status, answer.body

    return send
