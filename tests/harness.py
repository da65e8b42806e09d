"""What the tests stand on: a worker in this process or as a process of its own, and a caller of its API."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson
from pydantic import SecretStr

from core.settings import Settings, load_settings
from node.embedded.programs import Preference
from node.keys import make_operator_key
from node.worker import serving

PERSONAL_DATA_KEY = "Qmlhb2ppZSB0ZXN0cyBvbmx5LCBuZXZlciBhIHNlY3I="
ROOT = Path(__file__).resolve().parents[1]
# As for a node: `BIAOJIE_EMBEDDED=wheels make test` runs the suite on the servers that the wheels carry.
PROGRAMS: Preference = load_settings().embedded


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer; `json` is None where the body is not JSON."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        kind = self.headers.get("Content-Type", "")
        return orjson.loads(self.body) if "json" in kind and "ndjson" not in kind else None


@dataclass(slots=True)
class Api:
    """Calls a node as anybody would. `key` is sent as Bearer unless a call says otherwise."""

    base_url: str
    session: aiohttp.ClientSession
    key: str | None = None

    def with_key(self, key: str | None) -> Api:
        return Api(self.base_url, self.session, key)

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        raw: bytes | None = None,
    ) -> Answer:
        """`path` is sent as it stands: percent-encode it yourself (`at`)."""
        from yarl import URL

        sent = dict(headers or {})
        if self.key is not None:
            sent.setdefault("Authorization", f"Bearer {self.key}")
        data = raw if raw is not None else orjson.dumps(body) if body is not None else None
        url = URL(self.base_url + path, encoded=True)
        async with self.session.request(method, url, data=data, headers=sent, allow_redirects=False) as answer:
            return Answer(answer.status, answer.headers.copy(), await answer.read())

    async def get(self, path: str, **more: Any) -> Answer:
        return await self.call("GET", path, **more)

    async def post(self, path: str, body: Any = None, **more: Any) -> Answer:
        return await self.call("POST", path, body, **more)

    async def put(self, path: str, body: Any = None, **more: Any) -> Answer:
        return await self.call("PUT", path, body, **more)


@dataclass(slots=True)
class Node:
    """A node with one enterprise aboard: `operator`, `owner` (of `prefix`), `stranger` (another enterprise), `partner`,
    `anybody` (no key)."""

    settings: Settings
    anybody: Api
    operator: Api
    owner: Api
    stranger: Api
    partner: Api
    prefix: str
    stranger_prefix: str
    workers: list[Api] = field(default_factory=list)


def at(identifier: str) -> str:
    """Percent-encoded for a URL path, `/` included."""
    return quote(identifier, safe="")


def text_value(index: int, kind: str, text: str, **more: Any) -> dict[str, Any]:
    return {"index": index, "type": kind, "data": {"format": "string", "value": text}, **more}


def item(identifier: str, text: str = "real", **more: Any) -> dict[str, Any]:
    return {"identifier": identifier, "values": [text_value(1, "DESC", text)], **more}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def settings_for(database_url: str, redis_url: str, **more: Any) -> Settings:
    more.setdefault("personal_data_key", SecretStr(PERSONAL_DATA_KEY))
    more.setdefault("applications_per_hour", 100_000)
    more.setdefault("handle_port", free_port())
    return load_settings(
        database_url=SecretStr(database_url),
        redis_url=SecretStr(redis_url),
        http_host="127.0.0.1",
        http_port=free_port(),
        **more,
    )


@asynccontextmanager
async def worker_here(settings: Settings, number: int = 0) -> AsyncIterator[str]:
    """A whole worker in this process, on its port; gives its base URL."""
    async with serving(settings, number, stop_seconds=1):
        yield f"http://127.0.0.1:{settings.http_port}"


@contextmanager
def worker_process(settings: Settings, number: int, directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker as a process of its own, ready to serve; killed at the end if it still lives."""
    ready = directory / f"ready-{number}-{time.monotonic_ns()}"
    command = [sys.executable, "-m", "node.worker", "--number", str(number), "--ready-file", str(ready)]
    with open(directory / f"worker-{number}.log", "ab") as log:
        process = subprocess.Popen(command, env={**os.environ, **settings.as_environment()}, stderr=log, cwd=ROOT)
    try:
        deadline = time.monotonic() + 20
        while not ready.exists():
            assert process.poll() is None, (directory / f"worker-{number}.log").read_text()
            assert time.monotonic() < deadline, "the worker did not get ready"
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.wait()


async def take_aboard(settings: Settings, anybody: Api) -> Node:
    """The operator's key from the command line's code, everything else over the API."""
    operator = anybody.with_key(await make_operator_key(settings.database_url.get_secret_value(), "tests"))
    owner, prefix = await enterprise(operator, "Owner 甲企业", f"{settings.node_prefix}.8")
    stranger, stranger_prefix = await enterprise(operator, "Stranger 乙企业", f"{settings.node_prefix}.9")
    partner = await operator.post("/api/v1/keys", {"role": "partner", "label": "partner"})
    return Node(
        settings, anybody, operator, owner, stranger, anybody.with_key(partner.json["key"]), prefix, stranger_prefix
    )


async def enterprise(operator: Api, name: str, prefix: str) -> tuple[Api, str]:
    made = await operator.post("/api/v1/enterprises", {"name": name})
    assert made.status in (200, 201), made.body
    granted = await operator.post("/api/v1/prefixes", {"enterprise_id": made.json["id"], "prefix": prefix})
    assert granted.status in (200, 201), granted.body
    key = await operator.post("/api/v1/keys", {"role": "enterprise", "enterprise_id": made.json["id"]})
    return operator.with_key(key.json["key"]), granted.json["prefix"]


async def until(condition: Any, seconds: float, pause: float = 0.02) -> float:
    """Wait for `await condition()` to be true; gives the seconds it took, fails after `seconds`."""
    began = time.monotonic()
    while not await condition():
        assert time.monotonic() - began < seconds, f"not so after {seconds} s"
        await asyncio.sleep(pause)
    return time.monotonic() - began
