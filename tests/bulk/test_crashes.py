"""kill -9 of the bulk process at each step, and of PostgreSQL: the job ends done, and nothing is counted twice."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.bulk.conftest import ENDED, ITEMS, Bulk, runner_process
from tests.faults.own_servers import own_postgres
from tests.harness import Api, settings_for, take_aboard, until, worker_here

ROWS = 3_000
STEPS = ["received", "planned", "merging", "chunk:1", "chunk:2", "chunk:9", "merged", "done"]


def rows(text: str = "n", count: int = ROWS) -> bytes:
    return ("identifier,MODEL,NOTE\n" + "".join(f"s{n:07d},M,{text}\n" for n in range(count))).encode()


async def exact(bulk: Bulk, job: dict[str, Any]) -> None:
    assert (job["state"], job["rows"], job["refused"]) == ("done", ROWS, 0), job
    assert job["created"] + job["unchanged"] + job["changed"] == ROWS
    assert await bulk.counts() == (ROWS, ROWS)
    history = await bulk.sql("SELECT count(*), count(DISTINCT key) FROM identifier_change WHERE kind = 'bulk'")
    assert tuple(history[0]) == (job["changed"], job["changed"])
    audited = await bulk.sql("SELECT coalesce(sum(identifiers), 0) FROM audit WHERE action = 'bulk'")
    assert audited[0][0] >= job["created"] + job["changed"]


@pytest.mark.parametrize("step", STEPS)
async def test_killed_at_a_step_it_goes_on_and_ends_exact(bulk_node: Bulk, tmp_path: Path, step: str) -> None:
    sent = await bulk_node.send(rows(), auto="1")
    with runner_process(
        bulk_node.node.settings, tmp_path, "tests.bulk.crashing_runner", BULK_CRASH_AT=step, BULK_CHUNK_ROWS="300"
    ) as first:
        await asyncio.to_thread(first.wait, 20)
    assert first.returncode == -9
    with runner_process(bulk_node.node.settings, tmp_path, "tests.bulk.crashing_runner", BULK_CHUNK_ROWS="300"):
        job = await bulk_node.wait(sent.json["id"])
    await exact(bulk_node, job)
    assert job["created"] == ROWS


async def test_killed_again_and_again_while_half_is_there_and_changes(bulk_node: Bulk, tmp_path: Path) -> None:
    with runner_process(bulk_node.node.settings, tmp_path):
        await bulk_node.load(rows(count=ROWS // 2))
    sent = await bulk_node.send(rows("other"), auto="1")
    for count in (1, 2, 3):
        with runner_process(
            bulk_node.node.settings, tmp_path, "tests.bulk.crashing_runner", BULK_CRASH_AT=f"chunk:{count}",
            BULK_CHUNK_ROWS="300",
        ) as one:  # fmt: skip
            await asyncio.to_thread(one.wait, 20)
        assert one.returncode == -9
    with runner_process(bulk_node.node.settings, tmp_path):
        job = await bulk_node.wait(sent.json["id"])
    await exact(bulk_node, job)
    assert (job["created"], job["changed"]) == (ROWS // 2, ROWS // 2)


async def test_rows_lost_with_the_machine_are_made_again(bulk_node: Bulk, tmp_path: Path) -> None:
    """What is prepared is not synchronised to disk: after a restart of the machine only the upload is believed."""
    sent = await bulk_node.send(rows())
    job_id = sent.json["id"]
    with runner_process(bulk_node.node.settings, tmp_path):
        await bulk_node.wait(job_id, "planned")
    directory = tmp_path / "bulk" / str(job_id)
    (directory / "whole").write_text("an earlier start")
    for path in directory.glob("piece-*"):
        path.write_bytes(b"\0" * 100)
    await bulk_node.step(job_id, "confirm")
    with runner_process(bulk_node.node.settings, tmp_path):
        await exact(bulk_node, await bulk_node.wait(job_id))


async def test_postgresql_killed_during_the_merge(session: aiohttp.ClientSession, servers: Any, tmp_path: Path) -> None:
    async with own_postgres() as server:
        settings = settings_for(server.url, servers.redis_url, data_dir=tmp_path)
        async with worker_here(settings) as base_url:
            node = await take_aboard(settings, Api(base_url, session))
            template = f"{node.prefix}/META_bulk"
            await node.owner.post("/api/v1/templates", {"identifier": template, "items": ITEMS})
            bulk = Bulk(node, template, server.url)
            sent = await bulk.send(rows(), auto="1")
            with runner_process(settings, tmp_path, "tests.bulk.crashing_runner", BULK_CHUNK_ROWS="20"):
                await bulk.wait(sent.json["id"], "merging")
                server.kill()
                await asyncio.sleep(0.3)
                await server.start()

                async def ended() -> bool:
                    with contextlib.suppress(aiohttp.ClientError, AssertionError):
                        return (await bulk.job(sent.json["id"]))["state"] in ENDED
                    return False

                await until(ended, 40)
            await exact(bulk, await bulk.job(sent.json["id"]))
