"""What a client would rather have and what it has already, from its headers (RFC 9110 §12.5, §13.1). Pure."""

from __future__ import annotations

import re
from functools import lru_cache

_QUALITY = re.compile(r"[01](\.[0-9]{0,9})?")


@lru_cache(maxsize=1024)
def wants(accept: str) -> str:
    """`html`, `json` or `any`: the better liked of the two; `any` where the header names neither."""
    liked = qualities(accept)
    html = max(liked.get("text/html", 0.0), liked.get("application/xhtml+xml", 0.0))
    json = max(liked.get(kind, 0.0) for kind in ("application/json", "application/problem+json"))
    if html == json == 0.0:
        return "any"
    return "html" if html >= json else "json"


@lru_cache(maxsize=1024)
def language(accept_language: str) -> str:
    """`zh` or `en`; English where neither is asked for."""
    best, chosen = 0.0, "en"
    for tag, quality in qualities(accept_language).items():
        base = tag.partition("-")[0]
        if base in ("zh", "en") and quality > best:
            best, chosen = quality, base
    return chosen


def etag_matches(header: str, etag: str, *, weakly: bool = False) -> bool:
    """`If-Match`, or `weakly` `If-None-Match` (RFC 9110 §13.1): `*` or a list that has the strong tag `etag`."""
    tags = [tag.strip() for tag in header[:1000].split(",")]
    return tags == ["*"] or etag in tags or (weakly and f"W/{etag}" in tags)


def qualities(header: str) -> dict[str, float]:
    """Name to quality; what cannot be read is left out. Bounded: a header of thousands of parts costs no more."""
    found: dict[str, float] = {}
    for part in header[:1000].lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                quality = min(float(parameter[2:]), 1.0) if _QUALITY.fullmatch(parameter[2:]) else 0.0
        if name:
            found.setdefault(name, quality)
    return found
