"""Object identifiers: arcs joined by dots, `urn:oid:` before them or not (RFC 3061; GB/T 26231). Pure.

At most 100 bytes; the numeric form alone, as arcs with letters have no order of their own to be found by. Canonical is the
dotted text. An arc is owned by whoever has the longest registered arc above it, or itself.
"""

from __future__ import annotations

import re

from core.schemes.reading import Reading, Scheme, malformed

ROOT = "OID"
_OID = re.compile(r"(?:[01]\.(?:[0-9]|[1-3][0-9])|2\.(?:0|[1-9][0-9]*))(?:\.(?:0|[1-9][0-9]*))+")
_MOST_BYTES = 100
_MOST_OWNER_BYTES = 60  # a prefix has at most 64


def read_oid(text: str) -> Reading:
    """Raises `IdentifierMalformed` (oid-invalid)."""
    dotted = _dotted(text)
    arcs = dotted.split(".")
    owners = tuple(f"{ROOT}.{'.'.join(arcs[:count])}" for count in range(len(arcs), 1, -1))
    return Reading("oid", dotted, dotted, tuple(owner for owner in owners if len(owner) <= _MOST_OWNER_BYTES + 4))


def owning_arc(text: str) -> str:
    """The prefix under which an arc is granted. Raises `IdentifierMalformed`."""
    dotted = _dotted(text)
    if len(dotted) > _MOST_OWNER_BYTES:
        raise malformed("oid", "oid-invalid", f"an owner's arc has at most {_MOST_OWNER_BYTES} bytes", "所有者弧过长")
    return f"{ROOT}.{dotted}"


def _dotted(text: str) -> str:
    dotted = text[8:] if text[:8].lower() == "urn:oid:" else text
    if len(dotted) > _MOST_BYTES or not _OID.fullmatch(dotted):
        raise malformed(
            "oid",
            "oid-invalid",
            f"an OID is numeric arcs joined by dots, as 1.2.156.3088.5, at most {_MOST_BYTES} bytes",
            f"OID 为以“.”连接的数字弧，例如 1.2.156.3088.5，最多 {_MOST_BYTES} 字节",
        )
    return dotted


def _within(owner: str) -> tuple[tuple[str, str], ...]:
    dotted = owner.removeprefix(f"{ROOT}.")
    return (dotted, dotted + "\x01"), (f"{dotted}.", f"{dotted}/")


OID = Scheme("oid", ROOT, False, read_oid, owning_arc, nests=True, within=_within)
