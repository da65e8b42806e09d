"""GS1 keys with their qualifiers: Digital Link path, whole Digital Link URI, element string. Pure.

Canonical: the uncompressed path in the order of the standard, `01/09506000134352/10/ABC`, GTINs of 14 digits, what is not
unreserved in a value percent-encoded. Values compare with case. Attributes (`?17=…`, `(17)…`) are no part of the identity.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote, urlsplit

from core.schemes.gs1_keys import PRIMARY_KEYS, QUALIFIER_PATTERNS, PrimaryKey, check_digit, check_pair
from core.schemes.reading import Reading, Scheme, malformed

ROOT = "GS1"
CANONICAL_HOME = "https://id.gs1.org/"
_SHORTEST_COMPANY, _LONGEST_COMPANY = 4, 12
_GTIN_SIZES = frozenset((8, 12, 13, 14))
_ELEMENT = re.compile(r"\(([0-9]{2,4})\)")
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DIGITS = re.compile("[0-9]*")
_MOST_SEGMENTS = 40


@dataclass(frozen=True, slots=True)
class Gs1Key:
    """A valid primary key with its qualifiers, values decoded."""

    ai: str
    value: str
    qualifiers: tuple[tuple[str, str], ...] = ()

    @property
    def path(self) -> str:
        pairs = ((self.ai, self.value), *self.qualifiers)
        return "/".join(f"{ai}/{quote(value, safe='')}" for ai, value in pairs)

    @property
    def levels(self) -> list[Gs1Key]:
        """Itself and each level above it, up to the primary key alone."""
        return [replace(self, qualifiers=self.qualifiers[:count]) for count in range(len(self.qualifiers), -1, -1)]

    @property
    def owners(self) -> tuple[str, ...]:
        """The prefixes of all company prefixes that its digits could begin with, the longest first."""
        found = _DIGITS.match(self.value, PRIMARY_KEYS[self.ai].company_at)
        digits = found.group()[:_LONGEST_COMPANY] if found else ""
        return tuple(f"{ROOT}.{digits[:size]}" for size in range(len(digits), _SHORTEST_COMPANY - 1, -1))

    def reading(self) -> Reading:
        return Reading("gs1", self.path, CANONICAL_HOME + self.path, self.owners)


def read_key(text: str) -> Gs1Key:
    """Any spelling. Raises `IdentifierMalformed`: gs1-malformed, gs1-key-unknown, gs1-value-invalid, gs1-check-digit,
    gs1-qualifier-order."""
    if text.startswith("("):
        return _from_element_string(text)
    if "://" in text[:10]:
        try:
            text = urlsplit(text).path
        except ValueError:
            raise _wrong("gs1-malformed", "is not a URI", "不是有效的 URI") from None
        return _from_segments(_from_key_on(_segments(text)))
    return _from_segments(_segments(text))


def read_gs1(text: str) -> Reading:
    return read_key(text).reading()


def company_prefix(text: str) -> str:
    """The prefix under which a company prefix is granted. Raises `IdentifierMalformed` (gs1-company-prefix)."""
    if text.isascii() and text.isdigit() and _SHORTEST_COMPANY <= len(text) <= _LONGEST_COMPANY:
        return f"{ROOT}.{text}"
    en = f"a GS1 company prefix has {_SHORTEST_COMPANY} to {_LONGEST_COMPANY} digits"
    raise _wrong("gs1-company-prefix", en, f"GS1 厂商识别代码为 {_SHORTEST_COMPANY} 到 {_LONGEST_COMPANY} 位数字")


def _segments(path: str) -> list[str]:
    segments = path.strip("/").split("/")
    if len(segments) > _MOST_SEGMENTS:
        raise _wrong("gs1-malformed", "has too many parts", "路径段过多")
    return segments


def _from_key_on(segments: list[str]) -> list[str]:
    """Without what a domain has before the primary key: a key is one that whole pairs follow."""
    for begin, segment in enumerate(segments):
        if segment in PRIMARY_KEYS and (len(segments) - begin) % 2 == 0:
            return segments[begin:]
    raise _wrong("gs1-key-unknown", "has no GS1 primary key in its path", "路径中没有 GS1 主标识键")


def _from_segments(segments: list[str]) -> Gs1Key:
    if len(segments) % 2:
        raise _wrong("gs1-malformed", "each application identifier needs a value", "每个应用标识符之后须有值")
    pairs = [(segments[at], _decoded(segments[at + 1])) for at in range(0, len(segments), 2)]
    (ai, value), qualifiers = pairs[0], tuple(pairs[1:])
    key = _primary(ai)
    _require_order(key, [ai for ai, _ in qualifiers])
    return Gs1Key(ai, _checked(key, value), tuple((name, _qualifier(name, text)) for name, text in qualifiers))


def _from_element_string(text: str) -> Gs1Key:
    """`(01)…(10)…`, in any order as scanners give them; other application identifiers are attributes and passed over."""
    _, *pieces = _ELEMENT.split(text)
    pairs = dict(zip(pieces[::2], pieces[1::2], strict=True))
    ai = next((name for name in pairs if name in PRIMARY_KEYS), "")
    key = _primary(ai)
    wanted = next((group for group in key.sequences if any(name in pairs for name in group)), ())
    qualifiers = tuple((name, _qualifier(name, pairs[name])) for name in wanted if name in pairs)
    return Gs1Key(ai, _checked(key, pairs[ai]), qualifiers)


def _primary(ai: str) -> PrimaryKey:
    if ai not in PRIMARY_KEYS:
        raise _wrong("gs1-key-unknown", "does not begin with a GS1 primary key", "不以 GS1 主标识键开头")
    return PRIMARY_KEYS[ai]


def _require_order(key: PrimaryKey, named: list[str]) -> None:
    for group in key.sequences:
        if [ai for ai in group if ai in named] == named:
            return
    allowed = " / ".join(", ".join(group) for group in key.sequences if group)
    en, zh = f"({key.ai}) takes no qualifiers", f"（{key.ai}）不带限定符"
    if allowed:
        en = f"({key.ai}) takes these qualifiers only, in this order: {allowed}"
        zh = f"（{key.ai}）只能按此顺序带限定符：{allowed}"
    raise _wrong("gs1-qualifier-order", en, zh)


def _checked(key: PrimaryKey, value: str) -> str:
    if key.ai == "01" and value.isascii() and value.isdigit() and len(value) in _GTIN_SIZES:
        value = value.zfill(14)
    if not key.pattern.fullmatch(value):
        raise _wrong(
            "gs1-value-invalid", f"({key.ai}) {key.name} is not well-formed", f"（{key.ai}）{key.name} 格式不正确"
        )
    if key.checked and value[key.checked - 1] != (right := check_digit(value[: key.checked - 1])):
        en = f"the check digit of ({key.ai}) {key.name} is wrong; it would be {right}"
        raise _wrong("gs1-check-digit", en, f"（{key.ai}）{key.name} 校验位错误，应为 {right}")
    if key.ai == "8006" and not 0 < int(value[14:16]) <= int(value[16:]):
        raise _wrong(
            "gs1-value-invalid", "(8006) ITIP is of no piece of its total", "（8006）ITIP 的件号须在总件数之内"
        )
    if key.ai == "8013" and value[-2:] != check_pair(value[:-2]):
        raise _wrong("gs1-check-digit", "the check characters of (8013) GMN are wrong", "（8013）GMN 校验字符错误")
    return value


def _qualifier(ai: str, value: str) -> str:
    if not QUALIFIER_PATTERNS[ai].fullmatch(value):
        raise _wrong("gs1-value-invalid", f"the value of ({ai}) is not well-formed", f"（{ai}）的值格式不正确")
    return value


def _decoded(value: str) -> str:
    if _BROKEN_ESCAPE.search(value):
        raise _wrong("gs1-malformed", "has a broken percent-escape", "含有无效的百分号编码")
    return unquote(value, errors="replace")


def _wrong(reason: str, en: str, zh: str) -> Exception:
    return malformed("gs1", reason, f"GS1: {en}", f"GS1：{zh}")


GS1 = Scheme("gs1", ROOT, True, read_gs1, company_prefix)
