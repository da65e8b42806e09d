"""The first key of a node: made beside the API, because there is nobody yet who could ask for it."""

from __future__ import annotations

from core.access import Role, make_key
from core.sqlfiles import load_sql
from node.preflight import connect_database

_SQL = load_sql("registry", "onboarding.sql")
_AUDIT = load_sql("registry", "identifiers.sql")["write_audit"]


async def make_operator_key(url: str, label: str) -> str:
    """A new operator's key, shown this once. Raises `Refused`."""
    key = make_key()
    connection = await connect_database(url)
    try:
        async with connection.transaction():
            await connection.execute(
                _SQL["issue_key"], key.key_id, key.secret_digest, Role.OPERATOR.value, None, label, None
            )
            about = f"operator {key.key_id}"
            await connection.execute(_AUDIT, [None], ["issue-key"], [about], [0], ["command line"], [""])
    finally:
        await connection.close()
    return key.text
