"""How many connections are open: in all, and of one network. Pure: one for each worker, in which each listener takes places."""

from __future__ import annotations

from core.arrivals import network_of


class ConnectionPlaces:
    """`most` in all, `most_of_one` of one IPv4 address or one /64 of IPv6; 0: no bound."""

    def __init__(self, most: int = 0, most_of_one: int = 0) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._by_network: dict[str, int] = {}
        self.taken = 0

    def take(self, source: str | None) -> str | None:
        """The network that has one more, to be given to `leave`; None where there is no place."""
        network = network_of(source)
        of_one = self._by_network.get(network, 0)
        if (self._most and self.taken >= self._most) or (self._most_of_one and of_one >= self._most_of_one):
            return None
        self.taken += 1
        self._by_network[network] = of_one + 1
        return network

    def leave(self, network: str) -> None:
        self.taken -= 1
        left = self._by_network.pop(network) - 1
        if left:
            self._by_network[network] = left
