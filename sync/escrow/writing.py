"""The XML of a deposit in pieces, so that it is never whole in memory (draft-industrial-internet-identifier-data-escrow §4, 5). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import orjson

from sync.escrow.names import DIFF, HEADER, HELD, INDE, NODE, RECORD, utc_text
from sync.escrow.proof import Proof

_PREFIX = re.compile(r"[^/.\s]+(\.[^/.\s]+)+")
_UNSAYABLE = re.compile("[^\t\n\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_STATUS = {"active": "ok", "awaiting": "pending", "submitted": "pending", "rejected": "rejected", "revoked": "revoked"}
_CREDIT_CODE = "unified social credit code"


@dataclass(frozen=True, slots=True)
class Head:
    """`previous`: the id that a differential stands on. `counts`: objects by namespace in the state that it leaves behind."""

    id: str
    kind: str
    revision: int
    watermark: datetime
    previous: str | None
    sln: str
    counts: Mapping[str, int]


END = "\U0010ffff"  # after every key, in order of bytes: a bound that an index can use


def write_head(head: Head, deletes: Iterable[str]) -> str:
    """Up to and with the header; `deletes` are elements, of a differential only."""
    previous = "" if head.previous is None else f" prevId={quoteattr(head.previous)}"
    gone = f"<deletes>{''.join(deletes)}</deletes>" if head.kind == DIFF else ""
    menu = "".join(f"<objURI>{uri}</objURI>" for uri in (HEADER, NODE, RECORD, HELD))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<deposit xmlns="{INDE}" xmlns:h="{HEADER}" xmlns:n="{NODE}" xmlns:r="{RECORD}" xmlns:b="{HELD}" '
        f'type="{head.kind}" id={quoteattr(head.id)}{previous} resend="{head.revision}">'
        f"<watermark>{utc_text(head.watermark)}</watermark><indeMenu><version>1.0</version>{menu}</indeMenu>{gone}<contents>"
        f"{write_header(head.sln, head.counts)}"
    )


TAIL = "</contents></deposit>\n"


def write_header(sln: str, counts: Mapping[str, int], prefix: str = "h") -> str:
    said = "".join(f'<{prefix}:count uri="{uri}">{number}</{prefix}:count>' for uri, number in counts.items())
    return f"<{prefix}:header><{prefix}:prefix>{escape(sln)}</{prefix}:prefix>{said}</{prefix}:header>"


def write_proof(proof: Proof) -> str:
    said = [f'<b:range from={quoteattr(one.first)} rows="{one.rows}" sum="{one.total}"/>' for one in proof.ranges]
    said += [f'<b:kind object={quoteattr(one.object)} rows="{one.rows}" sum="{one.total}"/>' for one in proof.kinds]
    return f"<b:ranges>{''.join(said)}</b:ranges>"


def write_row(object_: str, key: str, content: str) -> str:
    """`content` is JSON, which can say by an escape what XML cannot say."""
    content = _UNSAYABLE.sub(_as_escape, content)
    return f"<b:row><b:object>{object_}</b:object><b:key>{escape(key)}</b:key><b:content>{escape(content)}</b:content></b:row>"


def _as_escape(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def is_node(prefix: str) -> bool:
    """Prefixes of other schemes have no dots and are no nodes."""
    return _PREFIX.fullmatch(prefix) is not None and len(prefix) <= 64


def write_node(row: Mapping[str, Any], sln: str) -> str:
    """A prefix with the enterprise that holds it; nobody's personal data."""
    name = _line(row["name"]) or row["shown"]
    parts = [
        ("identifier", row["shown"]), ("level", "SLN" if row["prefix"] == sln.upper() else "ELN"), ("entId", row["reference"]),
        ("regTime", utc_text(row["created_at"])),
        ("status", "suspended" if row["suspended"] and row["state"] == "active" else _STATUS.get(row["state"], row["state"])),
        ("country", "CN"), ("name", name), ("nature", "enterprises and institutions"), ("type", "other"), ("address", "-"),
        ("idNumber", row["credit_code"] or ""), ("idType", _CREDIT_CODE),
        ("hosting", "hosted" if row["hosting"] == "here" else "self"),
    ]  # fmt: skip
    said = "".join(f"<n:{tag}>{escape(text)}</n:{tag}>" for tag, text in parts if text is not None)
    return f"<n:node>{said}</n:node>"


def write_template(row: Mapping[str, Any]) -> str:
    """For readers who know nothing of us; what restores it is its row."""
    prefix, _, suffix = row["key"].partition("/")
    facts = orjson.loads(row["facts"]) if row["facts"] else {}
    items = "".join(_item(item) for item in orjson.loads(row["items"]))
    if not items:
        items = '<r:item index="0" idType="" name=""/>'
    return (
        f"<r:template><r:prefix>{escape(prefix)}</r:prefix><r:version>{escape(suffix)}</r:version>"
        f"<r:industry>{escape(_line(str(facts.get('industry') or '')))}</r:industry>{items}</r:template>"
    )


def _item(item: Mapping[str, Any]) -> str:
    required = ' required="true"' if item.get("required") else ""
    name = item.get("name_zh") or item.get("name_en") or item["type"]
    return f'<r:item index="{item["index"]}" idType={_said(item["type"])} name={_said(name)}{required}/>'


def _said(text: Any) -> str:
    return quoteattr(_UNSAYABLE.sub(" ", str(text)))


def _line(text: str) -> str:
    return " ".join(_UNSAYABLE.sub(" ", text).split())[:255]
