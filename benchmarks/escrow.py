"""A full deposit of many identifiers, what it costs, and reconciliation with planted differences.

    python -m benchmarks.escrow                      # 1,000,000 rows
    python -m benchmarks.escrow --rows 30000000      # the goals; about 100 GB of disk for a while

On a PostgreSQL of its own, filled by COPY in the order of keys. The agent's half (verifying, decrypting, reading into the copy) is
timed apart; the top level's copy is asked over HTTP as in life. `--folder` is where all of it stands meanwhile.
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
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from struct import pack
from typing import Any

import asyncpg
from aiohttp import web

from benchmarks.dataset import HEADER, components
from benchmarks.own_database import own_database
from benchmarks.results import Run
from core.values import HandleValue
from core.values import pack as pack_values
from node.load.own_node import free_port
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

_SLN, _PREFIX = "88.118", "88.118.7"
_PLANTED, _SEED = 100, 7
_COPY_HEAD = b"PGCOPY\n\xff\r\n\0" + pack(">II", 0, 0)
_COPY_TAIL = pack(">h", -1)
_PIECE = 5_000  # rows of a piece of COPY, about 2 MB


async def main(rows: int, folder: Path) -> bool:
    folder.chmod(0o711)
    made = Run("escrow", {"rows": rows, "planted": _PLANTED, "seed": _SEED})
    async with own_database(folder) as url:
        connection = await asyncpg.connect(url, command_timeout=3_600)
        await _fill(connection, rows, made)
        parts, signer, opens = await _deposit(connection, folder, rows, made)
        planted = await asyncio.to_thread(_agents_half, folder, parts, signer, opens, rows, made)
        exact = await _reconcile(connection, folder, planted, made)
        await connection.close()
    made.verdict = "exact" if exact else "WRONG"
    print(f"raw data: {made.write().relative_to(Path.cwd())}")
    return exact


async def _fill(connection: Any, rows: int, made: Run) -> None:
    began = time.perf_counter()

    async def pieces() -> AsyncIterator[bytes]:
        yield _COPY_HEAD
        for piece in _rows(rows):
            yield piece
        yield _COPY_TAIL

    columns = ("key", "value", "template_id")
    await connection.copy_to_table("identifier", source=pieces(), columns=columns, format="binary", timeout=3_600)
    await connection.execute("VACUUM ANALYZE identifier")
    took = time.perf_counter() - began
    made.add("loading by COPY, in the order of keys", {"seconds": took, "rows/s": rows / took})
    print(f"filled with {rows:,} rows in {took:.1f} s", flush=True)


def _rows(rows: int) -> Iterator[bytes]:
    """In COPY's binary form: items of real components, with serial numbers, in the order of keys."""
    for key, value, first, count in _items(rows):
        tail = pack(">I", len(value)) + value + pack(">II", 4, 1)
        head = pack(">hI", 3, len(key) + 8) + key
        for start in range(first, first + count, _PIECE):
            numbers = range(start, min(start + _PIECE, first + count))
            yield b"".join([b"%b%08d%b" % (head, number, tail) for number in numbers])


def _items(rows: int) -> Iterator[tuple[bytes, bytes, int, int]]:
    """(beginning of the keys, packed values, first serial number, how many) for each component."""
    known = sorted(components(), key=lambda row: _key(row))
    for place, row in enumerate(known):
        count = rows * (place + 1) // len(known) - rows * place // len(known)
        kinds = zip(HEADER[1:], row, strict=True)
        values = [HandleValue(2000 + index, kind, text) for index, (kind, text) in enumerate(kinds) if text]
        if count:
            yield _key(row), pack_values(values), 0, count


def _key(row: list[str]) -> bytes:
    return f"{_PREFIX}/{row[1].upper()}-".encode()


async def _deposit(
    connection: Any, folder: Path, rows: int, made: Run
) -> tuple[list[Path], SecretKey, SecretKey]:  # fmt: skip
    signer, opens = SecretKey(new_secret_key("node")), SecretKey(new_secret_key("agent"))
    packing = Packing(folder / "deposit", _SLN, Certificate(opens.certificate), signer, 1 << 30)
    now = datetime.now(UTC)
    before, began = _peak(), time.perf_counter()
    id_ = await make_deposit(connection, Plan(now.date(), FULL, 0, None), packing, now)
    took = time.perf_counter() - began
    parts = sorted(
        (folder / "deposit" / f"{id_}_R0").glob("*.inde"), key=lambda part: int(part.name.split("_S")[1].split("_")[0])
    )
    size = sum(part.stat().st_size for part in parts) / 1e6
    figures = {"seconds": took, "rows/s": rows / took, "peak MiB": _peak(), "before MiB": before, "MB": size}
    made.add("full deposit", figures | {"parts": len(parts)})
    print(
        f"full deposit: {took:.1f} s ({rows / took:,.0f} identifiers/s), {size:,.1f} MB in {len(parts)} parts, "
        f"peak memory {_peak():,.0f} MiB (before {before:,.0f})",
        flush=True,
    )
    await connection.execute("UPDATE escrow_deposit SET state = 'accepted'")
    return parts, signer, opens


def _agents_half(
    folder: Path, parts: list[Path], signer: SecretKey, opens: SecretKey, rows: int, made: Run
) -> list[str]:  # fmt: skip
    """The keys that are wrong in the copy afterwards."""
    began = time.perf_counter()
    signatures = [part.with_suffix(".sig") for part in parts]
    plain = join(parts, signatures, Certificate(signer.certificate), opens, folder / "open")
    copies = EscrowStore(folder / "box", COPIES)
    with plain_reader(plain) as file:
        copies.take(_SLN, read_deposit(file), lambda _: None)
    took = time.perf_counter() - began
    made.add("the agent's half", {"seconds": took, "rows/s": rows / took, "peak MiB": _peak()})
    print(f"the agent's half: {took:.1f} s, peak memory {_peak():,.0f} MiB", flush=True)
    planted = _plant(copies, rows)
    copies.close()
    shutil.rmtree(folder / "open")
    return planted


def _plant(copies: EscrowStore, rows: int) -> list[str]:
    """Half of them other, half of them gone."""
    places = sorted(random.Random(_SEED).sample(range(rows), _PLANTED))
    keys, passed = [], 0
    for key, _, first, count in _items(rows):
        while places and places[0] < passed + count:
            keys.append(f"{key.decode()}{first + places.pop(0) - passed:08d}")
        passed += count
    with copies.transaction():
        for place, wrong in enumerate(keys):
            if place % 2:
                copies.run("put_copy", _SLN, wrong, place)
            else:
                copies.run("drop_copy", _SLN, wrong)
    return sorted(keys)


async def _reconcile(connection: Any, folder: Path, planted: list[str], made: Run) -> bool:
    async with _box(folder / "box") as client:
        began = time.perf_counter()
        found = await compare(connection, client, _SLN)
        took = time.perf_counter() - began
        await client.close()
    exact = sorted([*found.different, *found.here_only]) == planted and not found.there_only
    figures = {"seconds": took, "rows": found.compared, "planted": len(planted), "found exactly those": exact}
    made.add("reconciliation", figures | {"ranges listed": found.different_ranges, "peak MiB": _peak()})
    print(f"reconciliation: {took:.1f} s, {len(planted)} planted, found exactly those: {exact}", flush=True)
    return exact


@contextlib.asynccontextmanager
async def _box(directory: Path) -> AsyncIterator[EscrowClient]:
    store, seed = open_store(directory), new_seed()
    public = Ed25519Signer("", decode(seed)).public
    account = Account(
        "app", _SLN, "demo", "sln", "password", keyid_of(public), ED25519, base64.b64encode(public).decode()
    )
    open_account(store, account)
    runner = web.AppRunner(make_app(Desk(store), directory), access_log=None)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    address = f"http://127.0.0.1:{port}"
    yield EscrowClient(Ends(address, address, "sln", "password"), _SLN, timeout_seconds=10)
    await runner.cleanup()
    store.close()


def _peak() -> float:
    """MiB, of this process since its start."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="for everything that it writes; else the system's temporary one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="biaojie-escrow-", dir=options.folder) as made_folder:
        raise SystemExit(0 if asyncio.run(main(options.rows, Path(made_folder))) else 1)
