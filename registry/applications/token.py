"""The applicant's token: `ba_<number of the application>_<secret>`, shown once and kept as the SHA-256 of its secret. Pure
but for the randomness of a new one."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

from core.errors import CredentialWrong

BEGINNING = "ba_"
_TOKEN = re.compile(r"ba_([1-9][0-9]{0,17})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class Applicant:
    """Who holds the token of an application, and may do with it what an applicant may."""

    application: int


@dataclass(frozen=True, slots=True)
class SentToken:
    application: int
    digest: bytes

    def opens(self, digest: bytes) -> bool:
        return hmac.compare_digest(self.digest, digest)


def make_secret() -> tuple[str, bytes]:
    """(secret, its digest); the token has the number of the application before it (`token_text`)."""
    secret = secrets.token_urlsafe(32)
    return secret, _digest(secret)


def token_text(application: int, secret: str) -> str:
    return f"{BEGINNING}{application}_{secret}"


def read_token(text: str) -> SentToken:
    """Raises `CredentialWrong`."""
    found = _TOKEN.fullmatch(text)
    if found is None:
        raise wrong_token()
    return SentToken(int(found[1]), _digest(found[2]))


def wrong_token() -> CredentialWrong:
    return CredentialWrong("The token opens no application", "该令牌不能打开任何申请")


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
