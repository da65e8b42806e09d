"""What becomes of a key for peering, the same for every kind: made, taken from elsewhere, followed by another, put to use, put
back, forgotten. Each is noted for the audit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from node.console import Refused
from node.peering_key_kinds import Kind, Wish
from node.peering_key_slots import CURRENT, FORMER, NEXT
from sync.escrow.pgp import OpenPgpFailed
from sync.signing.keys import KeyUnusable


def generate(kind: Kind, wish: Wish) -> str:
    """The first one, and the slot that it is in. Raises `Refused`."""
    held = _held(kind)
    if held:
        raise Refused(
            f"There is a key already; `biaojie sync keys rotate {kind.name}` makes the next",
            f"已有密钥；请用 biaojie sync keys rotate {kind.name} 更换",
        )
    with refusing(kind):
        made = kind.make(wish, held)
        slot = CURRENT if kind.usable(made) else NEXT
        kind.slots().change({slot: made}, "generate", kind.line(made))
    return slot


def bring(kind: Kind, content: bytes, wish: Wish) -> str:
    """One that was made elsewhere: in use at once where there is none, else the next. Raises `Refused`."""
    held = _held(kind)
    with refusing(kind):
        taken = kind.bring(content, wish, held)
        changed = {**held, NEXT: taken} if CURRENT in held else {CURRENT: taken}
        kind.slots().change(changed, "import", kind.line(taken))
    return NEXT if CURRENT in held else CURRENT


def rotate(kind: Kind, wish: Wish) -> str:
    """The next one, not yet in use. Raises `Refused`."""
    held = _held(kind)
    if CURRENT not in held:
        raise Refused(
            f"There is no key to follow; make one with `biaojie sync keys generate {kind.name}`",
            f"没有可更换的密钥；请先执行 biaojie sync keys generate {kind.name}",
        )
    with refusing(kind):
        made = kind.make(wish, held)
        kind.slots().change({**held, NEXT: made}, "rotate", kind.line(made))
    return NEXT


def activate(kind: Kind) -> str:
    """Put the next one to use; the one before is kept as the former. Raises `Refused`."""
    held = _held(kind)
    if NEXT not in held:
        raise Refused(
            f"There is no next key; make one with `biaojie sync keys rotate {kind.name}`",
            f"没有待启用的密钥；请先执行 biaojie sync keys rotate {kind.name}",
        )
    with refusing(kind):
        if not kind.usable(held[NEXT]):
            raise KeyUnusable("the next key waits for its certificate: import it", "待启用的密钥尚无证书，请先导入")
        _put_to_use(kind, held, NEXT, FORMER, "activate")
    return CURRENT


def revert(kind: Kind) -> str:
    """Put the former one back; the one in use is the next again. Raises `Refused`."""
    held = _former(kind)
    with refusing(kind):
        _put_to_use(kind, held, FORMER, NEXT, "revert")
    return CURRENT


def _put_to_use(kind: Kind, held: Mapping[str, str], slot: str, left_in: str, verb: str) -> None:
    """The key of `slot`; the one that was in use goes to `left_in`."""
    changed = {CURRENT: held[slot]}
    if CURRENT in held:
        kind.former(held[CURRENT])
        changed[left_in] = held[CURRENT]
    kind.slots().change(changed, verb, kind.line(held[slot]))


def retire(kind: Kind) -> str:
    """Forget the former one. Raises `Refused`."""
    held = _former(kind)
    with refusing(kind):
        kept = {slot: text for slot, text in held.items() if slot != FORMER}
        kind.slots().change(kept, "retire", kind.line(held[FORMER]))
    return CURRENT


@contextmanager
def refusing(kind: Kind) -> Iterator[None]:
    """What is wrong with a key, for who has to see to it."""
    try:
        yield
    except KeyUnusable as wrong:
        raise Refused(f"{kind.name}: {wrong.en}", f"{kind.name}：{wrong.zh}") from None
    except (OpenPgpFailed, ValueError, OSError) as wrong:  # ValueError of libraries, and text that is none
        raise Refused(f"{kind.name} cannot be used: {wrong}", f"{kind.name} 无法使用：{wrong}") from None


def _held(kind: Kind) -> dict[str, str]:
    if kind.given:
        name = f"BIAOJIE_{kind.fixed.upper()}"
        raise Refused(
            f"{name} is set and comes before keys that are kept here: unset it first",
            f"已设置 {name}，优先于本节点保存的密钥；请先取消该设置",
        )
    with refusing(kind):
        return kind.slots().read()


def _former(kind: Kind) -> dict[str, str]:
    held = _held(kind)
    if FORMER not in held:
        raise Refused(f"There is no former key of {kind.name}", f"{kind.name} 没有旧密钥")
    return held
