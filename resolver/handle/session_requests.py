"""Setting up a session, exchanging its key, ending it (RFC 3652 §3.8): operations 400, 402 and 401.

Nothing is granted by any of them: a session is of an administrator once a challenge in it was answered. Who has logged in to the
identifier system (operation 2001) sets a key up for that login, which is known on its connection alone; messages are encrypted
by it then, and need no credential.
"""

from __future__ import annotations

import asyncio

from core.errors import AdministratorUnknown
from core.handle.bodies import decode_request
from core.handle.codes import Code, Op
from core.handle.malformed import Malformed
from core.handle.public_keys import PublicKey, encode_public_key, read_public_key
from core.handle.session_key import LEAST_MINOR, SessionKey
from core.handle.sessions import (
    CLIENT_KEY,
    DIFFIE_HELLMAN,
    HANDLE_KEY,
    SessionOffer,
    SessionSetup,
    decode_exchange,
)
from core.identifier import fold_case
from resolver.handle.key_exchange import agree, for_holder, from_client, rsa_key
from resolver.handle.opening import Opened, no_session
from resolver.handle.room import Caller, HandleRoom, Said, refusal

SESSION_REQUESTS = frozenset((Op.SESSION_SETUP, Op.SESSION_END, Op.SESSION_KEY))
_NONE = "no session can be kept now; answer challenges / 目前无法建立会话，请使用质询应答"


async def answer(room: HandleRoom, caller: Caller, came: Opened) -> Said:
    """Raises `Malformed`, and `StoreUnavailable` where the key is to be looked up."""
    match came.message.header.op:
        case Op.SESSION_SETUP:
            return await _set_up(room, caller, came)
        case Op.SESSION_KEY:
            return await _exchange(room, caller, came)
        case _:
            return await _end(room, caller, came)


async def _set_up(room: HandleRoom, caller: Caller, came: Opened) -> Said:
    asked = decode_request(Op.SESSION_SETUP, came.message.body)
    assert isinstance(asked, SessionSetup)
    number = came.message.envelope.session
    logged_in = number in caller.logins
    if came.message.envelope.spoken < (2, LEAST_MINOR):
        raise Malformed("sessions are of version 2.7 or later / 会话须使用 2.7 及以上版本", Code.SESSION_FAILED)
    if not logged_in and not room.sessions.admits(caller.source, udp=caller.over_udp):
        return refusal(Code.SESSION_FAILED, _NONE)
    key, data = await _exchanged(room, caller, asked, logged_in=logged_in)
    if logged_in:
        caller.keys = {held: caller.keys[held] for held in caller.keys if held in caller.logins}
        if key:
            caller.keys[number] = key
        return Said(Code.SUCCESS, SessionOffer(asked.mode, data).encode())
    session = await room.sessions.begin(key, (asked.handle, asked.index), asked.seconds)
    if session is None:
        return refusal(Code.SESSION_FAILED, _NONE)
    return Said(Code.SUCCESS, SessionOffer(asked.mode, data).encode(), session.number)


async def _exchanged(
    room: HandleRoom, caller: Caller, asked: SessionSetup, *, logged_in: bool
) -> tuple[SessionKey | None, bytes]:
    """The key, None where the client is to send it, and what the client is told. Work, which others wait for by turns."""
    if asked.mode == DIFFIE_HELLMAN:
        async with room.signing:
            return await asyncio.to_thread(agree, asked.key, room.exchange_bits)
    if asked.mode == CLIENT_KEY:
        return for_holder(rsa_key(asked.key), room.exchange_bits)
    if asked.mode == HANDLE_KEY:
        key = await _published_key(room, caller, *asked.exchange)
        async with room.signing:  # by SM2 only for who has logged in, since it takes long
            return await asyncio.to_thread(for_holder, key, room.exchange_bits, sm2=logged_in)
    return None, encode_public_key(room.identity.key.public_key())


async def _published_key(room: HandleRoom, caller: Caller, handle: str, index: int) -> PublicKey:
    """An HS_PUBKEY that anybody may read, or the caller has logged in with: of others it is not said whether they are there."""
    try:
        value = await room.administration.public_key(handle, index)
    except AdministratorUnknown:
        value = None
    own = any((fold_case(who.handle), who.index) == (fold_case(handle), index) for who in caller.logins.values())
    key = read_public_key(value) if value is not None and (value.public or own) else None
    if key is None:
        raise Malformed("no public key is published there / 该处没有公开的公钥", Code.SESSION_FAILED)
    return key


async def _exchange(room: HandleRoom, caller: Caller, came: Opened) -> Said:
    number = came.message.envelope.session
    encrypted = decode_exchange(came.message.body).data
    if number not in caller.logins and came.session is None:
        raise no_session()
    if came.key is not None:  # whoever knows the number could put a key of theirs in its place
        raise Malformed("the session has its key / 会话密钥已确定", Code.SESSION_SETUP_INVALID)
    async with room.signing:
        key = await asyncio.to_thread(from_client, room.identity.key, encrypted)
    if came.session is None:
        caller.keys[number] = key
    elif not await room.sessions.exchanged(came.session, key):
        raise no_session()
    return Said(Code.SUCCESS)


async def _end(room: HandleRoom, caller: Caller, came: Opened) -> Said:
    number = came.message.envelope.session
    if number in caller.logins:
        del caller.logins[number]
        caller.keys.pop(number, None)
        return Said(Code.SUCCESS)
    if came.session is None:
        raise no_session()
    if not came.vouched:
        raise Malformed("the message is not of this session / 消息不属于该会话", Code.SESSION_KEY_MISSING)
    await room.sessions.end(came.session)
    return Said(Code.SUCCESS)
