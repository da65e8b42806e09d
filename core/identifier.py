"""What an identifier is: grammar, percent-encoding and canonical form. Pure.

An identifier is `<prefix>/<suffix>`; the first `/` divides (RFC 3651 §3). Whole at most 255 bytes of UTF-8, prefix at
most 64 (SNMS API; draft-chen-epp-identifier-mapping-01 §3). Prefix segments are strings joined by `.`: `88.101.0042`
keeps its zeros. The suffix takes any printable Unicode. Text is NFC-normalised; ASCII letters compare without case in
the prefix, and in the suffix unless the prefix says otherwise. Other schemes (`core.schemes`) are read here too, and become
`<prefix>/<suffix>` keys like these.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from core.errors import IdentifierMalformed
from core.schemes import Reading, read, speaks_gs1
from core.schemes.gs1 import CANONICAL_HOME

MAX_BYTES = 255
MAX_PREFIX_BYTES = 64
# Categories that cannot be printed, or that read as something else: controls, invisible formats (bidirectional
# overrides, zero-width), surrogates, private use, unassigned (their NFC form is not yet fixed), line separators.
_REFUSED_CATEGORIES = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2}).{0,2}", re.DOTALL)
_ASCII_UPPER = {lower: lower - 32 for lower in range(ord("a"), ord("z") + 1)}


@dataclass(frozen=True, slots=True)
class Identifier:
    """A well-formed identifier as somebody spelled it, NFC-normalised."""

    prefix: str
    suffix: str

    def __str__(self) -> str:
        return f"{self.prefix}/{self.suffix}"

    @property
    def prefix_key(self) -> str:
        """The prefix as the registry keys it: ASCII letters in upper case."""
        return fold_case(self.prefix)

    def key(self, case_sensitive: bool = False) -> str:
        """The canonical text: what the hot table is keyed by, and what two equal identifiers share."""
        return f"{fold_case(self.prefix)}/{self.suffix if case_sensitive else fold_case(self.suffix)}"

    def lies_under(self, prefix_key: str) -> bool:
        """Whether it belongs to this canonical prefix; one of another scheme that could is from now on keyed by it."""
        return self.prefix_key == prefix_key


class SchemeIdentifier(Identifier):
    """One of another scheme. Which registered prefix it lies under its text does not say: `core.directory` finds it
    and says so through `lies_under`; before that the prefix is the longest that could be it."""

    __slots__ = ("reading",)
    reading: Reading

    def __init__(self, reading: Reading) -> None:
        super().__init__(reading.owners[0] if reading.owners else reading.scheme, reading.suffix)
        object.__setattr__(self, "reading", reading)

    def __str__(self) -> str:
        return self.reading.shown

    def lies_under(self, prefix_key: str) -> bool:
        if prefix_key not in self.reading.owners:
            return False
        object.__setattr__(self, "prefix", prefix_key)
        return True


def fold_case(text: str) -> str:
    """ASCII letters to upper case (as Handle servers store them), again in NFC: `i̇` has no composed form, `İ` has."""
    return text.upper() if text.isascii() else unicodedata.normalize("NFC", text.translate(_ASCII_UPPER))


def parse_identifier(text: str) -> Identifier:
    """Read an identifier, or raise `IdentifierMalformed` whose `reason` is one of: identifier-too-long,
    identifier-no-slash, identifier-empty-part, identifier-prefix-too-long, identifier-bad-character, or one of the scheme that it
    looks to be of (`gs1-…`, `did-…`: see `core.schemes`)."""
    if len(text) > 4 * MAX_BYTES:  # NFC never shrinks text by more: refused before any other work
        raise _too_long(len(text.encode("utf-8", "surrogatepass")))
    if not (text.isascii() and text.isprintable()):
        text = _checked_unicode(text)
    if len(text) > MAX_BYTES or len(text.encode()) > MAX_BYTES:
        raise _too_long(len(text.encode()))
    prefix, slash, suffix = text.partition("/")
    if (not slash or "." not in prefix or not prefix[0].isdigit()) and (found := read(text)) is not None:
        return _of_scheme(found)
    if not slash:
        raise IdentifierMalformed(
            "identifier-no-slash",
            f"There is no '/' between prefix and suffix in {shorten(text)}",
            f"{shorten(text)} 中缺少分隔前缀与后缀的“/”",
        )
    if not suffix:
        raise IdentifierMalformed("identifier-empty-part", "The suffix after the '/' is empty", "“/”之后的后缀为空")
    parse_prefix(prefix)
    return Identifier(prefix, suffix)


def identifier_in_url(raw_path: str) -> Identifier:
    """The identifier in the rest of a URL path as it came over the wire. The values of a GS1 path have escapes of their own.

    Raises `IdentifierMalformed`.
    """
    return parse_identifier(raw_path if speaks_gs1(raw_path) else decode_path(raw_path))


def _of_scheme(reading: Reading) -> SchemeIdentifier:
    found = SchemeIdentifier(reading)
    longest = max(len(reading.shown.encode()), len(f"{found.prefix}/{found.suffix}".encode()))
    if longest > MAX_BYTES:
        raise _too_long(longest)
    return found


def parse_prefix(prefix: str) -> str:
    """Check a prefix standing alone; the same reasons as `parse_identifier`."""
    if not (prefix.isascii() and prefix.isprintable()):
        prefix = _checked_unicode(prefix)
    if not prefix or prefix.startswith(".") or prefix.endswith(".") or ".." in prefix:
        raise IdentifierMalformed(
            "identifier-empty-part",
            f"The prefix {shorten(prefix)} has an empty part; write segments joined by single dots, as in 88.118.8",
            f"前缀 {shorten(prefix)} 含有空段；请用单个“.”连接各段，例如 88.118.8",
        )
    if "/" in prefix or prefix.split() != [prefix]:  # any white space, of any script
        raise IdentifierMalformed(
            "identifier-bad-character",
            f"The prefix {shorten(prefix)} has a space or '/'; these belong in the suffix only",
            f"前缀 {shorten(prefix)} 含有空格或“/”；这些字符只能出现在后缀中",
        )
    if len(prefix.encode()) > MAX_PREFIX_BYTES:
        raise IdentifierMalformed(
            "identifier-prefix-too-long",
            f"The prefix has {len(prefix.encode())} bytes of UTF-8, at most {MAX_PREFIX_BYTES} are allowed",
            f"前缀为 {len(prefix.encode())} 字节（UTF-8），最多 {MAX_PREFIX_BYTES} 字节",
        )
    return prefix


def decode_path(raw_path: str) -> str:
    """The identifier text in the rest of a URL path as it came over the wire: percent-decoded exactly once, `+` literal.

    Raises `IdentifierMalformed` (identifier-bad-encoding) for a broken escape or for bytes that are not UTF-8.
    """
    octets = raw_path.encode("utf-8", "surrogateescape")
    if broken := _BROKEN_ESCAPE.search(octets):
        position, escape = broken.start(), broken.group().decode("ascii", "replace")
        raise IdentifierMalformed(
            "identifier-bad-encoding",
            f"{shorten(escape)} at byte {position} is not a percent-escape; write a literal % as %25",
            f"第 {position} 字节处的 {shorten(escape)} 不是有效的百分号编码；字面的 % 请写作 %25",
        )
    try:
        return unquote_to_bytes(octets).decode("utf-8")
    except UnicodeDecodeError as wrong:
        raise IdentifierMalformed(
            "identifier-bad-encoding",
            f"The percent-escapes do not decode to UTF-8 (byte {wrong.start}); GBK and others are not accepted in URLs",
            f"百分号编码解码后不是 UTF-8（第 {wrong.start} 字节）；网址中不接受 GBK 等其他编码",
        ) from None


def encode_path(identifier: str) -> str:
    """The identifier as it is written in a URL: every reserved character escaped but `/`, which reads better plain.

    Browsers collapse `.` and `..` between slashes (WHATWG URL §4.4), even percent-encoded ones, so an identifier with
    such a part has its slashes escaped too.
    """
    return quote(identifier, safe="" if {".", ".."} & set(identifier.split("/")) else "/")


def web_path(identifier: str) -> str:
    """Where the web doors of a node have an identifier, as it is shown: a GS1 key at its Digital Link, another as it is written."""
    key = identifier.removeprefix(CANONICAL_HOME)
    return f"/{key}" if key != identifier else f"/{encode_path(identifier)}"


def shorten(text: str, limit: int = 60) -> str:
    """Quoted for a message: never long, never with control characters."""
    shown = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text[:limit])
    return f"'{shown}{'…' if len(text) > limit else ''}'"


def _checked_unicode(text: str) -> str:
    normal = unicodedata.normalize("NFC", text)
    for position, character in enumerate(normal):
        category = unicodedata.category(character)
        if category in _REFUSED_CATEGORIES:
            code = f"U+{ord(character):04X}"
            raise IdentifierMalformed(
                "identifier-bad-character",
                f"Character {position + 1} ({code}, category {category}) cannot be printed; remove it",
                f"第 {position + 1} 个字符（{code}，类别 {category}）不可打印；请删除",
            )
    return normal


def _too_long(length: int) -> IdentifierMalformed:
    return IdentifierMalformed(
        "identifier-too-long",
        f"The identifier has {length} bytes of UTF-8, at most {MAX_BYTES} are allowed",
        f"标识为 {length} 字节（UTF-8），最多 {MAX_BYTES} 字节",
    )
