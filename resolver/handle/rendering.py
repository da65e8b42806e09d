"""An answer as it travels: version, flags, digest, signature and encryption by what the request says."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import replace

from core.handle.codes import Flag, Op, spoken
from core.handle.credential import signs
from core.handle.digest import digest_of, prefixed
from core.handle.envelope import ENCRYPTED, Envelope
from core.handle.header import Header
from core.handle.malformed import Malformed
from core.handle.message import Message
from core.handle.reader import string
from core.handle.session_key import IV_BYTES
from resolver.handle.opening import Opened
from resolver.handle.room import HandleRoom, Said, refusal

_OURS = Flag.CONT | Flag.ENCR | Flag.TRUSTY  # what a request says of these, an answer does not repeat


_EXCHANGING = frozenset((Op.SESSION_SETUP, Op.SESSION_KEY))  # only after these do both sides have the key
_MESSAGES_OF_ANSWER = 2_048
_LIFETIME_SECONDS = 12 * 3_600  # what clients state of theirs


async def rendered(room: HandleRoom, came: Opened, said: Said, number: int = 0) -> bytes:
    """The whole message (RFC 3652 §2.2), the `number`th of its answer."""
    request = came.message
    envelope = request.envelope.answer(said.session)
    minor = envelope.minor
    body, flags = said.body, (request.header.flags & ~int(_OURS)) | int(Flag.AUTH)
    if said.digest or request.header.flags & Flag.RRDG:
        body = prefixed(digest_of(request.content, minor), body)
        flags |= Flag.RRDG
    if said.more:
        flags |= Flag.CONT
    if said.trusty:
        flags |= Flag.TRUSTY
    header = Header(
        request.header.op if said.op is None else said.op,
        spoken(said.code, minor),
        flags,
        room.identity.serial,
        request.header.recursion,
        request.header.expires,
        len(body),
    )
    answer = Message(envelope, header, body)
    if request.header.flags & Flag.CERT and signs(envelope):
        answer = replace(answer, credential=await _credential(room, came, answer, number))
    if came.key and (came.encrypted or request.header.flags & Flag.ENCR) and header.op not in _EXCHANGING:
        return _encrypted(came, answer)
    return answer.encode()


def unread(room: HandleRoom, envelope: Envelope, wrong: Malformed, content: bytes = b"") -> bytes:
    """To a message that cannot be read: of what follows its envelope only the operation is, where that is there. Clients pass over
    answers whose time is past."""
    said, op = refusal(wrong.code, wrong.reason), 0 if envelope.encrypted else int.from_bytes(content[:4])
    answer, expires = envelope.answer(), int(time.time()) + _LIFETIME_SECONDS
    header = Header(op, spoken(said.code, answer.minor), int(Flag.AUTH), room.identity.serial, expires=expires)
    return Message(answer, header, said.body).encode()


async def _credential(room: HandleRoom, came: Opened, answer: Message, number: int) -> bytes:
    """By the key of the session, which is what clients expect in one, else by our own. Signing goes to a thread: it would hold
    up everybody else."""
    in_session = came.session and (came.vouched or came.message.header.op == Op.ANSWER)
    if in_session and came.key and answer.header.op not in _EXCHANGING:
        # As unlike any other of the session as the request's is; 0 is one that nobody looks at.
        place = min(number, _MESSAGES_OF_ANSWER - 1)
        counter = (came.counter * _MESSAGES_OF_ANSWER + place) & 0x7FFF_FFFF if came.counter else 0
        return came.key.vouch(answer.envelope, counter, answer.content)
    async with room.signing:
        return await asyncio.to_thread(room.identity.sign, answer.envelope, answer.content)


def _encrypted(came: Opened, answer: Message) -> bytes:
    assert came.key
    octets = came.key.encrypt(answer.content + string(answer.credential), os.urandom(IV_BYTES))
    envelope = replace(answer.envelope, options=ENCRYPTED, length=len(octets))
    return envelope.encode() + octets
