"""The applicant changes a draft, or one that was returned for correction; and adds images."""

from __future__ import annotations

from typing import Any

import orjson

from core.database import store_errors
from core.errors import BodyInvalid, FieldProblem, ParameterInvalid
from registry.applications.access import Caller, require_applicant
from registry.applications.form import parse_statement
from registry.applications.images import Kind, media_type_of
from registry.applications.states import EDITABLE, State, refused
from registry.applications.store import SQL, lock, put_image, put_personal
from registry.hosting import HOSTING_MEMBERS
from registry.room import Registry
from registry.store import AuditLine, Keyless, Origin, write_audit
from registry.verbs.apply import refuse_taken
from registry.verbs.read_application import application_view

_TAKES_IMAGES = EDITABLE | {State.SUBMITTED}
_KEPT = ("name", "credit_code")


async def edit_application(
    registry: Registry, caller: Caller, origin: Origin | Keyless, number: int, body: dict[str, Any]
) -> dict[str, Any]:
    """The members that are sent take the place of those before, null takes one back; contact and legal person by member.

    Errors: `RoleNotEnough`, `ApplicationUnknown`, `PersonalDataLocked`, `BodyInvalid`, `ApplicationState`, `StoreUnavailable`.
    """
    require_applicant(caller, number)
    registry.vault.require_key()
    problems: list[FieldProblem] = []
    statement = parse_statement(body, registry.node_prefix, problems)
    back = {name for name, value in body.items() if value is None}
    if back & HOSTING_MEMBERS:  # they are said together, and taken back together
        back = back - HOSTING_MEMBERS if body.get("hosting") else back | HOSTING_MEMBERS
    for name in back.intersection(_KEPT):
        problems.append(FieldProblem(name, "member-missing", "is needed", "必填"))
    await refuse_taken(registry, statement.form, problems)
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            held = await lock(connection, number)
            if held.state not in EDITABLE:
                raise refused(held.state, "it cannot be changed then", "不能修改")
            if "credit_code" in body and body["credit_code"] != held.credit_code:
                en, zh = "cannot be changed: make another application", "不能更改，请另行申请"
                problems.append(FieldProblem("credit_code", "credit-code-fixed", en, zh))
            if problems:
                raise BodyInvalid(errors=tuple(problems))
            form = {name: value for name, value in (held.form | statement.form).items() if name not in back}
            await connection.execute(SQL["change_form"], number, orjson.dumps(form).decode())
            await put_personal(connection, registry.vault, number, statement.personal)
            await write_audit(connection, [AuditLine(origin, "edit-application", f"application {number}", 0)])
            return await application_view(connection, caller, await lock(connection, number))


async def put_application_image(
    registry: Registry, caller: Caller, origin: Origin | Keyless, number: int, kind: str, content: bytes
) -> dict[str, Any]:
    """The image, in the place of one of its kind that was there. At most `MAX_IMAGE_BYTES`, which the door sees to.

    Errors: `RoleNotEnough`, `ApplicationUnknown`, `PersonalDataLocked`, `ParameterInvalid`, `BodyInvalid`,
    `ApplicationState`, `StoreUnavailable`.
    """
    require_applicant(caller, number)
    registry.vault.require_key()
    known = known_kind(kind)
    media_type = media_type_of(content)
    if media_type is None:
        en, zh = "must be a JPEG, a PNG or a PDF by its content", "内容必须是 JPEG、PNG 或 PDF"
        raise BodyInvalid(errors=(FieldProblem("", "image-type-unknown", en, zh),))
    with store_errors():
        async with registry.pool.acquire() as connection, connection.transaction():
            held = await lock(connection, number)
            if held.state not in _TAKES_IMAGES:
                raise refused(held.state, "it takes no images then", "不能上传图片")
            await put_image(connection, registry.vault, number, known, media_type, content)
            await connection.execute(SQL["touch"], number)
            about = f"application {number}: {known}"
            await write_audit(connection, [AuditLine(origin, "upload-image", about, 0)])
    return {"kind": known.value, "media_type": media_type, "bytes": len(content)}


def known_kind(kind: str) -> Kind:
    """Raises `ParameterInvalid`."""
    if kind in tuple(Kind):
        return Kind(kind)
    names = ", ".join(Kind)
    raise ParameterInvalid(
        errors=(FieldProblem("kind", "kind-unknown", f"must be one of {names}", f"必须是以下之一：{names}"),)
    )
