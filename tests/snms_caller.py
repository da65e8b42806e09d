"""A program that speaks SNMS, for the tests of that door."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tests.harness import Answer, Api, Node

GUIDE = orjson.loads((Path(__file__).parent / "conformance" / "snms.json").read_bytes())
DATA = "/identityv2/data"


@dataclass(slots=True)
class Mes:
    """An application identity of the owner, logged in. Each call checks the HTTP status and gives the envelope."""

    node: Node
    identity: str
    password: str
    key_id: str
    api: Api

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        answer: Answer = await self.api.call(method, path, body, **more)
        assert answer.status == 200, answer.body
        assert set(answer.json) == {"status", "message", "data"} | ({"error"} if answer.json["status"] != 1 else set())
        return answer.json

    async def detail(self, handle: str) -> Any:
        return await self.call("GET", f"{DATA}/detail?handle={handle}")

    def item(self, name: str, text: str = "real", **more: Any) -> dict[str, Any]:
        return {"handle": f"{self.node.prefix}/{name}", "value": [value(2000, "name", text)], **more}


def value(index: Any, kind: str, text: Any, **more: Any) -> dict[str, Any]:
    return {"index": index, "type": kind, "data": {"format": "string", "value": text}, "auth": "", **more}


def without_slug(envelope: dict[str, Any]) -> dict[str, Any]:
    """As the guide prints it, which knows no slugs."""
    return {name: member for name, member in envelope.items() if name != "error"}


async def log_in(node: Node, identity: str, password: str) -> Any:
    answer = await node.anybody.post("/identity/token", {"username": identity, "password": password})
    assert answer.status == 200, answer.body
    return answer.json


async def mes(node: Node, name: str = "App_mes") -> Mes:
    """A new application identity of the owner, logged in."""
    made = await node.owner.post("/api/v1/app-identities", {"identity": f"{node.prefix}/{name}"})
    assert made.status == 201, made.body
    identity, password = made.json["identity"], made.json["password"]
    token = (await log_in(node, identity, password))["data"]["token"]
    return Mes(node, identity, password, made.json["key_id"], node.anybody.with_key(token))
