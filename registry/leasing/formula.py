"""How a line computes every suffix of its lease without a network, and how the node tells which number a suffix is. Pure.

A lease takes patterns of `registry.minting` in printable ASCII with exactly one `{seq}` and no `{uuid7}`. `{date}` is the
day of the lease. Every part but the number has a fixed width, so a suffix is read backwards without doubt.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

from core.identifier import fold_case
from registry.minting import Pattern, parse_pattern, suffix

_BEIJING = timezone(timedelta(hours=8))
_WIDTHS = {"date": 8, "check": 1, "gs1": 1}
_CHECKS = {"check": "ISO/IEC 7064 MOD 37,36", "gs1": "GS1 mod-10"}
_MAX_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Formula:
    """Number → suffix and back. `moment` is a time of the day that `{date}` stands for."""

    pattern: Pattern
    moment: datetime
    before: int  # characters in front of the number, and behind it
    behind: int

    @property
    def name(self) -> tuple[str, date]:
        return self.pattern.text, self.moment.date()

    def suffix(self, number: int) -> str:
        return suffix(self.pattern, number, self.moment, _no_random)

    def number(self, text: str, case_sensitive: bool) -> int | None:
        """Which number a suffix is; `text` is canonical by the rule of its prefix."""
        digits = text[self.before : len(text) - self.behind]
        if not (0 < len(digits) <= _MAX_DIGITS and digits.isascii() and digits.isdigit()):
            return None
        made = self.suffix(found := int(digits))
        return found if (made if case_sensitive else fold_case(made)) == text else None

    def parts(self) -> list[dict[str, Any]]:
        """What a suffix is made of, in order: literal text, the number with its width, check characters over all before."""
        shown: list[dict[str, Any]] = []
        for piece in self.pattern.pieces:
            if isinstance(piece, str):
                shown.append({"text": piece})
            elif piece[0] == "seq":
                shown.append({"number": piece[1]})
            elif piece[0] == "date":
                shown.append({"text": self.moment.strftime("%Y%m%d")})
            else:
                shown.append({"check": _CHECKS[piece[0]]})
        return shown


def formula_of(pattern: Pattern, day: date) -> Formula:
    """Raises ValueError with a reason in English and one in Chinese as its two arguments."""
    names = [piece[0] for piece in pattern.pieces if not isinstance(piece, str)]
    if "uuid7" in names or names.count("seq") != 1:
        raise ValueError(
            "must have {seq} once and no {uuid7}: a line has to compute its suffixes",
            "须恰好包含一个 {seq} 且不含 {uuid7}，产线才能自行计算后缀",
        )
    if not (pattern.text.isascii() and pattern.text.isprintable()):
        raise ValueError("must be printable ASCII", "只能含可打印的 ASCII 字符")
    at = next(place for place, piece in enumerate(pattern.pieces) if not isinstance(piece, str) and piece[0] == "seq")
    widths = [len(piece) if isinstance(piece, str) else _WIDTHS.get(piece[0], 0) for piece in pattern.pieces]
    return Formula(pattern, datetime.combine(day, time(12), _BEIJING), sum(widths[:at]), sum(widths[at + 1 :]))


def stored_formula(pattern: str, day: date) -> Formula:
    """Of a lease that was made: its pattern is good."""
    return formula_of(parse_pattern(pattern), day)


def beijing_day(now: datetime) -> date:
    return now.astimezone(_BEIJING).date()


def _no_random(_: int) -> int:
    raise AssertionError("a leased pattern has no random part")
