"""Prefixes of other schemes as they are asked for and given: `GS1.9506000` is the GS1 company prefix 9506000."""

from __future__ import annotations

from typing import Any

from core.access import Prefix
from core.errors import FieldProblem, IdentifierMalformed, PrefixTaken
from core.identifier import fold_case
from core.schemes import SCHEMES, Scheme, scheme_of_prefix
from core.sqlfiles import load_sql
from registry.fields import read_flag, read_prefix

_SQL = load_sql("registry", "scheme_prefixes.sql")
_NAMES = ("handle", *SCHEMES)


def read_scheme_prefix(body: dict[str, Any], problems: list[FieldProblem]) -> tuple[str | None, bool]:
    """`scheme`?, `prefix`? and `suffix_case_sensitive`? of a body: the prefix as it is given, and whether suffixes compare
    with case. Without a scheme a prefix with a reserved first segment is read as that scheme's."""
    scheme_name, raw = body.get("scheme", "handle"), body.get("prefix")
    if not isinstance(scheme_name, str) or scheme_name not in _NAMES:
        names = ", ".join(_NAMES)
        problems.append(FieldProblem("scheme", "scheme-unknown", f"must be one of {names}", f"必须是以下之一：{names}"))
        return None, False
    scheme = SCHEMES.get(scheme_name)
    reserved = scheme_of_prefix(raw) if isinstance(raw, str) else None
    sensitive = body.get("suffix_case_sensitive")
    if scheme is None and reserved is None:
        flag = read_flag(False if sensitive is None else sensitive, "suffix_case_sensitive", problems)
        return read_prefix(raw, "prefix", problems), flag
    used = scheme or reserved
    assert used is not None
    if sensitive is not None and sensitive is not used.case_sensitive:
        told = str(used.case_sensitive).lower()
        en, zh = f"is {told} by the rule of {used.name}", f"按 {used.name} 的规则为 {told}"
        problems.append(FieldProblem("suffix_case_sensitive", "scheme-decides", en, zh))
    return _owner_part(used, raw, reserved is used, problems), used.case_sensitive


def _owner_part(scheme: Scheme, raw: Any, whole: bool, problems: list[FieldProblem]) -> str | None:
    """`9506000` or `GS1.9506000`: the second where it is `whole`."""
    try:
        if not isinstance(raw, str) or len(raw) > 100:
            raise IdentifierMalformed("prefix-invalid", "must be text", "必须是文本")
        if whole and fold_case(raw) == scheme.root:
            return scheme.owner("did:bid") if scheme.name == "did:bid" else scheme.owner("")
        bare = raw[len(scheme.root) + 1 :] if whole else raw
        # Codes are kept in capitals in a prefix; the schemes that have letters there write them small.
        return scheme.owner(bare.lower().replace(".", "") if whole and scheme.name in ("ecode", "did:bid") else bare)
    except IdentifierMalformed as wrong:
        problems.append(wrong.at("prefix"))
        return None


async def require_room(connection: Any, shown: str, parent: Prefix | None) -> None:
    """A new prefix of a scheme must not take identifiers away from one that is there. Raises `PrefixTaken`.

    GS1 company prefixes never lie within each other; below an arc or a method another may be given while nothing is
    registered there. Call `lock_lives` before.
    """
    scheme, key = scheme_of_prefix(shown), fold_case(shown)
    if scheme is None:
        return
    if scheme.nests:
        taken = parent is not None and await _has_rows(connection, parent, scheme.within(key))
    else:
        shorter = [key[:size] for size in range(len(scheme.root) + 2, len(key))]
        taken = await connection.fetchval(_SQL["overlapping_prefix"], key, shorter) is not None
    if taken:
        raise PrefixTaken(
            f"{shown} overlaps with what is given or registered already",
            f"{shown} 与已分配或已注册的内容重叠",
            prefix=shown,
        )


async def _has_rows(connection: Any, parent: Prefix, bounds: tuple[tuple[str, str], ...]) -> bool:
    for first, beyond in bounds:
        if await connection.fetchval(_SQL["has_identifiers"], f"{parent.key}/{first}", f"{parent.key}/{beyond}"):
            return True
    return False
