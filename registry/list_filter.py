"""Which identifiers of a prefix a list asks for: bounds of the key, and conditions on the rest. Pure."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime

from core.access import Prefix
from core.identifier import MAX_BYTES, fold_case
from core.parameters import Parameters
from core.record import Record, Status

STATUSES = {"active": Status.ACTIVE, "withdrawn": Status.WITHDRAWN}
FILTERS = (
    "template", "status", "created_since", "created_before", "changed_since", "changed_before", "suffix_from", "suffix_to",
    "suffix_starts", "value_type", "value",
)  # fmt: skip
_MAX_VALUE = 4_000


@dataclass(frozen=True, slots=True)
class ListFilter:
    """`bounds` are (from, below, up to), canonical keys; times are of creation and of the last change; `value` is (type,
    text). A template is filled in by who knows its number."""

    prefix: str
    bounds: tuple[str, str, str]
    status: Status | None
    created: tuple[datetime | None, datetime | None]
    changed: tuple[datetime | None, datetime | None]
    value: tuple[str, str] | None
    template_id: int | None = None

    @property
    def by_key_alone(self) -> bool:
        """Whether every row between the bounds is wanted."""
        return self.value is None and not any(one is not None for one in self.conditions)

    @property
    def conditions(self) -> tuple[object, ...]:
        return (self.template_id, self.status and self.status.value, *self.created, *self.changed)

    def passes(self, record: Record) -> bool:
        """Whether a record found by its value says it (still), and is as asked for otherwise."""
        kind, text = self.value or (None, None)
        return (
            any(value.type == kind and value.data == text for value in record.values)
            and self.template_id in (None, record.template_id)
            and self.status in (None, record.status)
            and _within(record.created_at, self.created)
            and _within(record.changed_at, self.changed)
        )


def parse_filter(asked: Parameters, prefix: Prefix) -> ListFilter:
    """What is wrong is added to the problems of `asked`; `template` is left to the caller."""
    status = asked.one_of("status", tuple(STATUSES))
    created = asked.time("created_since"), asked.time("created_before")
    changed = asked.time("changed_since"), asked.time("changed_before")
    value_type, value = asked.text("value_type"), asked.text("value", _MAX_VALUE)
    if (value_type is None) != (value is None):
        missing = "value" if value is None else "value_type"
        asked.wrong(
            missing, "parameter-missing", "value_type and value belong together", "value_type 与 value 须同时给出"
        )
    bounds = _bounds(asked, prefix)
    wanted = (value_type, value) if value_type is not None and value is not None else None
    return ListFilter(prefix.key, bounds, STATUSES[status] if status else None, created, changed, wanted)


def _bounds(asked: Parameters, prefix: Prefix) -> tuple[str, str, str]:
    first, last, starts = (_suffix(asked, name, prefix) for name in ("suffix_from", "suffix_to", "suffix_starts"))
    low, below = f"{prefix.key}/", f"{prefix.key}0"  # the character after '/'
    if starts:
        low = f"{prefix.key}/{starts}"
        below = f"{prefix.key}/{end}" if (end := following(starts)) else below
    if first:
        low = max(low, f"{prefix.key}/{first}", key=str.encode)
    return low, below, f"{prefix.key}/{last}" if last else below


def following(text: str) -> str | None:
    """The least text, in order of UTF-8 bytes, after every one that begins with `text`; None when there is none."""
    while text:
        code = ord(text[-1]) + 1
        code = 0xE000 if code == 0xD800 else code  # surrogates are no characters
        if code <= 0x10FFFF:
            return text[:-1] + chr(code)
        text = text[:-1]
    return None


def _suffix(asked: Parameters, name: str, prefix: Prefix) -> str | None:
    text = asked.text(name, MAX_BYTES)
    if text is None:
        return None
    if "\0" in text or any(0xD800 <= ord(character) < 0xE000 for character in text):
        asked.wrong(name, "identifier-bad-character", "has a character that no suffix has", "含有后缀中不会出现的字符")
        return None
    normal = unicodedata.normalize("NFC", text)
    return normal if prefix.suffix_case_sensitive else fold_case(normal)


def _within(when: datetime, bounds: tuple[datetime | None, datetime | None]) -> bool:
    since, before = bounds
    return (since is None or when >= since) and (before is None or when < before)
