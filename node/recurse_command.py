"""`biaojie recurse`: a resolver that begins at the top level and follows referrals, and tells the way with times."""

from __future__ import annotations

import argparse
import contextlib
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import orjson

from core.handle.bodies import Resolve, decode_error
from core.handle.codes import NAMES, Code, Flag, Op
from core.handle.malformed import Malformed
from core.handle.message import Message
from core.settings import Settings
from node.console import Refused, say
from node.handle_asking import server_of
from node.handle_client import ask, request
from node.handle_command import told
from node.handle_referrals import REFERRALS, Place, next_place, service_of
from node.toplevel_runner import handle_port_of

MAX_HOPS, _HOP_SECONDS, _WHOLE_SECONDS = 8, 3.0, 15.0
_ROOT = "0.NA/"
_WHO = (("国家顶级节点", "top level"), ("二级节点", "secondary node"), ("企业节点", "enterprise node"))


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
    asked: set[tuple[Place, str]] = field(default_factory=set, repr=False)
    ends_at: float = field(default_factory=lambda: time.monotonic() + _WHOLE_SECONDS)

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
    walk = Walk()
    with contextlib.suppress(_NoAnswer):
        walk.answer = await _walked(walk, top, identifier)
    return walk


async def _walked(walk: Walk, top: Place, identifier: str) -> Message | None:
    """None where nobody says anything about it. Raises `_NoAnswer`."""
    place, asked = top, f"{_ROOT}{identifier.partition('/')[0]}"
    while len(walk.hops) < MAX_HOPS and (place, asked) not in walk.asked and time.monotonic() < walk.ends_at:
        walk.asked.add((place, asked))
        answer = await _asked(walk, place, asked)
        code = answer.header.code
        if asked == identifier and code not in REFERRALS:
            return answer
        if code == Code.HANDLE_NOT_FOUND:
            return None
        onwards = await _next(walk, top, answer)
        if onwards is None:
            return answer if asked == identifier else None
        place, asked = onwards, identifier
    return None


async def _next(walk: Walk, top: Place, answer: Message) -> Place | None:
    """Whom to ask then: a site, or that of the service which is named in its place. Raises `_NoAnswer`."""
    udp = top[2] == "udp"
    try:
        if (found := next_place(answer, udp=udp)) is not None:
            return found
        if (service := service_of(answer)) is None:
            return None
        served = await _walked(walk, top, service)
        return next_place(served, udp=udp) if served is not None else None
    except Malformed:
        raise _NoAnswer from None


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
    said = "" if answer.header.code in (Code.SUCCESS, *REFERRALS) else decode_error(answer.body)
    name = NAMES.get(Code(answer.header.code), "") if answer.header.code in list(Code) else ""
    note(answer.header.code, f"{name} {said}".strip()[:200])
    return answer


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
