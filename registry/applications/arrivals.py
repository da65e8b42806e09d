"""How many applications an address may bring: the generic cell rate algorithm, as for logins. Pure; bounded memory."""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import ip_address

ADDRESSES_HELD = 10_000
_HOUR = 3_600.0


class Arrivals:
    """`per_hour` at once, one more each time that their share of an hour has passed. `now` is monotonic, in seconds."""

    def __init__(self, per_hour: int) -> None:
        self._burst, self._period = per_hour, _HOUR / per_hour
        self._paid_at: OrderedDict[str, float] = OrderedDict()

    def take(self, source: str | None, now: float) -> float:
        """Charge one; how many seconds to wait instead, when it is refused (and not charged): else 0."""
        key = network_of(source)
        paid_at = max(self._paid_at.get(key, 0.0), now)
        wait = paid_at - now - (self._burst - 1) * self._period
        if wait > 1e-6:
            return wait
        self._paid_at[key] = paid_at + self._period
        self._paid_at.move_to_end(key)
        while len(self._paid_at) > ADDRESSES_HELD:
            self._paid_at.popitem(last=False)
        return 0.0

    def __len__(self) -> int:
        return len(self._paid_at)


def network_of(source: str | None) -> str:
    """Who an address stands for: a customer has one of IPv4 and at least a /64 of IPv6."""
    try:
        found = ip_address(source or "")
    except ValueError:
        return ""
    return str(found) if found.version == 4 else found.exploded[:19]
