"""Trusted resolution for clients of the national system: the flag 0x2 asks whether the values are those that were signed, 0x1 in
the answer says that they are (`core.handle.trust`). Whoever needs to be sure checks the signatures, which travel with the values.

A verdict is kept for a minute; checks wait for each other, in a thread: a record's owner chooses how long one takes.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from core.errors import Problem
from core.handle.bodies import decode_valued
from core.handle.meaning import sent_data, sent_values
from core.handle.reader import Reader
from core.handle.trust import CERTIFICATE, SIGNATURE, Verdict, verify, with_certificates
from core.handle.wire_value import read_values
from core.identifier import parse_identifier
from core.record import Record
from resolver.referral import Referred
from resolver.room import Resolver

_KEPT_SECONDS, _KEPT = 60.0, 1_000
_Kept = tuple[float, frozenset[int] | None]  # until when (monotonic seconds), indexes of what is signed


class Trusting:
    """One for each worker. `roots` are JWKs by folded `index:handle`: who is believed without a certificate."""

    def __init__(self, resolver: Resolver, roots: Mapping[str, Mapping[str, Any]]) -> None:
        self._resolver = resolver
        self._roots = roots
        self._turn = asyncio.Semaphore(1)
        self._kept: OrderedDict[tuple[str, int], _Kept] = OrderedDict()

    async def vouches(self, record: Record, body: bytes) -> bool:
        """Whether all values of an answer (`body`) that are no signatures themselves are signed. Raises `StoreUnavailable`."""
        shown = decode_valued(body).values
        wanted = {value.index for value in shown if value.type not in (SIGNATURE, CERTIFICATE)}
        if not wanted or not any(value.type == SIGNATURE for value in record.values):
            return False
        return wanted <= await self._signed(record)

    async def _signed(self, record: Record) -> frozenset[int]:
        about = (record.key, record.version)
        if (held := self._held(about)) is not None:
            return held
        async with self._turn:
            if (held := self._held(about)) is not None:  # whoever waits with others for one record checks it no more
                return held
            verdict = await with_certificates(lambda found: self._checked(record, found), self._certificate)
            signed = frozenset(verdict.signed)
            self._kept[about] = (time.monotonic() + _KEPT_SECONDS, signed)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return signed

    def _held(self, about: tuple[str, int]) -> frozenset[int] | None:
        until, signed = self._kept.get(about, (0.0, None))
        return signed if until > time.monotonic() else None

    async def _checked(self, record: Record, found: Mapping[tuple[str, int], bytes]) -> Verdict:
        sent = sent_values(record.values, int(record.created_at.timestamp()))
        values = read_values(Reader(sent))
        return await asyncio.to_thread(verify, record.identifier, values, dict(found), self._roots, int(time.time()))

    async def _certificate(self, handle: str, index: int) -> bytes:
        """Of a record that is answered here."""
        try:
            entry = await self._resolver.lookup.find(self._resolver.key(parse_identifier(handle)))
        except (Problem, Referred):
            return b""
        if entry is None or entry.record.withdrawn:
            return b""
        held = (value for value in entry.record.values if (value.index, value.type) == (index, CERTIFICATE))
        return next((sent_data(value.format, value.data) for value in held if value.public), b"")
