"""Handle values as they travel ⇄ values as they are kept (`core.values`). Pure.

What is kept says the same bytes again: data becomes an object (admin, vlist, site, key) or text only where it can be made
into those very bytes again; else it is kept as base64. The lower four permission bits are the Handle system's; our own bit
for partners (`core.visibility`) never travels, and no value that comes in has it.
"""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Sequence
from typing import Any

import orjson

from core.handle.admin_data import (
    admin_from_json,
    decode_admin,
    decode_vlist,
    encode_vlist,
    vlist_from_json,
)
from core.handle.codes import Code
from core.handle.keys import decode_key, key_as_json, key_from_json
from core.handle.malformed import Malformed
from core.handle.reader import counted, string, text
from core.handle.site import decode_site, site_as_json, site_from_json
from core.handle.wire_value import ABSOLUTE, RELATIVE, WireValue, encode_references
from core.values import (
    DEFAULT_TTL_SECONDS,
    MAX_DATA_BYTES,
    MAX_REFERENCE_BYTES,
    MAX_REFERENCES,
    MAX_TTL_SECONDS,
    MAX_TYPE_BYTES,
    PUBLIC_READ,
    PUBLIC_WRITE,
    SECRET_TYPES,
    HandleValue,
    is_referable,
    references_json,
)

_HANDLE_BITS = 15
_FIXED = struct.Struct(">IIBIB")
_NO_REFERENCES = bytes(4)
_SPACES = "\t\n\r"


def kept_value(value: WireValue) -> HandleValue:
    """Raises `Malformed` (invalid value) for what this node does not keep, rather than losing part of it."""
    if not value.index:
        raise _invalid(value, "has the index 0")
    if not value.type or not value.type.isprintable() or len(value.type.encode()) > MAX_TYPE_BYTES:
        raise _invalid(value, f"needs a printable type of at most {MAX_TYPE_BYTES} bytes")
    ttl_seconds, expires_at = _kept_ttl(value)
    if len(value.references) > MAX_REFERENCES or not all(is_referable(handle) for handle, _ in value.references):
        raise _invalid(
            value, f"needs printable references of at most {MAX_REFERENCE_BYTES} bytes, {MAX_REFERENCES} at most"
        )
    if value.permissions & ~_HANDLE_BITS:
        raise _invalid(value, "has permission bits that are not known")
    if value.type in SECRET_TYPES and value.permissions & (PUBLIC_READ | PUBLIC_WRITE):
        raise _invalid(value, "must never be public")
    format_, data = kept_data(value.type, value.data)
    size = len(data.encode()) if isinstance(data, str) else len(orjson.dumps(data))
    if size > MAX_DATA_BYTES:
        raise _invalid(value, f"has more than {MAX_DATA_BYTES} bytes of data as it would be kept")
    return HandleValue(
        value.index, value.type, data, format_, ttl_seconds, value.permissions, None, expires_at, value.references
    )


def _kept_ttl(value: WireValue) -> tuple[int, int | None]:
    """As `core.values` has it: seconds, and the end of an absolute one. Raises `Malformed`."""
    if value.ttl_type == ABSOLUTE:
        return DEFAULT_TTL_SECONDS, value.ttl
    if value.ttl_type != RELATIVE or value.ttl > MAX_TTL_SECONDS:
        raise _invalid(value, f"needs an absolute time to live, or one of at most {MAX_TTL_SECONDS} seconds")
    return value.ttl, None


def kept_values(values: Sequence[WireValue]) -> list[HandleValue]:
    """In order of index. Raises `Malformed`: value exists, for an index that stands twice."""
    seen: set[int] = set()
    for value in values:
        if value.index in seen:
            raise Malformed(f"Index conflict for {value.index}", Code.VALUE_EXISTS)
        seen.add(value.index)
    return sorted(map(kept_value, values), key=lambda value: value.index)


def kept_data(kind: str, data: bytes) -> tuple[str, Any]:
    """(format, data) from which `sent_data` makes the same bytes."""
    try:
        format_, found = _as_object(kind, data)
        if format_ and sent_data(format_, found) == data:
            return format_, found
    except Malformed:
        pass
    try:
        written = data.decode("utf-8")
        if written.isprintable() or all(one.isprintable() or one in _SPACES for one in written):
            return "string", written
    except UnicodeDecodeError:
        pass
    return "base64", base64.b64encode(data).decode()


def _as_object(kind: str, data: bytes) -> tuple[str, Any]:
    if kind == "HS_ADMIN":
        return "admin", decode_admin(data).as_json()
    if kind == "HS_VLIST":
        return "vlist", references_json(decode_vlist(data))
    if kind == "HS_SITE" or kind.startswith("HS_SITE."):
        return "site", site_as_json(decode_site(data))
    if kind == "HS_PUBKEY":
        decode_key(data)
        return "key", key_as_json(data)
    return "", None


def sent_value(value: HandleValue, default_timestamp: int) -> bytes:
    """As it travels: the bytes of a `WireValue`, written without making one. `default_timestamp` is unix seconds."""
    expires_at = value.expires_at
    ttl_type, ttl = (RELATIVE, value.ttl_seconds) if expires_at is None else (ABSOLUTE, expires_at)
    timestamp, permissions = value.timestamp or default_timestamp, value.permissions & _HANDLE_BITS
    references = encode_references(value.references) if value.references else _NO_REFERENCES
    data = string(sent_data(value.format, value.data))
    return _FIXED.pack(value.index, timestamp, ttl_type, ttl, permissions) + text(value.type) + data + references


def sent_values(values: Sequence[HandleValue], default_timestamp: int) -> bytes:
    return counted([sent_value(value, default_timestamp) for value in values])


def sent_data(format_: str, data: Any) -> bytes:
    """The bytes of the data of a kept value. An object that is not what its format says travels as its JSON."""
    if format_ == "string" and isinstance(data, str):
        return data.encode()
    try:
        if format_ == "base64":
            return base64.b64decode(data, validate=True)
        if format_ == "hex":
            return bytes.fromhex(data)
        if format_ == "admin":
            return admin_from_json(data).encode()
        if format_ == "vlist":
            return encode_vlist(vlist_from_json(data))
        if format_ == "site":
            return site_from_json(data).encode()
        if format_ == "key":
            return key_from_json(data)
    except (Malformed, binascii.Error, ValueError, TypeError):
        pass
    return data.encode() if isinstance(data, str) else orjson.dumps(data)


def _invalid(value: WireValue, why: str) -> Malformed:
    return Malformed(f"the value {value.index} {why}", Code.VALUE_INVALID)
