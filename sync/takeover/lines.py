"""Lines of standby data: what the top level needs to answer in this node's place, one for each prefix and identifier. Pure.

A line of an identifier has the values that anybody may read, that of a prefix says whose it is, how it stands and where it is
resolved; nothing else, so no personal data of an application is ever in it. The mark of a line tells which state it is in: of an
identifier its key, version and time, as PostgreSQL makes it too (`standby_mark`), of a prefix the line itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import orjson

from core.identifier import fold_case
from core.record import record_from_row
from core.timestamps import rfc3339
from core.values import render
from core.visibility import ANYBODY, visible

_ONE_IN = 20_000  # lines of a piece, on average


def prefix_line(row: Any) -> bytes:
    """Whoever answers in this node's place answers identifiers of it where it says so."""
    revoked, holder = row["state"] != "active", {"name": row["holder"]}
    if row["credit_code"]:
        holder["creditCode"] = row["credit_code"]
    said = {
        "prefix": row["shown"], "caseSensitive": row["suffix_case_sensitive"], "holder": holder, "hosting": row["hosting"],
        "state": "revoked" if revoked else "suspended" if row["suspended"] else "active",
        "answering": bool(row["answering"]) and not revoked,
    }  # fmt: skip
    site = orjson.loads(row["site"]) if row["site"] else None
    return orjson.dumps(said | ({"site": site} if site else {}), option=orjson.OPT_SORT_KEYS)


def identifier_line(row: Any) -> bytes:
    """What anybody is answered. Values that are not public stay here."""
    record = record_from_row(row)
    seconds = int(record.created_at.timestamp())
    said: dict[str, Any] = {"identifier": record.identifier, "key": record.key, "version": record.version}
    if record.withdrawn:
        said |= {"withdrawn": True, "reason": record.reason or "", "successor": record.successor or ""}
    else:
        values = visible(record, ANYBODY, None, record.changed_at)
        said["values"] = [render(value, seconds) for value in values]
    said["changedAt"] = rfc3339(record.changed_at)
    return orjson.dumps(said, option=orjson.OPT_SORT_KEYS)


def ends_piece(key: str) -> bool:
    """A piece ends after a key whose digest says so, not after a number of lines: a change touches one piece."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=4).digest()) % _ONE_IN == 0


def read_line(line: bytes) -> tuple[str, int]:
    """(key, mark). Raises ValueError, KeyError, TypeError for what is no line."""
    said = orjson.loads(line)
    if "key" not in said:
        return fold_case(str(said["prefix"])), prefix_mark(line)
    changed = int(datetime.fromisoformat(said["changedAt"]).timestamp())
    return str(said["key"]), _mark(f"{said['key']} {int(said['version'])} {changed}".encode())


def read_lines(content: bytes) -> Iterator[tuple[str, int, bytes]]:
    """(key, mark, line) of a piece. Raises as `read_line`."""
    for line in content.splitlines():
        yield *read_line(line), line


def prefix_mark(line: bytes) -> int:
    return _mark(line)


def _mark(content: bytes) -> int:
    """64 bits, signed, as PostgreSQL has them; against accidents, not against anybody."""
    return int.from_bytes(hashlib.md5(content, usedforsecurity=False).digest()[:8], signed=True)
