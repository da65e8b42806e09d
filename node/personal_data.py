"""The key of personal data where none is configured, and sealing everything anew under the newest key."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from core.sealing import Vault, new_key, parse_keys
from core.settings import Settings
from core.sqlfiles import load_sql
from node.console import Refused, say
from node.preflight import connect_database
from registry.applications.store import datum_place, image_place
from registry.handle.prefix_records import secret_place
from sync.access.outbox import place as command_place

_SQL = {
    **load_sql("registry", "applications.sql"),
    **load_sql("registry", "handle.sql"),
    **load_sql("sync", "access.sql"),
}
_AUDIT = load_sql("registry", "identifiers.sql")["write_audit"]
_NAME = "personal-data.key"
_DATA_AT_ONCE, _IMAGES_AT_ONCE = 500, 5


def with_own_key(settings: Settings) -> Settings:
    """For a node that brings its own PostgreSQL: a key of its own in the data directory, made where there is none. One that
    is configured comes first; what was sealed before still opens."""
    path = settings.data_dir / _NAME
    if not path.exists():
        if settings.personal_data_keys:
            return settings
        _write(path, new_key())
        say(f"biaojie: made a key for personal data in {path}; keep a copy with your backups")
        say(f"biaojie：已生成个人信息加密密钥 {path}，请与备份一并妥善保存")
    return with_found_key(settings)


def with_found_key(settings: Settings) -> Settings:
    """The settings, with the key of the data directory behind those that are configured. Raises `Refused`."""
    path = settings.data_dir / _NAME
    if not path.exists():
        return settings
    found = path.read_text("ascii", errors="replace").strip()
    try:
        parse_keys(found)
    except ValueError:
        raise Refused(f"{path} does not hold a key", f"{path} 中不是有效的密钥") from None
    keys = ",".join(filter(None, (settings.personal_data_key.get_secret_value(), found)))
    return settings.model_copy(update={"personal_data_key": SecretStr(keys)})


async def rotate(url: str, keys: tuple[bytes, ...]) -> tuple[int, int]:
    """Seal anew, a bounded step a transaction, what the first key did not seal: how many (texts, images); secrets of Handle
    administrators count among the texts. May be broken off and made again. Raises `Refused`, `PersonalDataLocked` for what none of the keys opens."""
    if not keys:
        raise Refused(
            "There is no key: set BIAOJIE_PERSONAL_DATA_KEY to the new key, a comma, and the old one",
            "没有密钥：请将 BIAOJIE_PERSONAL_DATA_KEY 设为“新密钥,旧密钥”",
        )
    vault, connection = Vault(keys), await connect_database(url)
    try:
        texts = await _seal_anew(connection, vault, "data_of_other_keys", "seal_datum_anew", _DATA_AT_ONCE)
        images = await _seal_anew(connection, vault, "images_of_other_keys", "seal_image_anew", _IMAGES_AT_ONCE)
        texts += await _seal_anew(connection, vault, "secrets_of_other_keys", "seal_secret_anew", _DATA_AT_ONCE)
        await _seal_anew(connection, vault, "commands_of_other_keys", "seal_command_anew", _IMAGES_AT_ONCE)
        about = f"{texts} texts, {images} images"
        await connection.execute(_AUDIT, [None], ["rotate-personal-data"], [about], [0], ["command line"], [""])
    finally:
        await connection.close()
    return texts, images


async def _seal_anew(connection: Any, vault: Vault, find: str, write: str, at_once: int) -> int:
    done = after = 0
    while True:
        async with connection.transaction():
            rows = await connection.fetch(_SQL[find], vault.beginning, after, at_once)
            for row in rows:
                place = _place(dict(row))
                sealed = vault.seal(vault.open(bytes(row["sealed"]), place), place)
                await connection.execute(_SQL[write], row["id"], sealed)
        if not rows:
            return done
        done, after = done + len(rows), rows[-1]["id"]


def _place(row: dict[str, Any]) -> str:
    """What the sealed bytes of a row are bound to."""
    if "index" in row:
        return secret_place(row["key"], row["index"])
    if "cl_trid" in row:
        return command_place(row["cl_trid"])
    if "field" in row:
        return datum_place(row["application_id"], row["field"])
    return image_place(row["application_id"], row["kind"])


def _write(path: Path, text: str) -> None:
    """Whole, on disk and for its owner only, before anything is sealed with it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
