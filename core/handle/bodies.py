"""What requests and answers say, an operation at a time (RFC 3652 §3). Session messages are in `core.handle.sessions`.

Requests are read leniently: bytes behind what is known are passed over, as deployed servers do.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.handle.codes import Op
from core.handle.malformed import Malformed
from core.handle.reader import Reader, list_of_text, list_of_u32, string, text, u32
from core.handle.sessions import SessionSetup, read_setup
from core.handle.wire_value import WireValue, encode_values, read_values

_MOST_FILTERS = 2_048


@dataclass(frozen=True, slots=True)
class Resolve:
    """Values of any of the indexes or types; all where there are none of both. In a login by password (IDIS, op 2000) whoever
    logs in, by one of the indexes."""

    handle: str
    indexes: tuple[int, ...] = ()
    types: tuple[str, ...] = ()

    def encode(self) -> bytes:
        return text(self.handle) + list_of_u32(self.indexes) + list_of_text(self.types)


@dataclass(frozen=True, slots=True)
class Named:
    """A handle alone: site info, delete, list, home, unhome, list homed; and the answer to create."""

    handle: str

    def encode(self) -> bytes:
        return text(self.handle)


@dataclass(frozen=True, slots=True)
class Valued:
    """A handle with values: create, add, modify; and the answers to resolve, referrals included."""

    handle: str
    values: tuple[WireValue, ...]

    def encode(self) -> bytes:
        return text(self.handle) + encode_values(self.values)


@dataclass(frozen=True, slots=True)
class Remove:
    """Values to remove, by index."""

    handle: str
    indexes: tuple[int, ...]

    def encode(self) -> bytes:
        return text(self.handle) + list_of_u32(self.indexes)


@dataclass(frozen=True, slots=True)
class ChallengeAnswer:
    """Who answers a challenge, how (HS_SECKEY or HS_PUBKEY), and the answer's bytes."""

    kind: str
    handle: str
    index: int
    answer: bytes

    def encode(self) -> bytes:
        return text(self.kind) + text(self.handle) + u32(self.index) + string(self.answer)


@dataclass(frozen=True, slots=True)
class Verify:
    """Another server asks whether a secret key of ours gave this answer."""

    handle: str
    index: int
    nonce: bytes
    digest: bytes
    answer: bytes

    def encode(self) -> bytes:
        return text(self.handle) + u32(self.index) + string(self.nonce) + string(self.digest) + string(self.answer)


@dataclass(frozen=True, slots=True)
class Login:
    """Who logs in to the identifier system (IDIS, op 2001)."""

    handle: str
    index: int

    def encode(self) -> bytes:
        return text(self.handle) + u32(self.index)


@dataclass(frozen=True, slots=True)
class Empty:
    """Nothing is said beyond the operation."""

    def encode(self) -> bytes:
        return b""


@dataclass(frozen=True, slots=True)
class Opaque:
    """The body of an operation that is not described: its bytes."""

    body: bytes

    def encode(self) -> bytes:
        return self.body


Request = Resolve | Named | Valued | Remove | ChallengeAnswer | Verify | Login | SessionSetup | Empty | Opaque
_NAMED = frozenset((Op.SITE_INFO, Op.DELETE, Op.LIST, Op.HOME, Op.UNHOME, Op.LIST_HOMED))
_VALUED = frozenset((Op.CREATE, Op.ADD, Op.MODIFY))


def decode_request(op: int, body: bytes) -> Request:
    """Raises `Malformed`."""
    reader = Reader(body)
    if op in (Op.RESOLVE, Op.LOGIN_PASSWORD):  # the older login has the form of a resolution
        return read_resolve(reader)
    if op in _NAMED:
        return Named(reader.name() if reader.left else "")
    if op in _VALUED:
        return Valued(reader.name(), read_values(reader))
    if op == Op.REMOVE:
        return Remove(reader.name(), _indexes(reader))
    if op == Op.ANSWER:
        return ChallengeAnswer(reader.text(), reader.name(), reader.u32(), reader.string())
    if op == Op.VERIFY:
        return Verify(reader.name(), reader.u32(), reader.string(), reader.string(), reader.string())
    if op == Op.LOGIN:
        return Login(reader.name(), reader.u32())
    if op == Op.SESSION_SETUP:
        return read_setup(reader)
    if op == Op.SESSION_END:
        return Empty()
    return Opaque(body)


def read_resolve(reader: Reader) -> Resolve:
    handle, indexes = reader.name(), _indexes(reader)
    return Resolve(handle, indexes, reader.items(reader.text, 4, _MOST_FILTERS))


def _indexes(reader: Reader) -> tuple[int, ...]:
    return reader.items(reader.u32, 4, _MOST_FILTERS)


# Answers: what stands behind the digest, where there is one.


def decode_valued(body: bytes) -> Valued:
    """A resolution, or a referral. Raises `Malformed`."""
    reader = Reader(body)
    return Valued(reader.name(), read_values(reader))


def decode_error(body: bytes) -> str:
    """The text of an error, which may be missing. Never raises for text that is not UTF-8: it is for people."""
    try:
        return Reader(body).string().decode("utf-8", "replace") if body else ""
    except Malformed:
        return ""


def decode_nonce(body: bytes) -> bytes:
    """Of a challenge. Raises `Malformed`."""
    return Reader(body).string()


def decode_names(body: bytes) -> tuple[str, ...]:
    """One message of a list. Raises `Malformed`."""
    reader = Reader(body)
    return reader.items(reader.name, 4)


def encode_names(names: tuple[str, ...]) -> bytes:
    return list_of_text(names)


def decode_verdict(body: bytes) -> bool:
    """The answer to verify. Raises `Malformed`."""
    return Reader(body).u8() == 1


def encode_verdict(valid: bool) -> bytes:
    return b"\1" if valid else b"\0"
