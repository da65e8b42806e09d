"""Plain resolutions, told by a call: where thousands wait for one trip, a task and futures for each cost more than its answer.

Plain is what anybody may ask and anybody is told alike: no session, no credential, no flag that makes an answer one for this
reader or this moment, and a name that is answered here. Whatever turns out to be more is left to `respond`, which answers it
as it would have anyway, and counts it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from core.errors import Problem
from core.handle.bodies import Resolve, read_resolve
from core.handle.codes import MAJOR, MINOR, Code, Flag, spoken
from core.handle.malformed import Malformed
from core.handle.reader import Reader
from core.identifier import parse_identifier
from resolver.handle.forms import Forms, answered_flags, beginning_of, plain_request
from resolver.handle.resolving import ROOT, count, said_to_anybody
from resolver.handle.room import HandleRoom, Said, refusal, refusal_of
from resolver.memory import Entry
from resolver.referral import Referred
from resolver.usage.tally import Door

log = logging.getLogger(__name__)
Told = Callable[[bytes | None], bool]  # whether the answer is on its way: what is not sent is not counted
_BODY_AT = 44  # behind envelope and header
_EMPTY = bytes(4)  # a credential that says nothing


class _Form:
    """What all answers to requests with one beginning share: version, operation, flags, our serial, expiration."""

    __slots__ = ("begin", "end", "minor", "op", "public_only")

    def __init__(self, begin: bytes, op: bytes, end: bytes, minor: int, public_only: bool) -> None:
        self.begin = begin
        self.op = op
        self.end = end
        self.minor = minor
        self.public_only = public_only

    def answer(self, request_id: bytes, said: Said) -> bytes:
        size = len(said.body)
        code = spoken(said.code, self.minor).to_bytes(4)
        envelope = (self.begin, request_id, _EMPTY, (size + 28).to_bytes(4))
        return b"".join((*envelope, self.op, code, self.end, size.to_bytes(4), said.body, _EMPTY))


class PlainResolutions:
    """One for each listener."""

    def __init__(self, room: HandleRoom, door: Door) -> None:
        self._room = room
        self._door = door
        self._identity = room.identity
        self._forms = Forms(self._made)

    def tell(self, data: bytes, probe: bool, told: Told) -> bool:
        """Whether `told` is called with the answer to this whole message, at once or in a later turn: with None where
        `respond` has to answer after all. False: nothing is called, and `respond` has to."""
        room = self._room
        if room.identity is not self._identity:  # another serial number
            self._identity = room.identity
            self._forms.clear()
        form = self._forms[beginning_of(data)]
        if form is None:
            return False
        try:
            end = _BODY_AT + int.from_bytes(data[40:_BODY_AT])
            if end > len(data) or data[end:] not in (_EMPTY, b""):
                return False
            asked = read_resolve(Reader(data, _BODY_AT, end))
            key = _key_of(room, asked.handle)
            if key is None:
                return False
            lookup = room.resolver.lookup
            held = lookup.held(key)
            if held is None:
                if not lookup.is_missing(key):
                    lookup.find_soon(key, lambda found: self._tell(data, end, form, asked, key, probe, found, told))
                    return True
                lookup.count_missing()
        except (Malformed, Problem, Referred):  # said by `respond`
            return False
        self._tell(data, end, form, asked, key, probe, held, told)
        return True

    def _tell(
        self, data: bytes, end: int, form: _Form, asked: Resolve, key: str, probe: bool,
        found: Entry | Exception | None, told: Told,
    ) -> None:  # fmt: skip
        try:
            said = self._said(data[40:end] + _EMPTY, form, asked, found)
        except Exception:  # `respond` says what it is
            log.exception("%s cannot be answered at once", key)
            said = None
        if said is None:
            told(None)
        elif told(form.answer(data[8:12], said)) and not isinstance(found, Exception):
            count(self._room, self._door, probe, key, found)

    def _said(self, kept_as: bytes, form: _Form, asked: Resolve, found: Entry | Exception | None) -> Said | None:
        if isinstance(found, Entry):
            return said_to_anybody(self._room, asked, found, public_only=form.public_only, kept_as=kept_as)
        if found is None:
            return refusal(Code.HANDLE_NOT_FOUND)
        return refusal_of(found) if isinstance(found, Problem) else None

    def _made(self, beginning: bytes) -> _Form | None:
        request = plain_request(beginning)
        if request is None:
            return None
        envelope, header = request
        end = answered_flags(header) + self._identity.serial.to_bytes(2) + beginning[22:23] + b"\0" + beginning[24:28]
        begin = bytes((*envelope.spoken, MAJOR, MINOR)) + bytes(4)
        return _Form(begin, beginning[8:12], end, envelope.spoken[1], bool(header.flags & Flag.PUBL))


def _key_of(room: HandleRoom, handle: str) -> str | None:
    """None for the records of prefixes, and for names that are none. Raises as `Resolver.key`."""
    if ("/" not in handle and ":" not in handle) or handle[: len(ROOT)].upper() == ROOT:
        return None
    return room.resolver.key(parse_identifier(handle))
