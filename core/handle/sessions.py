"""Setting up a session (RFC 3652 §3.8): what is asked, what is answered, and the codes of its messages.

Byte for byte as deployed clients have them; what the exchanged key then does is in `core.handle.session_key`.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.handle.codes import Code
from core.handle.malformed import Malformed
from core.handle.reader import Reader, string, text, u16, u32

CLIENT_KEY, SERVER_KEY, HANDLE_KEY, DIFFIE_HELLMAN = 1, 2, 3, 4
_MODES = frozenset((CLIENT_KEY, SERVER_KEY, HANDLE_KEY, DIFFIE_HELLMAN))


@dataclass(frozen=True, slots=True)
class SessionSetup:
    """`key` goes with the modes 1 and 4, `exchange` (handle, index) with 3; who asks may name nobody (empty, 0)."""

    mode: int
    seconds: int
    handle: str = ""
    index: int = 0
    key: bytes = b""
    exchange: tuple[str, int] = ("", 0)

    def encode(self) -> bytes:
        said = u16(self.mode) + u32(self.seconds) + text(self.handle) + u32(self.index)
        if self.mode in (CLIENT_KEY, DIFFIE_HELLMAN):
            return said + string(self.key)
        if self.mode == HANDLE_KEY:
            return said + text(self.exchange[0]) + u32(self.exchange[1])
        return said


@dataclass(frozen=True, slots=True)
class SessionOffer:
    """The answer: `data` is an encrypted session key, or what the mode exchanges."""

    mode: int
    data: bytes

    def encode(self) -> bytes:
        return u16(self.mode) + string(self.data)


@dataclass(frozen=True, slots=True)
class KeyExchange:
    """A session key that the client chose, encrypted for the server (op 402)."""

    data: bytes

    def encode(self) -> bytes:
        return string(self.data)


def read_setup(reader: Reader) -> SessionSetup:
    """Raises `Malformed`."""
    mode, seconds, handle, index = reader.u16(), reader.u32(), reader.name(), reader.u32()
    if mode not in _MODES:
        raise Malformed(f"there is no session mode {mode}", Code.SESSION_SETUP_INVALID)
    if mode in (CLIENT_KEY, DIFFIE_HELLMAN):
        return SessionSetup(mode, seconds, handle, index, reader.string())
    if mode == HANDLE_KEY:
        return SessionSetup(mode, seconds, handle, index, exchange=(reader.name(), reader.u32()))
    return SessionSetup(mode, seconds, handle, index)


def decode_offer(body: bytes) -> SessionOffer:
    """Raises `Malformed`."""
    reader = Reader(body)
    return SessionOffer(reader.u16(), reader.string())


def decode_exchange(body: bytes) -> KeyExchange:
    """Raises `Malformed`."""
    return KeyExchange(Reader(body).string())
