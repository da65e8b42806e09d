"""The Handle.Net JSON API, read side: the forms that deployed clients expect, held as data in `handle_json.json`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Node

DATA: dict[str, Any] = json.loads(Path(__file__).with_name("handle_json.json").read_text("utf-8"))
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


async def _register(node: Node) -> None:
    for suffix, values in DATA["records"].items():
        answer = await node.owner.post(
            "/api/v1/identifiers", {"identifier": f"{node.prefix}/{suffix}", "values": values}
        )
        assert answer.status == 201, answer.body
    gone = {"identifier": f"{node.prefix}/gone", "values": DATA["records"]["plain"]}
    assert (await node.owner.post("/api/v1/identifiers", gone)).status == 201
    assert (await node.owner.post(f"/api/v1/identifiers/{node.prefix}/gone/withdraw", {"reason": "r"})).status == 200


@pytest.mark.parametrize("case", DATA["cases"], ids=lambda case: case["name"])
async def test_the_answer_is_as_handle_clients_expect(node: Node, case: dict[str, Any]) -> None:
    await _register(node)
    answer = await node.anybody.get("/api/handles/" + case["get"].replace("{}", node.prefix))
    assert answer.status == case["status"]
    assert answer.json["responseCode"] == case["code"]
    assert answer.headers["Content-Type"].startswith(("application/json", "application/problem+json"))
    if case["status"] != 200:
        assert "values" not in answer.json
        return
    assert set(answer.json) == {"responseCode", "handle", "values"}
    if "handle" in case:
        assert answer.json["handle"] == case["handle"].replace("{}", node.prefix)
    for value in answer.json["values"]:
        assert _TIMESTAMP.fullmatch(value["timestamp"])
    if "indexes" in case:
        assert [value["index"] for value in answer.json["values"]] == case["indexes"]
    if "values" in case:
        assert [value | {"timestamp": "*"} for value in answer.json["values"]] == case["values"]
