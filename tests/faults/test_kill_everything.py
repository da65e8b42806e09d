"""kill -9 of every process in turn while products are being registered: what was acknowledged is there afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from tests.faults.own_node import CLI, OwnNode, alive, listeners, own_node, plain_environment
from tests.faults.own_servers import own_directory
from tests.harness import ROOT, Answer, Api, at, item, until

BACK_SECONDS = 15.0
ORPHAN_SECONDS = 10.0


@dataclass
class Client:
    """An enterprise's own program: registers one product after another, each until it is acknowledged."""

    api: Api
    prefix: str
    acknowledged: dict[str, bytes] = field(default_factory=dict)  # identifier → what it resolved to at once
    repeated: int = 0
    longest: float = 0.0
    over: bool = False

    async def run(self, lane: int) -> None:
        number = 0
        while not self.over:
            identifier = f"{self.prefix}/own-{lane}-{number}"
            began = time.monotonic()
            answer = await self.until_answered("POST", "/api/v1/identifiers", item(identifier, f"产品 {lane}/{number}"))
            assert answer.status in (200, 201), answer.body
            self.longest = max(self.longest, time.monotonic() - began)
            found = await self.until_answered("GET", f"/api/handles/{at(identifier)}")
            self.acknowledged[identifier] = checked(identifier, found)
            number += 1

    async def until_answered(self, method: str, path: str, body: Any = None) -> Answer:
        """Repeats what is not answered, or answered 503: connections break when a worker dies."""
        while True:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                answer = await self.api.call(method, path, body)
                if answer.status != 503:
                    assert answer.status < 500, (answer.status, answer.body)
                    return answer
            self.repeated += 1
            await asyncio.sleep(0.05)

    async def check(self) -> None:
        """Everything acknowledged resolves to the very bytes it resolved to when it was registered."""
        assert self.acknowledged
        for identifier, body in self.acknowledged.items():
            found = await self.api.get(f"/api/handles/{at(identifier)}")
            assert checked(identifier, found) == body


def checked(identifier: str, found: Answer) -> bytes:
    assert found.status == 200, f"{identifier} was acknowledged and answers {found.status}: {found.body!r}"
    _, lane, number = identifier.rsplit("-", 2)
    said = found.json
    assert (said["handle"], said["values"][0]["data"]["value"]) == (identifier, f"产品 {lane}/{number}")
    return found.body


async def enterprise_on(node: OwnNode, session: aiohttp.ClientSession) -> Client:
    made = await asyncio.to_thread(node.biaojie, "key", "--label", "kill everything")
    operator = Api(node.base_url, session, made.stdout.strip())
    body = (await operator.post("/api/v1/enterprises", {"name": "自有客户端"})).json
    granted = await operator.post("/api/v1/prefixes", {"enterprise_id": body["id"], "prefix": "88.118.900"})
    key = await operator.post("/api/v1/keys", {"role": "enterprise", "enterprise_id": body["id"]})
    return Client(operator.with_key(key.json["key"]), granted.json["prefix"])


async def killed_and_back(node: OwnNode, session: aiohttp.ClientSession, name: str) -> float:
    """Seconds from kill -9 of the child until another one has its place and the node is ready."""
    before = node.pids
    os.kill(before[name], signal.SIGKILL)

    async def back() -> bool:
        now = node.pids
        if now[name] == before[name] or not alive(now[name]) or alive(before[name]):
            return False
        ready = await Api(node.base_url, session).get("/readyz")
        return ready.status == 200 and all(check["ok"] for check in ready.json["checks"].values())

    async def back_whatever_happens() -> bool:
        try:
            return await back()
        except (aiohttp.ClientError, TimeoutError):
            return False

    seconds = await until(back_whatever_happens, BACK_SECONDS)
    for other, pid in before.items():
        assert other == name or node.pids[other] == pid, f"{other} died with {name}"
    return seconds


async def registering(demo: subprocess.Popen[bytes], output: Path) -> None:
    async def begun() -> bool:
        assert demo.poll() is None, output.read_text()
        return "registering" in output.read_text()

    await until(begun, 60)


async def test_kill_everything_in_turn_while_the_demo_registers(session: aiohttp.ClientSession) -> None:
    with own_directory() as directory, own_node(directory / "data", "up", "--workers", "2") as node:
        await node.ready(session)
        client = await enterprise_on(node, session)
        lanes = [asyncio.create_task(client.run(lane)) for lane in range(4)]
        try:
            await every_child_killed_during_the_demo(node, session, directory / "demo.output", client)
            client.over = True
            await asyncio.gather(*lanes)
        finally:
            for lane in lanes:
                lane.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)
        await client.check()
        print(
            f"own client: {len(client.acknowledged)} acknowledged, {client.repeated} calls repeated, "
            f"longest registration {client.longest:.1f} s"
        )
        await supervisor_killed(node, session, client)


async def every_child_killed_during_the_demo(
    node: OwnNode, session: aiohttp.ClientSession, path: Path, client: Client
) -> None:
    with path.open("wb") as output:
        environment = plain_environment(**node.variables)
        demo = subprocess.Popen([*CLI, "demo"], env=environment, cwd=ROOT, stdout=output, stderr=output)  # noqa: ASYNC220
    try:
        await registering(demo, path)
        for name in ("postgres", "worker-0", "redis", "worker-1"):
            assert demo.poll() is None, "the demo was over too soon for this to show anything"
            known = len(client.acknowledged)
            seconds = await killed_and_back(node, session, name)
            print(f"\nkill -9 {name}: back after {seconds:.2f} s", end="")
            await until(lambda known=known: _more_than(client, known), 10)  # type: ignore[misc]

        async def every_worker_serves() -> bool:
            workers = {pid for name, pid in node.pids.items() if name.startswith("worker")}
            return listeners(node.port, workers) == workers

        async def measured_well() -> bool:
            """A worker that died while something was away does not keep the gauges down."""
            said = (await Api(node.base_url, session).get("/metrics")).body
            return b"biaojie_postgresql_up 1.0" in said and b"biaojie_redis_up 1.0" in said

        print(f", every worker serves after {await until(every_worker_serves, BACK_SECONDS):.2f} s more")
        await until(measured_well, 5)
        status = await asyncio.to_thread(demo.wait, 120)
    finally:
        demo.kill()
        demo.wait()
    said = path.read_text()
    assert status == 0, said + node.output
    assert "3000 components registered = 3000 resolved byte for byte (of 3000)" in said
    assert "Traceback" not in said + node.output


async def _more_than(client: Client, count: int) -> bool:
    return len(client.acknowledged) > count


async def supervisor_killed(node: OwnNode, session: aiohttp.ClientSession, client: Client) -> None:
    """kill -9 of the command itself: no child survives it, and the next start finds everything."""
    assert node.process is not None
    family = node.family()
    assert len(family) > 4
    node.process.kill()
    node.process.wait()

    async def nobody_left() -> bool:
        return not any(map(alive, family))

    print(f"kill -9 of up: no child left after {await until(nobody_left, ORPHAN_SECONDS):.2f} s")
    node.start()
    print(f"up again: ready after {await node.ready(session):.2f} s")
    await client.check()
    demo = orjson.loads((node.data_dir / "demo.json").read_bytes())
    enterprise = Api(node.base_url, session, demo["enterprise_key"])
    made = await enterprise.post("/api/v1/identifiers", item(f"{demo['prefix']}/after-all-that"))
    assert made.status == 201
    assert (await enterprise.with_key(demo["operator_key"]).post("/api/v1/keys", {"role": "partner"})).status == 201
    listed = await enterprise.get(f"/api/v1/identifiers?prefix={demo['prefix']}&limit=5")
    assert len(listed.json["items"]) == 5
    assert node.stop() == 0
