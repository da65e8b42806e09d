"""Keys beside the API: an operator's first one, because there is nobody yet who could ask for it, and what there is."""

from __future__ import annotations

from collections.abc import AsyncIterator

from core.access import ROLE_SCOPES, Role, make_key
from core.sqlfiles import load_sql
from node.preflight import connect_database
from registry.keys import KeyWish, key_view
from registry.verbs.issue_key import insert_key

_SQL = load_sql("registry", "keys.sql")
_AUDIT = load_sql("registry", "identifiers.sql")["write_audit"]
_PAGE = 1_000


async def make_operator_key(url: str, label: str) -> str:
    """A new operator's key, shown this once. Raises `Refused`."""
    key = make_key()
    connection = await connect_database(url)
    try:
        async with connection.transaction():
            await insert_key(connection, key, KeyWish(Role.OPERATOR, None, label, None, ROLE_SCOPES[Role.OPERATOR], ()))
            about = f"operator {key.key_id}"
            await connection.execute(_AUDIT, [None], ["issue-key"], [about], [0], ["command line"], [""])
    finally:
        await connection.close()
    return key.text


async def key_lines(url: str) -> AsyncIterator[str]:
    """A line for each key, in the order they were issued: id, role, state, last use, whose, label. Raises `Refused`."""
    connection = await connect_database(url)
    try:
        after = 0
        while rows := await connection.fetch(_SQL["page_of_keys"], None, after, _PAGE):
            after = rows[-1]["id"]
            for row in rows:
                yield _line(key_view(row))
    finally:
        await connection.close()


def _line(key: dict[str, str | None]) -> str:
    ends = f"revoked {key['revoked_at']}" if key["revoked_at"] else f"until {key['expires_at'] or 'revoked'}"
    used = f"used {key['last_used_at']} from {key['last_used_from']}" if key["last_used_at"] else "not used"
    return "  ".join(
        (str(key["key_id"]), f"{key['role']:10}", ends, used, key["enterprise"] or "-", key["label"] or "")
    )
