"""A deposit read as it streams, whatever its size: checked against the schema, one object at a time. Pure but for the file given.

A DTD, an entity and anything that the schema does not know end the reading.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from importlib.resources import as_file, files
from typing import IO, Any, NamedTuple

from lxml import etree

from sync.escrow.names import HEADER, HELD, INDE, NODE, RECORD, read_utc
from sync.escrow.proof import KindTotal, Proof, Range
from sync.escrow.rows import Row, RowInvalid, read_record
from sync.escrow.writing import Head

_N, _R, _B, _D = f"{{{NODE}}}", f"{{{RECORD}}}", f"{{{HELD}}}", f"{{{INDE}}}"
_WATERMARK, _HEADER = f"{_D}watermark", f"{{{HEADER}}}header"
_TAGS = (
    _WATERMARK, _HEADER, f"{_N}node", f"{_N}delete", f"{_R}record", f"{_R}template", f"{_R}delete", f"{_B}row", f"{_B}ranges",
)  # fmt: skip


class DepositInvalid(Exception):
    """Not well-formed, not as the schema says, or not one of ours."""


class Gone(NamedTuple):
    """An object that is no longer there; of `NODE` or `RECORD`."""

    namespace: str
    key: str


class Held(NamedTuple):
    """A row of a small table as JSON."""

    object: str
    key: str
    content: str


class Shown(NamedTuple):
    """A node or a template in the form for others: its row restores it."""

    namespace: str
    key: str


Piece = Head | Row | Gone | Held | Shown | Proof


@cache
def schema() -> etree.XMLSchema:
    """Every document of escrow."""
    with as_file(files("sync.escrow") / "xsd") as folder:
        return etree.XMLSchema(etree.parse(str(folder / "all.xsd")))


def read_deposit(file: IO[bytes]) -> Iterator[Piece]:
    """First the head, then deletes and contents in order of the document. Raises `DepositInvalid`."""
    walk = etree.iterparse(
        file, events=("end",), tag=_TAGS, schema=schema(), resolve_entities=False, no_network=True, load_dtd=False
    )
    watermark: datetime | None = None
    deletes: list[Gone] = []
    begun = False
    try:
        for _, element in walk:
            if element.tag == _WATERMARK:
                watermark = read_utc(element.text or "")
            elif element.tag == _HEADER and not begun:
                if element.getroottree().docinfo.internalDTD is not None or watermark is None:
                    raise DepositInvalid("a document type is not allowed")
                yield _head(element, watermark)
                yield from deletes
                begun = True
            elif not begun and element.tag not in (f"{_N}delete", f"{_R}delete"):
                raise DepositInvalid("the header does not come first")
            else:
                piece = _piece(element)
                if begun:
                    yield piece
                elif isinstance(piece, Gone):
                    deletes.append(piece)
            _forget(element)
    except (etree.LxmlError, RowInvalid, ValueError) as wrong:
        raise DepositInvalid(str(wrong)[:300]) from None
    if not begun:
        raise DepositInvalid("there is no header")


def _head(element: Any, watermark: datetime) -> Head:
    root = element.getroottree().getroot()
    counts: dict[str, int] = {}
    for count in element[1:] if element[0].tag == f"{{{HEADER}}}prefix" else element:
        if count.get("uri") in counts:
            raise DepositInvalid("two counts with one uri")
        counts[count.get("uri")] = int(count.text)
    sln = element[0].text if element[0].tag == f"{{{HEADER}}}prefix" else ""
    return Head(
        root.get("id"), root.get("type"), int(root.get("resend", "0")), watermark, root.get("prevId"), sln, counts
    )


def _piece(element: Any) -> Piece:
    tag = element.tag
    if tag == f"{_R}record":
        return read_record(element)
    if tag == f"{_B}row":
        return Held(element[0].text, element[1].text or "", element[2].text or "")
    if tag == f"{_B}ranges":
        return _proof(element)
    namespace = NODE if tag.startswith(_N) else RECORD
    if tag.endswith("delete"):
        return Gone(namespace, "/".join(child.text for child in element))
    return Shown(namespace, element[0].text if namespace == NODE else f"{element[0].text}/{element[1].text}")


def _proof(element: Any) -> Proof:
    ranges, kinds = [], []
    for one in element:
        rows, total = int(one.get("rows")), int(one.get("sum"))
        if one.tag == f"{_B}range":
            ranges.append(Range(one.get("from"), rows, total))
        else:
            kinds.append(KindTotal(one.get("object"), rows, total))
    return Proof(tuple(ranges), tuple(kinds))


def _forget(element: Any) -> None:
    """What has been read takes no memory any more; the header stays, as all else hangs behind it."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]
