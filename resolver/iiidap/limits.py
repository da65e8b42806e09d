"""How often an address may ask: the generic cell rate algorithm in a worker's memory. Pure; bounded."""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import ip_address

ADDRESSES_HELD = 10_000
_MINUTE = 60.0


class MinuteLimit:
    """`per_minute` at once, one more whenever their share of a minute has passed; 0: no limit. `now` is monotonic seconds."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._paid_until: OrderedDict[str, float] = OrderedDict()

    def take(self, source: str | None, now: float) -> float:
        """Charge one. How many seconds to wait instead where it is refused (and not charged), else 0."""
        if not self._per_minute:
            return 0.0
        share, key = _MINUTE / self._per_minute, _network_of(source)
        paid_until = max(self._paid_until.get(key, 0.0), now)
        wait = paid_until - now - (self._per_minute - 1) * share
        if wait > 1e-6:
            return wait
        self._paid_until[key] = paid_until + share
        self._paid_until.move_to_end(key)
        while len(self._paid_until) > ADDRESSES_HELD:
            self._paid_until.popitem(last=False)
        return 0.0


def _network_of(source: str | None) -> str:
    """Who an address stands for: a customer has one of IPv4 and at least a /64 of IPv6."""
    try:
        found = ip_address(source or "")
    except ValueError:
        return ""
    return str(found) if found.version == 4 else found.exploded[:19]
