"""Log in with the name and the secret of an application identity; the answer is a token of 24 hours."""

from __future__ import annotations

import hashlib
import hmac
import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import asyncpg

from core.access import Principal
from core.database import store_errors
from core.directory import Directory
from core.errors import IdentifierMalformed, LoginSwitchedOff, LoginTooFrequent, LoginWrong
from core.identifier import parse_identifier
from core.sqlfiles import load_sql
from registry.snms.attempts import Attempts
from registry.snms.signing import SigningKeys
from registry.snms.tokens import day_of, make_token, read_token

_SQL = load_sql("registry", "snms.sql")
MAX_USERNAME, MAX_PASSWORD = 50, 64
_CHINA = timezone(timedelta(hours=8))
_MIDNIGHT_SLACK = timedelta(minutes=5)
_NOBODY = b"\0" * 32  # what the secret of an unknown user is compared with, so that it takes the same


@dataclass(frozen=True, slots=True)
class Login:
    """What logging in works with. One for each worker."""

    pool: asyncpg.Pool[Any]
    directory: Directory
    keys: SigningKeys
    attempts: Attempts
    by_hash: bool

    async def with_secret(self, username: str, password: str, source: str, now: datetime) -> str:
        """A token. Errors: `LoginWrong`, `LoginTooFrequent`, `SourceNotAllowed`, `StoreUnavailable`."""
        sent = hashlib.sha256(password.encode("utf-8", "surrogatepass")).digest()
        return await self._check(username, source, now, lambda held: hmac.compare_digest(held, sent))

    async def with_hash(self, username: str, password: str, source: str, now: datetime) -> str:
        """As `with_secret`, for the replayable hash of the day. Errors: `LoginSwitchedOff` too."""
        if not self.by_hash:
            raise LoginSwitchedOff()
        sent = password.lower().encode("utf-8", "surrogatepass")

        def same(held: bytes) -> bool:
            wanted = [login_hash(held, day).encode() for day in login_days(now)]
            return sum(hmac.compare_digest(one, sent) for one in wanted) > 0  # all of them, whichever fits

        return await self._check(username, source, now, same)

    async def holder(self, token: str, now: datetime, source: str | None) -> Principal:
        """Who a token was given to; revoking the identity ends its tokens on every worker within a second.

        Errors: `CredentialWrong`, `SourceNotAllowed`, `StoreUnavailable`.
        """
        key = await self.keys.of_day(day_of(token), now)
        return await self.directory.holder(read_token(token, key, now), now, source)

    async def _check(self, username: str, source: str, now: datetime, same: Any) -> str:
        tried_at = time.monotonic()
        wait = self.attempts.take(username, source, tried_at)
        if wait > 0:
            raise LoginTooFrequent(headers={"Retry-After": str(math.ceil(wait))})
        with store_errors():
            row = await self.pool.fetchrow(_SQL["find_login"], _spellings(username))
        good = same(bytes(row["password_digest"]) if row else _NOBODY)
        if row is None or not good:
            raise LoginWrong()
        self.attempts.give_back(username, source, tried_at)
        await self.directory.holder(row["key_id"], now, source)  # refused here already, where its tokens would be
        return make_token(await self.keys.current(now), row["key_id"], row["shown"], now)


def login_hash(secret_digest: bytes, day: str) -> str:
    """`sha256(hex(sha256(secret)) + "yyyy-MM-dd")`, in hex (SNMS API, POST /identity/token/v1)."""
    return hashlib.sha256((secret_digest.hex() + day).encode()).hexdigest()


def login_days(now: datetime) -> list[str]:
    """The dates that a caller may mean by today: of China and of UTC (containers often have it), with clocks a little off."""
    moments = (now - _MIDNIGHT_SLACK, now + _MIDNIGHT_SLACK)
    return sorted({f"{moment.astimezone(zone):%Y-%m-%d}" for moment in moments for zone in (_CHINA, UTC)})


def _spellings(username: str) -> list[str]:
    """The canonical forms that the name may have, by the two rules there are for case."""
    try:
        identifier = parse_identifier(username)
    except IdentifierMalformed:
        return [""]
    return [identifier.key(True), identifier.key(False)]
