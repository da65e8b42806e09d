"""The unified social credit code of a Chinese organisation, GB 32100-2015. Pure."""

from __future__ import annotations

import re

_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"  # no I, O, S, V, Z
_FORM = re.compile(f"[{_ALPHABET}]{{18}}")


def is_credit_code(text: str) -> bool:
    """Whether `text` has the form, and the check character of annex B (weights 3^i mod 31)."""
    if not _FORM.fullmatch(text):
        return False
    total = sum(_ALPHABET.index(character) * pow(3, place, 31) for place, character in enumerate(text[:17]))
    return text[17] == _ALPHABET[(31 - total % 31) % 31]
