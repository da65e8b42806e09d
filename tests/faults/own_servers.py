"""PostgreSQL and Redis of one test's own, which it may kill, stop for a while and start again. Nobody restarts them."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

from core.migrate import migrate
from node.embedded.account import choose_account, reachable_postgres, reachable_redis
from node.embedded.postgres import EmbeddedPostgres
from node.embedded.programs import find_postgres, find_redis
from node.embedded.redis import EmbeddedRedis
from node.embedded.runtime import RuntimeDirectory
from node.supervisor import ChildSpec, spawn
from tests.harness import PROGRAMS


class OwnServer:
    """One server process. After `kill` or `stop` it stays away until `start` or `resume`."""

    def __init__(self, spec: ChildSpec, url: str) -> None:
        self._spec = spec
        self.url = url
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self, *more_arguments: str) -> None:
        """Start it and wait until it serves."""
        if self._spec.before_start is not None:
            await self._spec.before_start()
        assert self._spec.log_path is not None
        with self._spec.log_path.open("ab") as output:
            self._process = spawn(replace(self._spec, argv=[*self._spec.argv, *more_arguments]), output)
        assert self._spec.ready is not None
        await self._spec.ready()

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """SIGSTOP the server and all its children: connections stay open and nothing answers."""
        for pid in self._pids():
            os.kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        for pid in self._pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def end(self) -> None:
        if self._process is not None:
            pids = self._pids()
            self._process.kill()
            self._process.wait()
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _pids(self) -> list[int]:
        """The server first, so that a stopped one starts no further children."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        found = children.read_text().split() if children.exists() else []
        return [self._process.pid, *map(int, found)]


@contextlib.contextmanager
def own_directory() -> Iterator[Path]:
    """A directory that the servers' account may enter."""
    path = Path(tempfile.mkdtemp(prefix="biaojie-faults-"))
    path.chmod(0o711)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.asynccontextmanager
async def own_postgres() -> AsyncIterator[OwnServer]:
    """Migrated, with fsync off: a killed process loses nothing by that, only a lost machine would."""
    account = choose_account()
    with own_directory() as directory, RuntimeDirectory(directory, account) as runtime:
        programs = reachable_postgres(find_postgres(PROGRAMS), account)
        postgres = EmbeddedPostgres(directory, runtime, programs, account, settings={"fsync": "off"})
        with contextlib.closing(postgres):
            postgres.prepare()
            server = OwnServer(postgres.spec(), postgres.url)
            try:
                await server.start()
                await migrate(postgres.url)
                yield server
            finally:
                server.end()


@contextlib.asynccontextmanager
async def own_redis() -> AsyncIterator[OwnServer]:
    account = choose_account()
    with own_directory() as directory, RuntimeDirectory(directory, account) as runtime:
        redis = EmbeddedRedis(directory, runtime, reachable_redis(find_redis(PROGRAMS), account), account)
        server = OwnServer(redis.spec(), redis.url)
        try:
            await server.start()
            yield server
        finally:
            server.end()
