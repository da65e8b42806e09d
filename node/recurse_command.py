"""`biaojie recurse`: a resolver that begins at the top level and follows referrals, and tells the way with times."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from core.handle.bodies import Resolve, decode_error, decode_valued
from core.handle.codes import NAMES, Code, Flag, Op
from core.handle.malformed import Malformed
from core.handle.message import Message
from core.handle.site import PROTOCOLS, QUERY, address_text, decode_site
from core.handle.wire_value import WireValue
from core.settings import Settings
from node.console import Refused, say
from node.handle_client import ask, request
from node.handle_command import server_of, told
from node.toplevel_runner import handle_port_of

MAX_HOPS, _HOP_SECONDS, _WHOLE_SECONDS = 8, 3.0, 15.0
_REFERRALS = (Code.SERVICE_REFERRAL, Code.PREFIX_REFERRAL)
_ROOT = "0.NA/"
_WHO = (("国家顶级节点", "top level"), ("二级节点", "secondary node"), ("企业节点", "enterprise node"))
Place = tuple[str, int, str]  # host, port, tcp or udp


@dataclass(frozen=True, slots=True)
class Hop:
    """One question. `code` None: no answer."""

    who: str
    address: str
    asked: str
    code: int | None
    meaning: str
    milliseconds: float


@dataclass(slots=True)
class Walk:
    hops: list[Hop] = field(default_factory=list)
    answer: Message | None = None

    @property
    def found(self) -> bool:
        return self.answer is not None and self.answer.header.code == Code.SUCCESS


class _NoAnswer(Exception):
    pass


async def recurse(settings: Settings, options: argparse.Namespace) -> int:
    """0 where it was found. Raises `Refused`."""
    host, port = _begin(settings, options.top)
    walk = await resolve_from((host, port, "udp" if options.udp else "tcp"), options.identifier)
    said = _said(walk, options.identifier)
    if options.json:
        say(orjson.dumps(said).decode())
    else:
        say("\n".join(lines(said)))
    return 0 if walk.found else 1


async def resolve_from(top: Place, identifier: str) -> Walk:
    """The record of the prefix at the top level names the node; it is asked, and its referrals are followed."""
    walk, place, end = Walk(), top, time.monotonic() + _WHOLE_SECONDS
    asked = f"{_ROOT}{identifier.partition('/')[0]}"
    seen: set[tuple[Place, str]] = set()
    while len(walk.hops) < MAX_HOPS and (place, asked) not in seen and time.monotonic() < end:
        seen.add((place, asked))
        try:
            answer = await _asked(walk, place, asked)
            code = answer.header.code
            if asked != identifier and code == Code.HANDLE_NOT_FOUND:
                return walk
            onwards = _next(answer, udp=top[2] == "udp") if code in _REFERRALS or asked != identifier else None
        except _NoAnswer:
            return walk
        if onwards is None:
            walk.answer = answer if asked == identifier else None
            return walk
        place, asked = onwards, identifier
    return walk


async def _asked(walk: Walk, place: Place, asked: str) -> Message:
    """Raises `_NoAnswer`."""
    host, port, transport = place
    address = f"{transport}://{f'[{host}]' if ':' in host else host}:{port}"
    who = " ".join(_WHO[min(len(walk.hops), len(_WHO) - 1)])
    began = time.monotonic()

    def note(code: int | None, meaning: str) -> None:
        took = round((time.monotonic() - began) * 1000, 2)
        walk.hops.append(Hop(who, address, asked, code, meaning, took))

    try:
        message = request(Op.RESOLVE, Resolve(asked).encode(), flags=int(Flag.PUBL))
        answer = await ask(host, port, message, udp=transport == "udp", seconds=_HOP_SECONDS)
    except (OSError, TimeoutError, Malformed) as wrong:
        note(None, f"{type(wrong).__name__}: {wrong}"[:200])
        raise _NoAnswer from None
    said = "" if answer.header.code in (Code.SUCCESS, *_REFERRALS) else decode_error(answer.body)
    name = NAMES.get(Code(answer.header.code), "") if answer.header.code in list(Code) else ""
    note(answer.header.code, f"{name} {said}".strip()[:200])
    return answer


def _next(answer: Message, *, udp: bool) -> Place | None:
    """The first server of the sites that answers queries, by the transport that is wanted if it has it. Raises `_NoAnswer`."""
    try:
        found = decode_valued(answer.body).values
    except Malformed:
        raise _NoAnswer from None
    places: list[Place] = []
    for value in found:
        if value.type.startswith("HS_SITE"):
            places += _places(value)
    wanted = "udp" if udp else "tcp"
    return next((place for place in places if place[2] == wanted), places[0] if places else None)


def _places(value: WireValue) -> list[Place]:
    try:
        servers = decode_site(value.data).servers
        return [
            (address_text(server.address), one.port, PROTOCOLS[one.protocol].lower())
            for server in servers
            for one in server.interfaces
            if one.serves & QUERY and one.protocol < len(PROTOCOLS) and PROTOCOLS[one.protocol] in ("TCP", "UDP")
        ]
    except Malformed:
        return []


def _said(walk: Walk, identifier: str) -> dict[str, Any]:
    hops = [asdict(hop) for hop in walk.hops]
    total = round(sum(hop.milliseconds for hop in walk.hops), 2)
    answer = told(walk.answer, identifier) if walk.answer is not None else None
    return {"identifier": identifier, "found": walk.found, "milliseconds": total, "hops": hops, "answer": answer}


def lines(said: dict[str, Any]) -> list[str]:
    """For people."""
    shown = []
    for number, hop in enumerate(said["hops"], 1):
        code = "-" if hop["code"] is None else hop["code"]
        shown.append(f"{number}. {hop['who']}  {hop['address']}  {hop['milliseconds']} ms")
        shown.append(f"   {hop['asked']} → {code} {hop['meaning']}")
    for value in (said["answer"] or {}).get("values", ()):
        shown.append(f"   {value['index']:>6} {value['type']}  {str(value['data']['value'])[:120]}")
    verdict = "found 已解析" if said["found"] else "not found 未解析"
    return [*shown, f"{verdict}: {said['identifier']}  ({said['milliseconds']} ms)"]


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("identifier", help="as 88.118.8/SN0001 标识")
    parser.add_argument("--top", metavar="HOST:PORT", help="the top level's Handle service 国家顶级节点 Handle 服务")
    parser.add_argument("--udp", action="store_true", help="over UDP where a site has it 优先使用 UDP")
    parser.add_argument("--json", action="store_true", help="as JSON 以 JSON 输出")


def _begin(settings: Settings, given: str | None) -> tuple[str, int]:
    """Raises `Refused`."""
    if text := given or settings.top_level_handle_address:
        return server_of(text)
    port = handle_port_of(settings)
    if port is None:
        raise Refused(
            "There is no top level to begin at: give --top, or set BIAOJIE_TOP_LEVEL_HANDLE_ADDRESS",
            "没有可用的起点：请用 --top 指定国家顶级节点，或设置 BIAOJIE_TOP_LEVEL_HANDLE_ADDRESS",
        )
    return settings.toplevel_host, port
