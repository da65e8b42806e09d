"""The data of HS_ADMIN, who may do what (RFC 3651 §3.2.1), and of HS_VLIST, a group of administrators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.handle.malformed import Malformed
from core.handle.reader import MAX_NAME_BYTES, Reader, text, u16, u32
from core.handle.wire_value import encode_references, read_references
from core.values import Reference

_BITS = 12


@dataclass(frozen=True, slots=True)
class AdminData:
    """`trailing` are bytes behind what the standard knows, two zeros at times: kept as they came."""

    permissions: int
    handle: str
    index: int
    trailing: bytes = b""

    def encode(self) -> bytes:
        return u16(self.permissions) + text(self.handle) + u32(self.index) + self.trailing

    def as_json(self) -> dict[str, Any]:
        """The form of the Handle HTTP API: permissions leftmost 0x0800."""
        return {"handle": self.handle, "index": self.index, "permissions": f"{self.permissions:0{_BITS}b}"}


def decode_admin(data: bytes) -> AdminData:
    """Raises `Malformed`."""
    reader = Reader(data)
    return AdminData(reader.u16(), reader.name(), reader.u32(), reader.rest())


def admin_from_json(raw: Any) -> AdminData:
    """Index and permissions may be text, as some clients write them. Raises `Malformed`."""
    try:
        permissions, handle, index = raw["permissions"], raw["handle"], int(raw["index"])
        bits = int(permissions, 2) if isinstance(permissions, str) else int(permissions)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise Malformed("HS_ADMIN needs handle, index and permissions") from None
    name_fits = isinstance(handle, str) and 0 < len(handle) <= MAX_NAME_BYTES
    if not (name_fits and 0 <= index < 2**32 and 0 <= bits < 2**16):
        raise Malformed("HS_ADMIN has a member out of bounds")
    return AdminData(bits, handle, index)


def decode_vlist(data: bytes) -> tuple[Reference, ...]:
    """Raises `Malformed`."""
    reader = Reader(data)
    found = read_references(reader)
    reader.finish()
    return found


encode_vlist = encode_references


def vlist_from_json(raw: Any) -> tuple[Reference, ...]:
    """Raises `Malformed`."""
    try:
        found = tuple((str(one["handle"]), int(one["index"])) for one in raw)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise Malformed("HS_VLIST needs a list of handle and index") from None
    if not all(0 <= index < 2**32 and len(handle) <= MAX_NAME_BYTES for handle, index in found):
        raise Malformed("HS_VLIST has a member out of bounds")
    return found
