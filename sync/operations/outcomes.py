"""What became of a numbered document at the top level. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class There:
    """The top level has it."""


@dataclass(frozen=True, slots=True)
class Rewind:
    """It misses those from `expect` on."""

    expect: int


@dataclass(frozen=True, slots=True)
class Again:
    """Not now; the same bytes later."""

    why: str
