"""How long a cache outside the node may keep an answer, and whose answer it is. Pure.

Unless `BIAOJIE_PUBLIC_CACHE_SECONDS` allows more, a cache asks each time. Where it is allowed, the TTL of the values decides,
up to that bound: what a registrant tells Handle resolvers holds for HTTP caches too (RFC 9111 §5.2.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache

from core.exchange import Answer
from core.values import HandleValue

_FIELD = "Cache-Control"
_ASK_EACH_TIME = "no-cache"
# Also by what makes an answer one for this reader: else a cache that holds the public one gives it to who may see more.
_VARY = "Accept, Accept-Language, Authorization, If-Version-At-Least"
OPEN = {"Access-Control-Allow-Origin": "*", _FIELD: _ASK_EACH_TIME, "Vary": _VARY}
PRIVATE = {_FIELD: "private, no-store", "Vary": _VARY}


def least_ttl(values: Iterable[HandleValue]) -> int:
    """The seconds for which all of these hold; 0 where there are none, for nothing says how long that stays so.

    Also 0 where one ends at a fixed time: that comes nearer, and the header fields of an answer are made once.
    """
    return min((value.ttl_seconds if value.expires_at is None else 0 for value in values), default=0)


def seconds_kept(most: int, values: Iterable[HandleValue]) -> int:
    """For how long an answer that shows these values, or stands on them, may be kept, where `most` is allowed."""
    return min(most, least_ttl(values)) if most else 0


@lru_cache(maxsize=1_000)
def open_for(seconds: int) -> Mapping[str, str]:
    """The header fields of an answer for anybody that may be kept for so long; 0: that is asked for each time."""
    return OPEN | {_FIELD: _kept(seconds)}


def lasting(answer: Answer, seconds: int) -> Answer:
    """The same, kept for so long; what is one reader's stays so."""
    said = _kept(seconds)
    if answer.headers[_FIELD] in (said, PRIVATE[_FIELD]):
        return answer
    return Answer(answer.status, answer.body, {**answer.headers, _FIELD: said})


def _kept(seconds: int) -> str:
    return f"public, max-age={seconds}" if seconds > 0 else _ASK_EACH_TIME
