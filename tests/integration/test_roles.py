"""Who may call what: every call of the table by everybody who can knock, and by keys that lack a scope."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from core.access import Role, Scope
from node.compose import make_app
from tests.applicant import apply, credit_code
from tests.harness import Api, Node, at, item, settings_for
from tests.integration.permissions import ITEMS, KEYLESS, SNMS_TEMPLATE, SNMS_THERE, TABLE, TOMORROW, VALUES, WHO, Row

_numbers = itertools.count(1)
_FORBIDDEN = ("prefix-not-yours", "role-not-enough", "scope-not-enough")
_SNMS_DOORS = ("/identityv2/", "/snms/", "/api/identityv2/")
_SNMS_STATUS = {1: 200, -1: 401, -3: 403}


def filled(sent: Any, prefix: str, number: int, made: str = "") -> Any:
    if isinstance(sent, str):
        return sent.replace("{p}", prefix).replace("{n}", str(number)).replace("{id}", made)
    if isinstance(sent, dict):
        return {name: filled(part, prefix, number, made) for name, part in sent.items()}
    return [filled(part, prefix, number, made) for part in sent] if isinstance(sent, list) else sent


class Tries:
    """Calls rows of the table on a node, each on something of its own."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._keys: dict[tuple[str, frozenset[Scope]], Api] = {}

    async def call(self, row: Row, api: Api) -> tuple[int, str | None]:
        """What comes of it as an HTTP status, wherever the door says it, and the slug of a refusal."""
        number, prefix = next(_numbers), self.node.prefix
        made = await self._before(row.before, number)
        method, path = row.call.partition(" ")[0], filled(row.path, prefix, number, made)
        body = filled(row.body, prefix, number, made)
        raw = body.encode() if isinstance(body, str) else None
        headers = {"Content-Type": "application/json"} if method == "PUT" and path.startswith("/api/handles/") else None
        answer = await api.call(method, path, None if raw else body, raw=raw, headers=headers)
        if not path.startswith(_SNMS_DOORS):
            told = answer.json if answer.status >= 400 else None
            if path.endswith("identifiers:batch") and answer.status == 200:
                told = answer.json["items"][0].get("reason")
                return (403 if told and told["slug"] in _FORBIDDEN else 200), told and told["slug"]
            return answer.status, told and told["slug"]
        assert answer.status == 200
        data, slug = answer.json["data"], answer.json.get("error")
        if "/batch" in path and data:
            slug = data[0].get("error")
            return 403 if slug in _FORBIDDEN else 200, slug
        return _SNMS_STATUS.get(answer.json["status"], answer.json["status"]), slug

    async def key(self, role: str, scopes: frozenset[Scope]) -> Api:
        """A key with these scopes and no others, of the owner where the role has an enterprise."""
        if (role, scopes) not in self._keys:
            whose = {} if role == Role.OPERATOR else {"enterprise_id": 1}
            made = await self.node.operator.post("/api/v1/keys", {"role": role, "scopes": sorted(scopes)} | whose)
            assert made.status == 201, made.body
            self._keys[role, scopes] = self.node.anybody.with_key(made.json["key"])
        return self._keys[role, scopes]

    async def _before(self, what: str, number: int) -> str:
        owner, prefix = self.node.owner, self.node.prefix
        there = f"{prefix}/there-{number}"
        if what in ("there", "gone"):
            assert (await owner.post("/api/v1/identifiers", item(there))).status == 201
        if what == "gone":
            await owner.post(f"/api/v1/identifiers/{at(there)}/withdraw", {"reason": "r"})
        if what == "snms":
            await owner.post("/snms/api/v3/template", filled(SNMS_TEMPLATE, prefix, 0) | {"version": "s"})
            made = await owner.post("/identityv2/data", filled(SNMS_THERE, prefix, number))
            assert made.json["status"] == 1, made.json
        if what == "snms template":
            made = await owner.post("/snms/api/v5/template", filled(SNMS_TEMPLATE, prefix, number))
            assert made.json["status"] == 1, made.json
        if what in ("template", "draft"):
            body = {"identifier": f"{prefix}/META_{number}", "items": ITEMS}
            made = await owner.post("/api/v1/templates", body | ({"state": "draft"} if what == "draft" else {}))
            assert made.status == 201, made.body
        if what == "key":
            key = await owner.post("/api/v1/keys", {"role": "writer", "scopes": []})
            return str(key.json["key_id"])
        if what == "prefix":
            wish = {"enterprise_id": 1, "prefix": f"{prefix}.{number}"}
            return str((await self.node.operator.post("/api/v1/prefixes", wish)).json["prefix"])
        if what.endswith("enterprise"):
            made = await self.node.operator.post("/api/v1/enterprises", {"name": f"丁 {number}"})
            if what == "suspended enterprise":
                await self.node.operator.post(f"/api/v1/enterprises/{made.json['id']}:suspend", {"reason": "r"})
            return str(made.json["id"])
        if what.endswith("application"):
            application = await apply(self.node, name=f"戊 {number}", credit_code=credit_code(number))
            if what == "reviewed application":
                await application.must("review")
            return str(application.number)
        if what == "identity":
            identity = await owner.post("/api/v1/app-identities", {"identity": f"{prefix}/Program-{number}"})
            return str(identity.json["key_id"])
        if what == "grant":
            grant = await owner.post("/api/v1/grants", {"prefix": prefix, "to": {"enterprise_id": 2}})
            return str(grant.json["id"])
        if what in ("transfer", "proposal"):
            assert (await owner.post("/api/v1/identifiers", item(there))).status == 201
            wish = {"object": there, "to_enterprise": 2, "reason": "r"}
            started = await (owner if what == "transfer" else self.node.operator).post("/api/v1/transfers", wish)
            return str(started.json["id"])
        if what == "lease":
            wish = {"prefix": prefix, "pattern": f"M{number}-{{seq}}", "count": 1, "until": TOMORROW, "label": "x"}
            leased = await owner.post("/api/v1/leases", wish)
            return str(leased.json["id"])
        if what.endswith("job"):
            file = f"identifier,1:A\njob-{number},y\n".encode()
            job = (await owner.call("POST", f"/api/v1/bulk-jobs?prefix={prefix}", raw=file)).json["id"]
            if what == "ended job":
                await owner.post(f"/api/v1/bulk-jobs/{job}/cancel")
            return str(job)
        return ""


async def everybody(node: Node) -> dict[str, Api]:
    async def key(role: str, **whose: int) -> Api:
        made = await node.operator.post("/api/v1/keys", {"role": role} | whose)
        assert made.status == 201, made.body
        return node.anybody.with_key(made.json["key"])

    people = {"nobody": node.anybody, "partner": node.partner, "stranger": node.stranger, "owner": node.owner}
    people |= {"operator": node.operator, "auditor": await key("auditor")}
    people |= {"writer": await key("writer", enterprise_id=1), "writer_elsewhere": await key("writer", enterprise_id=2)}
    return people


def test_every_call_of_the_application_has_its_row() -> None:
    app = make_app(settings_for("postgresql://nobody@nowhere/x", "redis://nowhere"), 0)
    served = {
        f"{route.method} {route.resource.canonical}"
        for route in app.router.routes()
        if route.resource is not None and route.method not in ("HEAD", "OPTIONS")
    }
    told = {row.call for row in TABLE}
    assert not told & KEYLESS
    assert served == told | KEYLESS, (
        f"without a row: {served - told - KEYLESS}; not served: {(told | KEYLESS) - served}"
    )


async def test_everybody_gets_what_they_may(node: Node) -> None:
    tries, people, wrong = Tries(node), await everybody(node), []
    for row in TABLE:
        for name, expected in zip(WHO, row.expected, strict=True):
            status, slug = await tries.call(row, people[name])
            if status != expected:
                wrong.append((row.call, row.path, name, f"{status} {slug}, not {expected}"))
    assert not wrong


async def test_a_key_needs_the_scopes_of_the_call_and_no_others(node: Node) -> None:
    tries, wrong, refused = Tries(node), [], (403, "scope-not-enough")
    for row in TABLE:
        of_enterprise = row.expected[WHO.index("owner")] != 403
        role, done = ("enterprise", "owner") if of_enterprise else ("operator", "operator")
        status, slug = await tries.call(row, await tries.key(role, row.scopes))
        if status != row.expected[WHO.index(done)]:
            wrong.append((row.call, row.path, f"with {sorted(row.scopes)}", status, slug))
        for scope in row.scopes:
            status, slug = await tries.call(row, await tries.key(role, frozenset(Scope) - {scope}))
            refusal = (404, "template-unknown") if row.before == "draft" and row.call.startswith("GET") else refused
            if (status, slug) != refusal:
                wrong.append((row.call, row.path, f"without {scope}", status, slug))
    assert not wrong


@pytest.mark.parametrize("path", ["/api/v1/identifiers?prefix={p}", "/api/v1/keys", "/api/v1/identifiers/{p}%2Fx"])
async def test_a_refusal_is_a_document_in_both_languages(node: Node, path: str) -> None:
    missing = await node.anybody.get(path.replace("{p}", node.prefix))
    assert (missing.status, missing.json["slug"]) == (401, "credential-missing")
    assert missing.headers["WWW-Authenticate"].startswith("Bearer")
    refused = await node.partner.get(path.replace("{p}", node.prefix))
    assert refused.status == 403
    for answer in (missing, refused):
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json["zh"]["remedy"] and answer.json["en"]["remedy"]


async def test_a_free_prefix_belongs_to_nobody(node: Node) -> None:
    people = await everybody(node)
    for name in WHO[1:]:
        answer = await people[name].get("/api/v1/identifiers/88.118.77%2Fx")
        assert (answer.status, answer.json["slug"]) == (403, "prefix-not-yours"), name


async def test_a_refused_caller_changes_nothing(node: Node) -> None:
    there, people = f"{node.prefix}/there", await everybody(node)
    await node.owner.post("/api/v1/identifiers", item(there))
    for name in ("nobody", "partner", "stranger", "writer_elsewhere", "auditor"):
        api = people[name]
        await api.post("/api/v1/identifiers", item(f"{node.prefix}/mine"))
        await api.put("/api/v1/identifiers/" + at(there), {"values": VALUES})
        await api.post(f"/api/v1/identifiers/{at(there)}/withdraw", {"reason": "r"})
        batch = await api.post("/api/v1/identifiers:batch", {"items": [item(f"{node.prefix}/batch")]})
        if api.key:
            assert batch.json["counts"] == {"created": 0, "unchanged": 0, "conflict": 0, "invalid": 1}
    page = await node.owner.get(f"/api/v1/identifiers?prefix={node.prefix}")
    assert [(found["identifier"], found["version"], found["status"]) for found in page.json["items"]] == [
        (there, 1, "active")
    ]


async def test_an_auditor_sees_private_values_and_a_key_without_the_scope_does_not(node: Node) -> None:
    secret = {"identifier": f"{node.prefix}/s", "values": [{**VALUES[0], "visibility": "private"}]}
    assert (await node.owner.post("/api/v1/identifiers", secret)).status == 201
    people, tries = await everybody(node), Tries(node)
    blind = await tries.key("enterprise", frozenset(Scope) - {Scope.READ_PRIVATE})
    for api, seen in ((people["auditor"], 1), (people["writer"], 1), (blind, 0), (people["writer_elsewhere"], 0)):
        found = await api.get(f"/api/handles/{node.prefix}/s")
        assert len(found.json["values"]) == seen


async def test_the_stranger_works_under_a_prefix_of_its_own(node: Node) -> None:
    answer = await node.stranger.post("/api/v1/identifiers", item(f"{node.stranger_prefix}/x"))
    assert answer.status == 201
    assert (await node.owner.get(f"/api/v1/identifiers/{node.stranger_prefix}%2Fx")).status == 403
