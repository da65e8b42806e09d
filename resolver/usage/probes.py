"""Which requests are counted apart: those that the operator marked by address or by key. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.access import bearer_key
from core.addresses import Network, is_within
from core.errors import Problem


class Probes:
    """The marks. Without any, nothing is looked at."""

    def __init__(self, networks: Sequence[Network] = (), key_ids: Sequence[str] = ()) -> None:
        self._networks = tuple(networks)
        self._key_ids = frozenset(key_ids)

    @property
    def by_network(self) -> bool:
        """Whether addresses are looked at at all."""
        return bool(self._networks)

    def mark(self, source: str | None, headers: Mapping[str, str]) -> bool:
        """Whether a request from this address, with these header fields (looked up in lower case), is a probe."""
        if self._networks and is_within(source, self._networks):
            return True
        return bool(self._key_ids) and _key_id(headers.get("authorization")) in self._key_ids


def _key_id(authorization: str | None) -> str | None:
    try:
        return bearer_key(authorization)[0]
    except Problem:
        return None
