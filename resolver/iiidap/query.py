"""What is asked for: prefixes, names and patterns, out of the raw address. Pure."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from urllib.parse import quote

from core.errors import FieldProblem, IdentifierMalformed, ParameterInvalid, PatternUnsupported
from core.identifier import decode_path, fold_case, parse_prefix

MAX_NAME = 255
_LEAST_PREFIX = 2


@dataclass(frozen=True, slots=True)
class NamePattern:
    """`stem` is the whole name, or how names begin (`open_ended`); NFC."""

    stem: str
    open_ended: bool


def read_prefix(raw: str) -> str:
    """A canonical prefix from the rest of a path. Raises `IdentifierMalformed`."""
    text = unicodedata.normalize("NFC", decode_path(raw))
    if len(text) < _LEAST_PREFIX:
        raise IdentifierMalformed(
            "identifier-empty-part", "A prefix has 2 to 255 characters", "标识前缀为 2 至 255 个字符"
        )
    return fold_case(parse_prefix(text))


def read_name(raw: str) -> str:
    """A name from the rest of a path. Raises `IdentifierMalformed` (not UTF-8), `ParameterInvalid`."""
    return _bounded(unicodedata.normalize("NFC", decode_path(raw)))


def read_pattern(raw_query: str) -> NamePattern:
    """The parameter `name`; others are passed over. Raises as `read_name`, and `PatternUnsupported`."""
    raw = next((part[5:] for part in raw_query.split("&") if part.startswith("name=")), "")
    text = _bounded(unicodedata.normalize("NFC", decode_path(raw.replace("+", " "))))
    stem, star, rest = text.partition("*")
    if star and (rest or not stem):
        raise PatternUnsupported(
            "a name may end in one `*`, after at least one character", "名称末尾可有一个 *，其前至少一个字符"
        )
    return NamePattern(stem, bool(star))


def splits_character(after: str) -> bool:
    """Whether what follows a stem belongs to its last character: then the stem is not how the name begins."""
    return bool(after) and unicodedata.combining(after) != 0


def in_path(text: str) -> str:
    return quote(text, safe="")


def _bounded(text: str) -> str:
    if 1 <= len(text) <= MAX_NAME and "\0" not in text:
        return text
    wrong = FieldProblem(
        "name", "length-invalid", f"must have 1 to {MAX_NAME} characters", f"须为 1 至 {MAX_NAME} 个字符"
    )
    raise ParameterInvalid(errors=(wrong,))
