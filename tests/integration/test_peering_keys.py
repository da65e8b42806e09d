"""Changes of keys of peering in the audit, and their ends watched by the process of the exchange."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from core.telemetry import PEERING_KEY_ALARM, PEERING_KEY_SECONDS
from node.peering_key_changes import activate, bring, generate, rotate
from node.peering_key_kinds import ClientCertificate, Signing, Wish
from node.peering_key_slots import audit_notes
from node.peering_key_watch import KeyWatch
from tests.certificates import authority
from tests.harness import settings_for


async def test_each_change_is_an_entry_of_the_audit_once_there_is_a_database(database: str, tmp_path: Path) -> None:
    kind = Signing(settings_for(database, "", data_dir=tmp_path))
    generate(kind, Wish(app_id="app-1"))
    rotate(kind, Wish())
    assert not await audit_notes("postgresql://127.0.0.1:1/none", tmp_path)
    assert await audit_notes(database, tmp_path)
    activate(kind)
    pool = await asyncpg.create_pool(database, min_size=1, max_size=1)
    watch = KeyWatch(kind.settings, pool)
    await watch.look()
    await watch.look()
    assert await audit_notes(database, tmp_path)
    rows = await pool.fetch("SELECT action, object, source FROM audit ORDER BY id")
    await pool.close()
    assert [row["action"] for row in rows] == [f"peering-key-{one}" for one in ("generate", "rotate", "activate")]
    assert all(row["object"].startswith("signing ") and "app-1" in row["object"] for row in rows)
    assert all(row["source"].startswith("command line, 20") for row in rows)


async def test_a_certificate_that_ends_is_said_once_a_day_and_measured(
    database: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings, ours = settings_for(database, "", data_dir=tmp_path), authority(tmp_path, "ours")
    bring(ClientCertificate(settings), Path(ours.issue("sln-demo", ends=24 * 40)).read_bytes(), Wish())
    now = [datetime.now(UTC)]
    pool = await asyncpg.create_pool(database, min_size=1, max_size=1)
    watch = KeyWatch(settings, pool, lambda: now[0])
    said = []
    for days in (0, 15, 0, 1, 20, 10):
        now[0] += timedelta(days=days)
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            await watch.look()
        alarm = PEERING_KEY_ALARM.labels("tls").value
        said.append((alarm, [record.levelname for record in caplog.records if "ALARM" in record.message]))
    await pool.close()
    assert said == [(0, []), (1, ["WARNING"]), (1, []), (1, ["WARNING"]), (2, ["ERROR"]), (2, ["ERROR"])]
    assert PEERING_KEY_SECONDS.labels("tls").value < 0
