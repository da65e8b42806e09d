"""One request, whatever it is, to its answers: who asks, whether they have proved it, and what is said.

Administration is never begun for somebody who has not proved who they are, and what they asked for is not looked at before:
a challenge says nothing about the identifier.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import replace

from core.errors import Problem
from core.handle.administration import Acting, Administrator
from core.handle.bodies import ChallengeAnswer, Login, Resolve, Verify, decode_request, encode_verdict
from core.handle.codes import CODES, Code, Op
from core.handle.envelope import Envelope
from core.handle.header import Header
from core.handle.malformed import Malformed
from core.handle.message import Message, decode_message
from core.handle.reader import string
from resolver.handle.administering import ADMINISTRATION, administer
from resolver.handle.challenges import Challenge
from resolver.handle.rendering import rendered
from resolver.handle.resolving import resolve
from resolver.handle.room import MOST_LOGINS, Caller, HandleRoom, Said, refusal

log = logging.getLogger(__name__)
_PROVING = frozenset((Op.ANSWER, Op.VERIFY, Op.LOGIN))
_SESSIONS = frozenset((Op.SESSION_SETUP, Op.SESSION_END, Op.SESSION_KEY))
_NO_SESSIONS = "no sessions; answer challenges / 不支持会话，请使用质询应答"


async def respond(room: HandleRoom, caller: Caller, envelope: Envelope, content: bytes) -> AsyncIterator[bytes]:
    """Whole messages, mostly one. `content` is what follows the envelope. Never raises for what a client did."""
    if envelope.encrypted or envelope.compressed:  # there are no sessions, and nobody is known to compress
        unread = Message(envelope, Header(0), b"")
        code = Code.SESSION_KEY_MISSING if envelope.encrypted else Code.UNSUPPORTED
        yield await rendered(room, unread, refusal(code))
        return
    try:
        message = decode_message(envelope, content)
    except Malformed as wrong:
        unread = Message(envelope, Header(int.from_bytes(content[:4])), b"")
        yield await rendered(room, unread, refusal(wrong.code, wrong.reason))
        return
    async for said in _answers(room, caller, message):
        yield await rendered(room, message, said)


async def _answers(room: HandleRoom, caller: Caller, message: Message) -> AsyncIterator[Said]:
    """Whatever goes wrong becomes an answer, with the operation of the request that it is about."""
    op, session = None, None
    try:
        if message.header.op != Op.ANSWER:
            async for said in _performed(room, caller, message, caller.logins.get(message.envelope.session)):
                yield said
            return
        if caller.over_udp and not room.udp_administration:
            yield _over_udp()
            return
        challenge = await room.challenges.take(message.envelope.session)
        if challenge is None:
            yield refusal(Code.AUTHENTICATION_TIMEOUT)
            return
        op, session = challenge.request.header.op, 0
        administrator = await _proved(room, caller, message, challenge)
        async for said in _after_proof(room, caller, challenge, administrator):
            yield replace(said, op=op)
    except Malformed as wrong:
        yield replace(refusal(wrong.code, wrong.reason), op=op, session=session)
    except Problem as problem:
        yield replace(_problem(problem), op=op, session=session)
    except Exception:  # the edge: the caller gets an answer, the log the trace
        log.exception("Handle request of op %d failed", message.header.op)
        yield replace(refusal(Code.ERROR), op=op, session=session)


async def _performed(
    room: HandleRoom, caller: Caller, message: Message, administrator: Administrator | None
) -> AsyncIterator[Said]:
    op = message.header.op
    if message.header.code:
        yield refusal(Code.PROTOCOL_ERROR, "not a request / 不是请求")
    elif op == Op.RESOLVE:
        request = decode_request(op, message.body)
        assert isinstance(request, Resolve)
        yield await resolve(room, caller, message, request, administrator) or await _challenge(room, caller, message)
    elif op == Op.SITE_INFO:
        yield Said(Code.SUCCESS, room.identity.site_bytes)
    elif op in _SESSIONS:
        yield refusal(Code.SESSION_FAILED if op == Op.SESSION_SETUP else Code.UNSUPPORTED, _NO_SESSIONS)
    elif op not in ADMINISTRATION and op not in _PROVING:
        yield refusal(Code.UNSUPPORTED)
    elif caller.over_udp and not room.udp_administration:
        yield _over_udp()
    elif op == Op.VERIFY:
        yield await _verified(room, caller, message)
    elif op == Op.LOGIN or administrator is None:
        if op == Op.LOGIN:
            decode_request(op, message.body)
            caller.idis = True
            yield await _challenge(room, caller, message)
        else:
            yield refusal(Code.LOGIN_FIRST) if caller.idis else await _challenge(room, caller, message)
    else:
        request = decode_request(op, message.body)
        async for said in administer(room, _acting(caller, message, administrator), op, message.header.flags, request):
            yield said


async def _challenge(room: HandleRoom, caller: Caller, message: Message) -> Said:
    """402: digest and nonce, under a session id that names it."""
    made = await room.challenges.make(message, caller.source, over_udp=caller.over_udp)
    if made is None:
        return refusal(Code.BUSY)
    return Said(Code.AUTHENTICATION_NEEDED, string(made.nonce), made.session, digest=True)


async def _proved(room: HandleRoom, caller: Caller, message: Message, challenge: Challenge) -> Administrator:
    """Raises `Malformed`, and those of `Administration.authenticate`."""
    answer = decode_request(Op.ANSWER, message.body)
    assert isinstance(answer, ChallengeAnswer)
    if challenge.request.header.op == Op.LOGIN:
        wanted = decode_request(Op.LOGIN, challenge.request.body)
        assert isinstance(wanted, Login)
        if (answer.handle.upper(), answer.index) != (wanted.handle.upper(), wanted.index):
            raise Malformed("the login was asked for by another administrator", Code.AUTHENTICATION_ERROR)
    return await room.administration.authenticate(
        answer.handle, answer.index, answer.kind, answer.answer, challenge.data, caller.source
    )


async def _after_proof(
    room: HandleRoom, caller: Caller, challenge: Challenge, administrator: Administrator
) -> AsyncIterator[Said]:
    """What was asked for, now that it is known who asked."""
    if challenge.request.header.op == Op.LOGIN:
        while len(caller.logins) >= MOST_LOGINS:
            del caller.logins[next(iter(caller.logins))]
        caller.logins[challenge.session] = administrator
        yield Said(Code.SUCCESS)
        return
    async for said in _performed(room, caller, challenge.request, administrator):
        yield replace(said, session=0)


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


def _problem(problem: Problem) -> Said:
    """In both languages: a Handle client says nothing of its own."""
    known = problem.handle_code if problem.handle_code in CODES else Code.ERROR
    return refusal(Code(known), f"{problem.en} / {problem.zh}")
