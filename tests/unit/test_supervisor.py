"""The supervisor keeps children running, stops them in order, and never leaves one behind."""

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from node import supervisor as supervisor_module
from node.supervisor import ChildSpec, ChildStartError, Supervisor


def sleeper(name: str, **more: object) -> ChildSpec:
    return ChildSpec(name=name, argv=[sys.executable, "-c", "import time; time.sleep(600)"], **more)  # type: ignore[arg-type]


def shell(name: str, script: str, **more: object) -> ChildSpec:
    return ChildSpec(name=name, argv=["/bin/sh", "-c", script], **more)  # type: ignore[arg-type]


def pids(data_dir: Path) -> dict[str, int]:
    return dict(json.loads((data_dir / "pids.json").read_text()))


def alive(pid: int) -> bool:
    """Running, and not a zombie that only waits for somebody to read its status."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


async def eventually(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


async def test_a_child_that_dies_is_restarted_and_its_new_pid_published(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Supervisor(tmp_path) as supervisor:
        await supervisor.start(sleeper("worker-0"))
        first = pids(tmp_path)["worker-0"]
        with caplog.at_level(logging.WARNING):
            os.kill(first, signal.SIGKILL)
            await eventually(lambda: pids(tmp_path)["worker-0"] != first)
        second = pids(tmp_path)["worker-0"]
        assert alive(second)
        assert f"worker-0 (pid {first}) died: signal SIGKILL; restarting it" in caplog.text
    assert not alive(second)
    assert not (tmp_path / "pids.json").exists()


async def test_children_are_stopped_in_reverse_order(tmp_path: Path) -> None:
    order = tmp_path / "order"
    async with Supervisor(tmp_path) as supervisor:
        for name in ("postgres", "redis", "worker-0"):
            script = (
                f"trap 'echo {name} >> {order}; exit 0' TERM; touch {tmp_path}/{name}.up; while :; do sleep 0.02; done"
            )

            async def up(name: str = name) -> None:
                await eventually((tmp_path / f"{name}.up").exists)

            await supervisor.start(shell(name, script, ready=up))
    assert order.read_text().split() == ["worker-0", "redis", "postgres"]


async def test_a_child_deaf_to_its_stop_signal_gets_the_kill_signal(tmp_path: Path) -> None:
    async def up() -> None:
        await eventually((tmp_path / "up").exists)

    async with Supervisor(tmp_path) as supervisor:
        script = f"trap '' TERM; touch {tmp_path}/up; while :; do sleep 0.05; done"
        await supervisor.start(shell("deaf", script, ready=up, kill_after_seconds=0.3))
        pid, began = pids(tmp_path)["deaf"], time.monotonic()
    assert 0.3 <= time.monotonic() - began < 5
    assert not alive(pid)


async def test_three_failed_first_starts_end_in_one_error_with_the_log(tmp_path: Path) -> None:
    async def never() -> None:
        await asyncio.sleep(60)

    spec = shell(
        "broken", "echo attempt; echo no such thing >&2; exit 3", log_path=tmp_path / "broken.log", ready=never
    )
    async with Supervisor(tmp_path) as supervisor:
        with pytest.raises(
            ChildStartError, match=r"(?s)broken did not start: .*exit status 3.*no such thing"
        ) as caught:
            await supervisor.start(spec)
    assert (tmp_path / "broken.log").read_text().count("attempt") == 3
    assert "未能启动" in caught.value.message_zh


async def test_a_program_that_is_not_there_is_an_error_and_not_a_restart(tmp_path: Path) -> None:
    async with Supervisor(tmp_path) as supervisor:
        with pytest.raises(ChildStartError, match="absent did not start"):
            await supervisor.start(ChildSpec(name="absent", argv=[str(tmp_path / "absent")]))


async def test_a_signal_while_starting_stops_what_was_started(tmp_path: Path) -> None:
    async def never() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(60)

    async with Supervisor(tmp_path) as supervisor:
        await supervisor.start(sleeper("first"))
        first = pids(tmp_path)["first"]
        await supervisor.start(sleeper("second", ready=never))
        pytest.fail("the second child cannot have become ready")
    assert not alive(first)


async def test_a_second_signal_kills_at_once(tmp_path: Path) -> None:
    async def up() -> None:
        await eventually((tmp_path / "up").exists)

    async with Supervisor(tmp_path) as supervisor:
        script = f"trap '' TERM; touch {tmp_path}/up; while :; do sleep 0.05; done"
        await supervisor.start(shell("deaf", script, ready=up, kill_after_seconds=60))
        pid, began = pids(tmp_path)["deaf"], time.monotonic()
        stopped = asyncio.create_task(supervisor.run_until_stopped())
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.2)
        os.kill(os.getpid(), signal.SIGTERM)  # make passes on what the group was sent: still the first
        await asyncio.sleep(0.5)
        assert alive(pid)
        os.kill(os.getpid(), signal.SIGTERM)
        await stopped
    assert time.monotonic() - began < 5
    assert not alive(pid)


async def test_a_large_log_is_moved_aside_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor_module, "LARGEST_LOG_BYTES", 4)
    log = tmp_path / "child.log"
    log.write_text("older lines")
    async with Supervisor(tmp_path) as supervisor:
        await supervisor.start(shell("child", "echo newer; sleep 600", log_path=log))
        await eventually(lambda: log.read_text() == "newer\n")
    assert (tmp_path / "child.log.1").read_text() == "older lines"


KILLED = """
import asyncio, pathlib, sys
from node.supervisor import ChildSpec, Supervisor
async def main():
    async with Supervisor(pathlib.Path(sys.argv[1])) as supervisor:
        for name in ("one", "two"):
            await supervisor.start(ChildSpec(name=name, argv=["/bin/sh", "-c", "trap '' TERM INT; sleep 600 & wait"]))
        await supervisor.run_until_stopped()
asyncio.run(main())
"""


def start_killed(data_dir: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", KILLED, str(data_dir)])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's death")
async def test_children_die_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    supervisor = start_killed(tmp_path)
    try:
        await eventually(lambda: (tmp_path / "pids.json").exists() and len(pids(tmp_path)) == 2)
        left = pids(tmp_path).values()
    finally:
        supervisor.kill()
        supervisor.wait()
    await eventually(lambda: not any(alive(pid) for pid in left))
