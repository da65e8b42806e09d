"""What has to be there before a measurement: rows like one that was registered, and answers that lie ready in memory."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from node.load.arrivals import Place, closed_model
from node.load.questions import json_question

_CHUNK = 1_000_000
_INSERT = """
INSERT INTO identifier (key, value)
SELECT upper($1 || '-' || lpad(n::text, 10, '0')), value
FROM generate_series($2::bigint, $3::bigint) AS n, (SELECT value FROM identifier WHERE key = upper($4)) AS sample
ON CONFLICT DO NOTHING
"""


async def fill(url: str, name: str, sample: str, first: int, end: int) -> None:
    """Straight into the table: `<name>-<ten digits>` for the numbers first … end - 1, each with the values of `sample`, which is registered already."""
    connection = await asyncpg.connect(url, command_timeout=3_600)
    try:
        for start in range(first, end, _CHUNK):
            await connection.execute(_INSERT, name, start, min(start + _CHUNK, end) - 1, sample)
        await connection.execute("VACUUM ANALYZE identifier")
    finally:
        await connection.close()


async def warm(port: int, identifiers: Sequence[str], times: int = 2) -> None:
    """Asks for each, so often: an answer lies ready with a worker once that has given it from memory."""
    for _ in range(times):
        questions = map(json_question, identifiers)
        asked = await closed_model(Place("http", "127.0.0.1", port), questions, len(identifiers), 64, 16)
        assert not asked.errors, asked.errors
