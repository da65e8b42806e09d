"""Rows like one that was registered, straight into the table: what is measured afterwards is reading, or writing beside them."""

from __future__ import annotations

import asyncpg

_CHUNK = 1_000_000
_INSERT = """
INSERT INTO identifier (key, value)
SELECT upper($1 || '-' || lpad(n::text, 10, '0')), value
FROM generate_series($2::bigint, $3::bigint) AS n, (SELECT value FROM identifier WHERE key = upper($4)) AS sample
ON CONFLICT DO NOTHING
"""


async def fill(url: str, name: str, sample: str, first: int, end: int) -> None:
    """`<name>-<ten digits>` for the numbers first … end - 1, each with the values of `sample`, which is registered already."""
    connection = await asyncpg.connect(url, command_timeout=3_600)
    try:
        for start in range(first, end, _CHUNK):
            await connection.execute(_INSERT, name, start, min(start + _CHUNK, end) - 1, sample)
        await connection.execute("VACUUM ANALYZE identifier")
    finally:
        await connection.close()
