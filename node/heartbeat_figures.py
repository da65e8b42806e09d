"""How fast the node's services answer, from what its workers publish: between one heartbeat and the next."""

from __future__ import annotations

import datetime
import logging
import time
from collections.abc import Callable, Mapping
from itertools import accumulate
from pathlib import Path

from cryptography import x509

from core.settings import Settings
from core.telemetry import Times, times_by_route
from node.peering_key_kinds import client_files
from sync.monitoring.heartbeat import Pace
from sync.operations.envelope import time_text

log = logging.getLogger(__name__)
_ROUTES = {
    "resolution": ("/api/handles", "/api/v1/resolve", "/{identifier"),
    "registration": ("/api/v1/identifiers",),
    "iiidap": ("/iiidap/",),
}
_TAIL = 0.99
_MICROSECONDS = 1_000_000


class Paces:
    """Of the services over HTTP, by name. Nothing is known at the first question, nor where no worker publishes. `clock` and `times` are replaced in tests."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        times: Callable[[], Mapping[str, list[float]]] = times_by_route,
    ) -> None:
        self._clock, self._times = clock, times
        self._before: tuple[float, dict[str, list[float]]] | None = None

    def __call__(self) -> dict[str, Pace]:
        now, times = self._clock(), self._times()
        counted = _counted(times)
        before, self._before = self._before, (now, counted)
        if before is None or now <= before[0] or not times:
            return {}
        return {
            name: pace_of([max(new - old, 0.0) for new, old in zip(counted[name], before[1][name], strict=True)], now - before[0])
            for name in _ROUTES
        }  # fmt: skip


def _counted(times: Mapping[str, list[float]]) -> dict[str, list[float]]:
    """Requests by bucket."""
    found = {name: [0.0] * (len(Times.BOUNDS) + 1) for name in _ROUTES}
    for route, (*buckets, _) in times.items():
        for name, beginnings in _ROUTES.items():
            if route.startswith(beginnings):
                found[name] = [one + other for one, other in zip(found[name], buckets, strict=True)]
    return found


def pace_of(buckets: list[float], seconds: float) -> Pace:
    """The bound below which 99 in 100 were answered; of those beyond the last bound that bound is told."""
    total = sum(buckets)
    if not total:
        return Pace(None, 0)
    place = next(place for place, so_far in enumerate(accumulate(buckets)) if so_far >= _TAIL * total)
    bound = Times.BOUNDS[min(place, len(Times.BOUNDS) - 1)]
    return Pace(round(bound * _MICROSECONDS), round(total / seconds))


def certificate_until(settings: Settings) -> Callable[[], str | None]:
    """When the first of this node's certificates ends: the one it answers HTTPS with, and the one it shows the top level."""

    def until() -> str | None:
        paths = [path for path in (settings.tls_certificate, client_files(settings)[0]) if path]
        ends = [end for end in map(_end_of, paths) if end is not None]
        return time_text(min(ends)) if ends else None

    return until


def _end_of(path: str) -> datetime.datetime | None:
    """Of the first certificate in a file; what cannot be read is said by who uses it."""
    try:
        return x509.load_pem_x509_certificate(Path(path).read_bytes()).not_valid_after_utc
    except (OSError, ValueError) as wrong:
        log.debug("%s: %s", path, wrong)
        return None
