"""What the node measures of itself, in Prometheus' form, and its log lines.

Each worker counts in its own memory-mapped file (prometheus_client's multiprocess mode); any worker can be asked for the
sum of all. Identifiers and keys are never labels.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

DIRECTORY_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

REQUESTS = Counter("biaojie_http_requests_total", "HTTP requests answered", ["route", "method", "status"])
SECONDS = Histogram(
    "biaojie_http_request_seconds",
    "Time from a request's head to its answer",
    ["route"],
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
REGISTERED = Counter("biaojie_registrations_total", "Identifiers newly registered and committed")
CHANGED = Counter("biaojie_changes_total", "Existing identifiers changed", ["kind"])
LOOKUPS = Counter("biaojie_lookups_total", "Identifiers looked up, by the tier that answered", ["tier"])
COMMITS = Counter("biaojie_group_commits_total", "Transactions that carried single registrations")
STORE_UP = Gauge("biaojie_postgresql_up", "1 while the worker hears of PostgreSQL", multiprocess_mode="min")
CACHE_UP = Gauge("biaojie_redis_up", "1 while the worker hears of Redis", multiprocess_mode="min")
FEED_SECONDS = Gauge("biaojie_feed_stale_seconds", "How long the change feed was not read", multiprocess_mode="max")
MEMORY_BYTES = Gauge("biaojie_memory_cache_bytes", "Records held in memory", multiprocess_mode="livesum")

_seen: dict[tuple[str, str, int], Counter] = {}
_timers: dict[str, Histogram] = {}


def observe_request(route: str, method: str, status: int, seconds: float) -> None:
    """Count one answer. Children are kept here: looking them up by label costs more than counting."""
    counter = _seen.get((route, method, status))
    if counter is None:
        if method not in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
            method = "other"  # clients invent methods; labels must stay few
        counter = _seen[route, method, status] = REQUESTS.labels(route, method, str(status))
    counter.inc()
    timer = _timers.get(route)
    if timer is None:
        timer = _timers[route] = SECONDS.labels(route)
    timer.observe(seconds)


def exposition() -> bytes:
    """The metrics of all workers together, Prometheus text format 0.0.4."""
    if os.environ.get(DIRECTORY_VARIABLE):
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
    return generate_latest()


def forget_worker(pid: int) -> None:
    """A worker died: its gauges no longer count; what it counted stays."""
    if (directory := os.environ.get(DIRECTORY_VARIABLE)) and Path(directory).is_dir():
        mark_process_dead(pid, directory)  # type: ignore[no-untyped-call]


def start_logging(level: str, name: str) -> None:
    """One line an event on standard error: time, level, process, message."""
    logging.basicConfig(
        stream=sys.stderr,
        level=level.upper(),
        format=f"%(asctime)s %(levelname)-7s {name}: %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S%z",
        force=True,
    )
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
