"""What came, read: out of the session that it came in, and whether somebody with the key of that vouches for it.

A message of a session that is vouched for is taken once. Everything that can be wrong with an encrypted one has one answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.handle.codes import Code, Op
from core.handle.credential import MAC, decode_credential
from core.handle.envelope import ENCRYPTED, Envelope
from core.handle.malformed import Malformed
from core.handle.message import Message, decode_message
from core.handle.session_key import SessionKey, unreadable
from resolver.handle.room import Caller, HandleRoom
from resolver.handle.sessions import SESSION_BIT, Session, Spent


@dataclass(frozen=True, slots=True)
class Opened:
    """`message` as if it had come in the clear. `counter` is 0 where nobody with the key of `session` vouches for it; `key` is
    what answers are encrypted with, if they are to be."""

    message: Message
    session: Session | None = None
    key: SessionKey | None = None
    counter: int = 0
    encrypted: bool = False

    @property
    def vouched(self) -> bool:
        return self.counter > 0


async def opened(room: HandleRoom, caller: Caller, envelope: Envelope, content: bytes) -> Opened:
    """`content` is what follows the envelope. Raises `Malformed`."""
    number = envelope.session
    if envelope.compressed:  # nobody is known to compress
        raise Malformed("compressed messages are not read / 不支持压缩消息", Code.UNSUPPORTED)
    if not number and not envelope.encrypted:
        return Opened(decode_message(envelope, content))
    session = await room.sessions.find(number) if number & SESSION_BIT else None
    key = session.key if session else caller.keys.get(number)
    message = _read(envelope, content, key)
    if key is None:
        if _is_vouched_for(message):
            raise no_session()
        return Opened(message, session)
    if session is None or message.header.code:  # our own answer, sent back, must use up no counter
        return Opened(message, session, key, encrypted=envelope.encrypted)
    try:
        counter = key.counter_of(message)
    except Malformed as wrong:
        raise unreadable() if envelope.encrypted else wrong from None
    if counter:
        await _spend(room, session, counter)
    elif envelope.encrypted and message.header.op != Op.ANSWER:
        raise unreadable()  # of a session only answers to challenges come without
    return Opened(message, session, key, counter, envelope.encrypted)


def no_session() -> Malformed:
    """Clients that are told so begin a new one."""
    return Malformed("the session is not known, or no more / 会话不存在或已失效", Code.SESSION_TIMEOUT)


def _read(envelope: Envelope, content: bytes, key: SessionKey | None) -> Message:
    if not envelope.encrypted:
        return decode_message(envelope, content)
    if key is None:
        raise no_session() if envelope.session else unreadable()
    clear = key.decrypt(content)
    try:
        message = decode_message(replace(envelope, options=envelope.options & ~ENCRYPTED, length=len(clear)), clear)
    except Malformed:
        raise unreadable() from None
    # To the byte, so that nobody finds out about padding by what is put behind a message, or left out of it.
    if len(message.content) + 4 + len(message.credential) != len(clear):
        raise unreadable()
    return message


async def _spend(room: HandleRoom, session: Session, counter: int) -> None:
    spent = await room.sessions.spend(session, counter)
    if spent is Spent.ENDED:
        raise no_session()
    if spent is Spent.AGAIN:
        raise Malformed("this message of the session came before / 会话消息重复", Code.SESSION_REJECTED)


def _is_vouched_for(message: Message) -> bool:
    """By somebody in a session that is not known here."""
    if not message.credential:
        return False
    try:
        return decode_credential(message.credential).kind == MAC
    except Malformed:
        return False
