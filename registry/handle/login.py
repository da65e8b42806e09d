"""Proofs of administrators: challenge answers as on the wire, secrets and signatures of the HTTP interface."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

from core.errors import AdministratorUnknown, AdministratorWrong, LoginTooFrequent
from core.handle.administration import Administrator
from core.handle.proofs import (
    SECRET_TYPE,
    Stretching,
    check_key_answer,
    check_named_answer,
    check_secret,
    check_secret_answer,
    check_signature,
)
from core.handle.public_keys import KEY_TYPE, read_public_key, same_key
from registry.handle.material import Material, find_material
from registry.room import Registry
from registry.snms.attempts import Attempts

_Check = Callable[[Material], bool]
_AT_ONCE = 8


class Login:
    """One for each worker. Failed attempts are bounded by name and source (`registry.snms.attempts`); secrets are stretched in
    a thread, because a stranger chooses how long that takes."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._attempts = Attempts()
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def by_answer(
        self, handle: str, index: int, kind: str, answer: bytes, data: bytes, source: str | None
    ) -> Administrator:
        """As on the wire. Errors of all: `AdministratorUnknown`, `AdministratorWrong`, `LoginTooFrequent`,
        `PersonalDataLocked`, `StoreUnavailable`."""
        if kind == KEY_TYPE:
            return await self._check(handle, index, kind, source, lambda held: _key_answers(held, answer, data))
        return await self._check(
            handle, index, SECRET_TYPE, source, lambda held: check_secret_answer(held.secret or b"", answer, data)
        )

    async def by_secret(self, handle: str, index: int, secret: bytes, source: str | None) -> Administrator:
        return await self._check(
            handle, index, SECRET_TYPE, source, lambda held: check_secret(held.secret or b"", secret)
        )

    async def by_named_answer(
        self, handle: str, index: int, named: tuple[str, str], answer: bytes, data: bytes,
        stretching: Stretching | None, source: str | None,
    ) -> Administrator:  # fmt: skip
        """`named` is (HS_SECKEY or HS_PUBKEY, the algorithm), the answer without its frame."""
        kind, algorithm = named
        if kind == KEY_TYPE:
            return await self._check(handle, index, kind, source, lambda held: _signed(held, algorithm, answer, data))
        return await self._check(
            handle, index, SECRET_TYPE, source,
            lambda held: check_named_answer(held.secret or b"", algorithm, answer, data, stretching),
        )  # fmt: skip

    async def by_certificate(self, handle: str, index: int, key_der: bytes, source: str | None) -> Administrator:
        """Who has shown, in the handshake of TLS, to hold the private key of `key_der` (SubjectPublicKeyInfo)."""
        return await self._check(handle, index, KEY_TYPE, source, lambda held: _is_key(held, key_der))

    async def _check(self, handle: str, index: int, kind: str, source: str | None, same: _Check) -> Administrator:
        async with self._turns:  # fewer at once than may fail at once: who is right is never taken for a guesser
            return await self._tried(handle, index, kind, source, same)

    async def _tried(self, handle: str, index: int, kind: str, source: str | None, same: _Check) -> Administrator:
        name, tried_at = f"{index}:{handle[:300]}", time.monotonic()
        wait = self._attempts.take(name, source or "", tried_at)
        if wait > 0:
            raise LoginTooFrequent(headers={"Retry-After": str(math.ceil(wait))})
        held = await find_material(self._registry, handle, index, kind)
        if not await asyncio.to_thread(same, held):
            raise AdministratorWrong()
        self._attempts.give_back(name, source or "", tried_at)
        return held.administrator


def challenge() -> dict[str, str]:
    """What a 401 offers."""
    return {"WWW-Authenticate": 'Basic realm="handle", Handle version="0"'}


async def is_proof(login: Login, handle: str, index: int, answer: bytes, data: bytes, source: str | None) -> bool:
    """For another server, which asks whether a secret gave an answer. Raises `LoginTooFrequent`, `StoreUnavailable`."""
    try:
        await login.by_answer(handle, index, SECRET_TYPE, answer, data, source)
    except (AdministratorUnknown, AdministratorWrong):
        return False
    return True


def _key_answers(held: Material, answer: bytes, data: bytes) -> bool:
    key = read_public_key(held.value)
    return key is not None and check_key_answer(key, answer, data)


def _signed(held: Material, algorithm: str, signature: bytes, data: bytes) -> bool:
    key = read_public_key(held.value)
    return key is not None and check_signature(key, algorithm, signature, data)


def _is_key(held: Material, der: bytes) -> bool:
    key = read_public_key(held.value)
    return key is not None and same_key(key, der)
