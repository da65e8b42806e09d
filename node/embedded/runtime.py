"""What belongs to one running supervisor of a data directory: the lock, the directory of the sockets, the orphans.

The sockets are not kept in the data directory, because a Unix socket's path has at most 107 bytes and the data
directory may be deep, or lie where the servers' account may not enter.
"""

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from node.embedded.account import Account, can_enter
from node.embedded.programs import EmbeddedServerError

# 107 bytes less "/.s.PGSQL.5432.lock", the longest name that goes into the directory.
LONGEST_RUNTIME_PATH_BYTES = 107 - 20
PREFIX = "biaojie-"


class DataLock:
    """An exclusive lock on `<data_dir>/lock` for the lifetime of the supervisor (a context manager).

    The kernel drops it with the process, however that ends, so a lock is never stale. Raises EmbeddedServerError
    when another process holds it (naming that process), or when the directory is not ours to write.
    """

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "lock"
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        try:
            # Others may pass through (the servers' account must), not look: the secrets inside are 0600 themselves.
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise _unwritable(self._path.parent, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "?"
            os.close(descriptor)
            raise _held(self._path.parent, holder) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The file stays: removing it would let two processes hold a lock on two files of the same name.
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class RuntimeDirectory:
    """A private, short-pathed directory for sockets (a context manager giving its Path), removed at the end.

    Its path is noted in `<data_dir>/runtime`, so that the next supervisor of the data directory, which holds the lock,
    removes what a killed one left. Raises EmbeddedServerError when no place will do.
    """

    def __init__(self, data_dir: Path, account: Account | None) -> None:
        self._note = data_dir / "runtime"
        self._account = account
        self._path: Path | None = None

    def __enter__(self) -> Path:
        self._remove_stale()
        for place in dict.fromkeys(self._places()):
            if not os.path.isdir(place) or len(os.fsencode(place)) + len(PREFIX) + 9 > LONGEST_RUNTIME_PATH_BYTES:
                continue
            if not can_enter(place, self._account):
                continue
            with contextlib.suppress(OSError):
                self._path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
                self._note.write_text(f"{self._path}\n")
                if self._account is not None:
                    os.chown(self._path, self._account.uid, self._account.gid)
                return self._path
        raise EmbeddedServerError(
            "There is no directory with a short path for the servers' sockets; make /tmp writable, or set TMPDIR.",
            "没有可供服务器套接字使用的短路径目录；请确保 /tmp 可写，或设置 TMPDIR。",
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._path is not None:
            shutil.rmtree(self._path, ignore_errors=True)
            self._note.unlink(missing_ok=True)

    def _places(self) -> Iterator[Path]:
        if self._account is None and os.environ.get("XDG_RUNTIME_DIR"):
            yield Path(os.environ["XDG_RUNTIME_DIR"])
        yield Path(tempfile.gettempdir())
        yield Path("/tmp")  # noqa: S108 (mkdtemp makes a private directory in it)
        yield Path("/var/tmp")  # noqa: S108

    def _remove_stale(self) -> None:
        with contextlib.suppress(OSError):
            stale = Path(self._note.read_text().strip())
            owners = {os.geteuid()} if self._account is None else {os.geteuid(), self._account.uid}
            # A cleaner of /tmp may have removed it long ago, and somebody else taken the name.
            if stale.name.startswith(PREFIX) and not stale.is_symlink() and stale.stat().st_uid in owners:
                shutil.rmtree(stale, ignore_errors=True)


async def stop_orphans(data_directory: Path) -> None:
    """Stop PostgreSQL processes that still run on a data directory whose supervisor or postmaster is dead.

    Call it with the lock held and no postmaster of ours running. A live postmaster gets a fast shutdown (20 s at
    most); then everything left an immediate one, then SIGKILL. Afterwards a `postmaster.pid` left behind is removed:
    its pid may by now be that of another process of the same account (in a container pids repeat from start to
    start), which PostgreSQL would take for a running server and refuse to start.
    Raises EmbeddedServerError when some process cannot be stopped.
    """
    postmaster = _postmaster_pid(data_directory)
    for number, seconds in ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
        left = _processes_on(data_directory)
        if not left:
            break
        if number == signal.SIGINT and postmaster not in left:
            seconds = 0.5  # backends see for themselves that their postmaster has died
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if number != signal.SIGINT or pid == postmaster:
                    os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while _processes_on(data_directory) and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
    if left := _processes_on(data_directory):
        raise EmbeddedServerError(
            f"PostgreSQL processes {left} still run on {data_directory} and could not be stopped; stop them by hand.",
            f"PostgreSQL 进程 {left} 仍在使用 {data_directory} 且无法停止；请手动停止它们。",
        )
    (data_directory / "postmaster.pid").unlink(missing_ok=True)


def _postmaster_pid(data_directory: Path) -> int | None:
    try:
        return abs(int((data_directory / "postmaster.pid").read_text().split("\n")[0]))
    except (FileNotFoundError, ValueError):
        return None


def _processes_on(data_directory: Path) -> list[int]:
    """Live PostgreSQL processes of the data directory: by their working directory, or elsewhere by postmaster.pid."""
    if Path("/proc/self/cwd").exists():
        here = os.stat(data_directory)
        return [pid for pid in _numbered_processes() if _works_in(pid, here)]
    postmaster = _postmaster_pid(data_directory)  # systems without /proc
    if postmaster is None:
        return []
    said = subprocess.run(["ps", "-o", "comm=", "-p", str(postmaster)], capture_output=True, text=True)  # noqa: S607
    return [postmaster] if os.path.basename(said.stdout.strip()) == "postgres" else []


def _numbered_processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _works_in(pid: int, directory: os.stat_result) -> bool:
    try:
        with open(f"/proc/{pid}/comm", "rb") as comm:
            if not comm.read().startswith(b"postgres"):
                return False
        return os.path.samestat(os.stat(f"/proc/{pid}/cwd"), directory)
    except OSError:  # gone, a zombie, or somebody else's
        return False


def _held(data_dir: Path, holder: str) -> EmbeddedServerError:
    return EmbeddedServerError(
        f"Another node (pid {holder}) already runs on the data directory {data_dir}; stop it, "
        "or set BIAOJIE_DATA_DIR to another directory.",
        f"另一个节点（进程号 {holder}）正在使用数据目录 {data_dir}；请先停止它，或用 BIAOJIE_DATA_DIR 指定其他目录。",
    )


def _unwritable(data_dir: Path, error: OSError) -> EmbeddedServerError:
    return EmbeddedServerError(
        f"The data directory {data_dir} cannot be used: {error.strerror}; start the node as the account that owns it, "
        "or set BIAOJIE_DATA_DIR to another directory.",
        f"无法使用数据目录 {data_dir}：{error.strerror}；请用拥有它的账户启动，或用 BIAOJIE_DATA_DIR 指定其他目录。",
    )
