"""Walk along the chain of seals and say what does not agree with it. Memory holds one seal and its entries."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from core.sqlfiles import load_sql
from registry.audit.seals import GENESIS, Seal, digest_of, seal_from_row, touched

SQL = load_sql("registry", "audit.sql")
_SEALS_AT_ONCE = 100
_MORE_THAN_A_SEAL = 2_000
_NAMED = 10


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was sealed."""

    seal: int
    en: str
    zh: str


@dataclass(frozen=True, slots=True)
class Step:
    """One seal looked at. `findings` is empty where it holds; `head` is its hash."""

    seal: int
    entries: int
    head: bytes
    findings: tuple[Finding, ...]


class KeyNeeded(Exception):
    """The seals are keyed and no key was given, so nothing can be said of them."""


async def walk(connection: Any, first: int, key: bytes) -> AsyncIterator[Step]:
    """Every seal from number `first` on. Starting later trusts the seal before. Raises `KeyNeeded`, and as asyncpg does."""
    before = await _before(connection, first)
    number, keyed_before = first, before is not None and before.keyed
    previous = before.hash if before else GENESIS
    position = before.last if before else ("0", 0)
    while rows := await connection.fetch(SQL["seals_from"], number, _SEALS_AT_ONCE):
        for seal in map(seal_from_row, rows):
            if seal.keyed and not key:
                raise KeyNeeded
            entries = await connection.fetch(SQL["entries_between"], *position, *seal.last, _MORE_THAN_A_SEAL)
            if seal.number != number:  # what the missing ones held lies in the way: the next one is looked at again
                findings = [_missing(number, seal.number)]
            else:
                findings = examine(seal, previous, [(row["id"], digest_of(row["line"])) for row in entries], key)
            if keyed_before and not seal.keyed:
                findings.append(Finding(seal.number, "is not keyed, seals before it are", "未带密钥，其前的封条带密钥"))
            yield Step(seal.number, len(entries), seal.hash, tuple(findings))
            number, previous, position, keyed_before = seal.number + 1, seal.hash, seal.last, seal.keyed


def examine(seal: Seal, previous: bytes, found: list[tuple[int, bytes]], key: bytes) -> list[Finding]:
    """What is wrong with one seal, given (id, digest) of the entries that lie in its range now. Pure."""
    if seal.hashed(previous, b"".join(digest for _, digest in found), key) == seal.hash and len(found) == seal.entries:
        return []
    strange, missing = touched(seal.marks, found)
    if not strange and not missing:
        return [
            Finding(seal.number, "the seal itself, or the one before it, was changed", "封条本身或其前一封条被改动")
        ]
    ids = ", ".join(map(str, strange[:_NAMED])) + (" …" if len(strange) > _NAMED else "")
    reach = f"{seal.first[1]} … {seal.last[1]}"
    en, zh = [], []
    if strange:
        en.append(f"entries changed or put in: {ids}")
        zh.append(f"被改动或插入的记录：{ids}")
    if missing:
        en.append(f"{missing} sealed entries are not there as they were, among ids {reach}")
        zh.append(f"有 {missing} 条已封存的记录缺失或被改动，编号范围 {reach}")
    return [Finding(seal.number, "; ".join(en), "；".join(zh))]


async def _before(connection: Any, first: int) -> Seal | None:
    rows = await connection.fetch(SQL["seals_from"], first - 1, 1) if first > 1 else []
    return seal_from_row(rows[0]) if rows and rows[0]["number"] == first - 1 else None


def _missing(wanted: int, found: int) -> Finding:
    reach = str(wanted) if found - wanted == 1 else f"{wanted} … {found - 1}"
    return Finding(found, f"seals removed before it: {reach}", f"其前的封条被删除：{reach}")
