"""Referral at the box: which node a prefix is answered at, as the top level tells Handle clients, callers of HTTP, and IIIDAP.

| asked for                   | answer                                                                           |
|-----------------------------|----------------------------------------------------------------------------------|
| `0.NA/<prefix>`             | the prefix record: the HS_SITE of the secondary node that it lies under          |
| an identifier               | 303, the same site; while taken over, the values of the standby data             |
| what lies under no account  | 100 for a prefix record, 301 else                                                |

The site is what the node's last heartbeat says of its services.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import orjson

from core.errors import Problem
from core.handle.bodies import Resolve
from core.handle.codes import Code, Flag
from core.handle.malformed import Malformed
from core.handle.meaning import sent_values
from core.handle.reader import text
from core.handle.site import site_from_json
from core.handle.wire_value import WireValue, encode_values
from core.identifier import Identifier, fold_case, parse_identifier
from core.value_intake import parse_values
from sync.operations.envelope import time_text
from sync.toplevel.desk import Desk
from sync.toplevel.takeovers import resolve

ROOT, SITE, PREFIX_SITE = "0.NA/", "HS_SITE", "HS_SITE.PREFIX"
_TTL_SECONDS = 300
MAX_AGE_SECONDS = 300
_PORTS = {"http": 80, "https": 443, "tcp": 2641, "udp": 2641}


def account_over(desk: Desk, prefix: str) -> Any:
    """The account whose prefix is the longest run of whole labels of this one, from the left; None."""
    labels = prefix.lower().split(".")
    for count in range(len(labels), 1, -1):
        found = desk.store.one("account_of_prefix", prefix=".".join(labels[:count]))
        if found is not None and found["enabled"]:
            return found
    return None


def site_of(desk: Desk, account: Any) -> dict[str, Any] | None:
    """The HS_SITE, in JSON form; None while the node has not been heard of."""
    beat = desk.store.one("heartbeat", app_id=account["app_id"])
    services = orjson.loads(beat["content"])["services"] if beat is not None else ()
    interfaces: dict[str, list[dict[str, Any]]] = {}
    for service in services:
        place = _place(service)
        if service.get("name") == "resolution" and place is not None:
            address, port = place
            said = {"query": True, "admin": False, "protocol": str(service["transport"]).upper(), "port": port}
            interfaces.setdefault(address, []).append(said)
    servers = [
        {"serverId": number, "address": address, "interfaces": listed}
        for number, (address, listed) in enumerate(interfaces.items(), 1)
    ]
    return {"servers": servers} if servers else None


def answer(desk: Desk, request: Resolve, flags: int) -> tuple[Code, bytes]:
    """To a Handle client."""
    handle = request.handle
    if fold_case(handle[: len(ROOT)]) == ROOT:
        site = _site_over(desk, handle[len(ROOT) :])
        if site is None:
            return Code.HANDLE_NOT_FOUND, b""
        value = WireValue(1, SITE, site, int(time.time()), ttl=_TTL_SECONDS)
        return Code.SUCCESS, text(handle) + encode_values((value,))
    try:
        identifier = parse_identifier(handle)
    except Problem:
        return Code.HANDLE_INVALID, b""
    here, line = resolve(desk, identifier.prefix_key, key_of(desk, identifier))
    if here:
        return _from_standby(handle, line, request)
    site = _site_over(desk, identifier.prefix_key)
    if site is None or flags & Flag.DNRF:
        return Code.NOT_RESPONSIBLE, b""
    value = WireValue(1, PREFIX_SITE, site, int(time.time()), ttl=_TTL_SECONDS)
    return Code.PREFIX_REFERRAL, text("") + encode_values((value,))


def referral_json(desk: Desk, identifier: Identifier) -> dict[str, Any] | None:
    """To a caller of HTTP: the form of RFC 3652 §3.4 in JSON. None where the prefix lies under no account."""
    account = account_over(desk, identifier.prefix_key)
    site = site_of(desk, account) if account is not None else None
    if site is None:
        return None
    value = {"index": 1, "type": PREFIX_SITE, "data": {"format": "site", "value": site}, "ttl": _TTL_SECONDS}
    return {
        "responseCode": int(Code.PREFIX_REFERRAL),
        "handle": str(identifier),
        "prefix": account["prefix"],
        "values": [value],
    }


def bootstrap(desk: Desk) -> dict[str, Any]:
    """The IIIDAP bootstrap registry (draft-mcd-identifier-access-authority-04 §3)."""
    services, newest = [], 0.0
    for account in desk.store.all("accounts"):
        beat = desk.store.one("heartbeat", app_id=account["app_id"])
        urls = (
            _iiidap_urls(orjson.loads(beat["content"])["services"]) if beat is not None and account["enabled"] else []
        )
        if urls:
            services.append([[account["prefix"].lower()], urls])
            newest = max(newest, beat["received_at"])
    publication = time_text(datetime.fromtimestamp(int(newest), UTC))
    return {
        "version": "1.0",
        "publication": publication,
        "description": "国家顶级节点（仿真）IIIDAP 引导注册表",
        "services": services,
    }


def key_of(desk: Desk, identifier: Identifier) -> str:
    """As the standby data are keyed: whether suffixes tell letters apart, its prefix says."""
    account = account_over(desk, identifier.prefix_key)
    line = None
    if account is not None:
        line = desk.store.value("line", app_id=account["app_id"], key=identifier.prefix_key)
    return identifier.key(bool(line is not None and orjson.loads(line).get("caseSensitive")))


def _from_standby(handle: str, line: dict[str, Any] | None, request: Resolve) -> tuple[Code, bytes]:
    if line is None or line.get("withdrawn"):
        return Code.HANDLE_NOT_FOUND, b""
    values = [
        value
        for value in parse_values(line["values"], "values", [])
        if not (request.indexes or request.types) or value.index in request.indexes or value.type in request.types
    ]
    if not values:
        return Code.VALUES_NOT_FOUND, b""
    return Code.SUCCESS, text(handle) + sent_values(values, int(time.time()))


def _site_over(desk: Desk, prefix: str) -> bytes | None:
    account = account_over(desk, prefix)
    site = site_of(desk, account) if account is not None else None
    try:
        return site_from_json(site).encode() if site is not None else None
    except Malformed:
        return None


def _iiidap_urls(services: Iterable[dict[str, Any]]) -> list[str]:
    """https first."""
    urls = [str(one["address"]).lower().rstrip("/") + "/" for one in services if one.get("name") == "iiidap"]
    return sorted((url for url in urls if url.startswith(("https://", "http://"))), reverse=True)


def _place(service: dict[str, Any]) -> tuple[str, int] | None:
    """IP address and port of `host:port` or of a URL; None where it has a name."""
    address = str(service.get("address", ""))
    parts = urlsplit(address if "://" in address else f"//{address}")
    try:
        port = parts.port or _PORTS[str(service.get("transport"))]
        host = "127.0.0.1" if parts.hostname == "localhost" else str(parts.hostname)
        return str(ipaddress.ip_address(host)), port
    except (KeyError, ValueError):
        return None
