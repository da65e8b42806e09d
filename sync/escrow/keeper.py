"""Deposits day after day: made, uploaded, reported, and followed to their verdict. Each step is committed before the next, so
whoever dies goes on where the row says; every step may be done twice.
"""

from __future__ import annotations

import asyncio
import logging
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import orjson

from core.database import STORE_FAILURES
from core.telemetry import ESCROW_FAILED
from sync.escrow.calendar import FILES_LOST, Base, Plan, alarm, backoff_seconds, plan, send_from
from sync.escrow.documents import FAILED, PASSED, Finding
from sync.escrow.making import SQL, Packing, make_deposit
from sync.escrow.names import deposit_day, watermark_of
from sync.escrow.pgp import OpenPgpFailed
from sync.escrow.sending import EscrowClient, NotTaken, Refused
from sync.escrow.watching import Watch, timed

log = logging.getLogger(__name__)
LOCK = 0x6269616F6573636F  # "biaoesco"
_OURS = frozenset((2001, 2002, 2003, 2004, 2005, 2006, 2201, 2203, 2204))
_DIFFERENTIAL_ON_SUNDAY = 2202
_ACCEPTED = 1000


@dataclass(frozen=True, slots=True)
class Pace:
    """`send_minutes` after midnight UTC the deposit of the day begins; `look_seconds` between looks for a verdict."""

    send_minutes: float = 5.0
    look_seconds: float = 60.0
    tick_seconds: float = 1.0


class Keeper:
    """One a process; the one that holds the advisory lock works. `now` gives the time."""

    def __init__(
        self, pool: Any, client: EscrowClient, packing: Packing, pace: Pace,
        now: Callable[[], datetime] = lambda: datetime.now(UTC), jitter: Callable[[], float] = random.random,
    ) -> None:  # fmt: skip
        self._pool, self._client, self._packing, self._pace = pool, client, packing, pace
        self._now, self._jitter = now, jitter
        self._watch = Watch()

    async def run(self) -> None:
        """For ever; a lost database is waited for."""
        while True:
            try:
                async with self._pool.acquire() as connection:
                    await self._lead(connection)
            except STORE_FAILURES as lost:
                log.warning("PostgreSQL cannot be reached: %s", lost or type(lost).__name__)
            await asyncio.sleep(2 * self._pace.tick_seconds)

    async def _lead(self, connection: Any) -> None:
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):
            return
        try:
            while True:
                await self.tick(connection)
                await asyncio.sleep(self._pace.tick_seconds)
        finally:
            if not connection.is_closed():
                await connection.execute("SELECT pg_advisory_unlock($1)", LOCK)

    async def close(self) -> None:
        await self._client.close()

    async def tick(self, connection: Any) -> None:
        """One step, if one is due. Raises as asyncpg does."""
        await self._moved_on(connection)
        await self._watch.look(connection, self._now())

    async def _moved_on(self, connection: Any) -> None:
        state = await connection.fetchrow(SQL["read_state"], self._now())
        if state["stopped"] is not None or not state["due"]:
            return
        try:
            moved = await self._step(connection, wanted=state["wanted"])
        except (NotTaken, OSError) as wrong:
            if isinstance(wrong, (*STORE_FAILURES,)) and connection.is_closed():
                raise
            await self._later(connection, state["failures"] + 1, str(wrong) or type(wrong).__name__)
        except (Refused, OpenPgpFailed) as wrong:
            await self._stop(connection, str(wrong))
        except STORE_FAILURES:
            raise
        except Exception as wrong:  # a mistake of ours must not take the rest of the exchange along
            log.exception("escrow stumbled")
            await self._later(connection, state["failures"] + 1, f"{type(wrong).__name__}: {wrong}")
        else:
            if not moved:
                at = self._now() + timedelta(seconds=self._pace.look_seconds)
                await connection.execute(SQL["put_off"], at, 0, None)

    async def _step(self, connection: Any, *, wanted: bool) -> bool:
        """Whether anything moved: then the next step is due at once."""
        newest = await connection.fetchrow(SQL["newest_deposit"])
        if newest is not None:
            match newest["state"]:
                case "made":
                    return await self._upload(connection, newest)
                case "uploaded":
                    return await self._report(connection, newest)
                case "sent" if await self._hear(connection, newest):
                    return True
        return await self._make(connection, newest, wanted=wanted)

    async def _make(self, connection: Any, newest: Any, *, wanted: bool) -> bool:
        now = self._now()
        day = deposit_day(now)
        if not wanted and now < send_from(watermark_of(day), self._pace.send_minutes, self._jitter()):
            return False
        base = await connection.fetchrow(SQL["accepted_deposit"])
        wish = plan(day, newest, _base(base))
        if wanted:
            await connection.execute(SQL["wish_granted"])
        if wish is None:
            return False
        await self._made(connection, wish)
        return True

    async def _made(self, connection: Any, wish: Plan) -> None:
        self._tidy()
        with timed("make"):
            await make_deposit(connection, wish, self._packing, self._now())

    def _tidy(self) -> None:
        """One deposit at a time is on disk: the one before has been taken, or is made anew."""
        if self._packing.folder.exists():
            shutil.rmtree(self._packing.folder)

    async def _upload(self, connection: Any, newest: Any) -> bool:
        folder, files = self._folder(newest), orjson.loads(newest["files"])
        if any(not _is_there(folder / name, size) for name, (_, size) in files.items()):
            await self._move(connection, newest, "refused", Finding(FILES_LOST, "its files are gone; it is made again"))
            return True
        with timed("upload"):
            await self._client.upload(folder, list(files))
        await self._move(connection, newest, "uploaded", None)
        return True

    async def _report(self, connection: Any, newest: Any) -> bool:
        statement = next(name for name in orjson.loads(newest["files"]) if name.endswith(".rep"))
        path = self._folder(newest) / statement
        if not path.exists():
            await self._move(connection, newest, "refused", Finding(FILES_LOST, "its files are gone; it is made again"))
            return True
        found = await self._client.report(newest["id"], path.read_bytes())
        if found.code == _ACCEPTED:
            await self._move(connection, newest, "sent", found)
            return True
        if found.code in _OURS:
            raise Refused(f"the report was refused: {found.code} {found.message} {found.description}"[:400])
        if found.code == _DIFFERENTIAL_ON_SUNDAY:
            await self._move(connection, newest, "refused", found)
            return True
        raise NotTaken(f"the report was answered {found.code} {found.message}"[:300])

    async def _hear(self, connection: Any, newest: Any) -> bool:
        """The agent's verdict on this very revision; a report that the top level has lost is sent again (§8.7)."""
        if not await self._client.was_reported(newest["day"]):
            await self._move(connection, newest, "uploaded", None)
            return True
        for said in reversed(await self._client.notifications(newest["day"])):
            report = said.report
            if report is None or (report.id, report.revision) != (newest["id"], newest["revision"]):
                continue
            finding = said.findings[0] if said.findings else Finding(_ACCEPTED, said.status)
            if said.status == PASSED:
                async with connection.transaction():
                    await self._move(connection, newest, "accepted", finding)
                    await connection.execute(SQL["retelling_settled"], newest["id"])
                log.info("deposit %s R%d was accepted", newest["id"], newest["revision"])
                return True
            if said.status == FAILED:
                await self._move(connection, newest, "refused", finding)
                log.error("deposit %s R%d was refused: %s", newest["id"], newest["revision"], finding)
                return True
        return False

    async def _move(self, connection: Any, deposit: Any, state: str, finding: Finding | None) -> None:
        reason = None if finding is None else f"{finding.message} {finding.description}".strip()[:500]
        code = None if finding is None else finding.code
        await connection.execute(SQL["move_deposit"], deposit["id"], deposit["revision"], state, code, reason)

    def _folder(self, deposit: Any) -> Path:
        return self._packing.folder / f"{deposit['id']}_R{deposit['revision']}"

    async def _later(self, connection: Any, failures: int, why: str) -> None:
        log.warning("escrow: %s", why)
        ESCROW_FAILED.inc()
        at = self._now() + timedelta(seconds=backoff_seconds(failures - 1, random.random()))  # noqa: S311
        await connection.execute(SQL["put_off"], at, failures, why[:500])

    async def _stop(self, connection: Any, why: str) -> None:
        log.error("escrow stops until `biaojie sync send escrow`: %s", why)
        await connection.execute(SQL["stop"], why[:500])


def _base(row: asyncpg.Record | None) -> Base | None:
    return None if row is None else Base(row["id"], row["day"], row["cluster"], row["cut_xid"], tuple(row["told"]))


def _is_there(path: Path, size: int) -> bool:
    return path.exists() and path.stat().st_size == size


async def read_status(connection: Any) -> dict[str, Any]:
    """How escrow stands, for the command line; times are datetimes."""
    now = datetime.now(UTC)
    state = await connection.fetchrow(SQL["read_state"], now)
    deposits = [dict(row) for row in await connection.fetch(SQL["newest_deposits"], 10)]
    accepted = (await connection.fetchrow(SQL["standing"]))["accepted_day"]
    return {
        "stopped": state["stopped"], "last_error": state["last_error"], "accepted_day": accepted, "alarm": alarm(now, accepted),
        "deposits": deposits,
    }  # fmt: skip


async def send_now(connection: Any) -> None:
    """The deposit of today, without waiting for its hour; what had stopped escrow is forgotten."""
    await connection.execute(SQL["go_on"], True)
