"""Show an operator the personal data of an applicant. Every look is an audit entry of the same transaction: no entry, no look."""

from __future__ import annotations

from typing import Any

from core.database import store_errors
from core.errors import FieldProblem, ImageUnknown, ParameterInvalid
from registry.applications.access import Caller, require_operator
from registry.applications.form import PERSONS
from registry.applications.store import SQL, find, image_place, open_personal, unknown
from registry.room import Registry
from registry.store import AuditLine, Keyless, Origin, write_audit
from registry.verbs.edit_application import known_kind

FIELDS = tuple(f"{person}.{member}" for person, members in PERSONS.items() for member in members)
_ACTION = "view-personal-data"


async def view_personal_data(
    registry: Registry, caller: Caller, origin: Origin | Keyless, number: int, wanted: str | None
) -> dict[str, Any]:
    """The fields that are named, separated by commas, else all there are: their texts in the clear.

    Errors: `RoleNotEnough`, `ScopeNotEnough`, `ParameterInvalid`, `ApplicationUnknown`, `PersonalDataLocked`,
    `StoreUnavailable`.
    """
    require_operator(caller)
    fields = _fields(wanted)
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            if await find(connection, number) is None:
                raise unknown(number)
            about = f"application {number}: {', '.join(fields) if fields else 'all'}"
            await write_audit(connection, [AuditLine(origin, _ACTION, about, 0)])
            found = await open_personal(connection, registry.vault, number)
    return {"id": number, "personal": {field: text for field, text in found.items() if not fields or field in fields}}


async def view_image(
    registry: Registry, caller: Caller, origin: Origin | Keyless, number: int, kind: str
) -> tuple[str, bytes]:
    """(media type, content). Errors: as above, and `ImageUnknown`."""
    require_operator(caller)
    known = known_kind(kind)
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(SQL["image_of"], number, known)
            if row is None:
                raise ImageUnknown(f"The application {number} has no image {known}", f"申请 {number} 没有图片 {known}")
            await write_audit(connection, [AuditLine(origin, _ACTION, f"application {number}: {known}", 0)])
            content = registry.vault.open(bytes(row["sealed"]), image_place(number, known))
    return row["media_type"], content


def _fields(wanted: str | None) -> list[str]:
    if not wanted:
        return []
    fields = wanted[:1_000].split(",")
    if all(field in FIELDS for field in fields):
        return fields
    names = ", ".join(FIELDS)
    wrong = FieldProblem("fields", "field-unknown", f"must be among {names}", f"可用字段：{names}")
    raise ParameterInvalid(errors=(wrong,))
