"""Commands as rows: frozen and sealed when they are decided, gone when they are answered. Knows SQL, no transport."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from core.sealing import Vault
from core.sqlfiles import load_sql
from sync.access.outcomes import Kind
from sync.epp.commands import Command, write_command
from sync.epp.names import ENT, IDENTIFIER, PREFIX

SQL = load_sql("sync", "access.sql")
_FORM = {
    Kind.ENTERPRISE_CREATE: ("create", ENT),
    Kind.ENTERPRISE_CHECK: ("check", ENT),
    Kind.ENTERPRISE_UPDATE: ("update", ENT),
    Kind.PREFIX_CREATE: ("create", PREFIX),
    Kind.IDENTIFIER_CREATE: ("create", IDENTIFIER),
    Kind.IDENTIFIER_UPDATE: ("update", IDENTIFIER),
}
_MOST_TAG = 24


class Outbox:
    """Writes commands. `tag` begins every clTRID; `clock` is replaced in tests."""

    def __init__(
        self,
        vault: Vault,
        node_prefix: str,
        prefix_namespace: str = PREFIX,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        self._vault, self._namespace = vault, prefix_namespace
        self._tag = ("sln" + "".join(filter(str.isalnum, node_prefix)))[:_MOST_TAG]
        self._clock = clock or (lambda: datetime.now(UTC))

    async def number(self, connection: Any) -> str:
        """A clTRID that was never used."""
        return f"{self._tag}-{self._clock():%Y%m%d}-{await connection.fetchval(SQL['next_number']):06d}"

    async def put(
        self, connection: Any, kind: Kind, about: str, values: dict[str, Any], *, task: int | None = None,
        parent: int | None = None,
    ) -> None:  # fmt: skip
        """In the caller's transaction, if there is one. Raises `PersonalDataLocked`, and ValueError for what is off the
        schema."""
        cl_trid = await self.number(connection)
        verb, namespace = _FORM[kind]
        if kind is Kind.PREFIX_CREATE:
            namespace = self._namespace
        sealed = self._vault.seal(write_command(Command(verb, namespace, values, cl_trid)), place(cl_trid))
        await connection.execute(SQL["write_command"], task, parent, kind.value, about, cl_trid, sealed, "queued", None)

    async def put_decided(self, connection: Any, task: int, about: str, reference: str | None) -> None:
        """What needs no telling: done from the beginning."""
        cl_trid = await self.number(connection)
        await connection.execute(
            SQL["write_command"], task, None, Kind.NOTHING.value, about, cl_trid, None, "done", reference
        )

    async def put_refused(self, connection: Any, task: int, about: str, reason: str) -> None:
        """What cannot be told as it stands."""
        cl_trid = await self.number(connection)
        number = await connection.fetchval(
            SQL["write_command"], task, None, Kind.NOTHING.value, about, cl_trid, None, "queued", None
        )
        if number is not None:
            await connection.execute(SQL["decide_command"], number, "refused", reason, None)

    def document(self, row: Any) -> bytes:
        """The frozen bytes of a row. Raises `PersonalDataLocked`."""
        return self._vault.open(bytes(row["sealed"]), place(row["cl_trid"]))


def place(cl_trid: str) -> str:
    return f"peering_command {cl_trid}"
