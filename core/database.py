"""The door to PostgreSQL: one pool, one deadline, one translation of its failures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg

from core.errors import StoreUnavailable

# What asyncpg raises when the server is gone, going, or slower than the deadline. Anything else is a mistake of ours.
STORE_FAILURES: tuple[type[BaseException], ...] = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.QueryCanceledError,
    asyncpg.OutOfMemoryError,
    asyncpg.DiskFullError,
)


async def open_pool(url: str, *, connections: int, timeout_seconds: float) -> asyncpg.Pool[Any]:
    """A pool whose every connect and statement has a deadline. Starts with one connection; raises as asyncpg does."""

    async def keep_session(_: Any) -> None:
        """Nothing of ours changes session state, so the round trip that asyncpg spends on resetting it is saved."""

    return await asyncpg.create_pool(
        url,
        min_size=1,
        max_size=connections,
        timeout=timeout_seconds,
        command_timeout=timeout_seconds,
        max_inactive_connection_lifetime=300,
        reset=keep_session,
        server_settings={"application_name": "biaojie", "timezone": "UTC"},
    )


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn a lost or overslow PostgreSQL into `StoreUnavailable` (503, call again)."""
    try:
        yield
    except STORE_FAILURES as lost:
        if isinstance(lost, ValueError):  # an argument that asyncpg could not encode: a mistake of ours, not an outage
            raise
        raise StoreUnavailable() from lost
