"""A registry as a node of some size has it: enterprises, prefixes, one template, identifiers through the public bulk door.

Everything goes over HTTP, as a customer would do it. Doing it again does nothing again: an enterprise that is there is found,
and the same file for the same prefix is the same bulk job.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp

from benchmarks.dataset import HEADER, Dataset, Enterprise

_LOOK_SECONDS = 0.1
_AT_ONCE = 2  # jobs received and not yet done: one is merged while the next is sent
_TEMPLATE = "META_item"
_ITEMS = [
    {"index": 2000 + place, "type": kind, "name_zh": zh, "name_en": kind.title().replace("_", " "), "required": place < 2}
    for place, (kind, zh) in enumerate(
        zip(HEADER[1:], ("生产企业", "型号", "目录编号", "类别", "封装", "描述", "数据手册"), strict=True)
    )
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seeded:
    """`keys` by number of the enterprise; `template` that all items follow; `created` and `unchanged` as the jobs said."""

    keys: dict[int, str]
    template: str
    created: int
    unchanged: int


class Seeder:
    """One for a node. `operator` is an operator's key."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, operator: str, dataset: Dataset) -> None:
        self._session = session
        self._base_url = base_url
        self._operator = operator
        self._dataset = dataset

    async def seed(self, progress: Callable[[int], None] = lambda _: None) -> Seeded:
        """`progress` hears how many more identifiers are registered."""
        keys = {owner.number: await self._aboard(owner) for owner in self._dataset.enterprises}
        first = next(owner for owner in self._dataset.enterprises if owner.scheme == "handle")
        template = f"{first.prefix}/{_TEMPLATE}"
        await self._post("/api/v1/templates", keys[first.number], {"identifier": template, "items": _ITEMS})
        lanes = asyncio.Semaphore(_AT_ONCE)

        async def load(owner: Enterprise) -> dict[str, Any]:
            async with lanes:
                write = partial(self._dataset.write_csv, owner)
                job = await self.load(owner, write, keys[owner.number], template)
            progress(owner.size)
            return job

        jobs = await asyncio.gather(*map(load, self._dataset.enterprises))
        created, unchanged = (sum(job[name] for job in jobs) for name in ("created", "unchanged"))
        return Seeded(keys, template, created, unchanged)

    async def load(self, owner: Enterprise, write: Callable[[Path], None], key: str, template: str) -> dict[str, Any]:
        """One bulk job of the file that `write` makes, to its end."""
        prefix = f"GS1.{owner.prefix}" if owner.scheme == "gs1" else owner.prefix
        query = urlencode({"prefix": prefix, "template": template, "format": "csv", "auto": "1"})
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "text/csv"}
        with tempfile.NamedTemporaryFile(prefix="biaojie-bench-") as made:
            await asyncio.to_thread(write, Path(made.name))
            url = f"{self._base_url}/api/v1/bulk-jobs?{query}"
            async with self._session.post(
                url, data=await asyncio.to_thread(open, made.name, "rb"), headers=headers
            ) as answer:
                assert answer.status in (200, 202), await answer.text()
                job: dict[str, Any] = await answer.json()
        while job["state"] not in ("done", "failed", "cancelled"):
            await asyncio.sleep(_LOOK_SECONDS)
            async with self._session.get(f"{self._base_url}/api/v1/bulk-jobs/{job['id']}", headers=headers) as answer:
                job = await answer.json()
        assert job["state"] == "done" and not job["refused"], job
        return job

    async def withdraw(self, number: int, key: str) -> None:
        path = f"/api/v1/identifiers/{quote(self._dataset.identifier(number), safe='')}/withdraw"
        await self._post(path, key, {"reason": "benchmark"})

    async def _aboard(self, owner: Enterprise) -> str:
        """Its key: a new one each time."""
        made = await self._post("/api/v1/enterprises", self._operator, {"name": owner.name})
        given: dict[str, Any] = {"enterprise_id": made["id"], "prefix": owner.prefix}
        if owner.scheme != "handle":
            given["scheme"] = owner.scheme
        await self._post("/api/v1/prefixes", self._operator, given)
        role = {"role": "enterprise", "enterprise_id": made["id"], "label": "benchmark"}
        key = await self._post("/api/v1/keys", self._operator, role)
        return str(key["key"])

    async def _post(self, path: str, key: str, body: Any) -> Any:
        headers = {"Authorization": f"Bearer {key}"}
        async with self._session.post(self._base_url + path, json=body, headers=headers) as answer:
            assert answer.status in (200, 201), f"{path}: {answer.status} {await answer.text()}"
            return await answer.json()
