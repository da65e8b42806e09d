"""`biaojie demo`: onboard the manufacturers, register their components, resolve every one back byte for byte."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from tqdm import tqdm

from core.settings import Settings
from node.console import Refused, say
from node.demo.client import Client, session
from node.demo.parts import TEMPLATE_ITEMS, TEMPLATE_SUFFIX, Maker, Part, read_makers
from node.keys import make_operator_key
from node.running import read_private, require_database, write_private

DEMO_FILE = "demo.json"
_KEYS_FILE = "demo-keys.json"
_APPLICATION = "App_demo"
_AT_ONCE = 16
_BATCH = 500
Item = TypeVar("Item")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the demo found in the end: components of the file, how many are registered, how many resolve as sent."""

    components: int
    registered: int
    resolved: int
    serials: int
    serials_resolved: int

    @property
    def complete(self) -> bool:
        return self.components == self.registered == self.resolved and self.serials == self.serials_resolved


@dataclass(frozen=True, slots=True)
class Aboard:
    """A manufacturer that has its prefix and its key."""

    maker: Maker
    prefix: str
    key: str


async def load_demo(settings: Settings) -> Loaded:
    """Idempotent: what is there already is left, and resolved again. Raises `Refused`."""
    async with session() as connections:
        client = Client(settings.public_url, connections)
        operator_key = await _operator_key(client, settings)
        makers = read_makers()
        known = read_private(settings.data_dir / _KEYS_FILE) or {}
        onboard = partial(_onboard, client, settings, operator_key, known)
        aboard = await _each("onboarding", list(enumerate(makers, 1)), onboard)
        write_private(
            settings.data_dir / _KEYS_FILE, {one.maker.name: {"prefix": one.prefix, "key": one.key} for one in aboard}
        )
        await _write_demo_file(client, settings, operator_key, aboard)
        batches = [(one, parts) for one in aboard for parts in _batches((*one.maker.components, *one.maker.serials))]
        registered = sum(await _each("registering", batches, partial(_register, client)))
        components = [(one, part) for one in aboard for part in one.maker.components]
        resolved = await _each("resolving", components, partial(_resolves, client))
        serials = [(one, part) for one in aboard for part in one.maker.serials]
        again = await _each("resolving serials", serials, partial(_resolves, client))
    done = Loaded(len(components), registered - len(serials), sum(resolved), len(serials), sum(again))
    say(
        f"biaojie: demo: {done.registered} components registered = {done.resolved} resolved byte for byte "
        f"(of {done.components}), and {done.serials_resolved} of {done.serials} serial-numbered items"
    )
    return done


async def _operator_key(client: Client, settings: Settings) -> str:
    """The one in demo.json while it is good for this database, else a new one."""
    held = read_private(settings.data_dir / DEMO_FILE)
    if held is not None and await _good(client, held.get("operator_key")):
        return str(held["operator_key"])
    return await make_operator_key(require_database(settings), "demo")


async def _good(client: Client, key: Any) -> bool:
    """Whether the node knows the key: an empty request is then refused for what it says, not for who sends it."""
    if not isinstance(key, str):
        return False
    status, _ = await client.call("POST", "/api/v1/identifiers", key, {})
    return status != 401


async def _onboard(
    client: Client, settings: Settings, operator_key: str, known: dict[str, Any], numbered: tuple[int, Maker]
) -> Aboard:
    number, maker = numbered
    held = known.get(maker.name)
    if isinstance(held, dict) and await _good(client, held.get("key")):
        return Aboard(maker, held["prefix"], held["key"])
    enterprise = await _must(client, "/api/v1/enterprises", operator_key, {"name": maker.name})
    wish = {"enterprise_id": enterprise["id"], "prefix": f"{settings.node_prefix}.{number}"}
    status, answer = await client.call("POST", "/api/v1/prefixes", operator_key, wish)
    if status == 409:  # somebody else has the number: take the next free one
        answer = await _must(client, "/api/v1/prefixes", operator_key, {"enterprise_id": enterprise["id"]})
    elif status not in (200, 201):
        raise _unexpected("POST /api/v1/prefixes", status, answer)
    wish = {"role": "enterprise", "enterprise_id": enterprise["id"], "label": "demo"}
    key = (await _must(client, "/api/v1/keys", operator_key, wish))["key"]
    template = {"identifier": f"{answer['prefix']}/{TEMPLATE_SUFFIX}", "items": TEMPLATE_ITEMS}
    await _must(client, "/api/v1/templates", key, template)
    return Aboard(maker, answer["prefix"], key)


async def _write_demo_file(client: Client, settings: Settings, operator_key: str, aboard: list[Aboard]) -> None:
    path = settings.data_dir / DEMO_FILE
    held = read_private(path) or {}
    partner_key = held.get("partner_key")
    if not await _good(client, partner_key):
        partner_key = (await _must(client, "/api/v1/keys", operator_key, {"role": "partner", "label": "demo"}))["key"]
    username, password = await _application(client, held, aboard[0])
    content = {
        "base_url": settings.public_url,
        "operator_key": operator_key,
        "enterprise_key": aboard[0].key,
        "partner_key": partner_key,
        "prefix": aboard[0].prefix,
        "snms_username": username,
        "snms_password": password,
    }
    write_private(path, content)


async def _application(client: Client, held: dict[str, Any], one: Aboard) -> tuple[str, str]:
    """Name and password of the application identity that logs in at the SNMS door: the one held, while it is good."""
    username = f"{one.prefix}/{_APPLICATION}"
    password = held.get("snms_password")
    if held.get("snms_username") == username and isinstance(password, str):
        _, answer = await client.call("POST", "/identity/token", None, {"username": username, "password": password})
        if isinstance(answer, dict) and answer.get("status") == 1:
            return username, password
    wish = {"identity": username, "label": "demo", "renew": True}
    return username, str((await _must(client, "/api/v1/app-identities", one.key, wish))["password"])


async def _register(client: Client, batch: tuple[Aboard, list[Part]]) -> int:
    """How many of the parts are registered now, by this call or an earlier one."""
    one, parts = batch
    body = {"items": [part.item(one.prefix) for part in parts]}
    answer = await _must(client, "/api/v1/identifiers:batch", one.key, body)
    for item in answer["items"]:
        if item["verdict"] not in ("created", "unchanged"):
            tqdm.write(f"{item['identifier']}: {item['verdict']}: {item['reason']['en']}")
    return int(answer["counts"]["created"] + answer["counts"]["unchanged"])


async def _resolves(client: Client, sent: tuple[Aboard, Part]) -> bool:
    """Whether the public answer says exactly what was sent."""
    one, part = sent
    status, answer = await client.call("GET", f"/api/handles/{quote(f'{one.prefix}/{part.suffix}', safe='')}")
    if status != 200:
        tqdm.write(f"{one.prefix}/{part.suffix}: HTTP {status}")
        return False
    return tuple((value["index"], value["type"], value["data"]["value"]) for value in answer["values"]) == part.values


async def _must(client: Client, path: str, key: str, body: dict[str, Any]) -> dict[str, Any]:
    status, answer = await client.call("POST", path, key, body)
    if status not in (200, 201):
        raise _unexpected(f"POST {path}", status, answer)
    return dict(answer)


def _unexpected(call: str, status: int, answer: Any) -> Refused:
    said = answer if isinstance(answer, dict) else {}
    en, zh = (said.get(tongue, {}).get("detail", "") for tongue in ("en", "zh"))
    return Refused(f"{call} answered {status}: {en}", f"{call} 返回 {status}：{zh}")


def _batches(parts: tuple[Part, ...]) -> Iterable[list[Part]]:
    return (list(parts[start : start + _BATCH]) for start in range(0, len(parts), _BATCH))


async def _each(title: str, items: Sequence[Item], work: Callable[[Item], Awaitable[T]]) -> list[T]:
    """`work` on every item, some at once; results in order, with a progress bar."""
    turns = asyncio.Semaphore(_AT_ONCE)
    with tqdm(total=len(items), desc=f"{title:<18}", unit="", mininterval=0.2) as bar:

        async def one(item: Item) -> T:
            async with turns:
                result = await work(item)
            bar.update()
            return result

        return list(await asyncio.gather(*map(one, items)))


def demo_facts(data_dir: Path) -> dict[str, Any] | None:
    return read_private(data_dir / DEMO_FILE)
