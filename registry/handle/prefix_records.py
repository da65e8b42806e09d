"""The rows of prefix records and of their secrets. Knows SQL and transactions, no rules.

A prefix record is a row of `identifier` under `0.NA/<prefix>`; its owner is the enterprise that it was made for, and it has
no say once the prefix is another's. The data of its HS_SECKEY values is sealed in a table of its own: in the row it is empty.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from core.record import Record, record_from_row
from core.sealing import Vault
from core.sqlfiles import load_sql
from core.values import SECRET_PERMISSIONS, SECRET_TYPES, HandleValue, keep_timestamps, pack

SQL = load_sql("registry", "handle.sql")


def secret_place(key: str, index: int) -> str:
    """What a sealed secret is bound to."""
    return f"handle-secret:{index}:{key}"


def without_secrets(values: Sequence[HandleValue]) -> tuple[list[HandleValue], dict[int, HandleValue]]:
    """The values as the row holds them, and those whose data is to be sealed. An empty secret is the one that is kept."""
    secrets = {value.index: value for value in values if value.type in SECRET_TYPES and value.data != ""}
    return [_emptied(value) if value.type in SECRET_TYPES else value for value in values], secrets


def _emptied(value: HandleValue) -> HandleValue:
    return replace(value, data="", format="string", permissions=value.permissions & SECRET_PERMISSIONS)


async def lock_prefix_record(connection: Any, key: str) -> Record | None:
    row = await connection.fetchrow(SQL["lock_prefix_record"], key)
    return record_from_row(row) if row else None


async def make_prefix_record(connection: Any, key: str, shown: str, enterprise_id: int, packed: bytes) -> Record | None:
    """None where there is one."""
    row = await connection.fetchrow(
        SQL["make_prefix_record"], key, shown if shown != key else None, packed, enterprise_id
    )
    return record_from_row(row) if row else None


async def change_prefix_record(
    connection: Any, old: Record, enterprise_id: int, values: Sequence[HandleValue], actor: int
) -> Record:
    """The next version of a locked record."""
    packed = pack(keep_timestamps(list(values), old.values, int(time.time())))
    await connection.execute(SQL["keep_prefix_record"], old.key, actor, "revise")
    return record_from_row(await connection.fetchrow(SQL["change_prefix_record"], old.key, packed, enterprise_id))


async def seal_secrets(
    connection: Any, vault: Vault, key: str, before: Sequence[HandleValue], after: Sequence[HandleValue],
    secrets: Mapping[int, bytes],
) -> None:  # fmt: skip
    """Keep what is new, and nothing of what is there no more. Raises `PersonalDataLocked` where nothing can be sealed."""
    for index, secret in secrets.items():
        await connection.execute(SQL["seal_secret"], key, index, vault.seal(secret, secret_place(key, index)))
    held = {value.index for value in after if value.type in SECRET_TYPES}
    for value in before:
        if value.type in SECRET_TYPES and value.index not in held:
            await connection.execute(SQL["seal_secret"], key, value.index, None)


async def open_secret(pool: Any, vault: Vault, key: str, index: int) -> bytes | None:
    """Raises `PersonalDataLocked` for what none of the node's keys opens."""
    sealed = await pool.fetchval(SQL["find_secret"], key, index)
    return None if sealed is None else vault.open(bytes(sealed), secret_place(key, index))
