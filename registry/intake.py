"""What a request to register says: bodies into checked registrations, all problems at once. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from core.errors import FieldProblem, IdentifierMalformed
from core.identifier import Identifier, parse_identifier
from core.value_intake import check_size, pack_usual, parse_values, unpack_usual
from core.values import HandleValue, pack

REGISTER_MEMBERS = frozenset(("identifier", "values", "template"))
# What a record that was read carries beside these: accepted when it is sent back, and not believed.
READ_ONLY_MEMBERS = frozenset(("version", "status", "created_at", "changed_at", "withdrawn"))
_MERGE_MEMBERS = frozenset(("values", "remove", "template"))
MAX_REASON = 500


class Registration:
    """A well-formed wish; whether it is allowed and fits its template is not yet known."""

    __slots__ = ("_values", "identifier", "packed", "template")

    def __init__(
        self, identifier: Identifier, packed: bytes, template: Identifier | None, values: list[HandleValue] | None
    ) -> None:
        self.identifier = identifier
        self.packed = packed
        self.template = template
        self._values = values

    @property
    def values(self) -> list[HandleValue]:
        """Made when somebody asks: without a template nobody does."""
        if self._values is None:
            self._values = unpack_usual(self.packed)
        return self._values


@dataclass(frozen=True, slots=True)
class Revision:
    """New values for an identifier; `template` None takes it away, and counts only when `names_template`."""

    values: list[HandleValue]
    packed: bytes
    template: Identifier | None
    names_template: bool

    def result(self, old: list[HandleValue]) -> list[HandleValue]:
        """The values after this change."""
        return self.values


@dataclass(frozen=True, slots=True)
class Merge:
    """Values to set by their index, and indexes to take away; what is not named stays."""

    values: list[HandleValue]
    remove: frozenset[int]
    template: Identifier | None
    names_template: bool

    def result(self, old: list[HandleValue]) -> list[HandleValue]:
        """The values after this change: unnamed ones as they were, without their times."""
        kept = {value.index: replace(value, timestamp=None) for value in old if value.index not in self.remove}
        kept |= {value.index: value for value in self.values}
        return [kept[index] for index in sorted(kept)]


@dataclass(frozen=True, slots=True)
class Withdrawal:
    reason: str
    successor: str | None


def parse_registration(body: Any, path: str, problems: list[FieldProblem]) -> Registration | None:
    """One item of `POST /api/v1/identifiers` or of a batch (`path` as in `items[3].`); None when problems were added."""
    before = len(problems)
    if not isinstance(body, dict):
        problems.append(FieldProblem(path.rstrip("."), "not-an-object", "must be an object", "必须是对象"))
        return None
    _refuse_unknown(body, path, problems)
    identifier = _identifier(body.get("identifier"), f"{path}identifier", problems)
    packed, values = pack_usual(body.get("values")), None
    if packed is None:
        values = parse_values(body.get("values"), f"{path}values", problems)
        packed = pack(values)
        check_size(packed, f"{path}values", problems)
    template = template_named(body.get("template"), f"{path}template", problems)
    if identifier is None or len(problems) > before:
        return None
    return Registration(identifier, packed, template, values)


def parse_revision(
    body: Any, identifier: Identifier, case_sensitive: bool, problems: list[FieldProblem]
) -> Revision | None:
    """The body of `PUT`; an `identifier` in it must be the one of the address, by the rule of its prefix."""
    if not isinstance(body, dict):
        problems.append(FieldProblem("", "not-an-object", "must be an object", "必须是对象"))
        return None
    _refuse_unknown(body, "", problems)
    if "identifier" in body:
        named = _identifier(body["identifier"], "identifier", problems)
        if named is not None and named.key(case_sensitive) != identifier.key(case_sensitive):
            problems.append(
                FieldProblem(
                    "identifier", "identifier-differs", f"is not {identifier}", f"与地址中的 {identifier} 不一致"
                )
            )
    values = parse_values(body.get("values"), "values", problems)
    template = template_named(body.get("template"), "template", problems)
    packed = pack(values)
    check_size(packed, "values", problems)
    return Revision(values, packed, template, "template" in body) if not problems else None


def parse_merge(body: Any, problems: list[FieldProblem]) -> Merge | None:
    """The body of `PATCH`: `values` to set, `remove` (indexes), `template`; at least one of them."""
    if not isinstance(body, dict) or not body.keys() & _MERGE_MEMBERS:
        names = ", ".join(sorted(_MERGE_MEMBERS))
        problems.append(FieldProblem("", "nothing-to-change", f"must have one of {names}", f"必须包含 {names} 之一"))
        return None
    for name in body.keys() - _MERGE_MEMBERS:
        problems.append(_unknown(name, "", sorted(_MERGE_MEMBERS)))
    values = parse_values(body["values"], "values", problems) if "values" in body else []
    remove = body.get("remove", [])
    if not isinstance(remove, list) or not all(isinstance(i, int) and not isinstance(i, bool) for i in remove):
        problems.append(FieldProblem("remove", "list-invalid", "must be a list of indexes", "必须是索引的数组"))
        remove = []
    for both in sorted({value.index for value in values} & set(remove)):
        problems.append(
            FieldProblem("remove", "index-twice", f"index {both} is also in values", f"索引 {both} 也出现在 values 中")
        )
    template = template_named(body.get("template"), "template", problems)
    return Merge(values, frozenset(remove), template, "template" in body) if not problems else None


def parse_withdrawal(
    body: Any, identifier: Identifier, case_sensitive: bool, problems: list[FieldProblem]
) -> Withdrawal | None:
    """The body of a withdrawal: `reason`, and perhaps `successor`, another identifier by the rule of the prefix."""
    if not isinstance(body, dict):
        problems.append(FieldProblem("", "not-an-object", "must be an object", "必须是对象"))
        return None
    for name in body.keys() - {"reason", "successor"}:
        problems.append(_unknown(name, "", ("reason", "successor")))
    reason, successor = body.get("reason"), body.get("successor")
    if not isinstance(reason, str) or not reason.strip() or len(reason) > MAX_REASON or not reason.isprintable():
        problems.append(
            FieldProblem(
                "reason",
                "reason-missing",
                f"must say why, in 1 to {MAX_REASON} printable characters",
                f"必须说明原因，1 到 {MAX_REASON} 个可打印字符",
            )
        )
    if successor is not None:
        named = _identifier(successor, "successor", problems)
        if named is not None and named.key(case_sensitive) == identifier.key(case_sensitive):
            problems.append(FieldProblem("successor", "successor-itself", "is the same identifier", "不能是标识自身"))
        successor = str(named)
    return Withdrawal(reason.strip(), successor) if not problems and isinstance(reason, str) else None


def _refuse_unknown(body: dict[str, Any], path: str, problems: list[FieldProblem]) -> None:
    for name in body:
        if name not in REGISTER_MEMBERS and name not in READ_ONLY_MEMBERS:
            problems.append(_unknown(name, path, sorted(REGISTER_MEMBERS)))


def _unknown(name: str, path: str, known: Any) -> FieldProblem:
    names = ", ".join(known)
    return FieldProblem(
        f"{path}{name[:80]}", "member-unknown", f"is not known here; known are {names}", f"未知成员；可用成员：{names}"
    )


def _identifier(raw: Any, path: str, problems: list[FieldProblem]) -> Identifier | None:
    if not isinstance(raw, str):
        problems.append(
            FieldProblem(
                path,
                "identifier-missing",
                "must be text such as 88.118.8/JXDY2106023",
                "必须是文本，例如 88.118.8/JXDY2106023",
            )
        )
        return None
    try:
        return parse_identifier(raw)
    except IdentifierMalformed as wrong:
        problems.append(wrong.at(path))
        return None


def template_named(raw: Any, path: str, problems: list[FieldProblem]) -> Identifier | None:
    """The member `template` of a request: None where it names none."""
    return None if raw is None else _identifier(raw, path, problems)
