"""A database with something in it, the escrow agent of a box, and a keeper whose clock the test turns."""

from __future__ import annotations

import csv
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pysequoia
from pydantic import SecretStr

from core.settings import Settings
from core.values import HandleValue, pack
from node.demo.parts import COMPONENTS
from node.escrow import client_of, keeper_of
from sync.escrow.keeper import Keeper
from sync.escrow.making import SQL
from sync.escrow.packing import join
from sync.escrow.pgp import Certificate, SecretKey
from sync.escrow.restoring import head_of, in_order, parts_of, restore
from sync.escrow.sending import EscrowClient, basic
from sync.toplevel.escrow_doors import AGENT
from tests.top_level_box import Box, box_here

SLN = "88.118"
SUNDAY = datetime(2026, 11, 22, 0, 6, tzinfo=UTC)
_numbers = itertools.count(1)


def quick_key(name: str) -> str:
    """As good as RSA for a test, and made in a millisecond."""
    return str(pysequoia.Tsk.generate(name, cipher_suite=pysequoia.CipherSuite.Cv25519))


def values_of(number: int) -> list[HandleValue]:
    """Every kind of value turns up: binary, with control characters, dated, of partners, of other formats."""
    values = [HandleValue(2000, "MODEL", f"型号 {number} <&>")]
    match number % 7:
        case 0:
            values.append(HandleValue(2001, "BLOB", "AAEC/w==", "base64"))
        case 1:
            values.append(HandleValue(2001, "NOTE", "a\x01b\r\n\x7f\ufffe", timestamp=1_700_000_000 + number))
        case 2:
            values.append(HandleValue(2001, "SECRET", "ff00", "hex", 60, 28))
        case 3:
            values.append(
                HandleValue(2001, "HS_ADMIN", {"handle": "0.NA/88.118", "index": 200, "permissions": "1"}, "admin")
            )
        case 4:
            values.append(HandleValue(2001, 'A "TYPE" <&>', "  spaces kept  "))
    return values


@dataclass
class Stage:
    connection: Any
    pool: Any
    box: Box
    client: EscrowClient
    keeper: Keeper
    directory: Path
    agent: Any
    settings: Settings
    now: list[datetime] = field(default_factory=lambda: [SUNDAY])

    @property
    def basic(self) -> dict[str, str]:
        """Credentials as the box's doors ask for them."""
        return {"Authorization": basic(self.client._ends.user, self.client._ends.password)}

    async def settle(self, turns: int = 12) -> str | None:
        """Until there is nothing more to do today; the state of the newest deposit."""
        for _ in range(turns):
            await self.connection.execute("UPDATE escrow_state SET due_at = '-infinity'")
            await self.keeper.tick(self.connection)
            await self.agent.settled()
        newest = await self.connection.fetchrow(SQL["newest_deposit"])
        return None if newest is None else newest["state"]

    async def deposits(self) -> list[tuple[Any, ...]]:
        rows = await self.connection.fetch(
            "SELECT id, revision, kind, state, objects FROM escrow_deposit ORDER BY day, revision"
        )
        return [tuple(row) for row in rows]

    def next_day(self, days: int = 1) -> None:
        self.now[0] += timedelta(days=days)

    async def register(self, *keys: str) -> None:
        for key in keys:
            await self.connection.execute(
                "INSERT INTO identifier (key, value, template_id) VALUES ($1, $2, 1)",
                key,
                pack(values_of(next(_numbers))),
            )

    async def revise(self, *keys: str) -> None:
        await self.connection.execute(
            "UPDATE identifier SET version = version + 1, changed_at = now(), value = $2 WHERE key = ANY ($1::text[])",
            list(keys), pack(values_of(next(_numbers))),
        )  # fmt: skip

    async def withdraw(self, key: str) -> None:
        await self.connection.execute(
            "UPDATE identifier SET version = version + 1, changed_at = now(), status = 2, withdrawal = $2 WHERE key = $1",
            key, '{"reason": "过时", "successor": null}',
        )  # fmt: skip

    def unpacked(self) -> list[Path]:
        """What the agent holds, opened with its key, in the order of a restoration."""
        inbox = self.directory / "toplevel" / "escrow-inbox" / SLN
        opens = SecretKey((self.directory / "toplevel" / "escrow-agent.asc").read_text("ascii"))
        node = Certificate(SecretKey((self.directory / "peering" / "escrow-key.asc").read_text("ascii")).certificate)
        heads = {}
        for (name, revision), parts in parts_of(list(inbox.iterdir())).items():
            signatures = [part.with_suffix(".sig") for part in parts]
            plain = join(parts, signatures, node, opens, self.directory / "opened" / f"{name}_{revision}")
            heads[plain] = head_of(plain)
        return in_order(heads)

    async def restored_into(self, url: str) -> Any:
        connection = await asyncpg.connect(url)
        try:
            return await restore(connection, self.unpacked())
        finally:
            await connection.close()


async def furnish(connection: Any, components: int) -> list[str]:
    """An enterprise, its prefix, a template, keys, a grant, and so many of the components; their keys."""
    await connection.execute("""
        INSERT INTO enterprise (name, credit_code, top_level_reference) VALUES ('示例 & 企业', '91110108589104047H', '00058210');
        INSERT INTO prefix (prefix, shown, enterprise_id) VALUES ('88.118', '88.118', 1), ('88.118.7', '88.118.7', 1);
        INSERT INTO api_key (key_id, secret_digest, role, label) VALUES ('op', '\\x01', 'operator', '');
        INSERT INTO api_key (key_id, secret_digest, role, label) VALUES ('partner', '\\x02', 'partner', '');
        INSERT INTO template (key, identifier, items) VALUES ('88.118.7/META_C', '88.118.7/META_C',
            '[{"index": 2000, "type": "MODEL", "name_zh": "型号", "name_en": "Model", "required": true}]');
        INSERT INTO visibility_grant (scope, prefix, object, to_key) VALUES ('prefix', '88.118.7', '88.118.7', 2);
        INSERT INTO mint_sequence (prefix, pattern, last) VALUES ('88.118.7', 'N{6}', 41);
    """)
    with COMPONENTS.open(encoding="utf-8", newline="") as file:
        names = list(dict.fromkeys(row[1].upper() for row in list(csv.reader(file))[1:]))[:components]
    keys = [f"88.118.7/{name}" for name in names]
    records = [
        (key, pack(values_of(number)), 1, key.title() if number % 9 == 0 else None) for number, key in enumerate(keys)
    ]
    await connection.copy_records_to_table(
        "identifier", records=records, columns=("key", "value", "template_id", "shown")
    )
    return sorted(keys)


async def load_serials(connection: Any, numbers: range) -> None:
    """Serial numbers by COPY, in order of key, with three values each."""
    value = pack(
        [
            HandleValue(2000, "MODEL", "STM32F103C8T6"),
            HandleValue(2001, "BATCH", "2026-11"),
            HandleValue(2002, "LINE", "3"),
        ]
    )
    records = ((f"88.118.7/SERIAL-{number:06d}", value, 1) for number in numbers)
    await connection.copy_records_to_table("identifier", records=records, columns=("key", "value", "template_id"))


@asynccontextmanager
async def escrow_here(database: str, directory: Path, session: aiohttp.ClientSession) -> AsyncIterator[Stage]:
    for folder, name in (("toplevel", "escrow-agent.asc"), ("peering", "escrow-key.asc")):
        (directory / folder).mkdir(parents=True, exist_ok=True)
        (directory / folder / name).write_text(quick_key(name), "ascii")
    async with box_here(directory, session) as box:
        settings = box.settings.model_copy(
            update={
                "escrow_agent_url": box.api.base_url, "escrow_user": "sln-demo",
                "escrow_password": SecretStr(str(box.settings.peering_password)), "node_prefix": SLN, "database_url": SecretStr(database),
            }
        )  # fmt: skip
        pool = await asyncpg.create_pool(database, min_size=1, max_size=3)
        connection = await asyncpg.connect(database)
        client = client_of(settings)
        now = [SUNDAY]
        box.desk._clock = lambda: now[0].timestamp()
        keeper = await keeper_of(settings, pool, client, now=lambda: now[0], jitter=lambda: 0.0)
        yield Stage(connection, pool, box, client, keeper, directory, box.app[AGENT], settings, now)
        await client.close()
        await connection.close()
        await pool.close()
