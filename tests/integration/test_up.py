"""`biaojie up`: one command, everything running; stopped, everything gone; started again, everything there."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from node.embedded.programs import EmbeddedServerError, find_postgres, find_redis
from node.version import VERSION
from tests.applicant import PNG, WHOLE
from tests.faults.own_node import OwnNode, alive, biaojie, listeners, own_node
from tests.faults.own_servers import own_directory
from tests.harness import Api, at, free_port, item, until

GONE_SECONDS = 10.0


@dataclass
class Running:
    node: OwnNode
    demo: dict[str, str]

    def api(self, session: aiohttp.ClientSession, whose: str = "enterprise_key") -> Api:
        return Api(self.node.base_url, session, self.demo[whose])


@pytest.fixture(scope="module")
async def running() -> AsyncIterator[Running]:
    """`biaojie up --demo`, in a folder that only its owner may enter: as root, PostgreSQL's account may not."""
    with own_directory() as directory:
        closed = directory / "closed"
        closed.mkdir(mode=0o700)
        with own_node(closed / "data", "up", "--demo", "--workers", "2") as node:
            async with aiohttp.ClientSession() as session:
                print(f"\nup --demo, first start: {await node.ready(session):.1f} s")
            yield Running(node, json.loads((node.data_dir / "demo.json").read_text()))
            assert node.stop(signal.SIGINT) == 0, node.output
            assert "Traceback" not in node.output


@contextlib.contextmanager
def fresh(*arguments: str, **variables: str) -> Iterator[OwnNode]:
    """A node without the demo in a directory of its own."""
    with own_directory() as directory, own_node(directory / "data", "up", *arguments, **variables) as node:
        yield node


async def all_gone(pids: set[int]) -> None:
    async def gone() -> bool:
        return not any(map(alive, pids))

    await until(gone, GONE_SECONDS)


def test_settings_are_shown_with_secrets_hidden_and_the_demo_is_whole(running: Running) -> None:
    output = running.node.output
    assert output.startswith(f"biaojie {VERSION}: node_prefix=88.118 ")
    assert f"http_port={running.node.port} " in output
    assert "database_url='' redis_url='' " in output
    password = (running.node.data_dir / "postgres.password").read_text().strip()
    assert password not in output
    assert "3000 components registered = 3000 resolved byte for byte (of 3000)" in output
    assert running.demo["operator_key"] not in output


def test_demo_file_is_private_and_holds_what_it_should(running: Running) -> None:
    path = running.node.data_dir / "demo.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert set(running.demo) == {
        "base_url", "operator_key", "enterprise_key", "partner_key", "prefix", "snms_username", "snms_password"
    }  # fmt: skip
    assert running.demo["base_url"] == f"http://localhost:{running.node.port}"
    others = [entry for entry in running.node.data_dir.iterdir() if entry.is_file() and entry.stat().st_mode & 0o044]
    secrets = [running.demo[f"{role}_key"] for role in ("operator", "enterprise", "partner")]
    secrets.append(running.demo["snms_password"])
    secrets.append((running.node.data_dir / "postgres.password").read_text().strip())
    for entry in others:
        assert not any(secret in entry.read_text(errors="replace") for secret in secrets), f"{entry} tells a secret"


async def test_keys_of_the_demo_file_have_their_roles(running: Running, session: aiohttp.ClientSession) -> None:
    prefix = running.demo["prefix"]
    enterprise, operator, partner = (
        running.api(session, f"{role}_key") for role in ("enterprise", "operator", "partner")
    )
    assert (await enterprise.post("/api/v1/identifiers", item(f"{prefix}/by-the-enterprise"))).status == 201
    assert (await operator.post("/api/v1/keys", {"role": "partner"})).status == 201
    assert (await partner.post("/api/v1/identifiers", item(f"{prefix}/by-the-partner"))).status == 403


async def test_the_application_of_the_demo_file_logs_in(running: Running, session: aiohttp.ClientSession) -> None:
    body = {"username": running.demo["snms_username"], "password": running.demo["snms_password"]}
    assert body["username"].startswith(f"{running.demo['prefix']}/")
    answer = await running.api(session, "partner_key").post("/identity/token", body)
    assert (answer.status, answer.json["status"]) == (200, 1)


async def test_models_of_the_demo_open_by_their_address(running: Running, session: aiohttp.ClientSession) -> None:
    for model in ("MTD6508-ADJE/JQ", "BAV99,215"):
        identifiers = await found_by_model(running.api(session, "operator_key"), model, running.node)
        assert identifiers, f"{model} is not among the demo's components"
        page = await Api(running.node.base_url, session).get(
            f"/{at(identifiers[0])}?noredirect", headers={"Accept": "text/html", "Accept-Language": "zh"}
        )
        assert page.status == 200
        assert model in page.body.decode()


async def found_by_model(operator: Api, model: str, node: OwnNode) -> list[str]:
    keys = json.loads((node.data_dir / "demo-keys.json").read_text())
    asked = [f"{maker['prefix']}/{model}" for maker in keys.values()]
    answer = await operator.post("/api/v1/resolve", {"identifiers": asked})
    return [one["identifier"] for one in answer.json["items"] if one["status"] == "found"]


def test_printed_commands_work_as_they_stand(running: Running) -> None:
    commands = re.findall(r"^\s+(curl .*)$", running.node.output, re.MULTILINE)
    assert len(commands) == 2
    register, resolve = (
        subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=20) for command in commands
    )
    assert (register.returncode, resolve.returncode) == (0, 0), register.stderr + resolve.stderr
    assert json.loads(register.stdout)["version"] == 1
    assert json.loads(resolve.stdout)["values"][0]["data"]["value"] == "你好，标识"
    assert json.loads(resolve.stdout)["handle"] == json.loads(register.stdout)["identifier"]


def test_doctor_finds_nothing_wrong_with_a_running_node(running: Running) -> None:
    ran = running.node.biaojie("doctor")
    assert ran.returncode == 0, ran.stdout
    assert ran.stdout.count("[ok]") == 5
    assert f"a node answers at http://localhost:{running.node.port}: ready" in ran.stdout


def test_second_up_on_the_same_data_is_refused_in_a_sentence(running: Running) -> None:
    assert running.node.process is not None
    ran = running.node.biaojie("up", BIAOJIE_HTTP_PORT=str(free_port()))
    assert ran.returncode == 1
    assert f"Another node (pid {running.node.process.pid}) already runs on the data directory" in refusal(ran)
    assert alive(running.node.pids["postgres"])


def test_port_in_use_is_one_clear_sentence(running: Running, tmp_path: Path) -> None:
    ran = running.node.biaojie("up", BIAOJIE_DATA_DIR=str(tmp_path / "other"))
    assert ran.returncode == 1
    assert refusal(ran).startswith(f"biaojie: Port {running.node.port} is in use by another program")
    assert not (tmp_path / "other" / "postgres").exists()


def refusal(ran: subprocess.CompletedProcess[str]) -> str:
    """The English one of the two lines that a refused command leaves on standard error."""
    assert "Traceback" not in ran.stdout + ran.stderr
    english, chinese = ran.stderr.splitlines()
    assert re.search("[\u4e00-\u9fff]", chinese)
    return english


async def test_demo_may_be_repeated_and_changes_nothing(running: Running, session: aiohttp.ClientSession) -> None:
    before = (running.node.data_dir / "demo.json").read_bytes()
    ran = await asyncio.to_thread(running.node.biaojie, "demo", timeout=120)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "3000 components registered = 3000 resolved byte for byte (of 3000)" in ran.stdout
    assert (running.node.data_dir / "demo.json").read_bytes() == before


async def approved_application(operator: Api) -> tuple[str, Api]:
    """Its path, and its applicant."""
    made = (await operator.with_key(None).post("/api/v1/applications", WHOLE)).json
    path, applicant = f"/api/v1/applications/{made['id']}", operator.with_key(made["token"])
    for kind in ("business-licence", "legal-person-id-front"):
        assert (await applicant.call("PUT", f"{path}/images/{kind}", raw=PNG)).status == 200
    for move in ("review", "approve"):
        assert (await operator.post(f"{path}:{move}")).status == 200
    return path, applicant


async def test_an_application_outlives_the_death_of_the_top_level_in_a_box_and_of_the_exchange(
    running: Running, session: aiohttp.ClientSession
) -> None:
    """kill -9 of both, twice in the middle of it: it becomes active all the same, and every step was made once."""
    operator = running.api(session, "operator_key")
    path, applicant = await approved_application(operator)
    for _ in range(2):
        for name in ("toplevel", "sync"):
            os.kill(running.node.pids[name], signal.SIGKILL)
        await asyncio.sleep(0.7)  # any moment of the work will do

    async def active() -> bool:
        return bool((await applicant.get(path)).json["state"] == "active")

    await until(active, 60)
    moves = [one["move"] for one in (await applicant.get(path)).json["history"]]
    assert moves.count("accept") == moves.count("hand-over") == 1
    said = json.loads((await asyncio.to_thread(running.node.biaojie, "sync", "status", "--json")).stdout)
    assert [one["state"] for one in said["commands"] if one["kind"].endswith("create")] == ["done", "done"]
    figures = (await operator.get("/metrics")).body.decode()
    assert "biaojie_peering_open 0.0" in figures and "biaojie_postgresql_up 1.0" in figures


async def test_two_nodes_run_side_by_side_and_data_outlives_a_stop(
    running: Running, session: aiohttp.ClientSession
) -> None:
    """Beside the demo's node a second one: stopped by either signal it leaves no process, and started again it has
    its data and is quick."""
    with fresh("--workers", "1") as node:
        await node.ready(session)
        assert await running.node.answers(session)
        key = (await asyncio.to_thread(node.biaojie, "key")).stdout.strip()
        operator = Api(node.base_url, session, key)
        enterprise = (await operator.post("/api/v1/enterprises", {"name": "second node"})).json
        wish = {"enterprise_id": enterprise["id"], "prefix": running.demo["prefix"]}
        assert (await operator.post("/api/v1/prefixes", wish)).status == 201  # the same prefix, in another database
        made = await operator.post("/api/v1/keys", {"role": "enterprise", "enterprise_id": enterprise["id"]})
        owner, identifier = operator.with_key(made.json["key"]), f"{running.demo['prefix']}/second-node-only"
        assert (await owner.post("/api/v1/identifiers", item(identifier))).status == 201
        assert (await running.api(session).get(f"/api/handles/{at(identifier)}")).status == 404
        for number in (signal.SIGINT, signal.SIGTERM):
            family = node.family()
            assert family >= set(node.pids.values())
            assert node.stop(number) == 0, node.output
            await all_gone(family)
            assert not (node.data_dir / "pids.json").exists()
            assert not (node.data_dir / "running.json").exists()
            node.start()
            seconds = await node.ready(session)
            print(f"\nup again after {number.name}: ready after {seconds:.2f} s")
            assert seconds < 15
            found = await operator.get(f"/api/handles/{at(identifier)}")
            assert (found.status, found.json["handle"]) == (200, identifier)
        assert await running.node.answers(session)
        assert node.stop() == 0
        assert "Traceback" not in node.output


def initialising(node: OwnNode) -> bool:
    return any(node.data_dir.glob("postgres.unfinished-*/*"))


def started(node: OwnNode, name: str) -> bool:
    try:
        return name in node.pids
    except (FileNotFoundError, json.JSONDecodeError):
        return False


async def test_interrupt_while_starting_stops_every_child(session: aiohttp.ClientSession) -> None:
    """In each stage of one start after another on the same directory; the last start is whole all the same."""
    stages: list[tuple[str, Callable[[OwnNode], bool], signal.Signals]] = [
        ("initdb", initialising, signal.SIGINT),
        ("PostgreSQL's start", lambda node: started(node, "postgres"), signal.SIGINT),
        ("Redis' start", lambda node: started(node, "redis"), signal.SIGTERM),
        ("a worker's start", lambda node: started(node, "worker-0"), signal.SIGINT),
        ("the demo", lambda node: "onboarding" in node.output, signal.SIGTERM),
    ]
    with fresh("--workers", "1", "--demo") as node:
        for title, stage, number in stages:

            async def reached(stage: Callable[[OwnNode], bool] = stage) -> bool:
                assert node.running, node.output
                return stage(node)

            await until(reached, 30, pause=0.002)
            family = node.family()
            began = time.monotonic()
            assert node.stop(number) == 0, node.output
            await all_gone(family)
            print(f"\n{number.name} in {title}: stopped after {time.monotonic() - began:.2f} s", end="")
            assert "Traceback" not in node.output
            node.start()
        await node.ready(session)
        assert node.stop() == 0


@pytest.mark.parametrize("module", ["asyncio", "orjson", "uvloop", "tqdm"])
async def test_interrupt_while_the_program_is_loading_leaves_no_trace(module: str, tmp_path: Path) -> None:
    """Ctrl-C in the first third of a second, before anything runs that could be stopped in order."""
    node = OwnNode(tmp_path / "data", "up", "--workers", "1", PYTHONVERBOSE="1")
    node.start()
    try:

        async def reached() -> bool:
            return f"import '{module}" in node.output

        await until(reached, 20, pause=0.001)
        assert node.stop(signal.SIGINT, 20) in (0, 130, -signal.SIGINT)
        assert "Traceback" not in node.output
        await all_gone(node.family())
    finally:
        node.end()


async def test_programs_of_the_wheels_are_enough(session: aiohttp.ClientSession) -> None:
    try:
        find_postgres("wheels"), find_redis("wheels")
    except EmbeddedServerError as missing:
        pytest.skip(f"the wheels with PostgreSQL and Redis are not installed: {missing.message_en}")
    with fresh("--workers", "1", BIAOJIE_EMBEDDED="wheels", PATH="/nowhere") as node:
        await node.ready(session)
        assert len(re.findall(r"biaojie: (PostgreSQL|Redis) [\d.]+ \(wheels\)", node.output)) == 2
        assert (await Api(node.base_url, session).get("/readyz")).json["ready"] is True
        assert listeners(node.port, node.family()) == {node.pids["worker-0"]}
        assert node.stop() == 0


def test_data_directory_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    for data_dir in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/biaojie")):
        ran = biaojie("up", BIAOJIE_DATA_DIR=str(data_dir), BIAOJIE_HTTP_PORT=str(free_port()))
        assert ran.returncode == 1, ran.stderr
        assert f"The data directory {data_dir} cannot be used" in refusal(ran)
