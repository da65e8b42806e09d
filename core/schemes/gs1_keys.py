"""GS1 primary keys with their qualifiers, as data, and the two check rules. Pure.

Source: GS1 General Specifications §3 (formats, check digits §7.9) and the GS1 Digital Link URI syntax (which qualifiers a
key may have, in which order).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_CSET_82 = "!\"%&'()*+,\\-./0-9:;<=>?A-Z_a-z"
_CSET_39 = "#\\-/0-9A-Z"


@dataclass(frozen=True, slots=True)
class PrimaryKey:
    """`checked`: how many digits at its beginning the check digit closes, 0 for none. `company_at`: where the company prefix
    begins. `sequences`: the qualifiers that may follow, each group in its order."""

    ai: str
    name: str
    pattern: re.Pattern[str]
    checked: int = 0
    company_at: int = 0
    sequences: tuple[tuple[str, ...], ...] = ((),)


def _key(ai: str, name: str, pattern: str, checked: int = 0, company_at: int = 0, *sequences: str) -> PrimaryKey:
    groups = tuple(tuple(one.split()) for one in sequences) or ((),)
    return PrimaryKey(ai, name, re.compile(pattern), checked, company_at, groups)


PRIMARY_KEYS = {
    key.ai: key
    for key in (
        _key("01", "GTIN", "[0-9]{14}", 14, 1, "22 10 21", "235"),
        _key("00", "SSCC", "[0-9]{18}", 18, 1),
        _key("253", "GDTI", f"[0-9]{{13}}[{_CSET_82}]{{0,17}}", 13),
        _key("255", "GCN", "[0-9]{13,25}", 13),
        _key("401", "GINC", f"[0-9]{{4}}[{_CSET_82}]{{1,26}}"),
        _key("402", "GSIN", "[0-9]{17}", 17),
        _key("414", "GLN", "[0-9]{13}", 13, 0, "254", "7040"),
        _key("415", "PAY TO", "[0-9]{13}", 13, 0, "8020"),
        _key("417", "PARTY", "[0-9]{13}", 13, 0, "7040"),
        _key("8003", "GRAI", f"0[0-9]{{13}}[{_CSET_82}]{{0,16}}", 14, 1),
        _key("8004", "GIAI", f"[0-9]{{4}}[{_CSET_82}]{{1,26}}"),
        _key("8006", "ITIP", "[0-9]{18}", 14, 1, "22 10 21"),
        _key("8010", "CPID", f"[0-9]{{4}}[{_CSET_39}]{{1,26}}", 0, 0, "8011"),
        _key("8013", "GMN", f"[0-9]{{4}}[{_CSET_82}]{{3,21}}"),
        _key("8017", "GSRN - PROVIDER", "[0-9]{18}", 18, 0, "8019"),
        _key("8018", "GSRN - RECIPIENT", "[0-9]{18}", 18, 0, "8019"),
    )
}
QUALIFIERS = {
    "22": f"[{_CSET_82}]{{1,20}}",
    "10": f"[{_CSET_82}]{{1,20}}",
    "21": f"[{_CSET_82}]{{1,20}}",
    "235": f"[{_CSET_82}]{{1,28}}",
    "254": f"[{_CSET_82}]{{1,20}}",
    "7040": f"[0-9][{_CSET_82}]{{3}}",
    "8011": "[1-9][0-9]{0,11}",
    "8019": "[0-9]{1,10}",
    "8020": f"[{_CSET_82}]{{1,25}}",
}
QUALIFIER_PATTERNS = {ai: re.compile(pattern) for ai, pattern in QUALIFIERS.items()}
_WEIGHTS = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83)
_VALUES = "!\"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
_PAIRS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


def check_digit(digits: str) -> str:
    """The digit that closes these, which come without it (weights 3, 1, 3, … from the right)."""
    return str(-sum(int(digit) * (1 if place % 2 else 3) for place, digit in enumerate(reversed(digits))) % 10)


def check_pair(text: str) -> str:
    """The two characters that close a GMN which comes without them (modulo 1021 over primes, base 32)."""
    total = sum(_VALUES.index(letter) * weight for letter, weight in zip(reversed(text), _WEIGHTS, strict=False)) % 1021
    return _PAIRS[total >> 5] + _PAIRS[total & 31]
