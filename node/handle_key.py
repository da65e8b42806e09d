"""The node's own key for Handle clients: made at the first start, kept in the data directory (0600), rotated by command.

Each rotation counts the serial number of the site up, by which clients see that theirs is old. Workers look at the file
while they serve, so a rotation needs no restart.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from core.settings import Settings
from node.console import Refused
from node.running import read_private, write_private
from resolver.handle.identity import Identity, make_identity, new_key

_NAME = "handle-key.json"
_PORTS = {"http": 80, "https": 443}


def key_file(settings: Settings) -> Path:
    return settings.data_dir.resolve() / _NAME


def own_identity(settings: Settings) -> Identity:
    """What the data directory says, made now where it says nothing. Raises `Refused`."""
    path = key_file(settings)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o711)
        _create(path, {"serial": 1, "private_key": new_key().decode()})
    held = read_private(path) or {}
    try:
        return make_identity(
            str(held["private_key"]).encode(),
            int(held["serial"]),
            settings.handle_public_address,
            settings.handle_port,
            _http(settings.public_url),
            settings.node_name,
        )
    except (KeyError, TypeError, ValueError):
        raise Refused(
            f"{path} does not hold the node's Handle key; restore it, or remove it and a new one is made",
            f"{path} 中不是有效的 Handle 密钥；请恢复该文件，或删除后重新生成",
        ) from None


def rotate_key(settings: Settings) -> int:
    """A new key in place of the one that is there; gives the serial number that the site has from now on."""
    held: dict[str, Any] = read_private(key_file(settings)) or {"serial": 0}
    serial = int(held["serial"]) % 0xFFFE + 1
    key_file(settings).parent.mkdir(parents=True, exist_ok=True, mode=0o711)
    write_private(key_file(settings), {"serial": serial, "private_key": new_key().decode()})
    return serial


def _create(path: Path, content: dict[str, Any]) -> None:
    """The first of several workers makes it; the others find it."""
    mine = path.with_name(f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(mine, path)
    except FileExistsError:
        pass
    finally:
        mine.unlink()


def _http(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.scheme.upper(), parts.port or _PORTS[parts.scheme]
