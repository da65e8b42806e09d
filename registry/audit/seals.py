"""What a seal is: a hash over the seal before, its own columns and its entries. Pure.

An entry's digest is the SHA-256 of a JSON array of its columns, as PostgreSQL writes it. Its mark, the first eight bytes, is
kept in the seal, so that of a thousand entries the one that was touched can be named.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

MAX_ENTRIES = 1_000
GENESIS = b"\0" * 32
_DIGEST, _MARK = 32, 8


@dataclass(frozen=True, slots=True)
class Seal:
    """One row of `audit_seal`. Positions are (xid as text, id); `hash` is empty while it is not known yet."""

    number: int
    entries: int
    first: tuple[str, int]
    last: tuple[str, int]
    marks: bytes
    keyed: bool
    sealed_at: datetime
    hash: bytes = b""

    def hashed(self, previous: bytes, digests: bytes, key: bytes) -> bytes:
        """`digests` are those of the entries, joined; `key` counts only where the seal is keyed."""
        at = int(self.sealed_at.timestamp() * 1_000_000)
        own = f"{self.number}|{self.entries}|{self.first}|{self.last}|{self.keyed}|{at}|{self.marks.hex()}"
        said = previous + hashlib.sha256(own.encode()).digest() + hashlib.sha256(digests).digest()
        return hmac.digest(key, said, "sha256") if self.keyed else hashlib.sha256(said).digest()


def seal_from_row(row: Any) -> Seal:
    return Seal(
        row["number"], row["entries"], (row["first_xid"], row["first_id"]), (row["last_xid"], row["last_id"]),
        row["marks"], row["keyed"], row["sealed_at"], row["hash"],
    )  # fmt: skip


def digest_of(line: str) -> bytes:
    return hashlib.sha256(line.encode()).digest()


def marks_of(digests: bytes) -> bytes:
    return b"".join(digests[at : at + _MARK] for at in range(0, len(digests), _DIGEST))


def touched(marks: bytes, found: list[tuple[int, bytes]]) -> tuple[list[int], int]:
    """(ids of entries that were changed or put in, how many of the sealed are not there any more as they were).

    `found` are (id, digest) of what lies in the range of the seal now. Good as long as the marks were not rewritten too.
    """
    sealed = Counter(marks[at : at + _MARK] for at in range(0, len(marks), _MARK))
    strange = []
    for entry, digest in found:
        mark = digest[:_MARK]
        if sealed[mark]:
            sealed[mark] -= 1
        else:
            strange.append(entry)
    return strange, sum(sealed.values())
