"""`biaojie handle`: resolve an identifier as a Handle client does, over TCP or UDP; rotate the node's own key.

To sign records is in `node.handle_sign_command`.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

from core.handle.bodies import Resolve, decode_error, decode_valued
from core.handle.codes import NAMES, Code, Flag, Op
from core.handle.meaning import kept_data
from core.handle.message import Message
from core.handle.wire_value import ABSOLUTE, WireValue
from core.settings import Settings
from core.values import iso_time, references_json
from node.console import Refused, say
from node.handle_asking import asking, sent, server_to_ask
from node.handle_client import request
from node.handle_key import key_file, rotate_key
from node.handle_referrals import REFERRALS, Place, next_place, service_of
from node.handle_sign_command import add_signing
from node.handle_trust import judge, read_roots, trust_lines
from node.handle_trust import told as trust_told

_MOST_REFERRALS = 4
_LONGEST_SHOWN = 200


def add_options(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    resolve = actions.add_parser("resolve", help="ask a Handle server 向 Handle 服务器查询标识")
    resolve.add_argument("identifier", help="as 88.118.8/SN0001, or 0.NA/88.118.8 标识或前缀记录")
    resolve.add_argument(
        "--server", metavar="HOST:PORT", help="whom to ask (default: the node of these settings) 查询的服务器"
    )
    resolve.add_argument("--udp", action="store_true", help="over UDP 使用 UDP")
    resolve.add_argument("--type", action="append", default=[], metavar="T", help="values of this type only 仅此类型")
    resolve.add_argument(
        "--index", action="append", default=[], type=int, metavar="N", help="and of this index 以及此索引"
    )
    resolve.add_argument("--all", action="store_true", help="not the public values alone 不限于公开值")
    resolve.add_argument("--primary", action="store_true", help="passing over caches 不使用缓存")
    resolve.add_argument(
        "--no-follow", action="store_true", help="show a referral, go where it leads no further 只显示转介，不继续查询"
    )
    resolve.add_argument("--seconds", type=float, default=5.0, help="how long to wait (default 5) 等待时限（秒）")
    resolve.add_argument("--json", action="store_true", help="as the HTTP API says it 以 JSON 输出")
    resolve.add_argument(
        "--trusted", metavar="ROOTS", type=Path, help="check signatures up to a root of this file 按可信根文件校验签名"
    )
    resolve.set_defaults(run=_resolve)
    rotate = actions.add_parser("rotate-key", help="a new key in place of the node's own 更换节点自身的密钥")
    rotate.set_defaults(run=_rotate)
    add_signing(actions)


async def _resolve(settings: Settings, options: argparse.Namespace) -> int:
    """Exit status 0: found (and trusted, where that was asked for), or referred to nowhere that could be asked; 1: anything
    else. Raises `Refused`."""
    roots = read_roots(options.trusted) if options.trusted else None
    if roots is not None and (options.type or options.index):
        raise Refused(
            "--trusted takes the whole record: without --type and --index",
            "--trusted 需要整条记录，不能与 --type、--index 同用",
        )
    host, port = server_to_ask(settings, options.server)
    if any(not 0 < index < 2**32 for index in options.index):
        raise Refused("--index is from 1 to 4294967295", "--index 应为 1 到 4294967295")
    answer, place = await _followed(options, (host, port, "udp" if options.udp else "tcp"))
    with asking(place):
        said = told(answer, options.identifier)
        if place[:2] != (host, port):
            said["answered_by"] = f"{place[2]}://{place[0]}:{place[1]}"
        if roots is not None and answer.header.code == Code.SUCCESS:
            values = decode_valued(answer.body).values
            again = partial(sent, place, seconds=options.seconds)
            said["trust"] = trust_told(await judge(again, options.identifier, values, roots), values)
    for line in [json.dumps(said, ensure_ascii=False)] if options.json else lines(said):
        say(line)
    good = said["responseCode"] in (Code.SUCCESS, *REFERRALS)
    return 0 if good and said.get("trust", {"trusted": roots is None})["trusted"] else 1


async def _followed(options: argparse.Namespace, place: Place) -> tuple[Message, Place]:
    """The answer, and of whom: where one refers to another, that one is asked, a few times. Raises `Refused`."""
    flags = (0 if options.all else int(Flag.PUBL)) | (int(Flag.AUTH) if options.primary else 0)
    body = Resolve(options.identifier, tuple(options.index), tuple(options.type)).encode()
    left = 0 if options.no_follow else _MOST_REFERRALS
    while True:
        with asking(place):
            answer = await sent(place, request(Op.RESOLVE, body, flags=flags), seconds=options.seconds)
            onwards = await _onwards(place, answer, options) if left and answer.header.code in REFERRALS else None
        if onwards is None:
            return answer, place
        place, left = onwards, left - 1


async def _onwards(place: Place, answer: Message, options: argparse.Namespace) -> Place | None:
    """Whom a referral names: a site, or that of a service, for which the server itself is asked. Raises as `ask`."""
    service = service_of(answer)
    if (found := next_place(answer, udp=options.udp)) is not None or service is None:
        return found
    asked = request(Op.RESOLVE, Resolve(service).encode(), flags=int(Flag.PUBL))
    return next_place(await sent(place, asked, seconds=options.seconds), udp=options.udp)


async def _rotate(settings: Settings, _: argparse.Namespace) -> int:
    serial = rotate_key(settings)
    say(
        f"biaojie: new key in {key_file(settings)}; the site has the serial number {serial}; a running node takes it now"
    )
    say(f"biaojie：已生成新密钥，站点序号为 {serial}，运行中的节点会立即启用")
    return 0


def told(answer: Message, identifier: str) -> dict[str, Any]:
    """An answer in the form of the Handle HTTP API. Raises `Malformed`."""
    code = answer.header.code
    said: dict[str, Any] = {"responseCode": code, "handle": identifier}
    if code == Code.SUCCESS or code in REFERRALS:
        found = decode_valued(answer.body)
        said["handle"] = found.handle or identifier
        said["values"] = [_value(value) for value in found.values]
    elif text := decode_error(answer.body) if code != Code.AUTHENTICATION_NEEDED else "":
        said["message"] = text
    return said


def _value(value: WireValue) -> dict[str, Any]:
    format_, data = kept_data(value.type, value.data)
    said = {
        "index": value.index,
        "type": value.type,
        "data": {"format": format_, "value": data},
        "ttl": iso_time(value.ttl) if value.ttl_type == ABSOLUTE else value.ttl,
        "timestamp": iso_time(value.timestamp),
        "permissions": f"{value.permissions & 15:04b}",
    }
    return said | ({"references": references_json(value.references)} if value.references else {})


def lines(said: dict[str, Any]) -> list[str]:
    """For people: a value a line."""
    code = said["responseCode"]
    name = NAMES.get(code, "unknown")
    head = f"{said['handle']}  {code} {name}" + (f": {said['message']}" if "message" in said else "")
    if code == Code.PREFIX_REFERRAL:
        head += " (ask this site 请查询以下站点)"
    if code == Code.SERVICE_REFERRAL:
        head += " (ask for this service 请先查询该解析服务标识)"
    if "answered_by" in said:
        head += f"  ← {said['answered_by']}"
    trust = trust_lines(said["trust"]) if "trust" in said else []
    return [head, *(_line(value) for value in said.get("values", ())), *trust]


def _line(value: dict[str, Any]) -> str:
    data = value["data"]["value"]
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    shown = "".join(one if one.isprintable() else " " for one in text[:_LONGEST_SHOWN])
    more = "…" if len(text) > _LONGEST_SHOWN else ""
    return f"{value['index']:>10}  {value['type']:<16}  {value['permissions']}  {value['timestamp']}  {shown}{more}"
