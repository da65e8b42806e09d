"""JSON Web Tokens of the SNMS door (RFC 7519), HS256 and nothing else. The time is passed in.

`kid` is the day (UTC) of the signing key, `sub` the key id behind the application identity, `name` the identity as shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import jwt

from core.errors import CredentialWrong

ALGORITHM = "HS256"
LIFETIME = timedelta(hours=24)
_MAX_TOKEN = 2_048
_SKEW_SECONDS = 60


@dataclass(frozen=True, slots=True)
class SigningKey:
    """`secret` has 32 random bytes."""

    day: date
    secret: bytes


def make_token(key: SigningKey, subject: str, name: str, now: datetime) -> str:
    issued = int(now.timestamp())
    claims = {"sub": subject, "name": name, "iat": issued, "exp": issued + int(LIFETIME.total_seconds())}
    return jwt.encode(claims, key.secret, algorithm=ALGORITHM, headers={"kid": key.day.isoformat()})


def day_of(token: str) -> date:
    """The day of the key that a token says it was signed with; not yet to be believed. Raises `CredentialWrong`."""
    try:
        if len(token) > _MAX_TOKEN:
            raise ValueError
        return date.fromisoformat(str(jwt.get_unverified_header(token).get("kid")))
    except (jwt.PyJWTError, ValueError):
        raise _wrong() from None


def read_token(token: str, key: SigningKey | None, now: datetime) -> str:
    """The subject of a token that `key` has signed and that holds now. Raises `CredentialWrong`."""
    if key is None:
        raise _wrong()
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key.secret,
            algorithms=[ALGORITHM],
            # The times are compared below, with the clock of the caller; the library would read its own.
            options={"require": ["sub", "iat", "exp"], "verify_exp": False, "verify_iat": False},
        )
    except jwt.PyJWTError:
        raise _wrong() from None
    issued, expires, at = claims["iat"], claims["exp"], now.timestamp()
    if type(issued) is not int or type(expires) is not int or not issued - _SKEW_SECONDS <= at < expires:
        raise _wrong()
    return str(claims["sub"])


def _wrong() -> CredentialWrong:
    return CredentialWrong("The token is not valid, or has expired", "令牌无效或已过期")
