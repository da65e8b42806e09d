"""Hostile and broken HTTP on both lanes: one answer each, told in both languages, and nothing hidden is ever answered."""

from __future__ import annotations

import asyncio
import contextlib
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest

from tests.harness import Node

CASES: list[dict[str, Any]] = orjson.loads(Path(__file__).parents[1].joinpath("conformance/malformed_http.json").read_bytes())["cases"]  # fmt: skip
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_PLAIN = b"GET /healthz HTTP/1.1\r\nHost: node\r\n\r\n"  # has no door on the fast lane


async def one_answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
    return head, await asyncio.wait_for(reader.readexactly(int(length)), 5)


async def said_to(node: Node, sent: bytes, *, handed_over: bool, piece: int) -> tuple[bytes, bytes, bytes]:
    """Head and body of the answer, and all that comes after it where one more plain request follows."""
    url = urlsplit(node.anybody.base_url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    try:
        if handed_over:
            writer.write(_PLAIN)
            await one_answer(reader)
        for start in range(0, len(sent), piece):
            writer.write(sent[start : start + piece])
            await asyncio.sleep(0)
        head, body = await one_answer(reader)
        with contextlib.suppress(ConnectionError):
            writer.write(_PLAIN.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            return head, body, await asyncio.wait_for(reader.read(), 5)
        return head, body, b""
    finally:
        writer.close()


@pytest.mark.parametrize("piece", [2**20, 7], ids=["whole", "in-pieces"])
@pytest.mark.parametrize("handed_over", [False, True], ids=["fast-lane", "framework"])
async def test_each_is_refused_once_and_nothing_behind_it_is_heard(node: Node, handed_over: bool, piece: int) -> None:
    wrong = []
    for case in CASES:
        try:
            head, body, after = await said_to(
                node, case["sent"].encode("latin-1"), handed_over=handed_over, piece=piece
            )
        except ConnectionError:  # closed while the rest of it was still on its way
            if 400 not in case["answers"]:
                wrong.append((case["name"], "was reset"))
            continue
        except (asyncio.IncompleteReadError, TimeoutError) as none:
            wrong.append((case["name"], none))
            continue
        told = orjson.loads(body) if body.startswith(b"{") else {}
        if int(head.split(b" ")[1]) not in case["answers"] or b"aiohttp" in (head + body).lower():
            wrong.append((case["name"], head, body))
        elif head.split(b" ")[1] not in (b"200", b"417") and not (
            told.get("slug") and told["zh"]["remedy"] and told["en"]["remedy"]
        ):
            wrong.append((case["name"], "is not told as a problem", body))
        elif _STATUS.findall(after) not in ([], [b"200"]):
            wrong.append((case["name"], "something hidden was answered", after))
    assert not wrong, "\n".join(map(repr, wrong))
    assert (await node.anybody.get("/healthz")).status == 200


async def test_half_a_request_is_closed_without_an_answer(node: Node) -> None:
    url = urlsplit(node.anybody.base_url)
    for half in (
        b"GET /api/hand",
        b"GET / HTTP/1.1\r\nHost: x\r\n",
        b"POST /api/v1/resolve HTTP/1.1\r\nContent-Length: 9\r\n\r\n[",
    ):
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        writer.write(half)
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
