"""Reading what may stand beside the data of a value: its time to live, and references to values of other records. Pure."""

from __future__ import annotations

from typing import Any, cast

from core.errors import FieldProblem
from core.timestamps import unix_seconds
from core.values import (
    DEFAULT_TTL_SECONDS,
    MAX_EXPIRES_AT,
    MAX_REFERENCE_BYTES,
    MAX_REFERENCES,
    MAX_TTL_SECONDS,
    Reference,
    is_referable,
)

_MEMBERS = frozenset(("handle", "index"))


def read_ttl(raw: Any, path: str, problems: list[FieldProblem]) -> tuple[int, int | None]:
    """(seconds, None), or of an absolute one (the usual seconds, unix seconds of its end)."""
    if raw is None:
        return DEFAULT_TTL_SECONDS, None
    if isinstance(raw, int) and not isinstance(raw, bool) and 0 <= raw <= MAX_TTL_SECONDS:
        return raw, None
    if isinstance(raw, str) and (expires_at := absolute_ttl(raw)) is not None:
        return DEFAULT_TTL_SECONDS, expires_at
    problems.append(
        FieldProblem(
            path,
            "ttl-invalid",
            "must be whole seconds, 0 to 2147483647, or the time at which it ends, as 2027-01-31T10:00:00Z",
            "必须是 0 到 2147483647 的整数秒，或到期时间，例如 2027-01-31T10:00:00Z",
        )
    )
    return 0, None


def absolute_ttl(text: str) -> int | None:
    """The end of an absolute time to live in unix seconds; None for what is none, or not within the four bytes that it has
    in a message."""
    expires_at = unix_seconds(text)
    return expires_at if expires_at is not None and 0 <= expires_at <= MAX_EXPIRES_AT else None


def read_references(raw: Any, path: str, problems: list[FieldProblem]) -> tuple[Reference, ...]:
    """The values of other records that a value names, in the order given. Nobody looks whether they are there."""
    if raw is None:
        return ()
    if not isinstance(raw, list):
        en, zh = "must be a list of handle and index", "必须是由 handle 与 index 组成的数组"
        problems.append(FieldProblem(path, "references-invalid", en, zh))
        return ()
    if len(raw) > MAX_REFERENCES:
        en, zh = f"at most {MAX_REFERENCES} references", f"最多 {MAX_REFERENCES} 个引用"
        problems.append(FieldProblem(path, "references-too-many", en, zh))
        return ()
    return tuple(_reference(one, f"{path}[{position}]", problems) for position, one in enumerate(raw))


def _reference(raw: Any, path: str, problems: list[FieldProblem]) -> Reference:
    if not isinstance(raw, dict):
        problems.append(FieldProblem(path, "not-an-object", "must be an object", "必须是对象"))
        return "", 0
    for unknown in raw.keys() - _MEMBERS:
        problems.append(unknown_member(f"{path}.{unknown[:80]}", "a reference", "引用", _MEMBERS))
    handle, index = raw.get("handle"), raw.get("index")
    if not (isinstance(handle, str) and is_referable(handle)):
        en = f"must be a printable identifier of 1 to {MAX_REFERENCE_BYTES} bytes"
        zh = f"必须是 1 到 {MAX_REFERENCE_BYTES} 字节的可打印标识"
        problems.append(FieldProblem(f"{path}.handle", "handle-invalid", en, zh))
    if not (isinstance(index, int) and not isinstance(index, bool) and 0 <= index < 2**32):
        en, zh = "must be a whole number from 0 to 4294967295", "必须是 0 到 4294967295 的整数"
        problems.append(FieldProblem(f"{path}.index", "index-invalid", en, zh))
    return cast(Reference, (handle, index))


def unknown_member(path: str, en: str, zh: str, known: frozenset[str]) -> FieldProblem:
    return FieldProblem(
        path,
        "member-unknown",
        f"is not a member of {en}; known are {', '.join(sorted(known))}",
        f"不是{zh}的成员；可用成员：{'、'.join(sorted(known))}",
    )
