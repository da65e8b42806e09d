"""Look before starting: can the servers be reached, are they new enough. One clear sentence for each thing wrong."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from redis.asyncio import Redis

from core.shared_cache import REDIS_FAILURES
from node.console import Refused

OLDEST_POSTGRES = 140_000
OLDEST_REDIS = (6, 2)
_SECONDS = 5.0


async def connect_database(url: str) -> Any:
    """A connection to a PostgreSQL that is new enough. Raises `Refused`."""
    where = without_secret(url)
    try:
        connection = await asyncpg.connect(url, timeout=_SECONDS, command_timeout=_SECONDS)
    except asyncpg.InvalidPasswordError:
        raise _database(where, "refuses the user or password", "拒绝该用户名或密码") from None
    except asyncpg.InvalidAuthorizationSpecificationError as wrong:
        raise _database(where, f"refuses the login ({wrong})", f"拒绝登录（{wrong}）") from None
    except asyncpg.InvalidCatalogNameError as wrong:
        raise _database(where, f"has no such database ({wrong})", f"没有该数据库（{wrong}）") from None
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as wrong:
        reason = str(wrong) or type(wrong).__name__
        raise _database(where, f"cannot be reached ({reason})", f"无法连接（{reason}）") from None
    version = int(await connection.fetchval("SHOW server_version_num"))
    if version < OLDEST_POSTGRES:
        await connection.close()
        raise _database(
            where,
            f"is version {version // 10_000}; 14 or later is needed",
            f"版本为 {version // 10_000}，需要 14 或更高版本",
        )
    return connection


async def redis_version(url: str) -> tuple[int, ...]:
    """The version of the Redis at `url`. Raises `Refused` when it cannot be reached or is too old."""
    where = without_secret(url)
    try:
        client = Redis.from_url(url, socket_connect_timeout=_SECONDS, socket_timeout=_SECONDS)
    except ValueError as wrong:
        raise _redis(where, f"is not an address of Redis ({wrong})", f"不是有效的 Redis 地址（{wrong}）") from None
    try:
        facts = await asyncio.wait_for(client.info("server"), _SECONDS)
    except REDIS_FAILURES as wrong:
        reason = str(wrong) or type(wrong).__name__
        raise _redis(where, f"cannot be reached ({reason})", f"无法连接（{reason}）") from None
    finally:
        await client.aclose()
    version = tuple(int(part) for part in str(facts["redis_version"]).split(".")[:2])
    if version < OLDEST_REDIS:
        raise _redis(
            where,
            f"is version {facts['redis_version']}; 6.2 or later is needed",
            f"版本为 {facts['redis_version']}，需要 6.2 或更高版本",
        )
    return version


def without_secret(url: str) -> str:
    """The address for a message: no password, no query."""
    try:
        parts = urlsplit(url)
        place = f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"
    except ValueError:
        return "(unreadable URL)"
    return f"{parts.scheme}://{f'{parts.username}@' if parts.username else ''}{place}"


def _database(where: str, en: str, zh: str) -> Refused:
    return Refused(
        f"PostgreSQL at {where} {en}; check BIAOJIE_DATABASE_URL",
        f"PostgreSQL {where} {zh}；请检查 BIAOJIE_DATABASE_URL",
    )


def _redis(where: str, en: str, zh: str) -> Refused:
    return Refused(f"Redis at {where} {en}; check BIAOJIE_REDIS_URL", f"Redis {where} {zh}；请检查 BIAOJIE_REDIS_URL")
