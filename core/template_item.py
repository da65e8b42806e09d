"""One item of a data template: a value that identifiers have, and what it must be like. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.values import VISIBILITIES

FIRST_INDEX = 2000  # below are the Handle system's and the template reference (SNMS API)
MAX_ITEMS = 500
MAX_NAME = 100
MAX_LENGTH = 65_536
MAX_CHOICES = 200
MAX_UNIT = 20
STRING = "string"
DATA_TYPES = (STRING, "number", "date", "boolean", "url", "enumeration", "reference", "file")
PUBLIC = "public"
WIDTH = {name: width for width, name in enumerate(reversed(VISIBILITIES))}  # private, partners, public

_MEMBERS = ("index", "type", "name_zh", "name_en", "required")
_LENGTHS: dict[str, Any] = {"enabled": True, "min_length": None, "max_length": None}
_RULES: dict[str, Any] = {
    "data_type": STRING, "minimum": None, "maximum": None, "pattern": None, "choices": (), "unit": None, "visibility": PUBLIC,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the values that an enumeration may have, and what people read."""

    code: str
    zh: str
    en: str

    def as_json(self) -> dict[str, str]:
        return {"code": self.code, "zh": self.zh, "en": self.en}


@dataclass(frozen=True, slots=True)
class TemplateItem:
    """One value that identifiers of this template have: its place, its type, its names for people; lengths in characters.

    One that is not enabled takes no new values; those that are there stay. `minimum` and `maximum` are texts, of a number or
    a date. `visibility` is that of values which do not say one, and the widest that a value may have.
    """

    index: int
    type: str
    name_zh: str
    name_en: str
    required: bool
    enabled: bool = True
    min_length: int | None = None
    max_length: int | None = None
    data_type: str = STRING
    minimum: str | None = None
    maximum: str | None = None
    pattern: str | None = None
    choices: tuple[Choice, ...] = ()
    unit: str | None = None
    visibility: str = PUBLIC

    def as_json(self) -> dict[str, Any]:
        """With only those rules that are not the usual."""
        return self.outline() | self.rules()

    def outline(self) -> dict[str, Any]:
        """What the column `items` holds: as it was before there were data types."""
        return {member: getattr(self, member) for member in _MEMBERS} | self._unusual(_LENGTHS)

    def rules(self) -> dict[str, Any]:
        """What the column `rules` holds of it."""
        told = self._unusual(_RULES)
        return told | {"choices": [choice.as_json() for choice in self.choices]} if self.choices else told

    def _unusual(self, usual: dict[str, Any]) -> dict[str, Any]:
        told = {member: getattr(self, member) for member in usual}
        return {member: rule for member, rule in told.items() if rule != usual[member]}


def item_from_json(outline: dict[str, Any], rules: dict[str, Any]) -> TemplateItem:
    """As stored. Rules of a later version of the program are passed over: it decides what they ask."""
    known = {name: rule for name, rule in (outline | rules).items() if name in TemplateItem.__slots__}
    if "choices" in known:
        known["choices"] = tuple(Choice(**choice) for choice in known["choices"])
    return TemplateItem(**known)
