"""What the node measures of itself, and its log lines.

Counting is an addition to a number in memory: nothing is written by a request. Once a second each worker publishes its
numbers in a file of its own, and whichever worker is asked for `/metrics` adds up the files of all. What a dead worker had
counted stays in the sums; what it said of its present state does not. Identifiers and keys are never labels.
"""

from __future__ import annotations

import logging
import os
import sys
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import orjson
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

DIRECTORY_VARIABLE = "BIAOJIE_METRICS_DIR"
_LABEL_END = "\x1f"  # joins label values: a character that no label has
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"))
Published = dict[str, dict[str, Any]]


class Number:
    """One number of one worker: a counter goes up, a gauge is set."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def inc(self, amount: float = 1) -> None:
        self.value += amount

    def set(self, value: float) -> None:
        self.value = float(value)


class Times:
    """How long things took: how many by upper bound (seconds), and the sum."""

    BOUNDS: ClassVar = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
    __slots__ = ("buckets", "total")

    def __init__(self) -> None:
        self.buckets = [0] * (len(self.BOUNDS) + 1)
        self.total = 0.0

    def observe(self, seconds: float, times: int = 1) -> None:
        """So many things that took so long each."""
        self.buckets[bisect_left(self.BOUNDS, seconds)] += times
        self.total += seconds * times


class Family:
    """A metric with its labelled children. `kind` is `counter`, or how the workers' gauges combine: `min`, `max`, `sum`."""

    known: ClassVar[list[Family]] = []

    def __init__(self, name: str, help_: str, labels: tuple[str, ...] = (), kind: str = "counter") -> None:
        self.name, self.help, self.label_names, self.kind = name, help_, labels, kind
        self._children: dict[str, Number] = {}
        if not labels:
            self.labels()  # shown from the beginning, as 0
        self.known.append(self)

    def labels(self, *values: str) -> Number:
        return self._children.setdefault(_LABEL_END.join(values), Number())

    def inc(self, amount: float = 1) -> None:
        self.labels().inc(amount)

    def set(self, value: float) -> None:
        self.labels().set(value)

    def now(self) -> dict[str, float]:
        return {labels: child.value for labels, child in self._children.items()}


REQUESTS = Family("biaojie_http_requests", "HTTP requests answered", ("route", "method", "status"))
REGISTERED = Family("biaojie_registrations", "Identifiers newly registered and committed")
CHANGED = Family("biaojie_changes", "Existing identifiers changed", ("kind",))
LOOKUPS = Family("biaojie_lookups", "Identifiers looked up, by the tier that answered", ("tier",))
COMMITS = Family("biaojie_group_commits", "Transactions that carried single registrations")
STORE_UP = Family("biaojie_postgresql_up", "1 while every worker hears of PostgreSQL", kind="min")
CACHE_UP = Family("biaojie_redis_up", "1 while every worker hears of Redis", kind="min")
FEED_SECONDS = Family(
    "biaojie_feed_stale_seconds", "Longest time that a worker has not read the change feed", kind="max"
)
MEMORY_BYTES = Family("biaojie_memory_cache_bytes", "Records held in the memory of all workers", kind="sum")
AUDIT_SEALS = Family("biaojie_audit_seals", "Seals put on the audit")
AUDIT_UNSEALED = Family(
    "biaojie_audit_unsealed_entries", "Audit entries that wait for their seal, counted up to 100,000", kind="max"
)
AUDIT_HEAD_SECONDS = Family("biaojie_audit_head_age_seconds", "Age of the newest seal", kind="max")
USAGE_WAITING = Family("biaojie_usage_waiting", "Resolutions answered and not yet in the stored totals", kind="sum")
USAGE_LOST = Family("biaojie_usage_lost", "Resolutions that killed workers had answered and that are not counted")
QUOTA_REFUSED = Family("biaojie_quota_refused", "What a quota refused: requests, or identifiers", ("limit",))
QUOTA_OPEN = Family("biaojie_quota_failed_open", "Requests let through because Redis did not say whether they may be")
HANDLE_REFUSED = Family(
    "biaojie_handle_refused", "Handle connections and answers over UDP refused by a bound", ("bound",)
)
HTTP_REFUSED = Family("biaojie_http_connections_refused", "HTTP connections refused because too many are open")
EXPORTS = Family("biaojie_exports_running", "Exports that are being sent", kind="sum")
BULK_JOBS = Family("biaojie_bulk_jobs", "Bulk jobs by state", ("state",), kind="max")
BULK_ROWS = Family("biaojie_bulk_rows", "Rows of all bulk jobs, by what became of them", ("verdict",), kind="max")
PEERING_OPEN = Family("biaojie_peering_open", "Commands to the top level without a final answer", kind="max")
PEERING_BACKLOG_SECONDS = Family(
    "biaojie_peering_backlog_seconds", "Age of the oldest command not answered", kind="max"
)
PEERING_ACKNOWLEDGED = Family(
    "biaojie_peering_last_acknowledged_seconds",
    "When a message of the top level was last acknowledged (Unix)",
    kind="max",
)
PEERING_REJECTED = Family("biaojie_peering_rejected", "Commands that the top level refused or that failed", kind="max")
PEERING_RAISED = Family("biaojie_peering_raised", "Messages of the top level that a person should look at", kind="max")
PEERING_CIRCUIT = Family("biaojie_peering_circuit_open", "1 while nothing is sent to the top level", kind="max")
STATISTICS_WAITING = Family(
    "biaojie_peering_statistics_waiting", "Hourly statistics that the top level has not acknowledged", kind="max"
)
STATISTICS_BACKLOG_SECONDS = Family(
    "biaojie_peering_statistics_backlog_seconds", "Age of the oldest of them", kind="max"
)
STATISTICS_STOPPED = Family(
    "biaojie_peering_statistics_stopped", "1 while statistics wait for a person: the top level has others", kind="max"
)
HEARTBEAT_ANSWERED = Family(
    "biaojie_peering_heartbeat_answered_seconds", "When the top level last answered a heartbeat (Unix)", kind="max"
)
STANDBY_AGE_SECONDS = Family(
    "biaojie_peering_standby_age_seconds",
    "How old the newest state is that the top level could answer from",
    kind="max",
)
ESCROW_ALARM = Family(
    "biaojie_peering_escrow_alarm",
    "1 from 12:00 and 2 from 20:00 UTC where the day's deposit is not accepted",
    kind="max",
)
ESCROW_AGE_SECONDS = Family(
    "biaojie_peering_escrow_accepted_age_seconds", "Age of the state that the last accepted deposit tells", kind="max"
)
ESCROW_FAILED = Family("biaojie_peering_escrow_failed_attempts", "Steps of escrow that failed and are tried again")
ESCROW_STOPPED = Family("biaojie_peering_escrow_stopped", "1 while escrow waits for a person", kind="max")
ESCROW_BYTES = Family("biaojie_peering_escrow_bytes", "Bytes of the newest deposit, as sent", kind="max")
ESCROW_SECONDS = Family("biaojie_peering_escrow_seconds", "How long the last one took, by step", ("step",), kind="max")
PEERING_KEY_SECONDS = Family(
    "biaojie_peering_key_left_seconds",
    "Until a key or certificate of peering ends; below 0 after that",
    ("key",),
    kind="min",
)
PEERING_KEY_ALARM = Family(
    "biaojie_peering_key_alarm",
    "1 from 30 days, 2 from 7 days before a key or certificate of peering ends, and where it cannot be read",
    ("key",),
    kind="max",
)
_SECONDS = "biaojie_http_request_seconds"
_SECONDS_HELP = "Time from a request's head to its answer"

_answers: dict[tuple[str, str, int], Number] = {}
_times: dict[str, Times] = {}


def observe_request(route: str, method: str, status: int, seconds: float) -> None:
    """Count one answer. `route` is the pattern of the address, never the address."""
    observe_requests(route, method, status, seconds, 1)


def observe_requests(route: str, method: str, status: int, seconds: float, count: int) -> None:
    """Count answers that took `seconds` each."""
    counter = _answers.get((route, method, status))
    if counter is None:
        known = method if method in _METHODS else "other"  # clients invent methods; labels must stay few
        counter = _answers[route, known, status] = REQUESTS.labels(route, known, str(status))
    counter.value += count
    times = _times.get(route)
    if times is None:
        times = _times[route] = Times()
    times.observe(seconds, count)


def publish(part: str = "") -> None:
    """Write this worker's numbers where the others find them; does nothing for a worker that stands alone. A process that is
    no worker names its part: of the others' gauges it knows nothing."""
    if directory := os.environ.get(DIRECTORY_VARIABLE):
        path = Path(directory) / f"{os.getpid()}.json"
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_bytes(orjson.dumps(_own(part)))
        unfinished.replace(path)


def exposition() -> bytes:
    """The metrics of all workers together, Prometheus text format 0.0.4."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Sum(_everyones()))
    return generate_latest(registry)


def times_by_route() -> dict[str, list[float]]:
    """Of all workers since their start: how many requests by bucket of `Times`, and after them the sum of seconds."""
    return _summed_times([said for said, _ in _everyones()])


def _summed_times(published: list[Published]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for said in published:
        for route, row in said["times"].items():
            held = found.setdefault(route, [0.0] * len(row))
            found[route] = [one + other for one, other in zip(held, row, strict=True)]
    return found


def _own(part: str = "") -> Published:
    return {
        "numbers": {family.name: family.now() for family in Family.known if family.name.startswith(part)},
        "times": {route: [*times.buckets, times.total] for route, times in _times.items()},
    }


def _everyones() -> list[tuple[Published, bool]]:
    """What each worker published, and whether it lives."""
    found = [(_own(), True)]
    if directory := os.environ.get(DIRECTORY_VARIABLE):
        for path in Path(directory).glob("*.json"):
            pid = int(path.stem)
            if pid != os.getpid():
                found.append((orjson.loads(path.read_bytes()), is_alive(pid)))
    return found


def is_alive(pid: int) -> bool:
    """Whether there is a process of this number, ours or not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class _Sum(Collector):
    def __init__(self, published: list[tuple[Published, bool]]) -> None:
        self._published = published

    def collect(self) -> Iterator[Metric]:
        for family in Family.known:
            yield self._family(family)
        times = HistogramMetricFamily(_SECONDS, _SECONDS_HELP, labels=["route"])
        for route, (*buckets, total) in sorted(_summed_times([said for said, _ in self._published]).items()):
            times.add_metric([route], _cumulative(buckets), total)
        yield times

    def _family(self, family: Family) -> Metric:
        counter = family.kind == "counter"
        made = (CounterMetricFamily if counter else GaugeMetricFamily)(
            family.name, family.help, labels=list(family.label_names)
        )
        gathered: dict[str, list[float]] = {}
        for said, alive in self._published:
            for labels, value in said["numbers"].get(family.name, {}).items():
                if counter or alive:
                    gathered.setdefault(labels, []).append(value)
        combine = {"min": min, "max": max}.get(family.kind, sum)
        for labels, values in sorted(gathered.items()):
            made.add_metric(labels.split(_LABEL_END) if family.label_names else [], combine(values))
        return made


def _cumulative(buckets: list[float]) -> list[tuple[str, float]]:
    bounds, so_far, rows = [*map(str, Times.BOUNDS), "+Inf"], 0.0, []
    for bound, count in zip(bounds, buckets, strict=True):
        so_far += count
        rows.append((bound, so_far))
    return rows


def start_logging(level: str, name: str) -> None:
    """One line an event on standard error: time, level, process, message."""
    logging.basicConfig(
        stream=sys.stderr,
        level=level.upper(),
        format=f"%(asctime)s %(levelname)-7s {name}: %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S%z",
        force=True,
    )
    for talkative in ("aiohttp.access", "asyncssh"):  # every request; every login and file
        logging.getLogger(talkative).setLevel(logging.WARNING)
