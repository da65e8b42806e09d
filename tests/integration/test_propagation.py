"""Where each version is: workers answer for themselves, caches are read, silence is told."""

from __future__ import annotations

import signal
from pathlib import Path

import aiohttp

from tests.conftest import Servers
from tests.harness import Api, Node, at, free_port, item, settings_for, take_aboard, until, worker_here, worker_process


def path_of(identifier: str) -> str:
    return f"/api/v1/identifiers/{at(identifier)}/propagation"


async def test_one_worker_and_its_caches(node: Node) -> None:
    name = f"{node.prefix}/x"
    await node.owner.post("/api/v1/identifiers", item(name))
    await node.anybody.get(f"/api/handles/{name}")

    async def shared() -> bool:
        return bool((await node.owner.get(path_of(name))).json["redis"]["version"] == 1)

    await until(shared, 3)
    told = (await node.owner.get(path_of(name))).json
    assert (told["postgresql"]["version"], told["asked"], told["silent"], told["current"]) == (1, 1, 0, True)
    assert told["workers"][0]["version"] == 1 and told["workers"][0]["feed_age_seconds"] < 5
    await node.owner.put(f"/api/v1/identifiers/{at(name)}", {"values": item(name, "new")["values"]})
    told = (await node.owner.get(path_of(name))).json
    assert told["postgresql"]["version"] == 2 and told["workers"][0]["version"] in (None, 2)
    assert told["current"], "what is acknowledged is gone from the worker that wrote it"
    for spelt in (name, f"{node.prefix}/X-1"):  # as it was registered; the second in the canonical spelling
        await node.owner.post("/api/v1/identifiers", item(spelt))
        assert (await node.owner.get(path_of(spelt.lower()))).json["identifier"] == spelt


async def test_an_identifier_may_be_called_so(node: Node) -> None:
    name = f"{node.prefix}/propagation"
    await node.owner.post("/api/v1/identifiers", item(name))
    assert (await node.owner.get(f"/api/v1/identifiers/{at(name)}")).json["identifier"] == name
    assert (await node.owner.get(path_of(name))).json["identifier"] == name


async def test_whose_it_is_not_learns_nothing(node: Node) -> None:
    assert (await node.stranger.get(path_of(f"{node.prefix}/x"))).status == 403
    assert (await node.owner.get(path_of(f"{node.prefix}/none"))).status == 404


async def test_a_worker_that_hangs_is_told_as_silent(
    database: str, servers: Servers, session: aiohttp.ClientSession, scratch: Path, tmp_path: Path
) -> None:
    settings = settings_for(database, servers.redis_url, data_dir=scratch)
    other = settings.model_copy(update={"http_port": free_port()})
    async with worker_here(settings) as base_url:
        node = await take_aboard(settings, Api(base_url, session))
        name = f"{node.prefix}/x"
        await node.owner.post("/api/v1/identifiers", item(name))
        with worker_process(other, 1, tmp_path) as process:

            async def both() -> bool:
                told = (await node.owner.get(path_of(name))).json
                return [one["worker"] for one in told["workers"]] == [0, 1] and told["silent"] == 0

            await until(both, 5)
            process.send_signal(signal.SIGSTOP)
            told = (await node.owner.get(path_of(name))).json
            assert ([one["worker"] for one in told["workers"]], told["asked"], told["silent"]) == ([0], 2, 1)
            assert not told["current"]
            process.kill()
