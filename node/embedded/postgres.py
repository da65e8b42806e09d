"""PostgreSQL of the node's own: initialised once in `<data_dir>/postgres`, reached by a Unix socket only.

**Data where the account may not enter.** As root the server runs as an unprivileged account, and the data directory may
lie below a directory that only root may enter (a checkout in /root). The server then gets the data directory as an
open file descriptor and `-D /proc/self/fd/N`: following that link asks nothing of the directories above. The first
thing `postgres` does is to make it the working directory, and all its paths are relative to that. The obvious
`-D /proc/self/cwd` works with PostgreSQL 16 and later only: until 15, programs resolve their own name by changing the
directory and back (`find_my_exec`), and the way back is barred. Tried with 15.20 and 18.4: initdb with checksums,
start, reload, `kill -9` and recovery. Without /proc (macOS, BSD) such a place is refused with one sentence.

**Shared memory.** `dynamic_shared_memory_type=mmap` keeps the few MiB that remain with parallel queries off in files of
the data directory, so that neither a container's 64 MiB /dev/shm nor systemd's RemoveIPC matters.
"""

import asyncio
import contextlib
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from signal import Signals
from types import MappingProxyType

import asyncpg

from node.embedded.account import Account, can_enter
from node.embedded.programs import EmbeddedServerError, PostgresPrograms, major_of
from node.embedded.runtime import stop_orphans
from node.supervisor import ChildSpec, spawn, tail

PORT = "5432"  # names the socket only; nothing listens on TCP
INITDB_DEADLINE_SECONDS = 300.0
UNFINISHED = "postgres.unfinished-"

SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "shared_buffers": "256MB",
        "max_connections": "100",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        "wal_compression": "pglz",
        "synchronous_commit": "on",
        "fsync": "on",
        "full_page_writes": "on",
        "jit": "off",
        "random_page_cost": "1.1",
        "max_parallel_workers_per_gather": "0",
        "max_parallel_maintenance_workers": "0",  # the other user of dynamic shared memory
        "dynamic_shared_memory_type": "mmap",
        "huge_pages": "off",  # "try" ends in SIGBUS in containers with a limit on them
        "log_min_messages": "warning",
        "log_destination": "stderr",
        "logging_collector": "off",
    }
)
OUR_CONF = """# Biaojie starts this server with its settings on the command line; those win over this file.
# Settings written here, or by ALTER SYSTEM, are for what it leaves alone.
"""


class EmbeddedPostgres:
    """One PostgreSQL server of one data directory. Use: `prepare()`, then give `spec()` to the supervisor."""

    def __init__(
        self,
        data_dir: Path,
        runtime_dir: Path,
        programs: PostgresPrograms,
        account: Account | None = None,
        *,
        settings: Mapping[str, str] = MappingProxyType({}),
        ready_deadline_seconds: float = 600.0,
    ) -> None:
        """`programs` must be ones the account can reach (`reachable_postgres`); `settings` win over SETTINGS.

        The deadline is long because recovery of 4 GB of WAL on a slow disk takes minutes.
        """
        self.data_dir = data_dir.absolute()
        self.directory = self.data_dir / "postgres"
        self.log_path = self.data_dir / "postgres.log"
        self._password_path = self.data_dir / "postgres.password"
        self._runtime_dir = runtime_dir
        self._programs = programs
        self._account = account
        self._settings = {**SETTINGS, **settings}
        self._ready_deadline_seconds = ready_deadline_seconds
        self._descriptor: int | None = None

    @property
    def url(self) -> str:
        """DSN for asyncpg. The port is named because PGPORT in the environment would change it otherwise."""
        return self._url("biaojie")

    def prepare(self) -> None:
        """Initialise the data directory if there is none, else check that it can be opened. Call with the lock held.

        Raises EmbeddedServerError when it belongs to another account, or was made by another major version, or its
        password is gone, or initdb fails.
        """
        for unfinished in self.data_dir.glob(f"{UNFINISHED}*"):
            shutil.rmtree(unfinished, ignore_errors=True)
        major = major_of(self.directory)
        if major is None:
            self._initialise()
        elif major != self._programs.version[0]:
            raise _other_major(self.directory, major, self._programs.version[0])
        status = self.directory.stat()
        if status.st_uid != (self._account.uid if self._account else os.geteuid()):
            raise _foreign(self.directory, status.st_uid, self._account)
        if not self._password_path.is_file():
            raise _without_password(self._password_path)
        self.close()
        self._descriptor = _door(self.directory, self._account)

    def close(self) -> None:
        """Close the descriptor of the data directory, if there is one; the server must have ended."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def spec(self) -> ChildSpec:
        """How to run the server; valid after `prepare()`."""
        fixed = {"listen_addresses": "", "unix_socket_directories": str(self._runtime_dir), "port": PORT}
        argv = [str(self._programs.bin_directory / "postgres"), "-D", _path_through(self._descriptor, self.directory)]
        for name, value in {**self._settings, **fixed}.items():
            argv += ["-c", f"{name}={value}"]
        return ChildSpec(
            name="postgres",
            argv=argv,
            env=_environment(),
            cwd=Path("/"),
            user=self._account.name if self._account else None,
            log_path=self.log_path,
            stop_signal=Signals.SIGINT,  # fast shutdown
            kill_after_seconds=20.0,
            # Immediate shutdown, also when the supervisor dies: SIGKILL would leave backends busy with a statement.
            kill_signal=Signals.SIGQUIT,
            pass_fds=() if self._descriptor is None else (self._descriptor,),
            before_start=lambda: stop_orphans(self.directory),
            ready=lambda: self.wait_ready(self._ready_deadline_seconds),
        )

    async def wait_ready(self, deadline_seconds: float) -> None:
        """Return when the server answers SQL in database `biaojie`, which is created if it is missing.

        Raises EmbeddedServerError at the deadline, or at once when the server refuses our password.
        """
        deadline = time.monotonic() + deadline_seconds
        while True:
            try:
                await self._ensure_database()
                return
            except asyncpg.InvalidAuthorizationSpecificationError as error:
                raise _without_password(self._password_path) from error
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                if time.monotonic() >= deadline:
                    raise _not_ready(self.log_path, deadline_seconds, error) from error
            await asyncio.sleep(0.02)

    async def _ensure_database(self) -> None:
        connection = await asyncpg.connect(self._url("postgres"), timeout=10)
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = 'biaojie'", timeout=10):
                await connection.execute("CREATE DATABASE biaojie", timeout=60)
        finally:
            await connection.close(timeout=5)

    def _url(self, database: str) -> str:
        password = self._password_path.read_text().strip()
        return f"postgresql://biaojie:{password}@/{database}?host={self._runtime_dir}&port={PORT}"

    def _initialise(self) -> None:
        """initdb into a sibling and rename it, so that one killed halfway leaves nothing that looks finished."""
        if not self._password_path.exists():
            with open(os.open(self._password_path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(24))
        unfinished = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=self.data_dir))
        # initdb opens this file by its name, so it lies where the account may enter.
        password_copy = self._runtime_dir / "initdb.password"
        password_copy.write_bytes(self._password_path.read_bytes())
        try:
            for path in (unfinished, password_copy):
                path.chmod(0o700 if path is unfinished else 0o600)
                if self._account is not None:
                    os.chown(path, self._account.uid, self._account.gid)
            self._run_initdb(unfinished, password_copy)
            (unfinished / "postgresql.conf").write_text(OUR_CONF)
            unfinished.rename(self.directory)  # also over an empty directory, not over one that holds something
            _synchronise(self.data_dir)
        except OSError as error:
            raise _initdb_failed(str(error)) from error
        finally:
            password_copy.unlink(missing_ok=True)
            shutil.rmtree(unfinished, ignore_errors=True)

    def _run_initdb(self, directory: Path, password_file: Path) -> None:
        descriptor = _door(directory, self._account)
        log_path = self.data_dir / "initdb.log"
        argv = [str(self._programs.bin_directory / "initdb"), "-D", _path_through(descriptor, directory)]
        argv += ["--username=biaojie", f"--pwfile={password_file}", "--auth=scram-sha-256"]
        argv += ["--encoding=UTF8", "--locale=C", "--data-checksums"]
        spec = ChildSpec(
            name="initdb",
            argv=argv,
            env=_environment(),
            cwd=Path("/"),
            user=self._account.name if self._account else None,
            pass_fds=() if descriptor is None else (descriptor,),
        )
        try:
            with open(log_path, "wb") as output, spawn(spec, output) as process:
                try:
                    status = process.wait(INITDB_DEADLINE_SECONDS)
                except BaseException:
                    process.kill()
                    raise
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _initdb_failed(str(error)) from error
        finally:
            if descriptor is not None:
                os.close(descriptor)
        if status != 0:
            raise _initdb_failed(tail(log_path))


def _door(directory: Path, account: Account | None) -> int | None:
    """A descriptor to hand the directory to the account through, or None when it can go there by the path."""
    if can_enter(directory, account):
        return None
    if not Path("/proc/self/fd").is_dir():
        raise EmbeddedServerError(
            f"The account of PostgreSQL may not enter {directory}; set BIAOJIE_DATA_DIR to a directory it may.",
            f"PostgreSQL 的账户无法进入 {directory}；请用 BIAOJIE_DATA_DIR 指定它可以进入的目录。",
        )
    return os.open(directory, os.O_RDONLY | os.O_DIRECTORY)


def _path_through(descriptor: int | None, directory: Path) -> str:
    return str(directory) if descriptor is None else f"/proc/self/fd/{descriptor}"


def _environment() -> dict[str, str]:
    """Nothing of the caller's PG* variables or locale; the library path, because the programs may need it."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def _synchronise(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    with contextlib.suppress(OSError):
        os.fsync(descriptor)
    os.close(descriptor)


def _initdb_failed(reason: str) -> EmbeddedServerError:
    return EmbeddedServerError(
        f"PostgreSQL's data directory could not be initialised: {reason}", f"无法初始化 PostgreSQL 数据目录：{reason}"
    )


def _other_major(directory: Path, major: int, ours: int) -> EmbeddedServerError:
    return EmbeddedServerError(
        f"The data in {directory} was made by PostgreSQL {major} and PostgreSQL {ours} cannot open it; install the "
        f"package postgresql-{major}, or set BIAOJIE_DATA_DIR to another directory.",
        f"{directory} 中的数据由 PostgreSQL {major} 创建，PostgreSQL {ours} 无法打开；请安装软件包 postgresql-{major}，"
        "或用 BIAOJIE_DATA_DIR 指定其他目录。",
    )


def _foreign(directory: Path, uid: int, account: Account | None) -> EmbeddedServerError:
    ours = account.name if account else f"uid {os.geteuid()}"
    return EmbeddedServerError(
        f"The data in {directory} belongs to uid {uid} and PostgreSQL would run as {ours}: start the node as the "
        f"account that owns it (or as root), or change the owner, or set BIAOJIE_DATA_DIR.",
        f"{directory} 中的数据属于 uid {uid}，而 PostgreSQL 将以 {ours} 运行：请以拥有它的账户（或 root）启动，"
        "或更改其所有者，或设置 BIAOJIE_DATA_DIR。",
    )


def _without_password(path: Path) -> EmbeddedServerError:
    return EmbeddedServerError(
        f"The password of the embedded PostgreSQL in {path} is missing or is not the one its data was made with; "
        "restore that file.",
        f"{path} 中内置 PostgreSQL 的密码缺失，或与创建数据时的不一致；请恢复该文件。",
    )


def _not_ready(log_path: Path, seconds: float, error: BaseException) -> EmbeddedServerError:
    return EmbeddedServerError(
        f"PostgreSQL did not become ready within {seconds:g} s ({error or type(error).__name__}); see {log_path}.",
        f"PostgreSQL 在 {seconds:g} 秒内未就绪（{error or type(error).__name__}）；请查看 {log_path}。",
    )
