"""Redis of the node's own: a Unix socket and memory, nothing on disk, because Redis is disposable.

It works in the runtime directory and logs to its standard output, which the supervisor keeps in `<data_dir>/redis.log`:
given a file name Redis would open it anew for every line, which its account may not be allowed in the data directory.
"""

import asyncio
import time
from pathlib import Path

import redis.asyncio
from redis.exceptions import RedisError

from node.embedded.account import Account
from node.embedded.programs import EmbeddedServerError, RedisProgram
from node.supervisor import ChildSpec

DEFAULT_MAXMEMORY_MEBIBYTES = 256


class EmbeddedRedis:
    """One Redis server of one supervisor. Give `spec()` to the supervisor; there is nothing to prepare."""

    def __init__(
        self,
        data_dir: Path,
        runtime_dir: Path,
        program: RedisProgram,
        account: Account | None = None,
        *,
        maxmemory_mebibytes: int = DEFAULT_MAXMEMORY_MEBIBYTES,
        ready_deadline_seconds: float = 30.0,
    ) -> None:
        """`program` must be one the account can reach (`reachable_redis`)."""
        self.log_path = data_dir.absolute() / "redis.log"
        self._runtime_dir = runtime_dir
        self._socket = runtime_dir / "redis.sock"
        self._program = program
        self._account = account
        self._maxmemory_mebibytes = maxmemory_mebibytes
        self._ready_deadline_seconds = ready_deadline_seconds

    @property
    def url(self) -> str:
        """Address for redis-py's `from_url`."""
        return f"unix://{self._socket}?db=0"

    def spec(self) -> ChildSpec:
        """How to run the server."""
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._runtime_dir),
            "daemonize": "no",
            "logfile": "",
            "save": "",
            "appendonly": "no",
            "maxmemory": f"{self._maxmemory_mebibytes}mb",
            "maxmemory-policy": "allkeys-lru",
        }
        return ChildSpec(
            name="redis",
            argv=[
                str(self._program.path),
                *(word for name, value in settings.items() for word in (f"--{name}", value)),
            ],
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            cwd=self._runtime_dir,
            user=self._account.name if self._account else None,
            log_path=self.log_path,
            kill_after_seconds=5.0,
            ready=lambda: self.wait_ready(self._ready_deadline_seconds),
        )

    async def wait_ready(self, deadline_seconds: float) -> None:
        """Return when the server answers a PING. Raises EmbeddedServerError at the deadline."""
        deadline = time.monotonic() + deadline_seconds
        client = redis.asyncio.Redis(unix_socket_path=str(self._socket), socket_timeout=5, socket_connect_timeout=5)
        try:
            while True:
                try:
                    await client.ping()
                    return
                except (RedisError, OSError, TimeoutError) as error:
                    if time.monotonic() >= deadline:
                        raise _not_ready(self.log_path, deadline_seconds, error) from error
                await asyncio.sleep(0.02)
        finally:
            await client.aclose()


def _not_ready(log_path: Path, seconds: float, error: BaseException) -> EmbeddedServerError:
    return EmbeddedServerError(
        f"Redis did not become ready within {seconds:g} s ({error or type(error).__name__}); see {log_path}.",
        f"Redis 在 {seconds:g} 秒内未就绪（{error or type(error).__name__}）；请查看 {log_path}。",
    )
