"""The patterns that templates may ask of a value: a small dialect of regular expressions, matched in linear time. Pure.

Tenants write them, so nothing may cost more than the length of the text: only regular operators (alternatives, groups,
classes, repetition), no look-around, no back-references, and a bound on how large a pattern grows when its repetitions are
written out. A pattern always matches the whole value; `^` and `$` around it change nothing. `\\d`, `\\w` and `\\s` are ASCII.

`plain` spells a pattern out so that it means the same to every engine: Rust's `regex` here (through pydantic-core) and in
bulk jobs (through Polars), ECMA-262 in an exported JSON Schema (deploy/decisions/0009).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from pydantic_core import SchemaError, SchemaValidator, core_schema

MAX_PATTERN = 300
MAX_REPEAT = 256
MAX_POSITIONS = 256  # characters of the pattern, its repetitions written out
MAX_MATCHED = 512  # characters of a value that has a pattern
MAX_DEPTH = 20
_SYNTAX = frozenset("\\^$.*+?()[]{}|")
_LAST = 0x10FFFF
Ranges = tuple[tuple[int, int], ...]
_ESCAPED: dict[str, Ranges] = {
    "d": ((48, 57),),
    "w": ((48, 57), (65, 90), (95, 95), (97, 122)),
    "s": ((9, 13), (32, 32)),
}
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r"}


class PatternWrong(Exception):
    """Not a pattern of this dialect; both texts say why."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.en, self.zh = en, zh


@dataclass(slots=True)
class _Part:
    """Text in the plain form, and how many positions it has written out."""

    text: str
    size: int


def plain(pattern: str) -> str:
    """The pattern spelled out, without anchors. Raises `PatternWrong`."""
    if not 0 < len(pattern) <= MAX_PATTERN:
        raise PatternWrong(f"must have 1 to {MAX_PATTERN} characters", f"长度须为 1 到 {MAX_PATTERN} 个字符")
    reader = _Reader(pattern.removeprefix("^"))
    part = reader.alternatives(0)
    if not reader.ended:
        raise _unexpected(reader.here)
    return part.text


@lru_cache(maxsize=1_024)
def matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a whole text matches. Raises `PatternWrong`."""
    schema = core_schema.str_schema(pattern=anchored(pattern), strict=True, regex_engine="rust-regex")
    try:
        return SchemaValidator(schema).isinstance_python
    except SchemaError:
        raise PatternWrong("is too large", "过大") from None


def anchored(pattern: str) -> str:
    """As Rust's `regex` wants it, to match whole texts only. Raises `PatternWrong`."""
    return rf"\A(?:{plain(pattern)})\z"


class _Reader:
    """Reads one pattern by descent; `$` at its end has no meaning of its own."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    @property
    def here(self) -> str:
        return self._text[self._at : self._at + 1]

    @property
    def ended(self) -> bool:
        return self.here == "" or (self.here == "$" and self._at == len(self._text) - 1)

    def alternatives(self, depth: int) -> _Part:
        if depth > MAX_DEPTH:
            raise PatternWrong(f"has groups more than {MAX_DEPTH} deep", f"分组嵌套超过 {MAX_DEPTH} 层")
        parts = [self._sequence(depth)]
        while self.here == "|":
            self._at += 1
            parts.append(self._sequence(depth))
        return _bounded("|".join(part.text for part in parts), sum(part.size for part in parts))

    def _sequence(self, depth: int) -> _Part:
        text, size = "", 0
        while not self.ended and self.here not in "|)":
            part = self._repeated(self._atom(depth))
            text, size = text + part.text, size + part.size
        return _bounded(text, size)

    def _atom(self, depth: int) -> _Part:
        character = self._take()
        if character == "(":
            return self._group(depth)
        if character == "[":
            return _Part(self._class(), 1)
        if character == ".":
            return _Part(_written(((10, 10),), negated=True), 1)
        if character == "\\":
            return _Part(_written(self._escaped()), 1)
        if character in _SYNTAX:
            raise _unexpected(character)
        return _Part(_literal(character), 1)

    def _group(self, depth: int) -> _Part:
        if self.here == "?":
            self._at += 1
            if self._take() != ":":
                raise PatternWrong(
                    "has a special group; only (…) and (?:…) are known", "含有不支持的特殊分组；仅支持 (…) 与 (?:…)"
                )
        inner = self.alternatives(depth + 1)
        if self.here != ")":
            raise PatternWrong("has a group that does not end", "有未闭合的分组")
        self._at += 1
        return _Part(f"(?:{inner.text})", inner.size)

    def _repeated(self, atom: _Part) -> _Part:
        mark = self.here
        if mark and mark in "?*+":
            self._at += 1
            made = _Part(atom.text + mark, max(atom.size, 1))
        elif mark == "{":
            made = self._counted(atom)
        else:
            return atom
        if self.here and self.here in "?*+{":
            raise PatternWrong("repeats a repetition; put it in a group", "对重复再次重复；请使用分组")
        return made

    def _counted(self, atom: _Part) -> _Part:
        end = self._text.find("}", self._at)
        least, comma, most = self._text[self._at + 1 : max(end, 0)].partition(",")
        if end < 0 or not _count(least) or (most and not _count(most)) or (most and int(most) < int(least)):
            raise PatternWrong(
                f"has a repetition that is not {{n}}, {{n,}} or {{n,m}} with n ≤ m ≤ {MAX_REPEAT}",
                f"重复次数须写作 {{n}}、{{n,}} 或 {{n,m}}，且 n ≤ m ≤ {MAX_REPEAT}",
            )
        self._at = end + 1
        written = int(most) if most else int(least) + bool(comma)
        bounds = f"{int(least)}{comma}{int(most) if most else ''}"
        return _bounded(f"{atom.text}{{{bounds}}}", max(atom.size, 1) * max(written, 1))

    def _class(self) -> str:
        negated = self.here == "^"
        self._at += negated
        found: list[tuple[int, int]] = []
        while self.here != "]":
            low = self._member()
            if self.here == "-" and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
                self._at += 1
                high = self._member()
                if len(low) != 1 or len(high) != 1 or low[0][0] != low[0][1] or low[0][0] > high[0][0]:
                    raise PatternWrong("has a range that is not one", "含有无效的字符区间")
                low = ((low[0][0], high[0][1]),)
            found += low
        self._at += 1
        if not found:
            raise PatternWrong("has an empty class", "含有空的字符类")
        return _written(tuple(found), negated=negated)

    def _member(self) -> Ranges:
        character = self._take()
        if character == "[":
            raise PatternWrong("has a [ inside a class; write \\[", "字符类中含有 [；请写作 \\[")
        return self._escaped() if character == "\\" else ((ord(character), ord(character)),)

    def _escaped(self) -> Ranges:
        character = self._take()
        if (known := _ESCAPED.get(character.lower())) is not None:
            return known if character.islower() else _complement(known)
        if character in _CONTROLS:
            return ((ord(_CONTROLS[character]),) * 2,)
        if character.isalnum() or not character.isascii():
            raise PatternWrong(f"has the escape \\{character}, which is not known", f"含有不支持的转义 \\{character}")
        return ((ord(character), ord(character)),)

    def _take(self) -> str:
        character = self.here
        if not character:
            raise PatternWrong("ends too early", "意外结束")
        if not character.isprintable():
            raise PatternWrong("has a character that cannot be printed", "含有不可打印的字符")
        self._at += 1
        return character


def _bounded(text: str, size: int) -> _Part:
    if size > MAX_POSITIONS:
        raise PatternWrong(
            f"has more than {MAX_POSITIONS} characters when its repetitions are written out",
            f"重复展开后超过 {MAX_POSITIONS} 个字符",
        )
    return _Part(text, size)


def _count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 4 and int(text) <= MAX_REPEAT


def _merged(ranges: Ranges) -> list[tuple[int, int]]:
    """In order, and none touching another: engines with set operations inside classes find nothing doubled."""
    found: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(high, found[-1][1]))
        else:
            found.append((low, high))
    return found


def _complement(ranges: Ranges) -> Ranges:
    """Of ASCII ranges, among all characters (surrogates are none)."""
    found, free = [], 0
    for low, high in (*_merged(ranges), (0xD800, 0xDFFF)):
        if low > free:
            found.append((free, low - 1))
        free = high + 1
    return (*found, (free, _LAST))


def _written(ranges: Ranges, *, negated: bool = False) -> str:
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1] and not negated:
        return _literal(chr(ranges[0][0]))
    shown = "".join(
        _in_class(low) if low == high else f"{_in_class(low)}-{_in_class(high)}" for low, high in _merged(ranges)
    )
    return f"[{'^' if negated else ''}{shown}]"


def _literal(character: str) -> str:
    if character in _SYNTAX:
        return f"\\{character}"
    return character if character.isprintable() else f"\\u{ord(character):04x}"


def _in_class(code: int) -> str:
    character = chr(code)
    if character in "\\]^-[":
        return f"\\{character}"
    return character if character.isprintable() or code > 0xFFFF else f"\\u{code:04x}"


def _unexpected(character: str) -> PatternWrong:
    return PatternWrong(
        f"has a {character} where none can be; write \\{character} for the character itself",
        f"{character} 的位置不正确；如需该字符本身，请写作 \\{character}",
    )
