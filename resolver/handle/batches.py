"""Datagrams by the batch: one system call takes what has arrived, one sends the answers (recvmmsg, sendmmsg of Linux).

A call for each datagram, and its address made into text and back, take longer than the answer does. Where the system has no such
calls they are made one by one, with the same methods.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import sys
from array import array
from itertools import accumulate
from typing import Any, Protocol

from core.handle.amplification import NO_NETWORK, network_of

AT_ONCE = 64
_RECEIVED_BYTES = 4_096  # more than any datagram of the protocol has
_BEGINS = range(0, AT_ONCE * _RECEIVED_BYTES, _RECEIVED_BYTES)
_SENT_BYTES = 512
_NAME_BYTES = 28  # sockaddr_in6; sockaddr_in has 16
_DONTWAIT = 0x40


class Batches(Protocol):
    """`receive` says how many came; they are numbered from 0 until it is called again."""

    def receive(self) -> int: ...

    def datagrams(self) -> list[bytes]: ...

    def sender(self, number: int) -> Any:
        """Whoever sent it, to be answered even after the next `receive`; hashable."""
        ...

    def peer(self, sender: Any) -> Any:
        """The sender's address, as `sendto` takes it."""
        ...

    def network(self, number: int) -> bytes:
        """What the sender has for itself, see `network_of`."""
        ...

    def answer(self, number: int, octets: bytes) -> None:
        """To its sender, with the next `flush`; 512 bytes at most."""
        ...

    def reply(self, sender: Any, octets: bytes) -> None:
        """As `answer`, to who was the `sender` of an earlier one. After `AT_ONCE` of both a `flush` is due."""
        ...

    def answer_all(self, answers: list[bytes]) -> None:
        """One to the sender of each datagram, in their order, with the next `flush`, before which no other is answered."""
        ...

    def flush(self) -> None: ...


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))


class _Message(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p), ("name_size", ctypes.c_uint32), ("vectors", ctypes.c_void_p), ("count", ctypes.c_size_t),
        ("control", ctypes.c_void_p), ("control_size", ctypes.c_size_t), ("flags", ctypes.c_int),
    )  # fmt: skip


class _Header(ctypes.Structure):
    _fields_ = (("message", _Message), ("size", ctypes.c_uint32))


def _addresses(buffer: Any, size: int) -> array[int]:
    """Where each of the parts of so many bytes begins."""
    return array("Q", range(ctypes.addressof(buffer), ctypes.addressof(buffer) + AT_ONCE * size, size))


class ManyAtOnce:
    """With the calls of Linux. The kernel is told once where everything lies; each batch overwrites the one before."""

    def __init__(self, listener: socket.socket) -> None:
        library = ctypes.CDLL(None, use_errno=True)
        self._receive, self._send = library.recvmmsg, library.sendmmsg  # AttributeError where there are none
        self._descriptor = listener.fileno()
        self._name_size = _NAME_BYTES if listener.family == socket.AF_INET6 else 16
        self._names = ctypes.create_string_buffer(AT_ONCE * _NAME_BYTES)
        self._names_in, self._names_once = memoryview(self._names).cast("B"), b""
        self._received, self._incoming = self._slots(_RECEIVED_BYTES)
        self._sent, self._outgoing = self._slots(_SENT_BYTES)
        self._bytes_out = memoryview(self._sent).cast("B")
        vectors = memoryview(self._kept[-1]).cast("B").cast("Q")
        self._begins_out, self._sizes_out = vectors[0::2], vectors[1::2]
        self._begin_of = _addresses(self._sent, _SENT_BYTES)
        self._stride = ctypes.sizeof(_Header)
        self._names_out = memoryview(self._outgoing).cast("B").cast("Q")[:: self._stride // 8]
        self._name_of = _addresses(self._names, _NAME_BYTES)
        self._kept_names = ctypes.create_string_buffer(AT_ONCE * _NAME_BYTES)  # of who is answered later
        self._kept_in = memoryview(self._kept_names).cast("B")
        self._kept_of = _addresses(self._kept_names, _NAME_BYTES)
        before, after = _Header.size.offset, self._stride - _Header.size.offset - 4
        one = f"{before}xI{after}x"
        self._sizes_in = [struct.Struct("=" + one * count) for count in range(AT_ONCE + 1)]
        self._sizes: tuple[int, ...] = ()
        self._waiting = 0

    def _slots(self, size: int) -> tuple[Any, Any]:
        """A buffer of so many bytes for each datagram, and the headers that point into it."""
        buffer = ctypes.create_string_buffer(AT_ONCE * size)
        vectors, headers = (_Vector * AT_ONCE)(), (_Header * AT_ONCE)()
        for number in range(AT_ONCE):
            vectors[number].base = ctypes.addressof(buffer) + number * size
            vectors[number].size = size
            headers[number].message.name = ctypes.addressof(self._names) + number * _NAME_BYTES
            headers[number].message.name_size = self._name_size
            headers[number].message.vectors = ctypes.addressof(vectors) + number * ctypes.sizeof(_Vector)
            headers[number].message.count = 1
        self._kept = [*getattr(self, "_kept", []), vectors]  # the kernel has their addresses
        return buffer, headers

    def receive(self) -> int:
        count = int(self._receive(self._descriptor, self._incoming, AT_ONCE, _DONTWAIT, None))
        if count <= 0:
            return 0
        self._names_once = b""
        self._sizes = self._sizes_in[count].unpack_from(self._incoming)
        return count

    def datagrams(self) -> list[bytes]:
        received = self._received
        return [received[begin : begin + size] for begin, size in zip(_BEGINS, self._sizes, strict=False)]

    def sender(self, number: int) -> Any:
        return bytes(self._names_in[number * _NAME_BYTES : (number + 1) * _NAME_BYTES])

    def peer(self, sender: Any) -> Any:
        raw: bytes = sender
        port = int.from_bytes(raw[2:4])
        if self._name_size < _NAME_BYTES:
            return socket.inet_ntop(socket.AF_INET, raw[4:8]), port
        scope = int.from_bytes(raw[24:28], sys.byteorder)
        return socket.inet_ntop(socket.AF_INET6, raw[8:24]), port, int.from_bytes(raw[4:8]), scope

    def network(self, number: int) -> bytes:
        if not self._names_once:  # all at once: a slice of bytes is made faster than one of a view
            self._names_once = bytes(self._names_in)
        begin = number * _NAME_BYTES
        if self._name_size < _NAME_BYTES:
            return self._names_once[begin + 4 : begin + 8]
        half = self._names_once[begin + 8 : begin + 16]  # `network_of`, without the call
        return half if half != NO_NETWORK else self._names_once[begin + 16 : begin + 24]

    def answer(self, number: int, octets: bytes) -> None:
        self._put(octets, self._name_of[number])

    def reply(self, sender: Any, octets: bytes) -> None:
        place = self._waiting
        self._kept_in[place * _NAME_BYTES : (place + 1) * _NAME_BYTES] = sender
        self._put(octets, self._kept_of[place])

    def _put(self, octets: bytes, name: int) -> None:
        place, size = self._waiting, len(octets)
        begin = place * _SENT_BYTES
        self._bytes_out[begin : begin + size] = octets
        self._begins_out[place], self._sizes_out[place] = self._begin_of[place], size
        self._names_out[place] = name
        self._waiting = place + 1

    def answer_all(self, answers: list[bytes]) -> None:
        count, octets, sizes = len(answers), b"".join(answers), array("Q", map(len, answers))
        self._bytes_out[: len(octets)] = octets  # one behind the other: written once, not one by one
        self._sizes_out[:count] = sizes
        self._begins_out[:count] = array("Q", accumulate(sizes[:-1], initial=self._begin_of[0]))
        self._names_out[:count] = self._name_of[:count]
        self._waiting = count

    def flush(self) -> None:
        """What the kernel has no room for is lost, as a datagram may be."""
        waiting, self._waiting, done = self._waiting, 0, 0
        while done < waiting:
            rest = ctypes.byref(self._outgoing, done * self._stride)
            count = int(self._send(self._descriptor, rest, waiting - done, _DONTWAIT))
            if count <= 0:
                return
            done += count


class OneByOne:
    """With the calls that every system has."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._received: list[tuple[bytes, Any]] = []

    def receive(self) -> int:
        self._received = []
        while len(self._received) < AT_ONCE:
            try:
                self._received.append(self._listener.recvfrom(_RECEIVED_BYTES))
            except OSError:  # nothing more, or an earlier answer met a closed port
                break
        return len(self._received)

    def datagrams(self) -> list[bytes]:
        return [octets for octets, _ in self._received]

    def sender(self, number: int) -> Any:
        return self._received[number][1]

    def peer(self, sender: Any) -> Any:
        return sender

    def network(self, number: int) -> bytes:
        return network_of_peer(self._received[number][1])

    def answer(self, number: int, octets: bytes) -> None:
        self.reply(self._received[number][1], octets)

    def reply(self, sender: Any, octets: bytes) -> None:
        try:
            self._listener.sendto(octets, sender)
        except OSError:
            return

    def answer_all(self, answers: list[bytes]) -> None:
        for number, octets in enumerate(answers):
            self.answer(number, octets)

    def flush(self) -> None:
        """Nothing waits."""


def network_of_peer(peer: Any) -> bytes:
    """Of an address as sockets give it."""
    host = str(peer[0]).partition("%")[0]
    return network_of(socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host))


def batches_of(listener: socket.socket) -> Batches:
    """For a socket that does not block."""
    if sys.platform == "linux" and ctypes.sizeof(ctypes.c_void_p) == 8:
        try:
            return ManyAtOnce(listener)
        except (AttributeError, OSError):
            pass
    return OneByOne(listener)
