"""What a scheme is and what it makes of a text. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.errors import IdentifierMalformed


@dataclass(frozen=True, slots=True)
class Reading:
    """An identifier of a scheme: the whole of it in canonical form, as it is shown, and the prefixes that could own it,
    the longest first."""

    scheme: str
    suffix: str
    shown: str
    owners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scheme:
    """One line of the table. `read` takes any accepted spelling, `owner` what an operator writes when granting a prefix;
    both raise `IdentifierMalformed`.

    `nests`: whether a prefix may be given below another one; `within` says which suffixes then lie below it, as bounds
    (first, first beyond) of canonical text.
    """

    name: str
    root: str  # the first segment, or the first two, of its prefixes
    case_sensitive: bool
    read: Callable[[str], Reading]
    owner: Callable[[str], str]
    nests: bool = False
    within: Callable[[str], tuple[tuple[str, str], ...]] = lambda _: ()


def malformed(scheme: str, reason: str, en: str, zh: str) -> IdentifierMalformed:
    return IdentifierMalformed(reason, en, zh, scheme=scheme)
