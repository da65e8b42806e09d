"""What an accepted transfer does to what is given: in the transaction of the move.

What goes with a prefix: its identifiers, templates and drafts, mappings, sequences, its value index, its history. What ends:
grants of its old enterprise, application identities, open leases (unused numbers go back to the sequences), bulk jobs, other
offers. Identifiers that were transferred by themselves stay with whom they were given to. Counted registrations stay counted
for who made them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from core.errors import IdentifierUnknown, TransferBlocked
from core.identifier import parse_identifier
from core.record import Record
from registry.leasing.numbers import end_leases
from registry.ownership import wait_for_writers
from registry.prefix_life import settle
from registry.store import SQL as REGISTRY
from registry.store import AuditLine, Origin, change_record, lock_record, write_audit
from registry.transfers.rows import SQL, Transfer
from registry.verbs.revise import current_version


@dataclass(frozen=True, slots=True)
class Given:
    """What this worker goes by at once: the new version of an identifier, keys that ended."""

    record: Record | None = None
    ended_keys: tuple[str, ...] = ()


async def give_identifier(connection: Any, transfer: Transfer, origin: Origin) -> Given:
    """A new version of another owner. Raises `TransferBlocked`, `IdentifierUnknown`, `IdentifierWithdrawn`."""
    holder = await _locked_prefix(connection, transfer)
    old = await lock_record(connection, transfer.key)
    if old is None:
        raise IdentifierUnknown(f"{transfer.shown} is not registered here", f"{transfer.shown} 未在本节点注册")
    current_version(old, parse_identifier(old.identifier), None)
    if (holder if old.owner_id is None else old.owner_id) != transfer.from_enterprise:
        raise _moved(transfer)
    owner = None if transfer.to_enterprise == holder else transfer.to_enterprise
    await connection.execute(REGISTRY["give_identifier"], transfer.key, owner)
    record = await change_record(
        connection, replace(old, owner_id=owner), actor=origin.actor, kind="transfer", reason=transfer.reason, packed=old.packed,
        template_id=old.template_id, status=old.status, withdrawal=old.withdrawal,
    )  # fmt: skip
    await connection.execute(SQL["end_grants_of_identifier"], transfer.prefix, transfer.key)
    await _note_giver(connection, transfer, origin, 1)
    return Given(record)


async def give_prefix(connection: Any, transfer: Transfer, origin: Origin) -> Given:
    """Raises `TransferBlocked`, `StoreUnavailable` while writers do not end."""
    if await _locked_prefix(connection, transfer) != transfer.from_enterprise:
        raise _moved(transfer)
    below = [
        row["shown"] for row in await connection.fetch(SQL["sub_prefixes"], transfer.key, transfer.from_enterprise)
    ]
    if below:
        raise TransferBlocked(
            f"The giving enterprise holds sub-prefixes of {transfer.shown}: they are transferred first",
            f"转出方持有 {transfer.shown} 的下级前缀，须先行转让",
            reason="sub-prefixes",
            sub_prefixes=below,
        )
    await _end_jobs(connection, transfer)
    await end_leases(connection, transfer.key)
    await connection.execute(SQL["end_grants"], transfer.key, transfer.from_enterprise)
    ended = await connection.fetch(SQL["end_identities"], transfer.key)
    await connection.execute(SQL["cancel_other_transfers"], transfer.key, transfer.from_enterprise, transfer.id)
    await connection.execute(SQL["give_prefix"], transfer.key, transfer.to_enterprise)
    await settle(connection, [transfer.key])
    await _note_giver(connection, transfer, origin, 0)
    # Last: from here to the commit nobody writes, and whoever writes then asks whose the prefix is.
    await wait_for_writers(connection, SQL["wait_for_writers"])
    return Given(ended_keys=tuple(row["key_id"] for row in ended))


async def _locked_prefix(connection: Any, transfer: Transfer) -> int:
    """Who holds it. Raises `TransferBlocked` where it is not one to be given away."""
    held = await connection.fetchrow(SQL["lock_prefix"], transfer.prefix)
    if held["suspended"] or held["state"] != "active":
        raise TransferBlocked(
            f"The prefix of {transfer.shown} is suspended",
            f"{transfer.shown} 的前缀已被暂停",
            reason="prefix-suspended",
        )
    if held["hosting"] != "here" and transfer.kind == "prefix":
        raise TransferBlocked(
            f"{transfer.shown} is hosted at its enterprise's own node",
            f"{transfer.shown} 由企业自有节点提供服务",
            reason="hosted-elsewhere",
        )
    holder: int = held["enterprise_id"]
    return holder


async def _end_jobs(connection: Any, transfer: Transfer) -> None:
    """Bulk jobs that have not begun to merge are cancelled. Raises `TransferBlocked` while one is merging."""
    jobs = await connection.fetch(SQL["lock_jobs"], transfer.key)
    if merging := [row["id"] for row in jobs if row["state"] == "merging"]:
        raise TransferBlocked(
            f"Bulk jobs are being merged under {transfer.shown}; wait for them, or have them cancelled",
            f"{transfer.shown} 下有批量任务正在合并；请等待其完成，或由转出方取消",
            reason="bulk-merging",
            bulk_jobs=merging,
        )
    await connection.execute(SQL["cancel_jobs"], [row["id"] for row in jobs])


async def _note_giver(connection: Any, transfer: Transfer, origin: Origin, identifiers: int) -> None:
    """Into the audit of the giving side as well, under the key that consented."""
    assert transfer.consented_by is not None  # what is accepted was offered
    giver = Origin(transfer.consented_by, None, origin.request_id)
    about = f"{transfer.shown} transfer {transfer.id}"
    await write_audit(connection, [AuditLine(giver, "transfer-given", about, identifiers)])


def _moved(transfer: Transfer) -> TransferBlocked:
    return TransferBlocked(
        f"{transfer.shown} does not belong to the giving enterprise any more",
        f"{transfer.shown} 已不属于转出方",
        reason="owner-changed",
    )
