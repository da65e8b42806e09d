"""Deposits brought back with nothing missing, and compared with the copy at the top level: what differs is found and repaired."""

from __future__ import annotations

import re
import zipfile
from argparse import Namespace
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
from pydantic import SecretStr

from node.console import Refused
from node.escrow import keeper_of
from node.escrow_command import reconcile, restore_files
from node.peering_key_changes import activate, bring, retire
from node.peering_key_kinds import OpenPgp, Wish
from sync.escrow.calendar import Base, Plan
from sync.escrow.making import Packing, make_deposit
from sync.escrow.names import DIFF, FULL
from sync.escrow.packing import join
from sync.escrow.pgp import Certificate, SecretKey
from sync.escrow.restoring import NotRestored, head_of, parts_of, restore
from sync.reconcile.comparing import compare
from sync.reconcile.repairing import repair_here, repair_there
from tests.conftest import Servers, fresh_database
from tests.escrow_stage import SLN, SUNDAY, Stage, escrow_here, furnish, load_serials, quick_key


@pytest.fixture
async def stage(database: str, session: aiohttp.ClientSession, tmp_path: Path) -> AsyncIterator[Stage]:
    async with escrow_here(database, tmp_path, session) as found:
        yield found


async def test_a_week_of_deposits_restores_with_zero_differences(stage: Stage, servers: Servers) -> None:
    keys = await furnish(stage.connection, 3_000)
    assert await stage.settle() == "accepted"
    for day in range(1, 7):
        stage.next_day()
        await stage.register(*(f"88.118.7/SN-{day}-{number:04d}" for number in range(300)))
        await stage.revise(*keys[day * 10 : day * 10 + 5], f"88.118.7/SN-{day}-0007")
        await stage.withdraw(keys[day])
        if day == 3:
            await stage.connection.execute("UPDATE prefix SET hold_reason = '检查' WHERE prefix = '88.118.7'")
        assert await stage.settle() == "accepted", await stage.deposits()
    deposits = await stage.deposits()
    assert [row[2] for row in deposits] == ["FULL"] + ["DIFF"] * 6
    assert [row[4] for row in deposits] == [len(keys)] + [300 + 5 + 1] * 6
    async with fresh_database(servers) as url:
        restored = await stage.restored_into(url)
        assert restored.identifiers == len(keys) + 1_800 and restored.different == []
        copy = await asyncpg.connect(url)
        for table in ("identifier", "enterprise", "prefix", "template", "visibility_grant", "mint_sequence"):
            query = f"SELECT md5(string_agg((to_jsonb(t) - 'changed_xid')::text, '|' ORDER BY to_jsonb(t)::text)) FROM {table} t"
            if table != "identifier":
                query = query.replace("to_jsonb(t)::text)", "(to_jsonb(t) - 'changed_xid')::text)")
            assert await copy.fetchval(query) == await stage.connection.fetchval(query), table
        proved = {one.object: (one.deposited, one.restored, one.wrong) for one in restored.kinds}
        assert proved == {
            "identifier": (len(keys) + 1_800, len(keys) + 1_800, ""), "enterprise": (1, 1, ""), "prefix": (2, 2, ""),
            "api_key": (2, 2, ""), "template": (1, 1, ""), "visibility_grant": (1, 1, ""), "quota": (0, 0, ""),
            "mint_sequence": (1, 1, ""), "suffix_lease": (0, 0, ""),
        }  # fmt: skip
        assert await copy.fetchval("SELECT bool_and(secret_digest = '') FROM api_key")
        assert await copy.fetchval("INSERT INTO enterprise (name) VALUES ('后来') RETURNING id") == 2
        with pytest.raises(NotRestored):
            await stage.restored_into(url)
        await copy.close()


async def test_components_and_a_hundred_thousand_serials_restore_with_zero_differences(
    stage: Stage, servers: Servers
) -> None:
    """The 3,000 real components and 100,000 serials, in a full deposit and two differentials that add, revise and withdraw."""
    keys = await furnish(stage.connection, 3_000)
    signer, agent = SecretKey(quick_key("node")), SecretKey(quick_key("agent"))
    packing = Packing(stage.directory / "made", SLN, Certificate(agent.certificate), signer, 1024 * 1024)
    base: Base | None = None
    paths: list[Path] = []
    for serials in (range(60_000), range(60_000, 90_000), range(90_000, 100_000)):
        await load_serials(stage.connection, serials)
        if number := len(paths):
            await stage.revise(*keys[number * 100 : number * 100 + 50], f"88.118.7/SERIAL-{serials.start - 5:06d}")
            await stage.withdraw(keys[number])
        plan = Plan(SUNDAY.date() + timedelta(days=number), FULL if base is None else DIFF, 0, base)
        id_ = await make_deposit(stage.connection, plan, packing, stage.now[0])
        row = await stage.connection.fetchrow("SELECT * FROM escrow_deposit WHERE id = $1", id_)
        base = Base(id_, row["day"], row["cluster"], row["cut_xid"], tuple(row["told"]))
        (parts,) = parts_of(list((packing.folder / f"{id_}_R0").iterdir())).values()
        signatures = [part.with_suffix(".sig") for part in parts]
        paths.append(join(parts, signatures, Certificate(signer.certificate), agent, stage.directory / "opened" / id_))
    assert [head_of(path).kind for path in paths] == [FULL, DIFF, DIFF]
    async with fresh_database(servers) as url:
        copy = await asyncpg.connect(url)
        restored = await restore(copy, paths)
        assert restored.identifiers == len(keys) + 100_000 and restored.different == []
        assert len(restored.kinds) == 9 and not [one for one in restored.kinds if one.wrong]
        sums = "SELECT count(*), sum(identifier_digest(i)), count(*) FILTER (WHERE status = 2) FROM identifier i"
        assert tuple(await copy.fetchrow(sums)) == tuple(await stage.connection.fetchrow(sums))
        await copy.close()


SPOILT = {
    "a row that is another": (r'"N\{6\}"', '"N{7}"', "mint_sequence"),
    "a row that is not there": ("<b:row><b:object>visibility_grant</b:object>.+?</b:row>", "", "visibility_grant"),
    "a row that is of no such kind": ("<b:object>visibility_grant", "<b:object>quota", ""),
    "a digest that does not hold": ('object="prefix" rows="2"', 'object="prefix" rows="3"', "prefix"),
}


@pytest.mark.parametrize("what", SPOILT)
async def test_any_kind_of_object_that_differs_fails_the_restoration(
    stage: Stage, servers: Servers, tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    """A deposit that is spoilt in one row or digest restores nothing, and the table names the kind."""
    await furnish(stage.connection, 20)
    assert await stage.settle() == "accepted"
    (plain,) = stage.unpacked()
    was, now, kind = SPOILT[what]
    spoilt = tmp_path / "spoilt.zip"
    with zipfile.ZipFile(plain) as packed, zipfile.ZipFile(spoilt, "w") as out:
        (name,) = packed.namelist()
        text = packed.read(name).decode()
        assert re.search(was, text)
        out.writestr(name, re.sub(was, now, text, count=1))
    async with fresh_database(servers) as url:
        settings = stage.settings.model_copy(update={"database_url": SecretStr(url)})
        with pytest.raises(Refused, match="Nothing was restored"):
            await restore_files(settings, Namespace(paths=[spoilt], key=None, signer=None))
        copy = await asyncpg.connect(url)
        assert await copy.fetchval("SELECT count(*) FROM prefix") == 0
        await copy.close()
    told = capsys.readouterr().out.splitlines()
    if kind:  # else the database refuses it before anything is compared
        assert [line for line in told if kind in line and not line.endswith(" 0")], told


async def test_deposits_signed_by_a_former_key_are_taken_and_restored(stage: Stage, servers: Servers) -> None:
    await furnish(stage.connection, 30)
    assert await stage.settle() == "accepted"
    kind = OpenPgp(stage.settings)
    bring(kind, quick_key("another").encode(), Wish())
    activate(kind)
    keeper = await keeper_of(stage.settings, stage.pool, stage.client, now=lambda: stage.now[0], jitter=lambda: 0.0)
    before, stage.keeper = stage.keeper, keeper
    stage.next_day()
    await stage.register("88.118.7/BY-THE-NEW-KEY")
    assert await stage.settle() == "accepted", await stage.deposits()
    stage.keeper = before  # a process that has not been started anew signs with the former key
    stage.next_day()
    await stage.register("88.118.7/BY-THE-OLD-KEY")
    assert await stage.settle() == "accepted", await stage.deposits()
    retire(kind)
    inbox, agent = (
        stage.directory / "toplevel" / "escrow-inbox" / SLN,
        stage.directory / "toplevel" / "escrow-agent.asc",
    )
    async with fresh_database(servers) as url:
        settings = stage.settings.model_copy(update={"database_url": SecretStr(url)})
        assert await restore_files(settings, Namespace(paths=[inbox], key=agent, signer=None)) == 0
        copy = await asyncpg.connect(url)
        assert await copy.fetchval("SELECT count(*) FROM identifier WHERE key LIKE '88.118.7/BY-THE-%'") == 2
        await copy.close()


async def test_reconciliation_finds_exactly_what_was_planted_and_repairs_either_side(stage: Stage) -> None:
    keys = await furnish(stage.connection, 2_000)
    assert await stage.settle() == "accepted"
    assert (await compare(stage.connection, stage.client, SLN)).none
    spoilt, forgotten = keys[5:900:100], keys[1_000:1_005]
    await stage.box.api.post("/_exam/escrow", {"sln": SLN, "spoil": spoilt, "forget": forgotten})
    await stage.register("88.118.7/NEW")
    await stage.revise(keys[1_500])
    found = await compare(stage.connection, stage.client, SLN, ranges=64)
    assert (found.different, found.here_only, found.there_only) == (spoilt, forgotten, [])
    assert (found.changed, found.untold, found.compared) == ([keys[1_500]], 2, len(keys) - 1)
    assert await repair_there(stage.connection, found) == len(spoilt) + len(forgotten)
    stage.next_day()
    assert await stage.settle() == "accepted", await stage.deposits()
    assert (await stage.deposits())[-1][4] == 2 + len(spoilt) + len(forgotten)
    found = await compare(stage.connection, stage.client, SLN)
    assert found.none and (found.untold, found.compared) == (0, len(keys) + 1)
    await stage.connection.execute("UPDATE identifier SET value = '[]' WHERE key = $1", keys[0])  # what nobody meant
    await stage.connection.execute("UPDATE escrow_deposit SET cut_xid = $1", 2**40)  # as if it had been there all along
    found = await compare(stage.connection, stage.client, SLN)
    assert found.different == [keys[0]]
    assert await repair_here(stage.connection, stage.client, SLN, found) == 1
    row = await stage.connection.fetchrow(
        "SELECT version, length(value) AS size FROM identifier WHERE key = $1", keys[0]
    )
    assert row["version"] == 2 and row["size"] > 2
    assert await stage.connection.fetchval("SELECT count(*) FROM identifier_change WHERE kind = 'reconcile'") == 1
    await stage.connection.execute("ALTER TABLE identifier DISABLE TRIGGER USER")
    await stage.connection.execute("DELETE FROM identifier WHERE key = ANY ($1::text[])", keys[1:3])  # lost, by no door
    await stage.connection.execute("TRUNCATE enterprise_count")
    found = await compare(stage.connection, stage.client, SLN)
    assert (
        found.there_only == keys[1:3] and await repair_here(stage.connection, stage.client, SLN, found) == 3
    )  # the first one again, whose version went up
    rows = await stage.connection.fetchval(
        "SELECT count(*) FROM identifier JOIN prefix ON prefix = split_part(key, '/', 1)"
    )
    assert await stage.connection.fetchval("SELECT sum(registered) FROM enterprise_count") == rows
    audited = await stage.connection.fetch(
        "SELECT object, identifiers FROM audit WHERE action = 'reconcile' ORDER BY id"
    )
    assert [tuple(row) for row in audited] == [(SLN, 1), (SLN, 3)]


async def test_the_command_line_restores_and_reconciles(stage: Stage, servers: Servers, capsys: Any) -> None:
    keys = await furnish(stage.connection, 30)
    assert await stage.settle() == "accepted"
    agent_key = stage.directory / "toplevel" / "escrow-agent.asc"
    inbox = stage.directory / "toplevel" / "escrow-inbox" / SLN
    async with fresh_database(servers) as url:
        settings = stage.settings.model_copy(update={"database_url": SecretStr(url)})
        options = Namespace(paths=[inbox], key=agent_key, signer=None)
        assert await restore_files(settings, options) == 0
        assert "30" in capsys.readouterr().out
        with pytest.raises(Refused, match="not empty"):
            await restore_files(settings, options)
        with pytest.raises(Refused, match="--key"):
            await restore_files(settings, Namespace(paths=[inbox], key=None, signer=None))
    await stage.box.api.post("/_exam/escrow", {"sln": SLN, "spoil": [keys[3]]})
    await stage.register(*(f"88.118.7/LATER-{number}" for number in range(12)))
    assert await reconcile(stage.settings, Namespace(repair=None)) == 1
    said = capsys.readouterr().out
    assert keys[3] in said and "待下次上报: 12\n" in said and "核对 30 " in said
    assert await reconcile(stage.settings, Namespace(repair="there")) == 0
    stage.next_day()
    assert await stage.settle() == "accepted"
    assert await reconcile(stage.settings, Namespace(repair=None)) == 0
