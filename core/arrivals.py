"""How often an address may ask: the generic cell rate algorithm (ITU-T I.371) in a worker's memory. Pure; bounded."""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address

ADDRESSES_HELD = 10_000
MINUTE, HOUR = 60.0, 3_600.0


class Arrivals:
    """`burst` at once, one more whenever their share of `seconds` has passed; 0: no limit. `now` is monotonic seconds."""

    def __init__(self, burst: int, seconds: float) -> None:
        self._burst = burst
        self._share = seconds / burst if burst else 0.0
        self._paid_until: OrderedDict[str, float] = OrderedDict()

    def take(self, source: str | None, now: float) -> float:
        """Charge one. How many seconds to wait instead where it is refused (and not charged), else 0."""
        if not self._burst:
            return 0.0
        key = network_of(source)
        paid_until = max(self._paid_until.get(key, 0.0), now)
        wait = paid_until - now - (self._burst - 1) * self._share
        if wait > 1e-6:
            return wait
        self._paid_until[key] = paid_until + self._share
        self._paid_until.move_to_end(key)
        while len(self._paid_until) > ADDRESSES_HELD:
            self._paid_until.popitem(last=False)
        return 0.0

    def __len__(self) -> int:
        return len(self._paid_until)


def network_of(source: str | None) -> str:
    """Who an address stands for: a customer has one of IPv4 and at least a /64 of IPv6."""
    try:
        found = ip_address(source or "")
    except ValueError:
        return ""
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or found.packed[:8].hex(":", 2))
    return str(found)
