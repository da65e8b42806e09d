"""The doors that the model of truth reads through: what each tells of an identifier whose first value says its version."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from core.handle.bodies import Resolve, decode_valued
from core.handle.codes import Code, Flag, Op
from node.handle_client import ask, request
from tests.harness import Answer, Api, at

_TAG = re.compile(r'(?:W/)?"([0-9]+)')
_TEXT = re.compile(r"version ([0-9]+) ")
BROWSER = {"Accept": "text/html"}


@dataclass(frozen=True, slots=True)
class Told:
    """`version` 0: there is no such identifier; None where a withdrawn one was told without its version."""

    version: int | None
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """One worker: where it answers over HTTP and over the Handle protocol."""

    api: Api
    handle_port: int


def text_of(version: int, text: object) -> str:
    return f"version {version} {text}"


def alias_of(identifier: str) -> str:
    return f"{identifier}-alias"


async def by_handle_json(place: Place, identifier: str) -> Told | None:
    """On the fast lane; by the tag of the answer, and by its text."""
    answer = await place.api.get(f"/api/handles/{at(identifier)}")
    told = _by_tag(answer)
    if told is not None and told.version and not told.withdrawn:
        assert int(_TEXT.match(answer.json["values"][0]["data"]["value"])[1]) == told.version  # type: ignore[index]  # each has one: else it fails here
    return told


async def by_alias(place: Place, identifier: str) -> Told | None:
    return _by_tag(await place.api.get(f"/api/handles/{at(alias_of(identifier))}"))


async def by_address(place: Place, identifier: str) -> Told | None:
    return _by_tag(await place.api.get(f"/{at(identifier)}", headers={"Accept": "application/json"}))


async def by_page(place: Place, identifier: str) -> Told | None:
    """On the lane of aiohttp."""
    answer = await place.api.with_key(None).get(f"/{at(identifier)}", headers=BROWSER)
    if answer.status == 410:
        return Told(None, True)
    told = _by_tag(answer)
    assert not told or not told.version or text_of(told.version, "") in answer.body.decode()
    return told


async def by_batch(place: Place, identifier: str) -> Told | None:
    answer = await place.api.post("/api/v1/resolve", {"identifiers": [identifier, alias_of(identifier)]})
    if answer.status == 503:
        return None
    one, through_alias = answer.json["items"]
    assert {one["status"], through_alias["status"]} <= {"found", "unknown", "withdrawn", "unavailable"}
    if one["status"] == "unavailable":
        return None
    if one["status"] == "withdrawn":
        return Told(None, True)
    return Told(_in_text(one["values"][0]["data"]["value"]) if one["status"] == "found" else 0)


async def by_handle_tcp(place: Place, identifier: str) -> Told | None:
    return await _by_message(place, identifier, udp=False)


async def by_handle_udp(place: Place, identifier: str) -> Told | None:
    return await _by_message(place, identifier, udp=True)


Door = Callable[[Place, str], Coroutine[Any, Any, Told | None]]
DOORS: tuple[Door, ...] = (
    by_handle_json, by_alias, by_address, by_page, by_batch, by_handle_tcp, by_handle_udp,
)  # fmt: skip


def _by_tag(answer: Answer) -> Told | None:
    if answer.status == 503:
        return None
    assert answer.status in (200, 404, 410), (answer.status, answer.body)
    if answer.status == 404:
        return Told(0)
    return Told(int(_TAG.match(answer.headers["ETag"])[1]), answer.status == 410)  # type: ignore[index]  # each has one: else it fails here


def _in_text(text: str) -> int:
    return int(_TEXT.match(text)[1])  # type: ignore[index]  # each has one: else it fails here


async def _by_message(place: Place, identifier: str, *, udp: bool) -> Told | None:
    asked = request(Op.RESOLVE, Resolve(identifier).encode(), flags=int(Flag.PUBL))
    told = await ask("127.0.0.1", place.handle_port, asked, udp=udp)
    if told.header.code == Code.BUSY:
        return None
    if told.header.code == Code.HANDLE_NOT_FOUND:
        return Told(None, True) if b"Withdrawn" in told.body else Told(0)
    assert told.header.code == Code.SUCCESS, told.header
    return Told(_in_text(decode_valued(told.body).values[0].data.decode()))
