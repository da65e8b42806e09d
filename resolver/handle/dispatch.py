"""One request, whatever it is, to its answers: who asks, whether they have proved it, and what is said.

Administration is never begun for somebody who has not proved who they are, and what they asked for is not looked at before:
a challenge says nothing about the identifier.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from dataclasses import replace

from core.errors import Problem
from core.handle.administration import Acting, Administrator
from core.handle.bodies import ChallengeAnswer, Resolve, Verify, decode_request, encode_verdict
from core.handle.codes import Code, Op
from core.handle.envelope import Envelope
from core.handle.malformed import Malformed
from core.handle.message import Message
from core.handle.reader import string
from resolver.handle import session_requests
from resolver.handle.administering import ADMINISTRATION, administer
from resolver.handle.challenges import Challenge, is_of_reading
from resolver.handle.logins import LOGIN_REQUESTS, login_answer, require_same
from resolver.handle.opening import Opened, opened
from resolver.handle.rendering import rendered, unread
from resolver.handle.resolving import resolve
from resolver.handle.room import Caller, HandleRoom, Said, refusal, refusal_of

log = logging.getLogger(__name__)
_PROVING = frozenset((Op.ANSWER, Op.VERIFY, *LOGIN_REQUESTS))


async def respond(room: HandleRoom, caller: Caller, envelope: Envelope, content: bytes) -> AsyncIterator[bytes]:
    """Whole messages, mostly one. `content` is what follows the envelope. Never raises for what a client did."""
    try:
        came = await opened(room, caller, envelope, content)
    except Malformed as wrong:
        yield unread(room, envelope, wrong, content)
        return
    number = 0
    async for said in _answers(room, caller, came):
        yield await rendered(room, came, said, number)
        number += 1


async def _answers(room: HandleRoom, caller: Caller, came: Opened) -> AsyncIterator[Said]:
    """Whatever goes wrong becomes an answer, with the operation of the request that it is about."""
    op, session = None, None
    message = came.message
    try:
        if message.header.op != Op.ANSWER:
            async for said in _performed(room, caller, came, _administrator(caller, came)):
                yield said
            return
        if caller.over_udp and not room.udp_administration and not is_of_reading(message.envelope.session):
            yield _over_udp()
            return
        challenge = await room.challenges.take(message.envelope.session)
        if challenge is None:
            yield refusal(Code.AUTHENTICATION_TIMEOUT)
            return
        op, session = challenge.request.header.op, None if came.session else 0
        administrator = await _proved(room, caller, message, challenge)
        if came.session and came.session.is_of(administrator):
            await room.sessions.prove(came.session, administrator, caller.source)
        async for said in _after_proof(room, caller, came, challenge, administrator):
            yield replace(said, op=op)
    except Malformed as wrong:
        yield replace(refusal(wrong.code, wrong.reason), op=op, session=session)
    except Problem as problem:
        yield replace(refusal_of(problem), op=op, session=session)
    except Exception:  # the edge: the caller gets an answer, the log the trace
        log.exception("Handle request of op %d failed", message.header.op)
        yield replace(refusal(Code.ERROR), op=op, session=session)


def _administrator(caller: Caller, came: Opened) -> Administrator | None:
    """Who is known to ask: by a login on this connection, or by a session that vouches for the message."""
    if came.session:
        return came.session.administrator if came.vouched else None
    return caller.logins.of(came.message.envelope.session, time.monotonic())


async def _performed(
    room: HandleRoom, caller: Caller, came: Opened, administrator: Administrator | None
) -> AsyncIterator[Said]:
    message, op = came.message, came.message.header.op
    if message.header.code:
        yield refusal(Code.PROTOCOL_ERROR, "not a request / 不是请求")
    elif op == Op.RESOLVE:
        request = decode_request(op, message.body)
        assert isinstance(request, Resolve)
        yield await resolve(room, caller, message, request, administrator) or await _challenge(room, caller, came)
    elif op == Op.SITE_INFO:
        yield Said(Code.SUCCESS, room.identity.site_bytes)
    elif op in session_requests.SESSION_REQUESTS:
        yield await session_requests.answer(room, caller, came)
    elif op not in ADMINISTRATION and op not in _PROVING:
        yield refusal(Code.UNSUPPORTED)
    elif caller.over_udp and not room.udp_administration:
        yield _over_udp()
    elif op == Op.VERIFY:
        yield await _verified(room, caller, message)
    elif op in LOGIN_REQUESTS:
        yield await _login(room, caller, came)
    elif administrator is None:
        yield _log_in(caller, message) if caller.idis else await _challenge(room, caller, came)
    else:
        request = decode_request(op, message.body)
        async for said in administer(room, _acting(caller, message, administrator), op, message.header.flags, request):
            yield said


def _log_in(caller: Caller, message: Message) -> Said:
    """What a client of the national SDK is told, which takes no challenge but that of a login."""
    over = message.envelope.session in caller.logins
    return refusal(Code.LOGIN_AGAIN, "the login is over / 登录已过期") if over else refusal(Code.LOGIN_FIRST)


async def _login(room: HandleRoom, caller: Caller, came: Opened) -> Said:
    if not caller.lasting:
        return refusal(Code.UNSUPPORTED, "a login belongs to a TCP connection / 登录须使用 TCP 连接")
    decode_request(came.message.header.op, came.message.body)
    caller.idis = True
    return await _challenge(room, caller, came)


async def _challenge(room: HandleRoom, caller: Caller, came: Opened) -> Said:
    """402: digest and nonce, under a session id that names it: in a session its own, and the answer proves whose that is."""
    message = came.message
    proving = came.session if came.vouched and message.header.op not in LOGIN_REQUESTS else None
    in_session = proving.number if proving else 0
    made = await room.challenges.make(message, caller.source, over_udp=caller.over_udp, in_session=in_session)
    if made is None:
        return refusal(Code.BUSY)
    return Said(Code.AUTHENTICATION_NEEDED, string(made.nonce), made.session, digest=True)


async def _proved(room: HandleRoom, caller: Caller, message: Message, challenge: Challenge) -> Administrator:
    """Raises `Malformed`, and those of `Administration.authenticate`."""
    answer = decode_request(Op.ANSWER, message.body)
    assert isinstance(answer, ChallengeAnswer)
    require_same(challenge.request, answer)
    return await room.administration.authenticate(
        answer.handle, answer.index, answer.kind, answer.answer, challenge.data, caller.source
    )


async def _after_proof(
    room: HandleRoom, caller: Caller, came: Opened, challenge: Challenge, administrator: Administrator
) -> AsyncIterator[Said]:
    """What was asked for, now that it is known who asked."""
    if challenge.request.header.op in LOGIN_REQUESTS:
        if not caller.lasting:
            raise Malformed("a login belongs to the connection that asked for it", Code.AUTHENTICATION_ERROR)
        caller.logins.keep(challenge.session, administrator, time.monotonic() + room.login_seconds)
        yield Said(Code.SUCCESS, login_answer(challenge.request))
        return
    async for said in _performed(room, caller, replace(came, message=challenge.request), administrator):
        yield said if came.session else replace(said, session=0)


async def _verified(room: HandleRoom, caller: Caller, message: Message) -> Said:
    asked = decode_request(Op.VERIFY, message.body)
    assert isinstance(asked, Verify)
    data = asked.nonce + asked.digest
    valid = await room.administration.verify(asked.handle, asked.index, asked.answer, data, caller.source)
    return Said(Code.SUCCESS, encode_verdict(valid))


def _acting(caller: Caller, message: Message, administrator: Administrator) -> Acting:
    return Acting(administrator, caller.source, f"handle-{message.envelope.request_id:08x}")


def _over_udp() -> Said:
    return refusal(Code.UNSUPPORTED, "administration is taken over TCP / 管理请求请使用 TCP")
