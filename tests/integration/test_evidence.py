"""The evidence of a year says what was registered and resolved, and that it was changed by nobody since."""

from __future__ import annotations

import argparse
import copy
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from core.settings import Settings
from node.console import Refused
from node.evidence import read_evidence, signed, signer_of
from node.evidence_command import evidence_lines, make, verify
from node.handle_key import own_identity, rotate_key
from resolver.usage.report import BEIJING
from tests.harness import Node, at, item, until

YEAR = datetime.now(BEIJING).year


async def a_year(node: Node) -> dict[str, Any]:
    """Of three registered and, of which one is of today, five resolved."""
    for name in "abc":
        await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/{name}"))
    for _ in range(5):
        await node.anybody.get(f"/api/handles/{at(f'{node.prefix}/a')}")

    async def stored() -> bool:
        return bool((await node.operator.get("/api/v1/usage?by=hour")).json["resolutions"] >= 5)

    await until(stored, 10)
    connection = await asyncpg.connect(node.settings.database_url.get_secret_value())
    try:
        await connection.execute("UPDATE usage_day SET day = day - 1")  # today is not over, so it does not count yet
        return await read_evidence(connection, YEAR, datetime.now(BEIJING))
    finally:
        await connection.close()


async def test_a_year_is_counted_twice_and_signed(node: Node, tmp_path: Path) -> None:
    evidence = await a_year(node)
    registered, resolved = evidence["registrations"], evidence["resolutions"]
    assert registered["counted"] == registered["rows"] == sum(one["registrations"] for one in registered["months"])
    assert registered["counted"] >= 3 and registered["rows_equal_counters"] and not registered["exceeded"]
    assert registered["a_day"] == {"days": resolved["days"], "total": 0, "average": 0}, "today is not over"
    assert resolved["total"] == sum(one["resolutions"] for one in resolved["months"]) == 5
    assert {"door": "handle-json", "outcome": "found", "probe": False, "resolutions": 5} in resolved["kinds"]
    assert len(evidence_lines(evidence)) == 5

    settings = Settings(data_dir=tmp_path)
    document = json.loads(json.dumps(signed(evidence, own_identity(settings))))
    mine = signer_of(document)
    path = tmp_path / "evidence.json"
    path.write_text(json.dumps(document, ensure_ascii=False, indent=2))
    asked = argparse.Namespace(file=path, key=None)
    assert await verify(settings, asked) == 0

    key = own_identity(settings).key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "old.pem").write_bytes(key)
    rotate_key(settings)
    assert await verify(settings, asked) == 1  # another key than the node has now
    assert await verify(settings, argparse.Namespace(file=path, key=tmp_path / "old.pem")) == 0
    assert signer_of(signed(evidence, own_identity(settings))) != mine


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document["evidence"]["registrations"].update(counted=30_000_001),
        lambda document: document["evidence"].update(year=YEAR - 1),
        lambda document: document["evidence"].pop("audit"),
        lambda document: document.pop("signature"),
        lambda document: document.update(signature="a.b.c"),
        lambda document: document.update(signature=document["signature"][:-8] + "AAAAAAAA"),
        lambda document: document.update(evidence=[]),
    ],
)
def test_what_was_changed_is_found(change: Any, tmp_path: Path) -> None:
    evidence = {"year": YEAR, "registrations": {"counted": 3}, "audit": None}
    document = signed(evidence, own_identity(Settings(data_dir=tmp_path)))
    signer_of(document)
    changed = copy.deepcopy(document)
    change(changed)
    with pytest.raises(ValueError, match=r".*"):
        signer_of(changed)


async def test_what_cannot_be_reported_is_refused(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    with pytest.raises(Refused):
        await make(settings, argparse.Namespace(year=YEAR + 1, output=None))
    with pytest.raises(Refused):
        await verify(settings, argparse.Namespace(file=tmp_path / "none.json", key=None))
