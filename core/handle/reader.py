"""Primitives: integers, strings and lists (RFC 3652 §2.1). Lengths and counts are checked before anything is made of them.

All integers are big-endian; a string is a u32 length and that many bytes, a list a u32 count and that many items.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TypeVar

from core.handle.codes import Code
from core.handle.malformed import Malformed

MAX_MESSAGE_BYTES = 262_144
MAX_NAME_BYTES = 2_048
MAX_VALUES = 2_048
_U16, _U32 = struct.Struct(">H"), struct.Struct(">I")
_T = TypeVar("_T")


class Reader:
    """Reads from front to back. Every method raises `Malformed`."""

    __slots__ = ("_at", "_data", "_end")

    def __init__(self, data: bytes, at: int = 0, end: int | None = None) -> None:
        self._data = data
        self._at = at
        self._end = len(data) if end is None else end

    @property
    def left(self) -> int:
        return self._end - self._at

    def octets(self, size: int) -> bytes:
        begin = self._advance(size)
        return self._data[begin : begin + size]

    def u8(self) -> int:
        return self._data[self._advance(1)]

    def u16(self) -> int:
        found: int = _U16.unpack_from(self._data, self._advance(2))[0]
        return found

    def u32(self) -> int:
        found: int = _U32.unpack_from(self._data, self._advance(4))[0]
        return found

    def string(self) -> bytes:
        return self.octets(self.u32())

    def text(self) -> str:
        try:
            return self.string().decode("utf-8")
        except UnicodeDecodeError:
            raise Malformed("text is not UTF-8") from None

    def name(self) -> str:
        """A handle, as it was spelled."""
        octets = self.string()
        if len(octets) > MAX_NAME_BYTES:
            raise Malformed(f"a handle has {len(octets)} bytes, at most {MAX_NAME_BYTES}", Code.HANDLE_INVALID)
        try:
            return octets.decode("utf-8")
        except UnicodeDecodeError:
            raise Malformed("the handle is not UTF-8", Code.HANDLE_INVALID) from None

    def count(self, least_bytes: int, most: int = 65_536) -> int:
        """How many items follow, each of `least_bytes` or more."""
        stated = self.u32()
        if stated > most or stated * least_bytes > self.left:
            raise Malformed(f"a list says that it has {stated} items, and {self.left} bytes are left")
        return stated

    def items(self, read: Callable[[], _T], least_bytes: int, most: int = 65_536) -> tuple[_T, ...]:
        return tuple(read() for _ in range(self.count(least_bytes, most)))

    def rest(self) -> bytes:
        return self.octets(self.left)

    def finish(self) -> None:
        if self.left:
            raise Malformed(f"{self.left} bytes are left over")

    def _advance(self, size: int) -> int:
        begin = self._at
        if size > self._end - begin:
            raise Malformed(f"{size} bytes are stated and {self._end - begin} are left")
        self._at = begin + size
        return begin


def u16(number: int) -> bytes:
    return _U16.pack(number)


def u32(number: int) -> bytes:
    return _U32.pack(number)


def string(octets: bytes) -> bytes:
    return _U32.pack(len(octets)) + octets


def text(written: str) -> bytes:
    return string(written.encode())


def counted(items: list[bytes]) -> bytes:
    return _U32.pack(len(items)) + b"".join(items)


def list_of_u32(numbers: tuple[int, ...]) -> bytes:
    return counted([_U32.pack(number) for number in numbers])


def list_of_text(texts: tuple[str, ...]) -> bytes:
    return counted([text(one) for one in texts])
