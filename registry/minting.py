"""Suffixes that the node makes: patterns, sequences and check characters. Pure.

A pattern is text with parts in braces: `{uuid7}` (RFC 9562 §5.7), `{seq}` or `{seq:8}` (the next number, zeros in front to
that width), `{date}` (yyyymmdd, Beijing time), `{check}` (ISO/IEC 7064 MOD 37,36 over the letters and digits before it),
`{gs1}` (GS1 mod-10 over the digits before it). `{{` and `}}` are braces. One of `{uuid7}` and `{seq}` must be there, or
every suffix would be the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

MAX_PATTERN = 200
DEFAULT_PATTERN = "{uuid7}"
_PIECE = re.compile(r"\{\{|\}\}|\{(uuid7|seq|date|check|gs1)(?::([1-9][0-9]?))?\}|[{}]")
_MOD_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_BEIJING = timezone(timedelta(hours=8))


@dataclass(frozen=True, slots=True)
class Pattern:
    """A checked pattern: literal texts and (part, width) in order."""

    text: str
    pieces: tuple[str | tuple[str, int], ...]

    @property
    def counts(self) -> bool:
        """Whether it needs numbers of a sequence."""
        return any(isinstance(piece, tuple) and piece[0] == "seq" for piece in self.pieces)


def parse_pattern(text: str) -> Pattern:
    """Read a pattern. Raises ValueError with a reason in English and one in Chinese as its two arguments."""
    if not 0 < len(text) <= MAX_PATTERN:
        raise ValueError(f"must have 1 to {MAX_PATTERN} characters", f"必须为 1 到 {MAX_PATTERN} 个字符")
    pieces: list[str | tuple[str, int]] = []
    end = 0
    for found in _PIECE.finditer(text):
        pieces.append(text[end : found.start()])
        end = found.end()
        if found[0] in ("{{", "}}"):
            pieces.append(found[0][0])
        elif found[1] is None or (found[2] is not None and found[1] != "seq"):
            raise ValueError(
                "has a brace that is not {uuid7}, {seq}, {seq:8}, {date}, {check} or {gs1}",
                "含有无法识别的花括号；可用 {uuid7}、{seq}、{seq:8}、{date}、{check}、{gs1}",
            )
        else:
            pieces.append((found[1], int(found[2] or 0)))
    pieces.append(text[end:])
    pattern = Pattern(text, tuple(piece for piece in pieces if piece != ""))
    if not any(isinstance(piece, tuple) and piece[0] in ("uuid7", "seq") for piece in pattern.pieces):
        raise ValueError(
            "needs {seq} or {uuid7}, or every suffix would be the same", "需要 {seq} 或 {uuid7}，否则后缀会重复"
        )
    return pattern


def suffix(pattern: Pattern, number: int, now: datetime, random_bits: Callable[[int], int]) -> str:
    """One suffix. `number` is the next of the sequence; `random_bits(n)` gives n random bits."""
    made = ""
    for piece in pattern.pieces:
        if isinstance(piece, str):
            made += piece
            continue
        name, width = piece
        if name == "seq":
            made += str(number).zfill(width)
        elif name == "uuid7":
            made += uuid7(int(now.timestamp() * 1000), random_bits(74))
        elif name == "date":
            made += now.astimezone(_BEIJING).strftime("%Y%m%d")
        else:
            made += mod_37_36(made) if name == "check" else gs1_check(made)
    return made


def uuid7(unix_milliseconds: int, random_74_bits: int) -> str:
    """RFC 9562 §5.7: 48 bits of time, version 7, 12 random bits, variant 2, 62 random bits."""
    value = (unix_milliseconds & (1 << 48) - 1) << 80 | 7 << 76
    value |= (random_74_bits >> 62) << 64 | 2 << 62 | random_74_bits & (1 << 62) - 1
    digits = f"{value:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def mod_37_36(text: str) -> str:
    """ISO/IEC 7064 MOD 37,36 (hybrid system) over the ASCII letters and digits of `text`, the others passed over."""
    check = 36
    for character in text.upper():
        place = _MOD_ALPHABET.find(character)
        if place >= 0:
            check = (check + place) % 36 or 36
            check = check * 2 % 37
    return _MOD_ALPHABET[(37 - check) % 36]


def gs1_check(text: str) -> str:
    """GS1 General Specifications §7.9.1 over the digits of `text`, weights 3 and 1 from the right."""
    digits = [int(character) for character in text if character in "0123456789"]
    total = sum(digit * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return str(-total % 10)
