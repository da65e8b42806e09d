"""Of 4.2: a full deposit and a differential to the escrow agent of the box, reconciled, and restored into an empty database."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pysequoia
from pydantic import SecretStr

from core.settings import Settings
from node import toplevel_runner
from node.drill.evidence import Found
from node.drill.stand import Stand, own_database, until
from node.escrow import client_of, keeper_of
from sync.escrow.keeper import Keeper
from sync.escrow.making import SQL
from sync.escrow.packing import join
from sync.escrow.pgp import Certificate, SecretKey
from sync.escrow.restoring import Restored, head_of, in_order, parts_of, restore
from sync.escrow.sending import EscrowClient
from sync.reconcile.comparing import compare

_PATIENCE_SECONDS = 20.0
_DAY_SECONDS = 86_400
FAULTS = {"vanish": 1, "lose_answer": 1, "http_error": 2, "garbage": 1}  # turns of each
_AGENT_KEY, _OWN_KEY = "escrow-agent.asc", "escrow-key.asc"


async def escrow(stand: Stand, found: Found) -> None:
    """Days pass as the clocks of both ends are turned."""
    directory = Path(stand.settings.data_dir)
    await asyncio.to_thread(_keys, directory)
    client = client_of(_settings(stand))
    days = [0]
    try:
        keeper = await keeper_of(_settings(stand), stand.pool, client, now=lambda: _at(days[0]), jitter=lambda: 0.0)
        stand.turn(**FAULTS)
        first = await _deposit(stand, keeper)
        played = not any(getattr(stand.desk.dials, name) for name in FAULTS)
        found.check(
            "传输故障均已发生并被克服", "faults on the way came to pass and were overcome", played, faults=list(FAULTS)
        )
        found.check(
            "全量托管数据被接收",
            "a full deposit is taken",
            first["state"] == "accepted" and first["kind"] == "FULL",
            **first,
        )
        await _reconciled(stand, found, client)
        await _registered(stand)
        days[0] = 1
        stand.turn(clock_skew_seconds=_DAY_SECONDS)
        second = await _deposit(stand, keeper, after=first["id"])
        kind = "FULL" if _at(1).weekday() == 6 else "DIFF"  # full on Sundays
        found.check(
            "次日托管数据被接收（周日全量，其余增量）", "the next day's deposit is taken: full on Sundays, else differential",
            second["state"] == "accepted" and second["kind"] == kind, **second,
        )  # fmt: skip
        await _reconciled(stand, found, client)
        await _restored(stand, found, directory)
    finally:
        stand.turn(clock_skew_seconds=0)
        await client.close()


def _settings(stand: Stand) -> Settings:
    return stand.settings.model_copy(
        update={
            "escrow_agent_url": f"http://127.0.0.1:{stand.settings.toplevel_port}",
            "escrow_user": toplevel_runner.CLIENT,
            "escrow_password": SecretStr(stand.settings.peering_password.get_secret_value()),
        }
    )


def _keys(directory: Path) -> None:
    """Quick ones in place of RSA, for as long as the drill lasts."""
    for folder, name in ((toplevel_runner.FOLDER, _AGENT_KEY), ("peering", _OWN_KEY)):
        path = directory / folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(str(pysequoia.Tsk.generate(name, cipher_suite=pysequoia.CipherSuite.Cv25519)), "ascii")
        path.chmod(0o600)


def _at(days: int) -> datetime:
    """A quarter past midnight at the earliest: deposits begin after it."""
    now = datetime.now(UTC)
    return max(now, now.replace(hour=0, minute=15)) + timedelta(days=days)


async def _deposit(stand: Stand, keeper: Keeper, after: str = "") -> dict[str, Any]:
    async def decided() -> bool:
        async with stand.pool.acquire() as connection:
            await connection.execute("UPDATE escrow_state SET due_at = '-infinity'")
            await keeper.tick(connection)
            newest = await connection.fetchrow(SQL["newest_deposit"])
            return newest is not None and newest["id"] > after and newest["state"] in ("accepted", "refused")

    await until(decided, _PATIENCE_SECONDS)
    newest = await stand.pool.fetchrow(SQL["newest_deposit"])
    return (
        {name: newest[name] for name in ("id", "kind", "state", "reason")}
        if newest is not None
        else {"state": None, "kind": None, "id": ""}
    )


async def _registered(stand: Stand) -> None:
    """Something for the differential to carry."""
    prefix = f"{stand.settings.node_prefix}.1001"
    value = {"index": 1, "type": "DESC", "data": {"format": "string", "value": "演练"}}
    body = {"identifier": f"{prefix}/ESCROW-1", "values": [value]}
    status, said = await stand.call("POST", "/api/v1/identifiers", body, key=stand.operator_key)
    if status not in (200, 201):
        raise ValueError(f"registration is refused: {status} {said}")


async def _reconciled(stand: Stand, found: Found, client: EscrowClient) -> None:
    async with stand.pool.acquire() as connection:
        difference = await compare(connection, client, stand.settings.node_prefix)
    found.check("对账无差异", "reconciliation finds no difference", difference.none, compared=difference.compared)


async def _restored(stand: Stand, found: Found, directory: Path) -> None:
    paths = await asyncio.to_thread(_unpacked, directory, stand.settings.node_prefix)
    async with own_database(stand.settings.database_url.get_secret_value()) as url:
        connection = await asyncpg.connect(url)
        try:
            done: Restored = await restore(connection, paths)
        finally:
            await connection.close()
    found.check(
        "由全量与增量恢复到空库，各类对象零差异", "restored from both into an empty database, no kind of object differs",
        not done.different and not any(one.wrong for one in done.kinds),
        deposits=len(paths), different=len(done.different), **{one.object: one.restored for one in done.kinds},
    )  # fmt: skip


def _unpacked(directory: Path, sln: str) -> list[Path]:
    """What the agent holds, opened with its key, in the order of a restoration."""
    folder = directory / toplevel_runner.FOLDER
    opens = SecretKey((folder / _AGENT_KEY).read_text("ascii"))
    node = Certificate(SecretKey((directory / "peering" / _OWN_KEY).read_text("ascii")).certificate)
    heads = {}
    for (name, revision), parts in parts_of(list((folder / "escrow-inbox" / sln).iterdir())).items():
        signatures = [part.with_suffix(".sig") for part in parts]
        plain = join(parts, signatures, node, opens, directory / "opened" / f"{name}_{revision}")
        heads[plain] = head_of(plain)
    return in_order(heads)
