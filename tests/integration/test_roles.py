"""Who may call what: every call of the table by everybody who can knock."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness import Api, Node, at, item, text_value

ROLES = ("anybody", "partner", "stranger", "owner", "operator")
ITEMS = [{"index": 2001, "type": "MODEL", "name_zh": "型号", "name_en": "Model"}]
VALUES = [text_value(1, "DESC", "new")]

# call: expected status for anybody, partner, stranger, owner, operator. `{}` is the prefix of the owner.
CALLS: dict[str, tuple[str, str, Any, tuple[int, ...]]] = {
    "register": ("POST", "/api/v1/identifiers", "register", (401, 403, 403, 201, 201)),
    "register again": ("POST", "/api/v1/identifiers", item("{}/there"), (401, 403, 403, 200, 200)),
    "register differently": ("POST", "/api/v1/identifiers", item("{}/there", "x"), (401, 403, 403, 409, 409)),
    "register malformed": ("POST", "/api/v1/identifiers", {"identifier": 5}, (401, 422, 422, 422, 422)),
    "batch": ("POST", "/api/v1/identifiers:batch", {"items": [item("{}/there")]}, (401, 200, 200, 200, 200)),
    "read": ("GET", "/api/v1/identifiers/{}%2Fthere", None, (401, 403, 403, 200, 200)),
    "read unknown": ("GET", "/api/v1/identifiers/{}%2Fnowhere", None, (401, 403, 403, 404, 404)),
    "read a free prefix": ("GET", "/api/v1/identifiers/88.118.77%2Fx", None, (401, 403, 403, 403, 403)),
    "revise": ("PUT", "/api/v1/identifiers/{}%2Fthere", {"values": VALUES}, (401, 403, 403, 200, 200)),
    "revise unknown": ("PUT", "/api/v1/identifiers/{}%2Fnowhere", {"values": VALUES}, (401, 403, 403, 404, 404)),
    "withdraw": ("POST", "/api/v1/identifiers/{}%2Fthere/withdraw", {"reason": "r"}, (401, 403, 403, 200, 200)),
    "withdraw unknown": ("POST", "/api/v1/identifiers/{}%2Fno/withdraw", {"reason": "r"}, (401, 403, 403, 404, 404)),
    "list": ("GET", "/api/v1/identifiers?prefix={}", None, (401, 403, 403, 200, 200)),
    "template": ("POST", "/api/v1/templates", {"identifier": "{}/META_x", "items": ITEMS}, (401, 403, 403, 201, 201)),
    "enterprise": ("POST", "/api/v1/enterprises", {"name": "丙"}, (401, 403, 403, 403, 201)),
    "prefix": ("POST", "/api/v1/prefixes", {"enterprise_id": 1}, (401, 403, 403, 403, 201)),
    "key": ("POST", "/api/v1/keys", {"role": "partner"}, (401, 403, 403, 403, 201)),
    "revoke": ("DELETE", "/api/v1/keys/0123456789abcdef", None, (401, 403, 403, 403, 404)),
    "resolve": ("GET", "/api/handles/{}%2Fthere", None, (200, 200, 200, 200, 200)),
    "resolve many": ("POST", "/api/v1/resolve", {"identifiers": ["{}/there"]}, (200, 200, 200, 200, 200)),
    "open": ("GET", "/{}%2Fthere", None, (200, 200, 200, 200, 200)),
    "healthz": ("GET", "/healthz", None, (200, 200, 200, 200, 200)),
    "readyz": ("GET", "/readyz", None, (200, 200, 200, 200, 200)),
    "metrics": ("GET", "/metrics", None, (200, 200, 200, 200, 200)),
    "openapi": ("GET", "/api/v1/openapi.json", None, (200, 200, 200, 200, 200)),
    "docs": ("GET", "/docs", None, (200, 200, 200, 200, 200)),
}


def _filled(body: Any, prefix: str) -> Any:
    if isinstance(body, str):
        return body.replace("{}", prefix)
    if isinstance(body, dict):
        return {name: _filled(part, prefix) for name, part in body.items()}
    return [_filled(part, prefix) for part in body] if isinstance(body, list) else body


@pytest.mark.parametrize("call", CALLS)
async def test_each_role_gets_what_it_may(node: Node, call: str) -> None:
    method, path, body, expected = CALLS[call]
    found = []
    for role in ROLES:
        api: Api = getattr(node, role)
        # Every role meets the same state: an identifier of its own that is there, and one that is not.
        there = f"{node.prefix}/there-{role}"
        assert (await node.owner.post("/api/v1/identifiers", item(there))).status == 201
        sent = item(f"{node.prefix}/new-{role}") if body == "register" else _filled(body, node.prefix)
        text = path.replace("{}", node.prefix).replace("there", f"there-{role}").replace("META_x", f"META_{role}")
        if isinstance(sent, dict) and sent.get("identifier") == f"{node.prefix}/there":
            sent["identifier"] = there
        if call == "template":
            sent["identifier"] += f"-{role}"
        if call in ("batch", "resolve many"):
            text = path
        answer = await api.call(method, text, sent)
        found.append(answer.status)
        if answer.status == 401:
            assert answer.json["slug"] == "credential-missing"
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        if answer.status >= 400:
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.json["zh"]["remedy"] and answer.json["en"]["remedy"]
    assert tuple(found) == expected


async def test_a_refused_caller_changes_nothing(node: Node) -> None:
    there = f"{node.prefix}/there"
    await node.owner.post("/api/v1/identifiers", item(there))
    for api in (node.anybody, node.partner, node.stranger):
        await api.post("/api/v1/identifiers", item(f"{node.prefix}/mine"))
        await api.put("/api/v1/identifiers/" + at(there), {"values": VALUES})
        await api.post(f"/api/v1/identifiers/{at(there)}/withdraw", {"reason": "r"})
        batch = await api.post("/api/v1/identifiers:batch", {"items": [item(f"{node.prefix}/batch")]})
        if api.key:
            assert batch.json["counts"] == {"created": 0, "unchanged": 0, "conflict": 0, "invalid": 1}
            assert batch.json["items"][0]["reason"]["slug"] == "prefix-not-yours"
    page = await node.owner.get(f"/api/v1/identifiers?prefix={node.prefix}")
    assert [(found["identifier"], found["version"], found["status"]) for found in page.json["items"]] == [
        (there, 1, "active")
    ]


async def test_the_stranger_works_under_a_prefix_of_its_own(node: Node) -> None:
    answer = await node.stranger.post("/api/v1/identifiers", item(f"{node.stranger_prefix}/x"))
    assert answer.status == 201
    assert (await node.owner.get(f"/api/v1/identifiers/{node.stranger_prefix}%2Fx")).status == 403
