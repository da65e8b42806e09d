"""Members of a JSON body, read one by one: a good one is given, a wrong one adds a problem that names it. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from core.errors import FieldProblem, IdentifierMalformed
from core.identifier import parse_prefix

MAX_NUMBER = 2**31 - 1


def read_text(raw: Any, path: str, most: int, problems: list[FieldProblem]) -> str:
    """Printable text of at most `most` characters, without spaces at its ends."""
    if isinstance(raw, str) and raw.strip() and len(raw) <= most and raw.isprintable():
        return raw.strip()
    en, zh = f"must be printable text of 1 to {most} characters", f"必须是 1 到 {most} 个字符的可打印文本"
    problems.append(FieldProblem(path, "text-invalid", en, zh))
    return ""


def read_number(raw: Any, path: str, problems: list[FieldProblem], *, least: int = 1, most: int = MAX_NUMBER) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool) and least <= raw <= most:
        return raw
    en, zh = f"must be a whole number from {least} to {most}", f"必须是 {least} 到 {most} 的整数"
    problems.append(FieldProblem(path, "number-invalid", en, zh))
    return least


def read_flag(raw: Any, path: str, problems: list[FieldProblem]) -> bool:
    if isinstance(raw, bool):
        return raw
    problems.append(FieldProblem(path, "not-boolean", "must be true or false", "必须是 true 或 false"))
    return False


def read_prefix(raw: Any, path: str, problems: list[FieldProblem]) -> str | None:
    """A prefix as an enterprise has one; None stays None."""
    if raw is None:
        return None
    try:
        if not isinstance(raw, str):
            raise IdentifierMalformed("prefix-invalid", "must be text such as 88.118.8", "必须是文本，例如 88.118.8")
        parse_prefix(raw)
        if "." not in raw:  # real ones have at least two segments; `api` or `docs` would hide what is served there
            raise IdentifierMalformed(
                "prefix-invalid", "must have two or more segments, as in 88.118.8", "必须至少含两段，例如 88.118.8"
            )
        return parse_prefix(raw)
    except IdentifierMalformed as wrong:
        problems.append(wrong.at(path))
        return None


def read_until(raw: Any, path: str, now: datetime, longest: timedelta, problems: list[FieldProblem]) -> datetime:
    """A time with its zone, after now and not later than `longest` from now."""
    try:
        until = datetime.fromisoformat(raw) if isinstance(raw, str) else None
    except ValueError:
        until = None
    if until is not None and until.tzinfo is not None and now < until <= now + longest:
        return until
    en = f"must be a time with its zone, within {longest.days} days from now, as 2027-01-31T00:00:00+08:00"
    zh = f"必须是带时区的时间，且在 {longest.days} 天之内，例如 2027-01-31T00:00:00+08:00"
    problems.append(FieldProblem(path, "time-invalid", en, zh))
    return now
