"""Monitoring as it runs: seals what is due, sends what waits, beats once a minute. One leader, beside the exchange of EPP."""

from __future__ import annotations

import logging
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import orjson

from core.telemetry import (
    HEARTBEAT_ANSWERED,
    STATISTICS_BACKLOG_SECONDS,
    STATISTICS_STOPPED,
    STATISTICS_WAITING,
    publish,
)
from sync.access.breaker import Breaker
from sync.access.signed_http import Answered, SignedHttp
from sync.access.transport import NotSent, OutcomeUnknown
from sync.leading import lead
from sync.monitoring.heartbeat import UNKNOWN, Beat, Pace, Reply, Service, heartbeat_document, read_reply
from sync.monitoring.statistics import SQL, Delivery, Sealer, adopt, rewind
from sync.operations.canonical import canonical
from sync.operations.outcomes import Again
from sync.operations.shapes import MEDIA_TYPE, MOST_DOCUMENT_BYTES

log = logging.getLogger(__name__)
LOCK = 0x6269616F6D6F6E69  # "biaomoni"
_TICK_SECONDS = 0.5
_DEPOSITS = {"made": "none", "uploaded": "none", "sent": "sent", "accepted": "DVPN", "refused": "DVFN"}


@dataclass(frozen=True, slots=True)
class Node:
    """What is said of the node. `health()` gives the status of its services now: up, degraded or down. `notices` is told what
    the top level says beside its answers. `paces()` tells of services over HTTP, by name; `certificate_until()` when the first
    of its certificates ends, if it has one."""

    prefix: str
    version: str
    services: tuple[Service, ...]
    health: Callable[[], Awaitable[str]]
    notices: Callable[[list[Any]], Awaitable[None]]
    paces: Callable[[], Mapping[str, Pace]]
    certificate_until: Callable[[], str | None]


class Monitor:
    """`base_url`: of the top level, without `/ops`."""

    def __init__(
        self, pool: Any, http: SignedHttp, base_url: str, node: Node, sealer: Sealer, heartbeat_seconds: float,
        clock: Callable[[], datetime] | None = None,
    ) -> None:  # fmt: skip
        self._pool, self._http, self._base_url, self._node, self._sealer = pool, http, base_url, node, sealer
        self._clock = clock or (lambda: datetime.now(UTC))
        self._heartbeat_seconds, self._beat_at = heartbeat_seconds, 0.0
        self._breaker, self._changed_at, self._patience = Breaker(), None, 0.0
        self._delivery = Delivery(pool, self._post_statistics)

    async def run(self) -> None:
        """For ever."""
        try:
            await lead(self._pool, LOCK, self.tick, _TICK_SECONDS, "monitoring")
        finally:
            await self.close()

    async def close(self) -> None:
        await self._http.close()

    async def tick(self) -> None:
        """Raises as asyncpg does."""
        await self._sealer.seal()
        state = await self._pool.fetchrow(SQL["read_state"])
        if state["changed_at"] != self._changed_at:  # the command line wants it now
            self._changed_at = state["changed_at"]
            self._breaker.succeeded()
        if state["stopped"] is None and self._breaker.allows(time.monotonic()):
            await self._deliver()
        if time.monotonic() >= self._beat_at:
            self._beat_at = time.monotonic() + self._heartbeat_seconds
            await self.beat()
        await self._measure()

    async def _deliver(self) -> None:
        try:
            outcome = await self._delivery.round()
        except (NotSent, OutcomeUnknown) as wrong:
            await self._failed(str(wrong), 0.0)
        else:
            if isinstance(outcome, Again):
                await self._failed(outcome.why, self._patience if outcome.why.startswith("HTTP") else 0.0)
            else:
                self._breaker.succeeded()

    async def _failed(self, why: str, patience: float) -> None:
        self._breaker.failed(time.monotonic(), random.random(), patience)  # noqa: S311
        await self._pool.execute(SQL["failed"], f"statistics: {why}"[:500])
        log.warning("statistics are not answered: %s", why)

    async def _post_statistics(self, content: bytes) -> tuple[int, bytes]:
        answer = await self._post("statistics", content)
        self._patience = answer.patience_seconds if answer.status in (429, 503) else 0.0
        return answer.status, answer.body

    async def _post(self, what: str, content: bytes) -> Answered:
        url = f"{self._base_url}/ops/v1/{what}"
        return await self._http.send("POST", url, content, MEDIA_TYPE, MOST_DOCUMENT_BYTES)

    async def beat(self) -> bool:
        """One heartbeat; whether it was answered. Raises as asyncpg does."""
        message_id, sent = secrets.token_hex(16), self._clock()
        document = heartbeat_document(self._node.prefix, message_id, sent, await self._now())
        try:
            answer = await self._post("heartbeat", canonical(document))
        except (NotSent, OutcomeUnknown) as wrong:
            log.warning("a heartbeat is lost: %s", wrong)
            return False
        heard = self._clock()
        reply = read_reply(message_id, answer.body) if answer.status == 200 else None
        if reply is None:
            log.warning("a heartbeat is lost: HTTP %d %s", answer.status, answer.text)
            return False
        offset = (reply.server_time - (sent + (heard - sent) / 2)).total_seconds() * 1000
        await self._pool.execute(SQL["beaten"], round(offset), orjson.dumps(reply.notices).decode())
        self._beat_at = time.monotonic() + min(self._heartbeat_seconds, reply.next_seconds)
        HEARTBEAT_ANSWERED.set(heard.timestamp())
        await self._expected(reply)
        await self._node.notices(reply.notices)
        return True

    async def _expected(self, reply: Reply) -> None:
        """The top level says what it waits for: where it lost what it had acknowledged, it is sent again; where this node lost
        what it had sent, it goes on from there."""
        expect = reply.expect
        if (await self._pool.fetchrow(SQL["read_state"]))["placeless"]:
            await adopt(self._pool, max(expect, 1), reply.digest_before)
            return
        sequence = await self._pool.fetchrow(SQL["sequence"])
        if 1 <= expect < sequence["next"]:
            log.warning("the top level waits for statistics %d; they are sent again", expect)
            await rewind(self._pool, expect)

    async def _now(self) -> Beat:
        queues = await self._pool.fetchrow(SQL["queues"])
        state = await self._pool.fetchrow(SQL["read_state"])
        sequence = await self._pool.fetchrow(SQL["sequence"])
        return Beat(
            version=self._node.version,
            services=await self._services(),
            outbox_rows=queues["open"],
            pending_applications=queues["awaiting"],
            poll_lag_seconds=max(queues["poll_lag_seconds"], 0),
            last_statistics=sequence["last"],
            clock_offset_milliseconds=state["clock_offset_milliseconds"],
            stopped=bool(queues["stopped"] or state["stopped"]),
            taken_over=queues["taken_over"],
            deposit=_deposit(await self._pool.fetchrow(SQL["last_deposit"])),
            certificate_until=self._node.certificate_until(),
        )

    async def _services(self) -> list[Service]:
        """Resolutions over the Handle protocol are known by their stored minutes, requests over HTTP by the workers' metrics."""
        health, paces = await self._node.health(), self._node.paces()
        stored = await self._pool.fetchrow(SQL["handle_minute"])

        def pace(service: Service) -> Pace:
            if service.transport in ("tcp", "udp"):
                return Pace(None, round(stored[service.transport] / 60))
            return paces.get(service.name, UNKNOWN)

        return [replace(service, status=health, pace=pace(service)) for service in self._node.services]

    async def _measure(self) -> None:
        row = await self._pool.fetchrow(SQL["sequence"])
        state = await self._pool.fetchrow(SQL["read_state"])
        since = row["waiting_since"]
        STATISTICS_WAITING.set(row["last"] + 1 - row["next"])
        STATISTICS_BACKLOG_SECONDS.set((datetime.now(UTC) - since).total_seconds() if since else 0.0)
        STATISTICS_STOPPED.set(1 if state["stopped"] else 0)
        publish("biaojie_peering_")


def _deposit(row: Any) -> dict[str, str] | None:
    """As a heartbeat says it."""
    if row is None:
        return None
    return {"id": row["id"], "watermark": f"{row['day'].isoformat()}T00:00:00Z", "status": _DEPOSITS[row["state"]]}
