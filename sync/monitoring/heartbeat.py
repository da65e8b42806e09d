"""How the node is, said once a minute; a beat that is missed is lost. Pure: what is said is passed in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from sync.operations.envelope import envelope, read_time

_LEAST_SECONDS, _MOST_SECONDS = 1, 3_600
_MOST_NOTICES = 50
_MOST_SEQUENCE = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Pace:
    """Since the beat before: microseconds in which 99 of 100 requests were answered, None where none was or nobody knows; and
    requests a second, None where nobody knows."""

    p99_micros: int | None = None
    per_second: int | None = None


UNKNOWN = Pace()


@dataclass(frozen=True, slots=True)
class Service:
    """`name`: resolution, registration, iiidap; `transport`: tcp, udp, http, https; `status`: up, degraded, down."""

    name: str
    transport: str
    address: str
    status: str = "up"
    pace: Pace = UNKNOWN

    def as_json(self) -> dict[str, str | int]:
        said: dict[str, str | int | None] = {
            "name": self.name, "transport": self.transport, "address": self.address, "status": self.status,
            "p99Micros": self.pace.p99_micros, "ratePerSecond": self.pace.per_second,
        }  # fmt: skip
        return {name: value for name, value in said.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Beat:
    """`deposit`: id, watermark and status of the last one, where there is one."""

    version: str
    services: Sequence[Service]
    outbox_rows: int
    pending_applications: int
    poll_lag_seconds: int
    last_statistics: int
    clock_offset_milliseconds: int = 0
    taken_over: bool = False
    stopped: bool = False
    deposit: Mapping[str, str] | None = None
    certificate_until: str | None = None


_DIGEST = re.compile(r"sha-256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Reply:
    """`expect`: the number of the statistics that the top level waits for; `digest_before`: of the rows of the one before it,
    where it says so."""

    server_time: datetime
    next_seconds: float
    expect: int
    notices: list[Any]
    digest_before: str | None = None


def heartbeat_document(sln: str, message_id: str, now: datetime, beat: Beat) -> dict[str, Any]:
    troubled = beat.stopped or any(service.status != "up" for service in beat.services)
    document = {
        **envelope("heartbeat", sln, message_id, now),
        "state": "takenover" if beat.taken_over else "degraded" if troubled else "normal",
        "software": {"name": "biaojie", "version": beat.version},
        "clockOffsetMs": beat.clock_offset_milliseconds,
        "services": [service.as_json() for service in beat.services],
        "queues": {
            "outboxRows": beat.outbox_rows,
            "pendingApplications": beat.pending_applications,
            "pollLagSeconds": beat.poll_lag_seconds,
        },
        "lastStatisticsSeq": beat.last_statistics,
    }
    if beat.deposit is not None:
        document["lastDeposit"] = dict(beat.deposit)
    if beat.certificate_until is not None:
        document["certificateNotAfter"] = beat.certificate_until
    return document


def read_reply(message_id: str, body: bytes) -> Reply | None:
    """None for what is no answer to this beat."""
    try:
        said = orjson.loads(body)
        if said["kind"] != "heartbeat-reply" or said["inReplyTo"] != message_id:
            return None
        seconds = min(max(int(said["nextInSeconds"]), _LEAST_SECONDS), _MOST_SECONDS)
        notices = said["notices"] if isinstance(said["notices"], list) else []
        expect, before = int(said["expectStatisticsSeq"]), said.get("lastRowsDigest")
        if not 0 <= expect <= _MOST_SEQUENCE:
            return None
        before = before if isinstance(before, str) and _DIGEST.fullmatch(before) else None
        return Reply(read_time(said["serverTime"]), seconds, expect, notices[:_MOST_NOTICES], before)
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None
