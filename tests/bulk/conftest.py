"""A node with a runner beside it, a template, and a caller that follows jobs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import asyncpg
import pytest

from core.settings import Settings
from tests.harness import ROOT, Api, Node, settings_for, take_aboard, worker_here

ITEMS = [
    {"index": 2000, "type": "MODEL", "name_zh": "型号", "name_en": "Model", "required": True},
    {"index": 2001, "type": "NOTE", "name_zh": "说明", "name_en": "Note", "required": False},
    {
        "index": 2002,
        "type": "MAKER",
        "name_zh": "生产企业",
        "name_en": "Manufacturer",
        "required": False,
        "max_length": 5,
    },
]
ENDED = ("done", "failed", "cancelled")


@contextlib.contextmanager
def runner_process(settings: Settings, directory: Path, module: str = "node.bulk_runner", **more: str) -> Iterator[Any]:
    """The bulk process; killed at the end if it still lives."""
    environment = {**os.environ, **settings.as_environment(), **more}
    log = directory / "bulk.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module], env=environment, stderr=output, stdout=output, cwd=ROOT
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@dataclass(slots=True)
class Bulk:
    """Calls the bulk door for one enterprise."""

    node: Node
    template: str
    database: str

    async def send(self, octets: bytes, *, named: bool = True, api: Api | None = None, **query: str) -> Any:
        said = {"prefix": self.node.prefix, **({"template": self.template} if named else {}), **query}
        return await (api or self.node.owner).post(
            f"/api/v1/bulk-jobs?{urlencode(said)}", raw=octets, headers={"Content-Type": "application/octet-stream"}
        )

    async def job(self, job_id: int) -> dict[str, Any]:
        answer = await self.node.owner.get(f"/api/v1/bulk-jobs/{job_id}")
        assert answer.status == 200, answer.body
        return dict(answer.json)

    async def wait(self, job_id: int, *states: str, seconds: float = 30) -> dict[str, Any]:
        began = time.monotonic()
        while True:
            job = await self.job(job_id)
            if job["state"] in (states or ENDED):
                return job
            assert job["state"] not in ENDED, job
            assert time.monotonic() - began < seconds, job
            await asyncio.sleep(0.03)

    async def load(self, octets: bytes, **query: Any) -> dict[str, Any]:
        """Send, confirm by itself, wait for the end."""
        answer = await self.send(octets, auto="1", **query)
        assert answer.status in (200, 202), answer.body
        return await self.wait(answer.json["id"])

    async def step(self, job_id: int, step: str) -> Any:
        return await self.node.owner.post(f"/api/v1/bulk-jobs/{job_id}/{step}")

    async def verdicts(self, job_id: int, query: str = "") -> list[list[str]]:
        import csv
        import io

        answer = await self.node.owner.get(f"/api/v1/bulk-jobs/{job_id}/verdicts{query}")
        assert answer.status == 200
        return list(csv.reader(io.StringIO(answer.body.decode("utf-8-sig"), newline="")))[1:]

    async def sql(self, query: str, *arguments: Any) -> Any:
        connection = await asyncpg.connect(self.database)
        try:
            return await connection.fetch(query, *arguments)
        finally:
            await connection.close()

    async def counts(self) -> tuple[int, int]:
        """Rows under the prefix but templates, and registrations counted but of templates."""
        rows = await self.sql(
            "SELECT count(*) FROM identifier WHERE key > $1 AND key < $2 AND key NOT LIKE '%/META_%'",
            f"{self.node.prefix}/", f"{self.node.prefix}0",
        )  # fmt: skip
        counted = await self.sql(
            "SELECT coalesce(sum(registered), 0)::bigint FROM enterprise_count WHERE prefix = $1", self.node.prefix
        )
        return rows[0][0], counted[0][0] - 1


@pytest.fixture
async def bulk_node(database: str, servers: Any, session: Any, scratch: Path, tmp_path: Path) -> AsyncIterator[Bulk]:
    """A node and its template, without a runner."""
    settings = settings_for(database, servers.redis_url, data_dir=tmp_path, negative_ttl_milliseconds=2_000)
    async with worker_here(settings) as base_url:
        node = await take_aboard(settings, Api(base_url, session))
        template = f"{node.prefix}/META_bulk"
        made = await node.owner.post("/api/v1/templates", {"identifier": template, "items": ITEMS})
        assert made.status == 201, made.body
        yield Bulk(node, template, database)


@pytest.fixture
async def bulk(bulk_node: Bulk, tmp_path: Path) -> AsyncIterator[Bulk]:
    with runner_process(bulk_node.node.settings, tmp_path):
        yield bulk_node
        log = tmp_path / "bulk.log"
    assert "Traceback" not in log.read_text(), log.read_text()
