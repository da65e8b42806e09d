"""Every call that changes something leaves one entry in the audit, under the number of its request."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import asyncpg
import pytest

from tests.applicant import SITE
from tests.harness import Answer, Api, Node
from tests.integration.permissions import SNMS_TEMPLATE, SNMS_THERE, TABLE, WHO, Row
from tests.integration.test_roles import Tries

# Calls that are no GET and change nothing.
_READING = frozenset(("POST /api/v1/resolve",))
# A job has no runner here, so that its later steps are taken by the second test.
_STEPS = frozenset(("POST /api/v1/bulk-jobs/{id}/confirm", "POST /api/v1/bulk-jobs/{id}/resume"))
# The table sends some things as they are already, which changes nothing.
_OTHER_ITEMS = [{"index": 2001, "type": "MODEL", "name_zh": "新型号", "name_en": "Model"}]
_OTHER_SNMS = SNMS_THERE | {"value": [{"index": 2000, "type": "name", "data": {"format": "string", "value": "other"}}]}
OWN_NODE = {"entPrefix": "{p}", "hdlType": "HS_SITE", "ipType": "4", "ip": "192.0.2.1", "tcpPort": "2641"}
_CHANGED: dict[str, Any] = {
    "PUT /api/v1/templates/{identifier}": {"items": _OTHER_ITEMS},
    "PUT /identityv2/data": _OTHER_SNMS,
    "PUT /identityv2/data/batchUpdate": [_OTHER_SNMS],
    "PUT /api/v1/prefixes/{prefix}/hosting": {"hosting": "own-node", "site": SITE},
    "POST /snms/api/ent/config": {"entPrefixConfig": OWN_NODE},
    "PUT /snms/api/v5/template": SNMS_TEMPLATE | {"items": [{"name": "新名称", "idType": "name", "state": 1}]},
}
MUTATING = [
    replace(row, body=_CHANGED.get(row.call, row.body))
    for row in TABLE
    if not row.call.startswith("GET ")
    and row.call not in _READING | _STEPS
    and min(row.expected[-1], row.expected[WHO.index("owner")]) < 300
]


@dataclass(slots=True)
class Marked:
    """An `Api` whose calls can be told from all others."""

    api: Api
    request_id: str
    answers: list[Answer]

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        headers = {**(more.pop("headers", None) or {}), "X-Request-Id": self.request_id}
        self.answers.append(await self.api.call(method, path, body, headers=headers, **more))
        return self.answers[-1]


@pytest.mark.parametrize("row", MUTATING, ids=lambda row: row.call)
async def test_a_call_that_changes_something_leaves_one_entry(node: Node, database: str, row: Row) -> None:
    may = "operator" if row.expected[-1] < 300 else "owner"
    marked = Marked(getattr(node, may), "marked-call", [])
    status, slug = await Tries(node).call(row, marked)  # type: ignore[arg-type]
    assert status < 300, (status, slug, marked.answers[-1].body)
    connection = await asyncpg.connect(database)
    try:
        found = await connection.fetch("SELECT action, object, actor FROM audit WHERE request_id = 'marked-call'")
    finally:
        await connection.close()
    assert len(found) == 1, (row.call, [tuple(one) for one in found], marked.answers[-1].body)
    assert found[0]["action"] and found[0]["object"] and found[0]["actor"]


async def test_each_step_of_a_bulk_job_leaves_one_entry(node: Node, database: str) -> None:
    sent = await node.owner.post(f"/api/v1/bulk-jobs?prefix={node.prefix}", raw=b"identifier,1:A\nx,y\n")
    path, connection = f"/api/v1/bulk-jobs/{sent.json['id']}", await asyncpg.connect(database)
    try:
        for step, before in (
            ("pause", "received"),
            ("resume", "paused"),
            ("confirm", "planned"),
            ("cancel", "confirmed"),
        ):
            await connection.execute("UPDATE bulk_job SET state = $1, paused_from = 'received'", before)
            headers = {"X-Request-Id": f"step-{step}"}
            assert (await node.owner.post(f"{path}/{step}", headers=headers)).status == 200, step
            found = await connection.fetch("SELECT action FROM audit WHERE request_id = $1", f"step-{step}")
            assert [row["action"] for row in found] == [f"bulk-{step}"]
    finally:
        await connection.close()
