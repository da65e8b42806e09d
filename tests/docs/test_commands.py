"""Every command of the README, run as a reader runs it, says what the README says that it says."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.docs.readme import CHINESE, ENGLISH, Block, blocks, difference
from tests.faults.own_node import OwnNode, own_node, plain_environment
from tests.faults.own_servers import own_directory
from tests.harness import ROOT

_END = "\x1e"


@dataclass(frozen=True, slots=True)
class Ran:
    status: int
    output: str


@pytest.fixture(scope="module")
async def node() -> AsyncIterator[OwnNode]:
    """What `make run` starts, on a data directory and a port of its own."""
    with own_directory() as directory, own_node(directory / "data", "up", "--demo", "--workers", "2") as started:
        async with aiohttp.ClientSession() as session:
            await started.ready(session)
        yield started
        assert started.stop() == 0, started.output
        assert "Traceback" not in started.output, started.output


def runnable(path: Path) -> list[Block]:
    return [block for block in blocks(path) if block.run]


@pytest.fixture(scope="module")
async def ran(node: OwnNode) -> list[Ran]:
    """All of them in order in one bash; only the environment says that port and directory are others."""
    script = "".join(f"{block.text}\nprintf '{_END}%d{_END}' $?\n" for block in runnable(ENGLISH))
    done = await asyncio.to_thread(
        subprocess.run,
        ["bash", "-u", "-c", script],
        env=plain_environment(**node.variables),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=90,
    )
    parts = done.stdout.split(_END)
    return [Ran(int(status), output) for output, status in zip(parts[::2], parts[1::2], strict=False)]


@pytest.mark.parametrize("number", range(len(runnable(ENGLISH))))
def test_command_does_what_the_readme_shows(number: int, ran: list[Ran], node: OwnNode) -> None:
    assert number < len(ran), f"bash ended early: {ran[-1].output if ran else ''}"
    block, result = runnable(ENGLISH)[number], ran[number]
    where = f"README.md, line {block.line}:\n{block.text}\n"
    assert result.status == 0, f"{where}ended with {result.status}:\n{result.output}"
    assert block.shown is not None, f"{where}shows no output"
    base_url = f"http://localhost:{node.port}"
    why = difference(block.shown, result.output, base_url)
    assert not why, f"{where}{why}; the whole output:\n{result.output}"


def test_both_readmes_have_the_same_blocks() -> None:
    """So that running those of one is running those of both."""
    english, chinese = ([(b.language, b.text, b.run) for b in blocks(path)] for path in (ENGLISH, CHINESE))
    drawings = [language for language, _, _ in english].count("")
    assert drawings <= 1, "a block without a language is neither run nor compared; only the drawing may be one"
    assert [b for b in english if b[0]] == [b for b in chinese if b[0]]
    assert len(english) == len(chinese)


@pytest.mark.parametrize(
    ("shown", "real", "same"),
    [
        ('{"a": 1,\n "b": [1, 2]}\nHTTP 200', '{"a":1,"b":[1,2]}\nHTTP 200\n', True),
        ('{"a": 1}', '{"a":2}', False),
        ('{"a": 1}', '{"a":1,"b":2}', False),
        ('{"a": 1, "…": "…"}', '{"a":1,"b":2}', True),
        ('{"a": 1, "…": "…"}', '{"b":2}', False),
        ('{"a": "…"}', '{"a":{"b":1}}', True),
        ('{"a": true}', '{"a":1}', False),
        ('{"key": "bj_…"}', '{"key":"bj_7f"}', True),
        ('{"key": "bj_…"}', '{"key":"xx_7f"}', False),
        ('{"at": "2026-11-22T03:21:22Z"}', '{"at":"2027-01-01T00:00:00Z"}', True),
        ('{"at": "2026-11-22T03:21:22Z"}', '{"at":"2027-01-01T00:00:00+00:00"}', False),
        ("at http://localhost:8080/", "at http://localhost:4711/", True),
        ("HTTP 200", "HTTP 201", False),
        ("HTTP 200", "HTTP 200\nHTTP 200", False),
    ],
)
def test_comparison_sees_what_matters(shown: str, real: str, same: bool) -> None:
    assert (difference(shown, real, "http://localhost:4711") == "") is same
