"""A small supervisor of child processes on asyncio: start in order, restart what dies, stop in reverse order.

Children run in sessions of their own, so that Ctrl-C in the terminal reaches the supervisor only. On Linux they die
with it even when it is killed with -9: each asks the kernel for a signal at its parent's death (PR_SET_PDEATHSIG).
That signal comes at the end of the *thread* that started the child, so start the supervisor in the main thread.
"""

import asyncio
import contextlib
import ctypes
import itertools
import json
import logging
import os
import pwd
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from signal import Signals
from types import TracebackType
from typing import IO, Self

log = logging.getLogger(__name__)

FIRST_START_ATTEMPTS = 3
SHORTEST_BACKOFF_SECONDS = 0.1
LONGEST_BACKOFF_SECONDS = 5.0
HEALTHY_AFTER_SECONDS = 30.0
_SAME_SIGNAL_SECONDS = 0.5
LAST_GRACE_SECONDS = 6.0  # between the kill signal and SIGKILL; PostgreSQL's immediate shutdown takes 5 s at most
LARGEST_LOG_BYTES = 10 * 2**20
TAIL_LINES = 12

_PR_SET_PDEATHSIG = 1
# Loaded before any fork: loading a library between fork and exec may deadlock.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """How to start, judge and stop one child.

    `name`: unique; neighbours that differ only in a number at the end ("worker-0", "worker-1") are stopped together.
    `env`: the whole environment, None = ours. `user`: account to run as, None = ours. `log_path`: where its output
    goes (moved to `<name>.1` when over 10 MiB at a start), None = inherit. `kill_signal`: sent when `stop_signal` has
    not ended it after `kill_after_seconds`, and by the kernel when the supervisor dies; SIGKILL follows 6 s later.
    `before_start`: run before every start and restart. `ready`: returns when the child serves, raises when it will not.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    user: str | None = None
    log_path: Path | None = None
    stop_signal: Signals = Signals.SIGTERM
    kill_after_seconds: float = 10.0
    kill_signal: Signals = Signals.SIGKILL
    pass_fds: tuple[int, ...] = ()
    before_start: Callable[[], Awaitable[None]] | None = None
    ready: Callable[[], Awaitable[None]] | None = None


class ChildStartError(Exception):
    """A child did not get through its first start; the text ends with the last lines of its log."""

    def __init__(self, message_en: str, message_zh: str) -> None:
        super().__init__(message_en)
        self.message_en = message_en
        self.message_zh = message_zh


class StopRequested(Exception):
    """SIGINT or SIGTERM came while children were still being started."""


@dataclass(slots=True)
class _Child:
    spec: ChildSpec
    process: subprocess.Popen[bytes]
    exited: asyncio.Future[int]
    started: float = field(default_factory=time.monotonic)
    watch: asyncio.Task[None] | None = None


class Supervisor:
    """Starts children, keeps them running, publishes their pids in `<data_dir>/pids.json`, stops them.

    As a context manager it listens to SIGINT and SIGTERM from the beginning and stops everything at the end.
    """

    def __init__(self, data_dir: Path) -> None:
        self._pids_path = data_dir / "pids.json"
        self._children: dict[str, _Child] = {}
        self._stop_requested = asyncio.Event()
        self._stop_requested_at = 0.0
        self._hurry = asyncio.Event()
        self._stopping = False
        self._listening = False

    async def __aenter__(self) -> Self:
        self._listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        await self.stop()
        return kind is not None and issubclass(kind, StopRequested)

    async def start(self, spec: ChildSpec) -> None:
        """Start a child and wait until it is ready; from then on it is restarted whenever it dies.

        Raises ChildStartError when it exits three times before it is ready, or its `ready` raises;
        StopRequested when we are asked to stop meanwhile.
        """
        backoff = SHORTEST_BACKOFF_SECONDS
        for attempt in range(1, FIRST_START_ATTEMPTS + 1):
            try:
                child = await self._spawn(spec)
            except OSError as error:
                raise _did_not_start(spec, str(error)) from error
            try:
                became_ready = await self._until_ready(child)
            except BaseException:
                await self._end(child)
                raise
            if became_ready:
                child.watch = asyncio.create_task(self._watch(child), name=f"watch {spec.name}")
                return
            if attempt < FIRST_START_ATTEMPTS:
                await asyncio.sleep(backoff)
                backoff *= 2
        raise _did_not_start(spec, f"it ended before it was ready ({_how(child.exited.result())})")

    async def run_until_stopped(self) -> None:
        """Serve until SIGINT or SIGTERM (or `request_stop`), then stop every child. A second signal kills at once."""
        self._listen()
        await self._stop_requested.wait()
        await self.stop()

    def request_stop(self) -> None:
        """What the first signal does; a second call is the second signal.

        One that follows at once is still the first: `make` passes on what the whole group was sent.
        """
        now = asyncio.get_running_loop().time()
        if not self._stop_requested.is_set():
            self._stop_requested_at = now
            self._stop_requested.set()
        elif now - self._stop_requested_at > _SAME_SIGNAL_SECONDS:
            self._hurry.set()

    async def stop(self) -> None:
        """Stop the children in reverse order of their start and forget them; does nothing the second time."""
        self._stopping = True
        children = list(reversed(self._children.values()))
        watches = [child.watch for child in children if child.watch is not None]
        for watch in watches:
            watch.cancel()
        await asyncio.gather(*watches, return_exceptions=True)
        for _, alike in itertools.groupby(children, key=lambda child: child.spec.name.rstrip("0123456789")):
            await asyncio.gather(*(self._end(child) for child in alike))
        self._pids_path.unlink(missing_ok=True)
        if self._listening:
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().remove_signal_handler(number)
            self._listening = False

    def _listen(self) -> None:
        if not self._listening:
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, self.request_stop)
            self._listening = True

    async def _spawn(self, spec: ChildSpec) -> _Child:
        if self._stop_requested.is_set() or self._stopping:
            raise StopRequested
        if spec.before_start is not None:
            await spec.before_start()
        with _open_log(spec.log_path) as output:
            process = spawn(spec, output)
        child = _Child(spec, process, _exit_of(process))
        self._children[spec.name] = child
        self._publish()
        return child

    async def _until_ready(self, child: _Child) -> bool:
        """True when it became ready, False when it exited first."""
        if child.spec.ready is None:
            return True
        ready = asyncio.ensure_future(child.spec.ready())
        stop = asyncio.ensure_future(self._stop_requested.wait())
        try:
            await asyncio.wait((ready, stop, child.exited), return_when=asyncio.FIRST_COMPLETED)
            if child.exited.done():
                return False
            if not ready.done():
                raise StopRequested
            try:
                ready.result()
            except Exception as error:
                raise _did_not_start(child.spec, str(error) or type(error).__name__) from error
            return True
        finally:
            for waiting in (ready, stop):
                waiting.cancel()
            await asyncio.gather(ready, stop, return_exceptions=True)

    async def _watch(self, child: _Child) -> None:
        """Restart the child whenever it dies, waiting longer each time until it has been healthy for a while."""
        spec, backoff = child.spec, SHORTEST_BACKOFF_SECONDS
        while True:
            await asyncio.wait((child.exited,))  # not the future itself: a cancelled watch would cancel it
            status = child.exited.result()
            if time.monotonic() - child.started >= HEALTHY_AFTER_SECONDS:
                backoff = SHORTEST_BACKOFF_SECONDS
            log.warning("%s (pid %d) died: %s; restarting it", spec.name, child.process.pid, _how(status))
            while True:
                await asyncio.sleep(backoff)
                backoff = min(backoff * 2, LONGEST_BACKOFF_SECONDS)
                try:
                    child = await self._spawn(spec)
                    child.watch = asyncio.current_task()
                    break
                except StopRequested:
                    return
                except Exception as error:
                    log.warning("%s cannot be restarted yet: %s", spec.name, error)

    async def _end(self, child: _Child) -> None:
        """Stop signal, kill signal, SIGKILL, each only if the one before has not ended it; at once when in a hurry."""
        hurry = asyncio.ensure_future(self._hurry.wait())
        if not self._hurry.is_set():
            _send(child, child.spec.stop_signal)
            waiting = (child.exited, hurry)
            await asyncio.wait(waiting, timeout=child.spec.kill_after_seconds, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        _send(child, child.spec.kill_signal)
        await asyncio.wait((child.exited,), timeout=LAST_GRACE_SECONDS)
        _send(child, Signals.SIGKILL)
        await asyncio.wait((child.exited,))
        self._children.pop(child.spec.name, None)

    def _publish(self) -> None:
        pids = {name: child.process.pid for name, child in self._children.items()}
        unfinished = self._pids_path.with_suffix(".unfinished")
        try:
            unfinished.write_text(json.dumps(pids))
            unfinished.replace(self._pids_path)
        except OSError as error:  # a full disk must not keep a child from running
            log.warning("%s cannot be written: %s", self._pids_path, error)


def _send(child: _Child, number: Signals) -> None:
    if not child.exited.done():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            child.process.send_signal(number)


def spawn(spec: ChildSpec, output: IO[bytes] | int | None) -> subprocess.Popen[bytes]:
    """Start the process of a spec, its output going to `output` (None = inherit). Raises OSError."""
    account = pwd.getpwnam(spec.user) if spec.user is not None else None
    parent, libc, death_signal = os.getpid(), _libc, int(spec.kill_signal)

    def die_with_the_parent() -> None:
        # Runs after the change of user, which would clear the wish. The parent may have died before it was made.
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return subprocess.Popen(
        list(spec.argv),
        env=spec.env,
        cwd=spec.cwd,
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=os.getgrouplist(account.pw_name, account.pw_gid) if account else None,
        pass_fds=spec.pass_fds,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output is not None else None,
        start_new_session=True,
        preexec_fn=die_with_the_parent,
    )


def _exit_of(process: subprocess.Popen[bytes]) -> asyncio.Future[int]:
    """Exit status (negative = signal) of a process, reaped by a thread: any event loop, any number of children."""
    loop = asyncio.get_running_loop()
    exited: asyncio.Future[int] = loop.create_future()

    def tell(status: int) -> None:
        if not exited.done():
            exited.set_result(status)

    def reap() -> None:
        status = process.wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(tell, status)

    threading.Thread(target=reap, name=f"reap {process.pid}", daemon=True).start()
    return exited


def _open_log(path: Path | None) -> contextlib.AbstractContextManager[IO[bytes] | None]:
    if path is None:
        return contextlib.nullcontext()
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > LARGEST_LOG_BYTES:
            path.replace(path.with_name(f"{path.name}.1"))
    return open(path, "ab", opener=lambda name, flags: os.open(name, flags, 0o600))


def tail(path: Path | None) -> str:
    """The last lines of a log, for an error message; empty when there is none."""
    if path is None:
        return ""
    with contextlib.suppress(OSError):
        return "\n".join(path.read_bytes()[-16384:].decode(errors="replace").splitlines()[-TAIL_LINES:])
    return ""


def _how(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"signal {Signals(-status).name}"
    except ValueError:
        return f"signal {-status}"


def _did_not_start(spec: ChildSpec, reason: str) -> ChildStartError:
    lines = tail(spec.log_path)
    ending = f"\nThe last lines of {spec.log_path}:\n{lines}" if lines else ""
    ending_zh = f"\n{spec.log_path} 的最后几行：\n{lines}" if lines else ""
    return ChildStartError(
        f"{spec.name} did not start: {reason}.{ending}", f"{spec.name} 未能启动：{reason}。{ending_zh}"
    )
