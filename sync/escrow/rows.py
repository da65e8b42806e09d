"""An identifier as it stands in the table, in a deposit (`indeRecord:record`), and as a digest. Pure.

A deposit is lossless. Handle values are written so that anybody can read them; what a record of the specification has no place
for (version, status, withdrawal, spelling, owner, template, unusual formats) stands in one value more, under index 0, which no
Handle value may have. `Row` is the order of columns everywhere: in the cursor, the digest, COPY and the box.
"""

from __future__ import annotations

import base64
import hashlib
import re
import struct
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from xml.sax.saxutils import quoteattr

import orjson

from core.values import DEFAULT_PERMISSIONS, DEFAULT_TTL_SECONDS, HandleValue
from sync.escrow.names import RECORD, read_utc, utc_text

ROW_INDEX, ROW_TYPE = 0, "BIAOJIE_ROW"
_JSON_FORMATS = frozenset(("admin", "site", "key", "vlist"))
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# What XML 1.0 cannot say at all, or would change on the way.
_UNSAYABLE = re.compile("[^\t\n\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAME = f"{{{RECORD}}}"
_DELETE = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}


class RowInvalid(ValueError):
    """A record of a deposit that is not one of ours, or not whole."""


class Row(NamedTuple):
    """One row of `identifier`; times are aware, `value` as in `core.values`."""

    version: int
    status: int
    template_id: int | None
    owner_id: int | None
    created_at: datetime
    changed_at: datetime | None
    key: str
    shown: str | None
    withdrawal: str | None
    value: bytes


def digest(row: Row) -> int:
    """64 bits, signed: the same number as `identifier_digest` gives in PostgreSQL, which hashes the row in its binary form
    (`record_send`): a column is the OID of its type, its length (-1: NULL) and its bytes."""
    key, value = row.key.encode(), row.value
    parts = (
        _HEAD,
        _INTEGER.pack(23, 4, row.version),
        _SMALL.pack(21, 2, row.status),
        _NO_INTEGER if row.template_id is None else _INTEGER.pack(23, 4, row.template_id),
        _NO_INTEGER if row.owner_id is None else _INTEGER.pack(23, 4, row.owner_id),
        _BIG.pack(1184, 8, (row.created_at - _EPOCH) // _MICROSECOND),
        _NO_TIME if row.changed_at is None else _BIG.pack(1184, 8, (row.changed_at - _EPOCH) // _MICROSECOND),
        _COLUMN.pack(25, len(key)), key, _text(row.shown), _text(row.withdrawal), _COLUMN.pack(17, len(value)), value,
    )  # fmt: skip
    return int.from_bytes(hashlib.md5(b"".join(parts), usedforsecurity=False).digest()[:8], "big", signed=True)


_HEAD = struct.pack(">i", 10)
_COLUMN, _INTEGER, _SMALL, _BIG = (
    struct.Struct(">Ii"),
    struct.Struct(">Iii"),
    struct.Struct(">Iih"),
    struct.Struct(">Iiq"),
)
_NO_INTEGER, _NO_TEXT, _NO_TIME = _COLUMN.pack(23, -1), _COLUMN.pack(25, -1), _COLUMN.pack(1184, -1)


def _text(text: str | None) -> bytes:
    if text is None:
        return _NO_TEXT
    encoded = text.encode()
    return _COLUMN.pack(25, len(encoded)) + encoded


def write_record(row: Row) -> str:
    """The element, with the prefix `r` for its namespace."""
    created, stamp = _time(row.created_at)
    changed, stamp = (created, stamp) if row.changed_at is None else _time(row.changed_at)
    formats: dict[str, str] = {}
    dated: list[int] = []
    beyond: dict[str, list[Any]] = {}
    pieces = [
        f"<r:record><r:name>{row.key.translate(_DELETE)}</r:name>"
        f"<r:created>{created}</r:created><r:changed>{changed}</r:changed>"
    ]
    packed = row.value
    # JSON has a backslash where a text has control characters: most records need no look at each of their values.
    plain = not any(mark in packed for mark in _MARKS)
    for members in orjson.loads(packed):
        if plain and len(members) == 3:
            index, type_, data = members
            pieces.append(f'<r:value index="{index}" type={_attribute(type_)} timestamp="{stamp}">{data}</r:value>')
        else:
            pieces.append(_value(members, stamp, formats, dated, beyond))
    rest: list[Any] = [row.version, row.status, row.template_id, row.owner_id, row.shown, row.withdrawal]
    rest += [row.changed_at is not None, formats or None, dated or None, beyond or None]
    while rest[-1] is None or rest[-1] is False:
        rest.pop()
    said, form = _said(orjson.dumps(rest).decode())
    pieces.append(
        f'<r:value index="{ROW_INDEX}" type="{ROW_TYPE}"{form} permissions="12" timestamp="{stamp}">{said}</r:value></r:record>'
    )
    return "".join(pieces)


_MARKS = (b"\\", b"&", b"<", b">", "\ufffe".encode()[:2])  # U+FFFE and U+FFFF begin so


@lru_cache(maxsize=1_024)  # records of a batch were written at one time
def _time(at: datetime) -> tuple[str, int]:
    return utc_text(at), int(at.timestamp())


def _value(
    members: list[Any], stamp: int, formats: dict[str, str], dated: list[int], beyond: dict[str, list[Any]]
) -> str:
    index, type_, data = members[0], members[1], members[2]
    more, text, encoding = "", data, ""
    if len(members) > 3:
        format_ = members[3]
        if len(members) > 4 and members[4] != DEFAULT_TTL_SECONDS:
            more = f' ttl="{members[4]}"'
        if len(members) > 5 and members[5] != DEFAULT_PERMISSIONS:
            more += f' permissions="{members[5]}"'
        if len(members) > 6 and members[6] is not None:
            dated.append(index)
            stamp = members[6]
        if len(members) > 7:
            beyond[str(index)] = members[7:]
        if format_ != "string":
            formats[str(index)] = format_
            if format_ in _JSON_FORMATS:
                text = orjson.dumps(data, option=orjson.OPT_SORT_KEYS).decode()
    said, encoding = _said(text)
    return f'<r:value index="{index}" type={_attribute(type_)}{encoding}{more} timestamp="{stamp}">{said}</r:value>'


def _said(text: str) -> tuple[str, str]:
    if _UNSAYABLE.search(text) is not None:
        return base64.b64encode(text.encode()).decode(), ' encoding="base64"'
    if "&" in text or "<" in text or ">" in text:
        return text.translate(_DELETE), ""
    return text, ""


_attributes: dict[str, str] = {}


def _attribute(type_: str) -> str:
    """Types are few and come again and again."""
    if (quoted := _attributes.get(type_)) is None:
        if len(_attributes) > 10_000:
            _attributes.clear()
        quoted = _attributes[type_] = quoteattr(type_)
    return quoted


def write_delete(key: str) -> str:
    return f"<r:delete><r:name>{key.translate(_DELETE)}</r:name></r:delete>"


def read_record(element: Any) -> Row:
    """Raises `RowInvalid`."""
    try:
        return _read(element)
    except (ValueError, TypeError, IndexError, KeyError, AttributeError) as wrong:
        raise RowInvalid(f"a record is not one of this node's: {wrong}"[:300]) from None


def _read(element: Any) -> Row:
    children = list(element)
    key, created, changed = children[0].text, read_utc(children[1].text), read_utc(children[2].text)
    last = children[-1]
    if last.get("type") != ROW_TYPE or last.get("index") != str(ROW_INDEX):
        raise ValueError("its last value does not say what the others cannot")
    said = orjson.loads(_heard(last))
    said += [None] * (10 - len(said))
    version, status, template_id, owner_id, shown, withdrawal, dated, formats, stamps, beyond = said
    changed_at = changed if dated else None
    value = orjson.dumps(
        list(_members(children[3:-1], formats or {}, frozenset(stamps or ()), beyond or {})),
        option=orjson.OPT_SORT_KEYS,
    )
    if not isinstance(key, str) or not isinstance(version, int) or not isinstance(status, int):
        raise ValueError("a member has the wrong type")
    return Row(version, status, template_id, owner_id, created, changed_at, key, shown, withdrawal, value)


def _members(
    values: Iterable[Any], formats: dict[str, str], stamps: frozenset[int], beyond: dict[str, list[Any]]
) -> Iterable[list[Any]]:
    """As `core.values.HandleValue.packed` orders and shortens them."""
    for value in values:
        said = dict(value.items())
        index = int(said["index"])
        if (
            said.keys() == _PLAIN
            and said["index"] not in formats
            and index not in stamps
            and said["index"] not in beyond
        ):
            yield [index, said["type"], value.text or ""]  # nearly all are like that
            continue
        data, format_ = _heard(value), formats.get(said["index"], "string")
        yield HandleValue(
            index, said["type"], orjson.loads(data) if format_ in _JSON_FORMATS else data, format_,
            int(value.get("ttl") or DEFAULT_TTL_SECONDS), int(value.get("permissions") or DEFAULT_PERMISSIONS),
            int(said["timestamp"]) if index in stamps else None, *beyond.get(said["index"], ()),
        ).packed()  # fmt: skip


_PLAIN = {"index", "type", "timestamp"}


def _heard(value: Any) -> str:
    text = value.text or ""
    return base64.b64decode(text, validate=True).decode() if value.get("encoding") == "base64" else text
