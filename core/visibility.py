"""Who sees which values of a record. Pure.

| visibility | permission bits (Handle, RFC 3651 §3.1) | seen by                                   |
|------------|-----------------------------------------|-------------------------------------------|
| public     | public read (0x2)                       | anybody                                   |
| partners   | no public read, and our own bit 0x10    | the owner, and partners with a grant      |
| private    | neither                                 | the owner                                 |

The bit 0x10 never leaves the node: the Handle forms show the lower four. What a Handle client writes is read by the same
table: with public read it is public, without it private; a value that was for partners and comes back without public read
stays for partners (`from_handle`). Admin read (0x8), admin write (0x4) and public write (0x1) are kept as they are sent; the
first two bind administrators (`core.handle.authority`), nobody writes without being known. A grant opens values for partners, never private
ones; the shared caches hold whole records, and every reader's answer is filtered on its way out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.record import Record
from core.values import PARTNER_READ, PUBLIC_READ, HandleValue


@dataclass(frozen=True, slots=True)
class Grant:
    """One row of `visibility_grant`, as its holder has it. `types` None is every type, `until` None has no end."""

    id: int
    scope: str  # identifier, template or prefix
    object: str
    template_id: int | None
    types: frozenset[str] | None
    until: datetime | None

    def covers(self, record: Record, now: datetime) -> bool:
        if self.until is not None and self.until <= now:
            return False
        if self.scope == "identifier":
            return self.object == record.key
        if record.owner_id is not None:  # not the prefix's enterprise's any more, so neither is it theirs to show
            return False
        if self.scope == "template":
            return self.template_id == record.template_id
        return record.key.startswith(self.object + "/")


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who is reading: perhaps with grants, perhaps an enterprise that owns prefixes, perhaps an operator, who sees all."""

    grants: tuple[Grant, ...] = ()
    enterprise_id: int | None = None
    sees_all: bool = False


ANYBODY = Viewer()


def visible(record: Record, viewer: Viewer, owner_id: int | None, now: datetime) -> list[HandleValue]:
    """The values of a record for this viewer. `owner_id` is the enterprise that holds the record's prefix, which it
    follows unless it was transferred by itself."""
    values = record.values
    if viewer is ANYBODY:
        return [value for value in values if value.public]
    owner_id = owner_id if record.owner_id is None else record.owner_id
    if viewer.sees_all or (viewer.enterprise_id is not None and viewer.enterprise_id == owner_id):
        return values
    grants = [grant for grant in viewer.grants if grant.covers(record, now)]
    return [value for value in values if value.public or (value.for_partners and _opened(value, grants))]


def _opened(value: HandleValue, grants: list[Grant]) -> bool:
    return any(grant.types is None or value.type in grant.types for grant in grants)


def from_handle(permissions: int, held: int | None) -> int:
    """Our permissions of a value that a Handle client writes with these four bits, where `held` was there (None: nothing)."""
    bits = permissions & 0xF
    if bits & PUBLIC_READ or held is None:
        return bits
    return bits | (held & PARTNER_READ)
