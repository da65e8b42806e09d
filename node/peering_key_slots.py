"""Where keys for peering are kept: the one in use, the next one until the other side knows it, and the former one until it is
retired. `<data_dir>/peering/`, for its owner only (0600), each file there whole or not at all.

Each change leaves a note, which becomes an entry of the audit as soon as there is a database: keys are made before a node first
runs, too.
"""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg

from core.sqlfiles import load_sql
from core.timestamps import rfc3339
from node.console import Refused
from node.preflight import connect_database
from node.running import read_private

FOLDER = "peering"
CURRENT, NEXT, FORMER = "current", "next", "former"
_NOTES = "unaudited"
_AUDIT = load_sql("registry", "identifiers.sql")["write_audit"]
_LOCK = 0x6269616F6B657973  # "biaokeys"
_SOURCE = "command line"
_MOST_NOTES = 1_000


def write_secret(path: Path, text: str) -> None:
    """On the disk for good when this returns."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name too
    finally:
        os.close(folder)


class Slots:
    """A file for each: `name`, `name.next`, `name.former`. `kind` is what notes call them."""

    def __init__(self, data_dir: Path, kind: str, name: str) -> None:
        self.data_dir, self.kind = data_dir, kind
        self.path = data_dir / FOLDER / name

    def read(self) -> dict[str, str]:
        """Content by slot. Raises OSError, UnicodeDecodeError."""
        paths = {slot: self._path(slot) for slot in (CURRENT, NEXT, FORMER)}
        return {slot: path.read_text("utf-8") for slot, path in paths.items() if path.exists()}

    def change(self, keys: dict[str, str], action: str, about: str) -> None:
        """Raises OSError. In an order that loses no key, wherever it is broken off: copies first, and what is gone last."""
        for slot in (FORMER, NEXT, CURRENT):
            if slot in keys:
                write_secret(self._path(slot), keys[slot])
        for slot in (NEXT, FORMER, CURRENT):
            if slot not in keys:
                self._path(slot).unlink(missing_ok=True)
        leave_note(self.data_dir, action, f"{self.kind} {about}")

    def _path(self, slot: str) -> Path:
        return self.path if slot == CURRENT else self.path.with_name(f"{self.path.name}.{slot}")


class SlotsInOneFile(Slots):
    """JSON, slots as its members."""

    def read(self) -> dict[str, str]:
        found: dict[str, Any] = read_private(self.path) or {}
        return {slot: json.dumps(held) for slot, held in found.items() if slot in (CURRENT, NEXT, FORMER)}

    def change(self, keys: dict[str, str], action: str, about: str) -> None:
        held = {slot: json.loads(content) for slot, content in keys.items()}
        write_secret(self.path, json.dumps(held, ensure_ascii=False, indent=1) + "\n")
        leave_note(self.data_dir, action, f"{self.kind} {about}")


def leave_note(data_dir: Path, action: str, object_: str) -> None:
    """For `write_notes`. Raises OSError."""
    said = {"action": f"peering-key-{action}", "object": object_[:400], "at": rfc3339(datetime.now(UTC))}
    name = f"{time.time_ns()}-{os.getpid()}.json"
    write_secret(data_dir / FOLDER / _NOTES / name, json.dumps(said, ensure_ascii=False))


async def write_notes(connection: Any, data_dir: Path) -> int:
    """Into the audit, each once; only who dies between the commit and the unlinking leaves one to be written twice. Raises as
    asyncpg does, OSError."""
    folder = data_dir / FOLDER / _NOTES
    if not folder.is_dir() or not any(folder.iterdir()):
        return 0
    await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
    try:
        paths = sorted(path for path in folder.glob("*.json") if not path.name.startswith("."))[:_MOST_NOTES]
        notes = [read_private(path) or {} for path in paths]
        actions, objects, sources = (
            [str(note.get(name, "?")) for note in notes] for name in ("action", "object", "at")
        )
        if notes:
            told = [f"{_SOURCE}, {at}" for at in sources]
            count = len(notes)
            await connection.execute(_AUDIT, [None] * count, actions, objects, [0] * count, told, [""] * count)
        for path in paths:
            path.unlink(missing_ok=True)
        return len(paths)
    finally:
        if not connection.is_closed():
            await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)


async def audit_notes(url: str, data_dir: Path) -> bool:
    """Whether they could be written now; else the process of the exchange does it when it runs."""
    try:
        connection = await connect_database(url)
    except Refused:
        return False
    try:
        await write_notes(connection, data_dir)
    except (OSError, asyncpg.PostgresError):  # a database that is not migrated yet
        return False
    finally:
        await connection.close()
    return True
