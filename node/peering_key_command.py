"""`biaojie sync keys`: the keys of peering, shown, made, taken, changed. What is printed is for the other side: never a secret."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from core.settings import Settings
from core.timestamps import rfc3339
from node.console import Refused, say
from node.peering_key_changes import activate, bring, generate, refusing, retire, revert, rotate
from node.peering_key_kinds import KINDS, Kind, Wish
from node.peering_key_slots import CURRENT, NEXT, audit_notes
from node.peering_keys import SIGNING
from node.running import with_running

_MOST_BYTES = 65_536
_ACTIONS = ("show", "generate", "import", "rotate", "activate", "revert", "retire", "export")


async def keys(settings: Settings, options: argparse.Namespace) -> int:
    if options.what == "show":
        chosen = [KINDS[options.kind]] if options.kind else list(KINDS.values())
        for one in chosen:
            say("\n".join(_lines(one(settings))))
        return 0
    kind = KINDS[options.kind or SIGNING](settings)
    if options.what == "export":
        say(_exported(kind))
        return 0
    slot = _changed(kind, options)
    say(_public(kind, slot))
    _advise(kind, slot)
    url = with_running(settings).database_url.get_secret_value()
    if not url or not await audit_notes(url, settings.data_dir.resolve()):
        say("biaojie: the audit has it as soon as `biaojie sync run` reaches the database 连通数据库后记入审计")
    return 0


def _changed(kind: Kind, options: argparse.Namespace) -> str:
    """The slot to tell of. Raises `Refused`."""
    key = _content(options.key_file) if options.key_file is not None else None
    wish = Wish(options.app_id, options.keyid, options.days, key)
    match options.what:
        case "generate":
            return generate(kind, wish)
        case "import":
            if options.file is None:
                raise Refused("import needs --file", "import 需要 --file")
            return bring(kind, _content(options.file), wish)
        case "rotate":
            return rotate(kind, wish)
        case "activate":
            return activate(kind)
        case "revert":
            return revert(kind)
    return retire(kind)


def _advise(kind: Kind, slot: str) -> None:
    with refusing(kind):
        held = kind.slots().read().get(slot)
        waits = held is not None and not kind.usable(held)
    if waits:
        say(f"biaojie: have this request signed, then `biaojie sync keys import {kind.name} --file CERTIFICATE`")
        say(f"biaojie：请由对方认可的机构签发证书，再执行 biaojie sync keys import {kind.name} --file 证书文件")
    elif slot == NEXT:
        say(f"biaojie: the other side must know it first; then `biaojie sync keys activate {kind.name}` and restart")
        say(f"biaojie：请先由对方登记，再执行 biaojie sync keys activate {kind.name} 并重新启动")
    else:
        say("biaojie: in use from the next start on 下次启动起使用")


def _lines(kind: Kind) -> list[str]:
    lines = [f"{kind.name}: {kind.about}"]
    if kind.given:
        lines.append(f"  by 由 BIAOJIE_{kind.fixed.upper()}: {kind.given}")
    with refusing(kind):
        slots = {CURRENT: kind.in_use()} if kind.given else kind.slots().read()
        for slot, held in slots.items():
            ends = kind.ends_at(held)
            until = f"   until 有效期至 {rfc3339(ends)}" if ends else ""
            ended = "   ENDED 已过期" if ends and ends <= datetime.now(UTC) else ""
            lines.append(f"  {slot:<8} {kind.line(held)}{until}{ended}")
    return lines if len(lines) > 1 else [f"{lines[0]}   -"]


def _public(kind: Kind, slot: str) -> str:
    with refusing(kind):
        held = kind.slots().read().get(slot)
        return kind.public(held) if held else ""


def _exported(kind: Kind) -> str:
    """Of the next one, which the other side does not know yet, else of the one in use."""
    if not kind.given and (found := _public(kind, NEXT)):
        return found
    with refusing(kind):
        held = kind.in_use()
        if not held:
            raise Refused(f"There is no key of {kind.name}", f"没有 {kind.name} 密钥")
        return kind.public(held)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MOST_BYTES)
    except OSError as wrong:
        raise Refused(f"{path} cannot be read: {wrong}", f"无法读取 {path}：{wrong}") from None


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what", choices=_ACTIONS, help="show: what there is; export: what the other side is given 查看；导出公开部分"
    )
    parser.add_argument(
        "kind", nargs="?", choices=tuple(KINDS), help="signing where none is said; show: all of them 缺省为 signing"
    )
    parser.add_argument("--app-id", help="appId that the top level gave, of signing 国家顶级节点分配的 appId")
    parser.add_argument("--file", type=Path, help="what is imported: PEM, armoured, base64 待导入的文件")
    parser.add_argument("--key-file", type=Path, help="private key of the certificate, of tls 证书私钥文件")
    parser.add_argument("--keyid", help="what the top level calls the key, of signing 密钥编号")
    parser.add_argument(
        "--days", type=int, help="how long a key of openpgp lasts; for ever if absent OpenPGP 密钥有效天数"
    )
