"""An answer as it travels: version, flags, digest and signature by what the request says."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from core.handle.codes import Flag, spoken
from core.handle.credential import signs
from core.handle.digest import digest_of, prefixed
from core.handle.header import Header
from core.handle.message import Message
from resolver.handle.room import HandleRoom, Said

_OURS = Flag.CONT | Flag.ENCR  # what a request says of these, an answer does not repeat


async def rendered(room: HandleRoom, request: Message, said: Said) -> bytes:
    """The whole message (RFC 3652 §2.2). Signing goes to a thread: it would hold up everybody else."""
    envelope = request.envelope.answer(said.session)
    minor = envelope.minor
    body, flags = said.body, (request.header.flags & ~int(_OURS)) | int(Flag.AUTH)
    if said.digest or request.header.flags & Flag.RRDG:
        body = prefixed(digest_of(request.content, minor), body)
        flags |= Flag.RRDG
    if said.more:
        flags |= Flag.CONT
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
        async with room.signing:
            signed = await asyncio.to_thread(room.identity.sign, envelope, answer.content)
        answer = replace(answer, credential=signed)
    return answer.encode()
