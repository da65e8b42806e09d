"""How much a stranger can have sent over UDP to an address that is not theirs: answers larger than what asked for them. Pure.

A datagram's sender can be invented, so a small question with a large answer makes a node hurt somebody else. What is answered
with at most `FACTOR` times the bytes that were asked is free. Beyond that each network (one IPv4 address, 64 bits of IPv6)
gets so many bytes in a second, and then nothing: clients of the protocol that hear nothing go on over TCP, where a sender is
known. Nothing is looked up for as long as all together stay below what a single one may have, which is nearly always.
"""

from __future__ import annotations

FACTOR = 3
MOST_NETWORKS = 65_536  # of one second; whoever comes after them is not answered at length
NETWORK_BYTES = 8
NO_NETWORK = bytes(NETWORK_BYTES)


class AmplifiedBytes:
    """One for each listener. `most` is for one network in one second, twice as much in the first that is crowded; 0: no bound.

    An answer is asked for with `unwatched`, and where that says no with `allows`."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._second = 0
        self._total = 0
        self._by_network: dict[bytes, int] | None = None

    def begin(self, second: int) -> None:
        """What follows happens in this second of a clock that only goes forward."""
        if second != self._second:
            crowded = second == self._second + 1 and self._total > self.most > 0
            self._second, self._total = second, 0
            self._by_network = {} if crowded else None

    def unwatched(self, size: int) -> bool:
        """Whether an answer of `size` bytes may go to whoever asked, because all together had less than one may have."""
        self._total += size
        return self._by_network is None and (self._total <= self.most or not self.most)

    def allows(self, size: int, network: bytes) -> bool:
        """Whether it may go to this network; it is counted if so."""
        sent = self._by_network
        if sent is None:
            sent = self._by_network = {}
        size += sent.get(network, 0)
        if size > self.most or (len(sent) >= MOST_NETWORKS and network not in sent):
            return False
        sent[network] = size
        return True


def network_of(address: bytes) -> bytes:
    """Of 4 or 16 bytes, what one sender has for itself; of IPv4 written as IPv6 the half that tells it."""
    half = address[:NETWORK_BYTES]
    return half if half != NO_NETWORK else address[NETWORK_BYTES:]
