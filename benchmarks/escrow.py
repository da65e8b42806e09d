"""A full deposit of many identifiers, what it costs, and reconciliation with planted differences.

    python -m benchmarks.escrow                      # 1,000,000 rows
    python -m benchmarks.escrow --rows 30000000

On a PostgreSQL of its own. The agent's half (verifying, decrypting, reading into the copy) is timed apart; the top level's copy is
asked over HTTP as in life.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import random
import resource
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
from aiohttp import web

from core.migrate import migrate
from node.embedded.account import choose_account, reachable_postgres
from node.embedded.postgres import EmbeddedPostgres
from node.embedded.programs import find_postgres
from node.embedded.runtime import RuntimeDirectory
from node.supervisor import Supervisor
from sync.escrow.calendar import Plan
from sync.escrow.making import Packing, make_deposit
from sync.escrow.names import FULL
from sync.escrow.packing import join, plain_reader
from sync.escrow.pgp import Certificate, SecretKey, new_secret_key
from sync.escrow.reading import read_deposit
from sync.escrow.sending import Ends, EscrowClient
from sync.reconcile.comparing import compare
from sync.signing.keys import ED25519, Ed25519Signer, decode, keyid_of, new_seed
from sync.toplevel.accounts import Account, open_account
from sync.toplevel.app import make_app, open_store
from sync.toplevel.desk import Desk
from sync.toplevel.escrow_copy import COPIES, EscrowStore
from sync.toplevel.escrow_doors import AGENT

_SLN, _PREFIX, _PORT = "88.118", "88.118.7", 18_148
_PLANTED = 100
_FILL = """
INSERT INTO identifier (key, value, template_id)
SELECT '88.118.7/BAV99-' || lpad(n::text, 8, '0'), convert_to('[[2000,"MANUFACTURER","Nexperia"],[2001,"MODEL","BAV99-' || n ||
  '"],[2002,"CATALOGUE_CODE","C2500"],[2003,"CATEGORY","Diodes / switching"],[2004,"PACKAGE","SOT-23"],[2005,"DESCRIPTION",'
  '"High speed switching diode, dual series, 100 V, 215 mA"],[2006,"DATASHEET","https://example.com/bav99.pdf"]]', 'UTF8'), 1
FROM generate_series($1::bigint, $2::bigint) n
"""


async def main(rows: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="biaojie-escrow-"))
    folder.chmod(0o711)
    try:
        async with _database(folder) as url:
            connection = await asyncpg.connect(url, command_timeout=3_600)
            await _fill(connection, rows)
            await _measure(connection, folder, rows)
            await connection.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _fill(connection: Any, rows: int) -> None:
    began, step = time.perf_counter(), 1_000_000
    for start in range(1, rows + 1, step):
        await connection.execute(_FILL, start, min(start + step - 1, rows))
    await connection.execute("VACUUM ANALYZE identifier")
    print(f"filled with {rows:,} rows in {time.perf_counter() - began:.1f} s", flush=True)


async def _measure(connection: Any, folder: Path, rows: int) -> None:
    signer, opens = SecretKey(new_secret_key("node")), SecretKey(new_secret_key("agent"))
    certificate = Certificate(opens.certificate)
    packing = Packing(folder / "deposit", _SLN, certificate, signer, 1 << 30)
    now = datetime.now(UTC)
    before, began = _peak(), time.perf_counter()
    id_ = await make_deposit(connection, Plan(now.date(), FULL, 0, None), packing, now)
    took = time.perf_counter() - began
    parts = sorted((folder / "deposit" / f"{id_}_R0").glob("*.inde"))
    size = sum(part.stat().st_size for part in parts)
    print(
        f"full deposit: {took:.1f} s ({rows / took:,.0f} identifiers/s), {size / 1e6:,.1f} MB in {len(parts)} parts, "
        f"peak memory {_peak():,.0f} MiB (before {before:,.0f})",
        flush=True,
    )
    await connection.execute("UPDATE escrow_deposit SET state = 'accepted'")
    began = time.perf_counter()
    own = Certificate(signer.certificate)
    plain = await asyncio.to_thread(
        join, parts, [part.with_suffix(".sig") for part in parts], own, opens, folder / "open"
    )
    copies = EscrowStore(folder / "box", COPIES)

    def take() -> None:
        with plain_reader(plain) as file:
            copies.take(_SLN, read_deposit(file), lambda _: None)

    await asyncio.to_thread(take)
    print(f"the agent's half: {time.perf_counter() - began:.1f} s", flush=True)
    planted = sorted(_plant(copies, rows))
    copies.close()
    async with _box(folder / "box") as client:
        began = time.perf_counter()
        found = await compare(connection, client, _SLN)
        took = time.perf_counter() - began
        await client.close()
    exactly = sorted([*found.different, *found.here_only]) == planted
    print(f"reconciliation: {took:.1f} s, {len(planted)} planted, found exactly those: {exactly}", flush=True)


def _plant(copies: EscrowStore, rows: int) -> list[str]:
    numbers = random.Random(7).sample(range(1, rows + 1), _PLANTED)
    keys = [f"{_PREFIX}/BAV99-{number:08d}" for number in numbers]
    with copies.transaction():
        for place, key in enumerate(keys):
            if place % 2:
                copies.run("put_copy", _SLN, key, place)
            else:
                copies.run("drop_copy", _SLN, key)
    return keys


@contextlib.asynccontextmanager
async def _box(directory: Path) -> AsyncIterator[EscrowClient]:
    store, seed = open_store(directory), new_seed()
    public = Ed25519Signer("", decode(seed)).public
    account = Account(
        "app", _SLN, "demo", "sln", "password", keyid_of(public), ED25519, base64.b64encode(public).decode()
    )
    open_account(store, account)
    app = make_app(Desk(store), directory)
    assert app[AGENT] is not None
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", _PORT).start()
    address = f"http://127.0.0.1:{_PORT}"
    yield EscrowClient(Ends(address, address, "sln", "password"), _SLN, timeout_seconds=600)
    await runner.cleanup()
    store.close()


@contextlib.asynccontextmanager
async def _database(folder: Path) -> AsyncIterator[str]:
    account = choose_account()
    with contextlib.ExitStack() as stack:
        runtime = stack.enter_context(RuntimeDirectory(folder, account))
        programs = reachable_postgres(find_postgres("auto"), account)
        postgres = stack.enter_context(contextlib.closing(EmbeddedPostgres(folder, runtime, programs, account)))
        postgres.prepare()
        async with Supervisor(folder) as supervisor:
            await supervisor.start(postgres.spec())
            await migrate(postgres.url)
            yield postgres.url


def _peak() -> float:
    """MiB, of this process since its start."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    asyncio.run(main(parser.parse_args().rows))
