"""Start a node: the servers it brings along, the migrations, the workers; stop all of it again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

from pydantic import SecretStr

from core.migrate import MigrationError, all_migrations, applied_numbers, migrate
from core.settings import Settings
from core.telemetry import DIRECTORY_VARIABLE
from node import toplevel_runner
from node.console import Refused, complain, say
from node.embedded.account import choose_account, reachable_postgres, reachable_redis
from node.embedded.postgres import EmbeddedPostgres
from node.embedded.programs import find_postgres, find_redis, major_of
from node.embedded.redis import EmbeddedRedis
from node.embedded.runtime import DataLock, RuntimeDirectory
from node.https import tls_context
from node.listening import hold_handle_ports, hold_port
from node.personal_data import with_own_key
from node.preflight import connect_database, redis_version
from node.running import announced
from node.supervisor import ChildSpec, ChildStartError, StopRequested, Supervisor

Ready = Callable[[Settings], Awaitable[None]]
_READY_SECONDS = 30.0
_BOX_POLL_SECONDS = 2.0  # a rehearsal is not to be waited for


async def up(settings: Settings, when_ready: Ready, *, box: bool = False) -> None:
    """Servers that were not given, migrations, workers, then `when_ready`; returns after SIGINT or SIGTERM. `box`: with a
    top-level node in a box beside it, where no other is configured.

    Raises `Refused`, `PortError`, `EmbeddedServerError`, `ChildStartError`.
    """
    async with _supervised(settings) as supervisor, _servers(settings, supervisor) as reachable:
        await apply_migrations(reachable.database_url.get_secret_value())
        await _work(with_box(reachable) if box and not reachable.peering_url else reachable, supervisor, when_ready)


async def serve(settings: Settings, when_ready: Ready) -> None:
    """Workers against given servers; returns after SIGINT or SIGTERM. Raises as `up` does."""
    await require_migrated(settings.database_url.get_secret_value())
    await _warn_of_redis(settings.redis_url.get_secret_value())
    async with _supervised(settings) as supervisor:
        await _work(settings, supervisor, when_ready)


async def apply_migrations(url: str) -> None:
    """Raises `Refused`."""
    await (await connect_database(url)).close()
    try:
        applied = await migrate(url)
    except MigrationError as wrong:
        raise Refused(f"The database cannot be migrated: {wrong}", f"数据库迁移失败：{wrong}") from None
    for migration in applied:
        say(f"biaojie: applied migration {migration.number:04d} {migration.name}")


async def require_migrated(url: str) -> None:
    """Raises `Refused` when migrations are missing."""
    connection = await connect_database(url)
    try:
        applied = await applied_numbers(connection)
    finally:
        await connection.close()
    if missing := [m for m in all_migrations() if m.number not in applied]:
        raise Refused(
            f"{len(missing)} migrations are missing in the database; run `biaojie migrate` first",
            f"数据库缺少 {len(missing)} 个迁移；请先执行 biaojie migrate",
        )


@contextlib.asynccontextmanager
async def _supervised(settings: Settings) -> AsyncIterator[Supervisor]:
    """The ports are ours, the data directory is ours, signals are heard."""
    with contextlib.ExitStack() as held:
        held.enter_context(contextlib.closing(hold_port(settings.http_host, settings.http_port)))
        if settings.https_port:
            tls_context(settings)  # said before anything is started
            secure = hold_port(settings.http_host, settings.https_port, variable="BIAOJIE_HTTPS_PORT")
            held.enter_context(contextlib.closing(secure))
        held.enter_context(DataLock(settings.data_dir))  # before Handle's: of two nodes it is the data that they share
        for listener in hold_handle_ports(settings.http_host, settings.handle_port):
            held.enter_context(contextlib.closing(listener))
        async with Supervisor(settings.data_dir) as supervisor:
            yield supervisor


@contextlib.asynccontextmanager
async def _servers(settings: Settings, supervisor: Supervisor) -> AsyncIterator[Settings]:
    """The settings, with the URLs of the servers started here where none were given."""
    with contextlib.ExitStack() as stack:
        own_database = not settings.database_url.get_secret_value()
        own_redis = not settings.redis_url.get_secret_value()
        update: dict[str, SecretStr] = {}
        if own_database:
            update["personal_data_key"] = with_own_key(settings).personal_data_key
        if own_database or own_redis:
            data = settings.data_dir.resolve()
            account = choose_account(settings.embedded_account or None, existing_data=data / "postgres")
            runtime = stack.enter_context(RuntimeDirectory(data, account))
            if own_database:
                programs = reachable_postgres(find_postgres(settings.embedded, major_of(data / "postgres")), account)
                postgres = stack.enter_context(contextlib.closing(EmbeddedPostgres(data, runtime, programs, account)))
                postgres.prepare()
                await supervisor.start(postgres.spec())
                update["database_url"] = SecretStr(postgres.url)
                say(
                    f"biaojie: PostgreSQL {_version(programs.version)} ({programs.origin}), data in {data / 'postgres'}"
                )
            if own_redis:
                program = reachable_redis(find_redis(settings.embedded), account)
                cache = EmbeddedRedis(data, runtime, program, account)
                await supervisor.start(cache.spec())
                update["redis_url"] = SecretStr(cache.url)
                say(f"biaojie: Redis {_version(program.version)} ({program.origin})")
        if not own_redis:
            await _warn_of_redis(settings.redis_url.get_secret_value())
        try:
            yield settings.model_copy(update=update)
        finally:  # before their sockets go
            await supervisor.stop()


async def _work(settings: Settings, supervisor: Supervisor, when_ready: Ready) -> None:
    with _metrics_directory(settings.data_dir) as metrics, announced(settings):
        environment = {**os.environ, **settings.as_environment(), DIRECTORY_VARIABLE: str(metrics)}
        for number in range(settings.worker_count):
            await supervisor.start(_worker(number, environment, metrics))
        await supervisor.start(_bulk(environment))
        stopped = asyncio.ensure_future(supervisor.run_until_stopped())
        ready = asyncio.ensure_future(when_ready(settings))
        await asyncio.wait((stopped, ready), return_when=asyncio.FIRST_COMPLETED)
        if stopped.done():
            ready.cancel()
            await asyncio.gather(ready, return_exceptions=True)
        else:
            ready.result()
            await _peer(settings, environment, supervisor)
        await stopped


def with_box(settings: Settings) -> Settings:
    """The settings of a node that peers with a box on this machine. Raises `Refused`."""
    box = toplevel_runner.prepare(settings)
    update = {
        "peering_url": box.url, "peering_user": toplevel_runner.USER, "peering_server_keys": box.server_key,
        "peering_poll_seconds": _BOX_POLL_SECONDS, "peering_idle_poll_seconds": _BOX_POLL_SECONDS,
        "toplevel_port": box.port,
        "iiidap_bootstrap_url": settings.iiidap_bootstrap_url or f"{box.url.removesuffix('/epp')}/iiidap/bootstrap.json",
        "toplevel_handle_port": box.handle_port,
        "escrow_agent_url": box.url.removesuffix("/epp"), "escrow_user": toplevel_runner.CLIENT,
        "escrow_password": SecretStr(box.password),
    }  # fmt: skip
    return settings.model_copy(update=update)


async def _peer(settings: Settings, environment: dict[str, str], supervisor: Supervisor) -> None:
    """After the node is ready, which needs neither: the exchange, and the box where the other end is one. One that does not
    start is told, and everything else goes on."""
    beside = [ChildSpec("sync", [sys.executable, "-m", "node.sync_runner"], env=environment)]
    if settings.toplevel_port and settings.peering_url.endswith(f":{settings.toplevel_port}/epp"):
        beside.insert(0, _box(settings, environment))
    for spec in beside if settings.peering_url else ():
        try:
            await supervisor.start(spec)
        except StopRequested:
            return
        except ChildStartError as wrong:
            complain(wrong.message_en, wrong.message_zh)


def _worker(number: int, environment: dict[str, str], directory: Path) -> ChildSpec:
    ready_file = directory / f"worker-{number}.ready"

    async def ready() -> None:
        async with asyncio.timeout(_READY_SECONDS):
            while not ready_file.exists():
                await asyncio.sleep(0.02)

    arguments = ["--number", str(number), "--ready-file", str(ready_file)]
    return ChildSpec(
        f"worker-{number}",
        [sys.executable, "-m", "node.worker", *arguments],
        env=environment,
        ready=ready,
    )


def _bulk(environment: dict[str, str]) -> ChildSpec:
    """Nobody waits for it at the start: jobs it has not seen yet lie where it will find them."""
    return ChildSpec("bulk", [sys.executable, "-m", "node.bulk_runner"], env=environment)


def _box(settings: Settings, environment: dict[str, str]) -> ChildSpec:
    async def ready() -> None:
        async with asyncio.timeout(_READY_SECONDS):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection(settings.toplevel_host, settings.toplevel_port)
                    writer.close()
                    return
                await asyncio.sleep(0.05)

    return ChildSpec("toplevel", [sys.executable, "-m", "node.toplevel_runner"], env=environment, ready=ready)


@contextlib.contextmanager
def _metrics_directory(data_dir: Path) -> Iterator[Path]:
    """Empty at the beginning: a supervisor that was killed has left its own."""
    path = data_dir.resolve() / "metrics"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


async def _warn_of_redis(url: str) -> None:
    """Redis is disposable: a node without it is slower, so it starts all the same."""
    try:
        await redis_version(url)
    except Refused as wrong:
        complain(
            f"{wrong.message_en}. Starting without it, slower.",
            f"{wrong.message_zh}。节点将在没有 Redis 的情况下启动，速度较慢。",
        )


def _version(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
