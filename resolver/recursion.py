"""Identifiers of foreign prefixes, resolved onwards: the top level is asked over HTTP JSON, and its referrals are followed.

No peer is trusted with more than its answer: hops, seconds, bytes and connections are bounded; a referral leads to public
addresses only (unless a setting says otherwise), checked at the moment of connecting; a peer that fails is left alone for
a while. Answers are kept by their TTL, bounded in bytes, negative ones briefly.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from core.errors import IdentifierUnknown, RecursionFailed
from core.identifier import Identifier, encode_path
from core.value_members import absolute_ttl
from resolver.referral import site_address

log = logging.getLogger(__name__)
MAX_HOPS = 6
MAX_BYTES = 1024 * 1024
_HOP_SECONDS, _WHOLE_SECONDS = 2.0, 5.0
_MOST_FLIGHTS = 64
_MOST_TTL, _NEGATIVE_SECONDS = 3_600.0, 2.0
_FAILURES, _BROKEN_SECONDS, _MOST_PEERS = 3, 10.0, 1_000
_FOUND, _MISSING, _REFERRALS = (1, 200), 100, (302, 303)
_ENTRY_BYTES = 500
_LONGEST_NAME = 2_048


@dataclass(frozen=True, slots=True)
class Foreign:
    """What a peer said. `body` is None where there is no such identifier; `way` are the addresses that were asked; `until` is
    how long that holds by its TTL (monotonic seconds)."""

    body: dict[str, Any] | None
    way: tuple[str, ...]
    until: float = 0.0

    def seconds_left(self, now: float, most: int) -> int:
        """What is left of the TTL at `now`, in whole seconds, `most` at most."""
        return max(0, min(most, int(self.until - now)))


class _PeerFailed(Exception):
    """One hop did not answer as it should; the text is for the log and the caller."""


class _PublicOnly(AbstractResolver):
    """Names that lead to private, loopback or otherwise special addresses do not resolve."""

    def __init__(self) -> None:
        self._names = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._names.resolve(host, port, family)
        if not all(ip_address(one["host"]).is_global for one in found):
            raise OSError(f"{host} is not a public address")
        return found

    async def close(self) -> None:
        await self._names.close()


class Recursion:
    """One for each worker. `cache_bytes` bounds what is kept; 0 keeps nothing. `responsible(prefix)`: the address of the node that
    the bootstrap registry names, which is asked first."""

    def __init__(
        self, top_level_url: str, *, cache_bytes: int, private_addresses: bool,
        responsible: Callable[[str], str | None] | None = None,
    ) -> None:  # fmt: skip
        self._top, self._responsible = top_level_url, responsible
        self._cache_bytes = cache_bytes
        self._private = private_addresses
        self._kept: OrderedDict[str, tuple[float, int, Foreign]] = OrderedDict()
        self._used = 0
        self._flights: dict[str, asyncio.Task[Foreign]] = {}
        self._failed: OrderedDict[str, tuple[int, float]] = OrderedDict()

    async def resolve(self, identifier: Identifier) -> Foreign:
        """Raises `IdentifierUnknown`, `RecursionFailed`."""
        name, now = str(identifier), time.monotonic()
        held = self._kept.get(name)
        if held is not None and held[0] > now:
            self._kept.move_to_end(name)
            found = held[2]
        else:
            if (flight := self._flights.get(name)) is None:
                if len(self._flights) >= _MOST_FLIGHTS:
                    raise RecursionFailed("Too many onward questions are under way", "进行中的递归查询过多")
                flight = self._flights[name] = asyncio.ensure_future(self._ask(name, identifier.prefix))
                flight.add_done_callback(lambda done: self._landed(name, done))
            found = await asyncio.shield(flight)
        if found.body is None:
            raise IdentifierUnknown(
                f"{name} is not registered", f"{name} 未注册", handle=name, responseCode=IdentifierUnknown.handle_code
            )
        return found

    def _landed(self, name: str, done: asyncio.Task[Foreign]) -> None:
        self._flights.pop(name, None)
        if not done.cancelled():
            done.exception()  # seen: whoever waited has it too

    async def _ask(self, name: str, prefix: str) -> Foreign:
        way: list[str] = []
        try:
            async with asyncio.timeout(_WHOLE_SECONDS):
                found = await self._straight(name, prefix, way) or await self._follow(name, way, set(), self._top)
        except (_PeerFailed, TimeoutError) as wrong:
            why = str(wrong) or "no answer in time"
            raise RecursionFailed(
                f"{name} could not be resolved onwards: {why}", f"无法递归解析 {name}：{why}", handle=name, way=way,
                responseCode=RecursionFailed.handle_code,
            ) from None  # fmt: skip
        seconds = _NEGATIVE_SECONDS if found.body is None else _ttl_of(found.body, time.time())
        found = replace(found, until=time.monotonic() + seconds)
        if seconds > 0:
            self._keep(name, found)
        return found

    async def _straight(self, name: str, prefix: str, way: list[str]) -> Foreign | None:
        """From the node that the bootstrap registry names; None where it names none, or that does not answer as it should."""
        there = self._responsible(prefix) if self._responsible is not None else None
        if there is None or there == self._top:
            return None
        try:
            return await self._follow(name, way, set(), there)
        except _PeerFailed:
            return None

    async def _follow(self, name: str, way: list[str], asked: set[tuple[str, str]], base: str) -> Foreign:
        """From `base` on. `way` and `asked` are of the whole question, of what services are looked for on it too."""
        trusted = base == self._top
        while True:
            if (base, name) in asked or len(way) >= MAX_HOPS:
                raise _PeerFailed("the referrals do not end")
            asked.add((base, name))
            way.append(base)
            said = await self._hop(base, name, trusted=trusted)
            trusted = False
            code = said.get("responseCode")
            if code in _FOUND:
                return Foreign(said, tuple(way))
            if code == _MISSING:
                return Foreign(None, tuple(way))
            if code not in _REFERRALS:
                raise _PeerFailed(f"{base} answered with responseCode {str(code)[:10]}")
            following = _site_of(said)
            if following is None and (service := _service_of(said)) is not None:
                served = await self._follow(service, way, asked, self._top)
                following = _site_of(served.body or {})
            if following is None:
                raise _PeerFailed(f"{base} referred to a site without an HTTP interface")
            base = following

    async def _hop(self, base: str, name: str, *, trusted: bool) -> dict[str, Any]:
        """One question. Raises `_PeerFailed`; a peer that failed thrice in a row is not asked for a while."""
        failures, until = self._failed.get(base, (0, 0.0))
        if failures >= _FAILURES and time.monotonic() < until:
            raise _PeerFailed(f"{base} did not answer lately")
        try:
            async with asyncio.timeout(_HOP_SECONDS):
                said = await self._fetched(base, name, trusted=trusted or self._private)
        except (OSError, ValueError, TimeoutError, aiohttp.ClientError) as wrong:
            times = self._failed.get(base, (0, 0.0))[0] + 1  # others may have failed meanwhile
            self._failed[base] = (times, time.monotonic() + _BROKEN_SECONDS)
            self._failed.move_to_end(base)
            while len(self._failed) > _MOST_PEERS:
                self._failed.popitem(last=False)
            log.info("recursion: %s: %s", base, wrong or type(wrong).__name__)
            raise _PeerFailed(f"{base} did not answer as it should") from None
        self._failed.pop(base, None)
        return said

    async def _fetched(self, base: str, name: str, *, trusted: bool) -> dict[str, Any]:
        if not trusted and not _may_connect(base):
            raise OSError("not a public address")
        connector = aiohttp.TCPConnector(resolver=None if trusted else _PublicOnly(), limit=1)
        address = URL(f"{base}/api/handles/{encode_path(name)}", encoded=True)
        async with (
            aiohttp.ClientSession(connector=connector, trust_env=False) as session,
            session.get(address, allow_redirects=False, headers={"Accept": "application/json"}) as answer,
        ):
            body = bytearray()
            async for piece in answer.content.iter_chunked(64 * 1024):
                body += piece
                if len(body) > MAX_BYTES:
                    raise ValueError(f"more than {MAX_BYTES} bytes")
        said = orjson.loads(bytes(body))
        if not isinstance(said, dict) or not isinstance(said.get("values", []), list):
            raise ValueError("not a Handle answer")
        return said

    def _keep(self, name: str, found: Foreign) -> None:
        size = _ENTRY_BYTES + len(name) + (len(orjson.dumps(found.body)) if found.body else 0)
        if size > self._cache_bytes:
            return
        if (former := self._kept.pop(name, None)) is not None:
            self._used -= former[1]
        self._kept[name] = (found.until, size, found)
        self._used += size
        while self._used > self._cache_bytes:
            self._used -= self._kept.popitem(last=False)[1][1]


def filtered(body: dict[str, Any], types: Collection[str], indexes: Collection[int]) -> dict[str, Any]:
    """The values that were asked for, of these types or indexes; all where neither is given."""
    values = [value for value in body.get("values", []) if isinstance(value, dict)]
    if types or indexes:
        values = [value for value in values if value.get("index") in indexes or value.get("type") in types]
    return {"responseCode": 1 if values else 200, "handle": body.get("handle"), "values": values}


def _ttl_of(body: dict[str, Any], now: float) -> float:
    """The least TTL of the values, an hour at most; `now` in unix seconds, for absolute ones. What nobody can read is no longer
    than what is not there."""
    stated = [value.get("ttl") for value in body.get("values", []) if isinstance(value, dict)]
    return min((*(_seconds_of(ttl, now) for ttl in stated), _MOST_TTL)) if stated else _NEGATIVE_SECONDS


def _seconds_of(ttl: Any, now: float) -> float:
    if isinstance(ttl, str) and (expires_at := absolute_ttl(ttl)) is not None:
        return max(expires_at - now, 0.0)
    return float(ttl) if isinstance(ttl, int) and ttl >= 0 else _NEGATIVE_SECONDS


def _site_of(said: dict[str, Any]) -> str | None:
    """The HTTP interface of the first site among the values that has one."""
    for value in said.get("values", []):
        if isinstance(value, dict) and str(value.get("type", "")).startswith("HS_SITE"):
            data = value.get("data")
            site = data.get("value") if isinstance(data, dict) else None
            if isinstance(site, dict) and (base := site_address(site)) is not None:
                return base
    return None


def _service_of(said: dict[str, Any]) -> str | None:
    """The service that the values name in place of a site."""
    for value in said.get("values", []):
        if isinstance(value, dict) and value.get("type") in ("HS_SERV", "HS_SERV.PREFIX"):
            data = value.get("data")
            named = data.get("value") if isinstance(data, dict) else data
            if isinstance(named, str) and 0 < len(named) <= _LONGEST_NAME:
                return named
    return None


def _may_connect(base: str) -> bool:
    """Sites name machines by address; a name is looked at when it is resolved."""
    try:
        return ip_address(urlsplit(base).hostname or "").is_global
    except ValueError:
        return True
