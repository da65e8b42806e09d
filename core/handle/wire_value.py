"""A handle value as it travels (RFC 3651 §3.1)."""

from __future__ import annotations

from dataclasses import dataclass

from core.handle.reader import MAX_VALUES, Reader, counted, string, text, u32
from core.values import Reference

RELATIVE, ABSOLUTE = 0, 1
LEAST_VALUE_BYTES = 4 + 4 + 1 + 4 + 1 + 4 + 4 + 4
LEAST_REFERENCE_BYTES = 8


@dataclass(frozen=True, slots=True)
class WireValue:
    """`ttl` is seconds, or unix seconds where `ttl_type` is absolute; `permissions` are one byte, of which four bits are known."""

    index: int
    type: str
    data: bytes
    timestamp: int = 0
    ttl_type: int = RELATIVE
    ttl: int = 86_400
    permissions: int = 0x0E
    references: tuple[Reference, ...] = ()

    def encode(self) -> bytes:
        fixed = u32(self.index) + u32(self.timestamp) + bytes((self.ttl_type,)) + u32(self.ttl)
        named = bytes((self.permissions,)) + text(self.type) + string(self.data)
        return fixed + named + encode_references(self.references)


def read_value(reader: Reader) -> WireValue:
    """Raises `Malformed`."""
    index, timestamp, ttl_type, ttl, permissions = reader.u32(), reader.u32(), reader.u8(), reader.u32(), reader.u8()
    kind, data = reader.text(), reader.string()
    return WireValue(index, kind, data, timestamp, ttl_type, ttl, permissions, read_references(reader))


def read_values(reader: Reader) -> tuple[WireValue, ...]:
    return reader.items(lambda: read_value(reader), LEAST_VALUE_BYTES, MAX_VALUES)


def encode_values(values: tuple[WireValue, ...]) -> bytes:
    return counted([value.encode() for value in values])


def read_references(reader: Reader) -> tuple[Reference, ...]:
    """A list of (handle, index): the references of a value, and the whole of an HS_VLIST."""
    return reader.items(lambda: (reader.name(), reader.u32()), LEAST_REFERENCE_BYTES, MAX_VALUES)


def encode_references(references: tuple[Reference, ...]) -> bytes:
    return counted([text(handle) + u32(index) for handle, index in references])
