"""Real PostgreSQL and Redis for the whole run, a fresh database for each test that asks for one."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from core.migrate import migrate
from node.embedded.account import choose_account, reachable_postgres, reachable_redis
from node.embedded.postgres import EmbeddedPostgres
from node.embedded.programs import find_postgres, find_redis
from node.embedded.redis import EmbeddedRedis
from node.embedded.runtime import RuntimeDirectory
from node.supervisor import Supervisor
from tests.harness import PROGRAMS, Api, Node, settings_for, take_aboard, worker_here

_numbers = itertools.count(1)
# Nodes that tests start as a whole speak Handle where the test says so: they would all have the same port.
os.environ.setdefault("BIAOJIE_HANDLE_PORT", "0")


@dataclass(frozen=True, slots=True)
class Servers:
    """`database_url` is of the template: migrated, and never connected to while copies are made."""

    database_url: str
    redis_url: str
    supervisor: Supervisor

    def named(self, database: str) -> str:
        return self.database_url.replace("/biaojie?", f"/{database}?")


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """A directory that the servers' account can enter, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="biaojie-tests-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
async def servers(scratch: Path) -> AsyncIterator[Servers]:
    account = choose_account()
    with contextlib.ExitStack() as stack:
        runtime = stack.enter_context(RuntimeDirectory(scratch, account))
        programs = reachable_postgres(find_postgres(PROGRAMS), account)
        postgres = stack.enter_context(
            contextlib.closing(EmbeddedPostgres(scratch, runtime, programs, account, settings={"fsync": "off"}))
        )
        postgres.prepare()
        redis = EmbeddedRedis(scratch, runtime, reachable_redis(find_redis(PROGRAMS), account), account)
        async with Supervisor(scratch) as supervisor:
            await supervisor.start(postgres.spec())
            await supervisor.start(redis.spec())
            await migrate(postgres.url)
            yield Servers(postgres.url, redis.url, supervisor)


@contextlib.asynccontextmanager
async def fresh_database(servers: Servers) -> AsyncIterator[str]:
    """The URL of a migrated, empty database, dropped afterwards."""
    name = f"test_{next(_numbers)}"
    admin = await asyncpg.connect(servers.named("postgres"))
    await admin.execute(
        f"CREATE DATABASE {name} TEMPLATE biaojie STRATEGY file_copy"
        if admin.get_server_version().major >= 15
        else f"CREATE DATABASE {name} TEMPLATE biaojie"
    )
    url = servers.named(name)
    connection = await asyncpg.connect(url)
    await connection.execute("UPDATE node_identity SET id = gen_random_uuid()")  # a database of its own to Redis
    await connection.close()
    yield url
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest.fixture
async def database(servers: Servers) -> AsyncIterator[str]:
    """One for each test."""
    async with fresh_database(servers) as url:
        yield url


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as opened:
        yield opened


@pytest.fixture
async def node(database: str, servers: Servers, session: aiohttp.ClientSession, scratch: Path) -> AsyncIterator[Node]:
    """A node of one worker in this process, with an enterprise aboard."""
    settings = settings_for(database, servers.redis_url, data_dir=scratch)
    async with worker_here(settings) as base_url:
        yield await take_aboard(settings, Api(base_url, session))
