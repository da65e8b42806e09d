"""The command line as a person meets it: help in both languages, clear sentences, exit statuses; never a trace."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from core.migrate import all_migrations
from node.version import VERSION
from tests.conftest import Servers
from tests.faults.own_node import CONNECTED, biaojie, listeners, own_node
from tests.harness import Api, free_port, item

COMMANDS = ("up", "serve", "migrate", "demo", "doctor", "capacity", "key", "keys", "version")
SECRET = "s3cret-Passw0rd"
CHINESE = re.compile("[\u4e00-\u9fff]")


def sentences(ran: subprocess.CompletedProcess[str]) -> tuple[str, str]:
    """What a refused command said: one English line and its Chinese twin, and nothing else on standard error."""
    said = ran.stdout + ran.stderr
    assert "Traceback" not in said, said
    lines = ran.stderr.splitlines()
    assert len(lines) == 2, ran.stderr
    english, chinese = lines
    assert english.startswith("biaojie: ")
    assert chinese.startswith("biaojie：")
    assert CHINESE.search(chinese)
    return english, chinese


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)], ids=lambda command: " ".join(command) or "-")
def test_help_is_there_in_both_languages(command: tuple[str, ...]) -> None:
    ran = biaojie(*command, "--help")
    assert ran.returncode == 0
    assert ran.stderr == ""
    assert "usage: biaojie" in ran.stdout
    described = ran.stdout.partition("\n\n")[2]
    assert CHINESE.search(described)
    assert re.search(r"[A-Z][a-z]+ [a-z]+", described)
    if not command:
        assert all(re.search(rf"^\s+{name}\s", ran.stdout, re.MULTILINE) for name in COMMANDS)


def test_version_and_unknown_command() -> None:
    assert biaojie("version").stdout == f"biaojie {VERSION}\n"
    wrong = biaojie("fly")
    assert wrong.returncode == 2
    assert "invalid choice" in wrong.stderr
    assert "Traceback" not in wrong.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BIAOJIE_HTTP_PORT", "abc"),
        ("BIAOJIE_HTTP_PORT", "70000"),
        ("BIAOJIE_WORKERS", "-1"),
        ("BIAOJIE_NODE_PREFIX", "88.118/x"),
        ("BIAOJIE_DATABASE_URL", f"mysql://biaojie:{SECRET}@host/name"),
        ("BIAOJIE_REDIS_URL", f"http://:{SECRET}@host/"),
        ("BIAOJIE_BASE_URL", "ftp://example.cn"),
        ("BIAOJIE_LOG_LEVEL", "loud"),
        ("BIAOJIE_CONFIG", "/nowhere/biaojie.toml"),
    ],
)
def test_bad_setting_is_named_and_nothing_starts(name: str, value: str, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    ran = biaojie("up", **{"BIAOJIE_DATA_DIR": str(data_dir), name: value})
    assert ran.returncode == 2
    english, _ = sentences(ran)
    assert name in english
    assert SECRET not in ran.stdout + ran.stderr
    assert not data_dir.exists()


def test_all_bad_settings_are_reported_together_and_a_broken_file_is_named(tmp_path: Path) -> None:
    ran = biaojie("up", BIAOJIE_HTTP_PORT="0", BIAOJIE_WORKERS="many", BIAOJIE_LOG_LEVEL="loud")
    assert ran.returncode == 2
    assert "Traceback" not in ran.stderr
    for name in ("BIAOJIE_HTTP_PORT", "BIAOJIE_WORKERS", "BIAOJIE_LOG_LEVEL"):
        assert len([line for line in ran.stderr.splitlines() if name in line]) == 2  # once in each language
    file = tmp_path / "biaojie.toml"
    for text in ("http_port = ", "htp_port = 8080", "http_port = 'x'"):
        file.write_text(text)
        ran = biaojie("version", BIAOJIE_CONFIG=str(file))
        assert ran.returncode == 2, text
        sentences(ran)
    assert biaojie("up", "--port", "99999").returncode == 2
    assert "--workers" in biaojie("serve", "--workers", "x").stderr


def test_unknown_variable_is_pointed_out_with_the_right_name(tmp_path: Path) -> None:
    ran = biaojie(
        "doctor", BIAOJIE_DATA_DIR=str(tmp_path), BIAOJIE_HTTP_PROT="8081", BIAOJIE_HTTP_PORT=str(free_port())
    )
    assert "BIAOJIE_HTTP_PROT is not a setting and is ignored; did you mean BIAOJIE_HTTP_PORT?" in ran.stderr
    assert ran.returncode == 1


def test_doctor_without_anything_says_what_up_would_do(tmp_path: Path) -> None:
    ran = biaojie("doctor", BIAOJIE_DATA_DIR=str(tmp_path), BIAOJIE_HTTP_PORT=str(free_port()))
    assert ran.returncode == 0, ran.stdout
    assert ran.stdout.count("[ok]") == 5
    assert ran.stdout.count("`biaojie up` will start") == 2
    assert list(tmp_path.iterdir()) == []


def test_commands_without_a_node_say_how_to_get_one(tmp_path: Path) -> None:
    for command in (("key",), ("keys",), ("migrate",), ("serve",)):
        ran = biaojie(*command, BIAOJIE_DATA_DIR=str(tmp_path), BIAOJIE_HTTP_PORT=str(free_port()))
        assert ran.returncode == 1
        english, _ = sentences(ran)
        assert "BIAOJIE_DATABASE_URL" in english


def wrong_urls(servers: Servers) -> dict[str, str]:
    url = servers.named("postgres")
    password = url.split("://biaojie:")[1].split("@")[0]
    return {
        "refuses the user or password": url.replace(password, SECRET),
        "has no such database": servers.named("nowhere"),
        "cannot be reached": f"postgresql://biaojie:{SECRET}@127.0.0.1:{free_port()}/biaojie",
        "cannot be reached (": f"postgresql://biaojie:{SECRET}@nowhere.invalid/biaojie",
        "cannot be reached (p": f"postgresql://biaojie:{SECRET}@localhost:port/biaojie",
        "cannot be reached (I": f"postgresql://biaojie:{SECRET}@[::1/biaojie",
        "cannot be reached (`": f"postgresql://biaojie:{SECRET}@localhost/biaojie?sslmode=sometimes",
    }


async def test_wrong_database_url_is_one_sentence(servers: Servers, tmp_path: Path) -> None:
    async def one(command: str, reason: str, url: str, number: int) -> None:
        variables = {"BIAOJIE_DATA_DIR": str(tmp_path / f"{command}-{number}"), "BIAOJIE_HTTP_PORT": str(free_port())}
        variables |= {"BIAOJIE_DATABASE_URL": url, "BIAOJIE_REDIS_URL": servers.redis_url}
        ran = await asyncio.to_thread(biaojie, command, **variables)
        assert SECRET not in ran.stdout + ran.stderr
        if command == "doctor":
            assert ran.returncode == 1, ran.stdout
            assert "Traceback" not in ran.stdout + ran.stderr
            assert any(line.startswith("[!!] PostgreSQL: PostgreSQL at ") for line in ran.stdout.splitlines())
        else:
            assert ran.returncode == 1, ran.stderr
            english, _ = sentences(ran)
            assert reason.partition("(")[0] in english
            assert english.endswith("check BIAOJIE_DATABASE_URL")

    wrong = wrong_urls(servers)
    for number, (reason, url) in enumerate(wrong.items()):
        await asyncio.gather(*(one(command, reason, url, number) for command in ("up", "doctor")))
    await asyncio.gather(*(one(command, *next(iter(wrong.items())), 99) for command in ("serve", "migrate", "key")))


async def test_host_that_never_answers_is_given_up_soon(servers: Servers, tmp_path: Path) -> None:
    """A server that accepts and says nothing, like a firewall that swallows."""
    silent = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    url = f"postgresql://biaojie:{SECRET}@127.0.0.1:{port}/biaojie"
    variables = {"BIAOJIE_DATA_DIR": str(tmp_path), "BIAOJIE_HTTP_PORT": str(free_port())}
    began = asyncio.get_running_loop().time()
    ran = await asyncio.to_thread(
        biaojie, "up", BIAOJIE_DATABASE_URL=url, BIAOJIE_REDIS_URL=servers.redis_url, **variables
    )
    silent.close()
    assert ran.returncode == 1
    assert "cannot be reached" in sentences(ran)[0]
    assert asyncio.get_running_loop().time() - began < 12


@pytest.fixture
async def empty_database(servers: Servers) -> AsyncIterator[str]:
    """The URL of a database that was never migrated."""
    admin = await asyncpg.connect(servers.named("postgres"))
    await admin.execute("CREATE DATABASE unmigrated")
    yield servers.named("unmigrated")
    await admin.execute("DROP DATABASE unmigrated WITH (FORCE)")
    await admin.close()


async def test_serve_refuses_an_unmigrated_database_and_migrate_may_be_repeated(
    empty_database: str, servers: Servers, tmp_path: Path
) -> None:
    variables = {"BIAOJIE_DATA_DIR": str(tmp_path), "BIAOJIE_HTTP_PORT": str(free_port())}
    variables |= {"BIAOJIE_DATABASE_URL": empty_database, "BIAOJIE_REDIS_URL": servers.redis_url}
    ran = await asyncio.to_thread(biaojie, "serve", **variables)
    assert ran.returncode == 1
    assert "run `biaojie migrate` first" in sentences(ran)[0]
    doctor = await asyncio.to_thread(biaojie, "doctor", **variables)
    assert doctor.returncode == 1
    assert "are missing; run `biaojie migrate`" in doctor.stdout
    first, again = [await asyncio.to_thread(biaojie, "migrate", **variables) for _ in range(2)]
    assert (first.returncode, again.returncode) == (0, 0)
    assert first.stdout.count("applied migration") == len(all_migrations())
    assert "applied migration" not in again.stdout
    assert "the database is up to date" in again.stdout


async def test_serve_shares_one_port_among_its_workers(
    database: str, servers: Servers, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    variables = {"BIAOJIE_DATABASE_URL": database, "BIAOJIE_REDIS_URL": servers.redis_url}
    with own_node(tmp_path / "data", "serve", "--workers", "2", **variables) as node:
        await node.ready(session)
        workers = {name: pid for name, pid in node.pids.items() if name.startswith("worker-")}
        assert set(workers) == {"worker-0", "worker-1"}
        assert listeners(node.port, node.family()) == set(workers.values())

        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as many:  # the kernel spreads connections over both
            answers = await asyncio.gather(*(Api(node.base_url, many).get("/healthz") for _ in range(40)))
            assert {answer.status for answer in answers} == {200}
            assert listeners(node.port, workers.values(), CONNECTED) == set(workers.values())
        shown = node.output.splitlines()[0]
        assert "database_url='(hidden)'" in shown
        assert database.split("://biaojie:")[1].split("@")[0] not in node.output
        assert node.stop(signal.SIGINT) == 0


async def test_wrong_redis_url_is_a_warning_and_the_node_serves_all_the_same(
    database: str, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    nowhere = f"redis://:{SECRET}@127.0.0.1:{free_port()}/0"
    with own_node(
        tmp_path / "data", "serve", "--workers", "1", BIAOJIE_DATABASE_URL=database, BIAOJIE_REDIS_URL=nowhere
    ) as node:
        await node.ready(session)
        warnings = [line for line in node.output.splitlines() if "check BIAOJIE_REDIS_URL" in line]
        assert len(warnings) == 1
        assert "Starting without it, slower" in warnings[0]
        key = (await asyncio.to_thread(node.biaojie, "key")).stdout.strip()
        operator = Api(node.base_url, session, key)
        assert (await operator.post("/api/v1/enterprises", {"name": "without Redis"})).status == 201
        ready = await operator.get("/readyz")
        assert (ready.status, ready.json["checks"]["redis"]["ok"]) == (200, False)
        doctor = await asyncio.to_thread(node.biaojie, "doctor")
        assert doctor.returncode == 1
        assert any(line.startswith("[!!] Redis: Redis at ") for line in doctor.stdout.splitlines())
        assert SECRET not in node.output + doctor.stdout + doctor.stderr
        assert "Traceback" not in node.output
        assert node.stop() == 0


async def test_key_command_makes_a_key_that_works(
    database: str, servers: Servers, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    variables = {"BIAOJIE_DATABASE_URL": database, "BIAOJIE_REDIS_URL": servers.redis_url}
    with own_node(tmp_path / "data", "serve", "--workers", "1", **variables) as node:
        await node.ready(session)
        made = await asyncio.to_thread(
            biaojie, "key", BIAOJIE_DATA_DIR=str(node.data_dir)
        )  # finds the node by its data
        assert made.returncode == 0
        assert made.stderr == ""
        operator = Api(node.base_url, session, made.stdout.strip())
        enterprise = (await operator.post("/api/v1/enterprises", {"name": "键"})).json
        granted = await operator.post("/api/v1/prefixes", {"enterprise_id": enterprise["id"]})
        key = await operator.post("/api/v1/keys", {"role": "enterprise", "enterprise_id": enterprise["id"]})
        owner = operator.with_key(key.json["key"])
        assert (await owner.post("/api/v1/identifiers", item(f"{granted.json['prefix']}/1"))).status == 201
        assert (await operator.with_key(made.stdout.strip()[:-1] + "x").post("/api/v1/keys", {})).status == 401
        assert node.stop() == 0
