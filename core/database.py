"""The door to PostgreSQL: one pool, one deadline, one translation of its failures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import asyncpg

from core.errors import RegistrationFrozen, StoreUnavailable

if TYPE_CHECKING:
    _Pool = asyncpg.Pool[Any]
else:
    _Pool = asyncpg.Pool

# What asyncpg raises when the server is gone, going, or slower than the deadline. Anything else is a mistake of ours.
STORE_FAILURES: tuple[type[BaseException], ...] = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the connection broke in the middle of an exchange
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.QueryCanceledError,
    asyncpg.OutOfMemoryError,
    asyncpg.DiskFullError,
)


class StorePool(_Pool):
    """A pool that refuses at once while PostgreSQL is known to be lost, instead of letting every caller find out."""

    def __init__(self, url: str, *, is_lost: Callable[[], bool], timeout_seconds: float, **more: Any) -> None:
        super().__init__(url, timeout=timeout_seconds, command_timeout=timeout_seconds, **more)
        self._is_lost = is_lost
        self._timeout_seconds = timeout_seconds

    def acquire(self, *, timeout: float | None = None) -> Any:
        """Raises `StoreUnavailable`. The deadline is for getting a connection, and again for giving it back: one on
        which a statement hangs is waited for until that is cancelled."""
        if self._is_lost():
            raise StoreUnavailable()
        return super().acquire(timeout=timeout or self._timeout_seconds)


async def open_pool(
    url: str, *, connections: int, timeout_seconds: float, is_lost: Callable[[], bool] = lambda: False
) -> StorePool:
    """A pool whose every connect and statement has a deadline. Starts with one connection; raises as asyncpg does."""

    async def keep_session(_: Any) -> None:
        """Nothing of ours changes session state, so the round trip that asyncpg spends on resetting it is saved."""

    pool = StorePool(
        url,
        is_lost=is_lost,
        timeout_seconds=timeout_seconds,
        init_size=1,
        min_size=0,
        max_size=connections,
        max_queries=50_000,
        max_inactive_connection_lifetime=300,
        reset=keep_session,
        loop=asyncio.get_running_loop(),
        connection_class=asyncpg.Connection,
        record_class=asyncpg.Record,
        server_settings={"application_name": "biaojie", "timezone": "UTC"},
    )
    await pool
    return pool


_FROZEN = "BJ503"  # what tables raise while registration is frozen: see the migration of takeover


def is_frozen(wrong: BaseException) -> bool:
    """Whether this is the answer of a table to who writes while registration is frozen."""
    return isinstance(wrong, asyncpg.PostgresError) and wrong.sqlstate == _FROZEN


@contextmanager
def store_errors() -> Iterator[None]:
    """Turn a lost or overslow PostgreSQL into `StoreUnavailable` (503, call again), and its refusal to register while the
    top level has taken over into `RegistrationFrozen`."""
    try:
        yield
    except STORE_FAILURES as lost:
        if isinstance(lost, ValueError):  # an argument that asyncpg could not encode: a mistake of ours, not an outage
            raise
        raise StoreUnavailable() from lost
    except asyncpg.PostgresError as wrong:
        if is_frozen(wrong):
            raise RegistrationFrozen() from None
        raise
