"""Where a running node can be reached, for the other commands on the same data directory: `<data_dir>/running.json`.

It holds the address of the database with its password, so only its owner may read it (0600).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from core.settings import Settings
from core.telemetry import is_alive
from node.console import Refused

_NAME = "running.json"


def write_private(path: Path, content: dict[str, Any]) -> None:
    """Write JSON that nobody else may read, whole or not at all."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, ensure_ascii=False, indent=1)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def read_private(path: Path) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


@contextmanager
def announced(settings: Settings) -> Iterator[None]:
    """While this lasts, the other commands find the node."""
    path = settings.data_dir / _NAME
    content = {
        "pid": os.getpid(),
        "base_url": settings.public_url,
        "database_url": settings.database_url.get_secret_value(),
        "redis_url": settings.redis_url.get_secret_value(),
        "peering": [settings.peering_url, settings.peering_server_keys],
        "escrow": [settings.escrow_agent_url, settings.escrow_user, settings.escrow_password.get_secret_value()],
    }
    write_private(path, content)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def with_running(settings: Settings) -> Settings:
    """The settings, completed by what a running node on this data directory says of itself."""
    found = read_private(settings.data_dir / _NAME) or {}
    pid = found.get("pid")
    if not (isinstance(pid, int) and is_alive(pid)):
        return settings
    update: dict[str, Any] = {}
    for name in ("database_url", "redis_url"):
        if not getattr(settings, name).get_secret_value():
            update[name] = SecretStr(found.get(name, ""))
    if not settings.peering_url and found.get("peering"):  # of the box beside it
        update["peering_url"], update["peering_server_keys"] = found["peering"]
    if not settings.escrow_agent_url and found.get("escrow"):
        url, user, password = found["escrow"]
        update |= {"escrow_agent_url": url, "escrow_user": user, "escrow_password": SecretStr(password)}
    if not settings.base_url:
        update["base_url"] = found.get("base_url", "")
    return settings.model_copy(update=update)


def with_base_url(settings: Settings, base_url: str | None) -> Settings:
    """With another node's address, where one was given."""
    return settings.model_copy(update={"base_url": base_url.rstrip("/")}) if base_url else settings


def require_database(settings: Settings) -> str:
    """The database URL. Raises `Refused` when no node runs here and none was given."""
    url = settings.database_url.get_secret_value()
    if not url:
        raise Refused(
            f"No node is running on {settings.data_dir} and BIAOJIE_DATABASE_URL is not set; start one with "
            "`biaojie up`, or set the variable",
            f"{settings.data_dir} 上没有运行中的节点，也未设置 BIAOJIE_DATABASE_URL；请先执行 biaojie up，或设置该变量",
        )
    return url
