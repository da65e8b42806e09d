"""Bulk jobs while the top level has taken over: they wait, and lose nothing."""

from __future__ import annotations

from pathlib import Path

from tests.bulk.conftest import Bulk
from tests.harness import until

FREEZE = "UPDATE takeover_freeze SET frozen_from = now(), order_id = 'TK-1'"
FILE = "identifier,型号\n" + "".join(f"F{number},型号{number}\n" for number in range(50))


async def test_a_job_waits_until_resolution_is_handed_back(bulk: Bulk, tmp_path: Path) -> None:
    await bulk.sql(FREEZE)
    job = (await bulk.send(FILE.encode(), auto="1")).json["id"]

    async def waits() -> bool:
        return "registration is frozen, bulk jobs wait" in (tmp_path / "bulk.log").read_text()

    await until(waits, 20)
    assert await bulk.counts() == (0, 0) and (await bulk.job(job))["state"] not in ("failed", "done")
    await bulk.sql("UPDATE takeover_freeze SET frozen_from = NULL, order_id = NULL")
    assert (await bulk.wait(job))["state"] == "done"
    assert await bulk.counts() == (50, 50)
