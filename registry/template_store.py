"""The rows of templates and their drafts. Knows SQL, no HTTP and no rules; every call stands in the caller's transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from core.identifier import Identifier
from core.sqlfiles import load_sql
from core.template import template_from_row
from core.template_item import TemplateItem
from core.template_life import State
from core.values import HandleValue, pack
from registry.store import NewIdentifier
from registry.template_wish import Definition

SQL = load_sql("registry", "templates.sql")
VALUE_INDEX = 1  # the definition, as JSON text; a template describes other identifiers and has no template of its own


@dataclass(frozen=True, slots=True)
class Held:
    """A template under whichever state it stands. `id` None: a draft."""

    id: int | None
    key: str
    identifier: str
    state: State
    definition: Definition
    created_at: datetime
    retired_at: datetime | None
    retired_reason: str | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of a list: all but the items."""

    key: str
    identifier: str
    state: State
    version: str | None
    facts: dict[str, Any]
    item_count: int
    created_at: datetime


async def find_held(connection: Any, key: str) -> Held | None:
    row = await connection.fetchrow(SQL["find_template"], key)
    if row is None:
        return None
    template = template_from_row({**row, "id": row["id"] or 0})
    facts = orjson.loads(row["facts"]) if row["facts"] else {}
    return Held(
        row["id"], row["key"], row["identifier"], _state(row), Definition(template.items, row["version"], facts),
        row["created_at"], row["retired_at"], row["retired_reason"],
    )  # fmt: skip


async def page_of_templates(
    pool: Any, after: str, below: str, enterprise_id: int | None, sees_all: bool, state: State | None, limit: int
) -> list[Listed]:
    """At most `limit` in order of key, after one key and below another; drafts of one enterprise, or of all."""
    rows = await pool.fetch(SQL["page_of_templates"], after, below, enterprise_id, sees_all, state, limit)
    return [
        Listed(
            row["key"], row["identifier"], _state(row), row["version"], orjson.loads(row["facts"]) if row["facts"] else {},
            row["item_count"], row["created_at"],
        )
        for row in rows
    ]  # fmt: skip


async def insert_template(connection: Any, key: str, identifier: str, definition: Definition) -> Any | None:
    """The row, or None where somebody else made one just now."""
    return await connection.fetchrow(
        SQL["insert_template"], key, identifier, outlines_text(definition.items), rules_text(definition.items),
        definition.version, definition.facts_text,
    )  # fmt: skip


async def insert_draft(connection: Any, key: str, identifier: str, prefix: str, definition: Definition) -> None:
    whole = items_text(definition.items)
    await connection.execute(
        SQL["insert_draft"], key, identifier, prefix, whole, definition.version, definition.facts_text
    )


async def change_draft(connection: Any, key: str, definition: Definition) -> None:
    await connection.execute(
        SQL["change_draft"], key, items_text(definition.items), definition.version, definition.facts_text
    )


def items_text(items: tuple[TemplateItem, ...]) -> str:
    """The items whole, as JSON text: what a draft's row holds, and what a template's own identifier says."""
    return orjson.dumps([item.as_json() for item in items]).decode()


def outlines_text(items: tuple[TemplateItem, ...]) -> str:
    """The column `items` of a published template."""
    return orjson.dumps([item.outline() for item in items]).decode()


def rules_text(items: tuple[TemplateItem, ...]) -> str | None:
    """The column `rules`: by index, None where no item has any."""
    rules = {str(item.index): told for item in items if (told := item.rules())}
    return orjson.dumps(rules).decode() if rules else None


def packed_items(items: tuple[TemplateItem, ...]) -> bytes:
    return pack([HandleValue(VALUE_INDEX, "TEMPLATE", items_text(items))])


def own_identifier(
    key: str, identifier: Identifier | str, prefix: str, items: tuple[TemplateItem, ...]
) -> NewIdentifier:
    """A published template as an identifier of its own."""
    return NewIdentifier(key, str(identifier), prefix, packed_items(items), None)


def _state(row: Any) -> State:
    return State.DRAFT if row["draft"] else State.RETIRED if row["retired"] else State.PUBLISHED
