"""The collector of the box: takes each hour once, in order, and holds it against what it was told before.

| situation                                              | answer        |
|--------------------------------------------------------|---------------|
| the number that is expected, chain right               | 200 accepted  |
| a number that is there, the same content               | 200 duplicate |
| a number that is there, other content; a broken chain  | 409 conflict  |
| a number beyond the expected one                       | 409 gap       |
| malformed, an hour not over, digests or sums wrong     | 400           |
| a prefix that is not the account's                     | 422           |
"""

from __future__ import annotations

from typing import Any

import orjson

from sync.operations.canonical import NO_DIGEST, digest
from sync.operations.envelope import error, read_time, time_text
from sync.operations.shapes import FORMAT, STREAM, Malformed, Statistics, read
from sync.toplevel.desk import Desk
from sync.toplevel.signed_doors import Told, json_told

_HOUR_SECONDS = 3_600


def collect(desk: Desk, account: Any, body: bytes) -> Told:
    """One document, in a transaction; a dialled rejection does nothing."""
    if desk.take("reject"):
        return json_told(*error("bad-message", "按调节拒绝"))
    try:
        plain, document = read(Statistics, body)
        _require_sound(document, plain, desk.seconds())
    except (Malformed, ValueError) as wrong:
        return json_told(*error("bad-message", str(wrong)))
    own = account["prefix"].lower()
    if document.sln.lower() != own or not all(_below(row.prefix.lower(), own) for row in document.rows):
        return json_told(*error("foreign-prefix"))
    with desk.store.transaction():
        return _collected(desk, account, plain, document)


def _collected(desk: Desk, account: Any, plain: dict[str, Any], document: Statistics) -> Told:
    store, app_id, seq = desk.store, account["app_id"], document.seq
    said = {name: value for name, value in plain.items() if name not in ("messageId", "sentAt")}
    content_digest = digest(said)
    last = store.one("last_statistics", app_id=app_id)
    expect, previous = (last["seq"] + 1, last["rows_digest"]) if last is not None else (1, NO_DIGEST)
    held = store.one("statistics", app_id=app_id, seq=seq)
    if held is not None:
        same = held["content_digest"] == content_digest
        return _reply("duplicate" if same else "conflict", seq, expect, held["rows_digest"], "同一序号内容不一致")
    if seq > expect:
        return _reply("gap", seq, expect)
    if document.prev_digest != previous:
        return _reply("conflict", seq, expect, detail="摘要链不连续")
    before = store.value("statistics_of_hour", app_id=app_id, hour=document.from_)
    if before != document.corrects:
        return _reply("conflict", seq, expect, detail="该小时已上报，或更正的序号不是最近一次")
    store.run(
        "keep_statistics", app_id=app_id, seq=seq, hour=document.from_, corrects=document.corrects,
        rows_digest=document.rows_digest, content_digest=content_digest, content=orjson.dumps(plain),
        received_at=time_text(desk.now()),
    )  # fmt: skip
    return _reply("accepted", seq, seq + 1, document.rows_digest)


def _require_sound(document: Statistics, plain: dict[str, Any], now: float) -> None:
    """Raises ValueError."""
    begin, end = read_time(document.from_), read_time(document.to)
    if (end - begin).total_seconds() != _HOUR_SECONDS:
        raise ValueError("from and to are not one hour")
    if end.timestamp() > now:
        raise ValueError("the hour is not over")
    if document.rows_digest != digest(plain["rows"]):
        raise ValueError("rowsDigest is not that of the rows")
    prefixes = [row.prefix for row in document.rows]
    if len(set(prefixes)) < len(prefixes):
        raise ValueError("a prefix has two rows")
    for row in document.rows:
        carried = row.by_transport.http + row.by_transport.tcp + row.by_transport.udp
        if carried != row.resolved + row.not_found + row.referred + row.failed:
            raise ValueError(f"byTransport of {row.prefix} does not add up")


def _reply(result: str, seq: int, expect: int, rows_digest: str = "", detail: str = "") -> Told:
    said: dict[str, Any] = {
        "format": FORMAT, "kind": "statistics-reply", "result": result, "stream": STREAM, "seq": seq, "expect": expect,
    }  # fmt: skip
    if rows_digest:
        said["rowsDigest"] = rows_digest
    if detail and result == "conflict":
        said["detail"] = detail
    return json_told(409 if result in ("gap", "conflict") else 200, said)


def totals(desk: Desk, app_id: str) -> dict[str, Any]:
    """What the top level believes: the last that was said of each hour, added up."""
    return dict(desk.store.one("totals", app_id=app_id))


def _below(prefix: str, own: str) -> bool:
    return prefix == own or prefix.startswith(own + ".")
