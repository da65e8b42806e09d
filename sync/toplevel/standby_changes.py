"""Changes of standby data at the box: each applied once, in order, onto the whole set that they follow; and questions about both.

| situation                                                      | answer                |
|----------------------------------------------------------------|-----------------------|
| the number that is expected                                    | 200 accepted          |
| a number that was applied, the same content                    | 200 duplicate         |
| a number that was applied, other content, or one that a whole  | 409 conflict          |
| set holds, which nobody who knows of that set sends            |                       |
| a number beyond the expected one                               | 409 gap, `expect`     |
| the whole set that they stand on is not here                   | 409 no-base           |
| malformed                                                      | 400; not theirs: 422  |
"""

from __future__ import annotations

import asyncio
from typing import Any

from sync.operations.canonical import digest
from sync.operations.envelope import error
from sync.operations.shapes import FORMAT, Changes, Malformed, Question, read
from sync.takeover.lines import read_line
from sync.toplevel.desk import Desk
from sync.toplevel.signed_doors import Told, json_told
from sync.toplevel.store import Store

_PAGE, _MOST_PREFIXES = 5_000, 1_000_000


def take_changes(desk: Desk, account: Any, number: str, body: bytes) -> Told:
    """One document, in a transaction; a dialled rejection does nothing."""
    if desk.take("reject"):
        return json_told(*error("bad-message", "按调节拒绝"))
    try:
        plain, document = read(Changes, body)
        lines = [(*read_line(line.encode()), line.encode()) for line in document.lines]
    except (Malformed, ValueError, KeyError, TypeError) as wrong:
        return json_told(*error("bad-message", str(wrong)))
    if document.sln.lower() != account["prefix"].lower():
        return json_told(*error("foreign-prefix"))
    if str(document.number) != number:
        return json_told(*error("bad-message", "number"))
    drop_left(desk.store, account["app_id"])
    with desk.store.transaction():
        return _taken(desk, account["app_id"], document, digest(plain), lines)


def _taken(desk: Desk, app_id: str, document: Changes, said: str, lines: list[tuple[str, int, bytes]]) -> Told:
    store = desk.store
    base = store.one("snapshot", app_id=app_id, snapshot_id=document.base)
    if base is None or not base["whole"]:
        return _reply(document, "no-base")
    held = store.one("standby_stream", app_id=app_id)
    if held is None or held["stream"] != document.stream:
        if store.one("last_whole_snapshot", app_id=app_id)["snapshot_id"] != document.base:
            return _reply(document, "no-base")  # of a stream that has ended
        applied = document.after
        _forget(desk, app_id, 2**62)
    else:
        applied = held["number"]
        if document.number <= applied:
            known = store.value("document", app_id=app_id, number=document.number)
            return _reply(document, "duplicate" if known == said else "conflict")
        if held["base"] != document.base:  # it holds everything up to `after`
            applied = max(applied, document.after)
            _forget(desk, app_id, document.after)
    last = applied if document.number > applied + 1 else document.number
    watermark = document.watermark if last == document.number else (held["watermark"] if held is not None else "")
    store.run(
        "put_stream", app_id=app_id, stream=document.stream, base=document.base, number=last, watermark=watermark
    )  # fmt: skip
    if last != document.number:
        return _reply(document, "gap", applied + 1)
    store.run("put_document", app_id=app_id, number=document.number, digest=said)
    for key, mark, line in lines:
        store.run("put_change", app_id=app_id, key=key, number=document.number, mark=mark, line=line)
    return _reply(document, "accepted")


def drop_left(store: Store, app_id: str) -> None:
    """One piece of sets before, at each turn: a set may have thousands, and others are to be served meanwhile."""
    if (piece := store.value("left_piece", app_id=app_id)) is not None:
        with store.transaction():
            store.run("drop_lines", app_id=app_id, digest=piece)
            store.run("drop_piece", app_id=app_id, digest=piece)


def _forget(desk: Desk, app_id: str, number: int) -> None:
    desk.store.run("drop_changes", app_id=app_id, number=number)
    desk.store.run("drop_documents", app_id=app_id, number=number)


def _reply(document: Changes, result: str, expect: int | None = None) -> Told:
    said: dict[str, Any] = {
        "format": FORMAT, "kind": "standby-changes-reply", "stream": document.stream, "number": document.number,
        "result": result,
    }  # fmt: skip
    if expect is not None:
        said["expect"] = expect
    return json_told(200 if result in ("accepted", "duplicate") else 409, said)


async def answer_question(desk: Desk, account: Any, body: bytes) -> Told:
    """Sums of ranges, or the marks of one, a page at a time. Others are served between one range and the next."""
    try:
        _, question = read(Question, body)
    except Malformed as wrong:
        return json_told(*error("bad-message", str(wrong)))
    if question.sln.lower() != account["prefix"].lower():
        return json_told(*error("foreign-prefix"))
    app_id, marks = account["app_id"], "marks" if question.of == "identifiers" else "prefix_marks"
    held = desk.store.one("standby_stream", app_id=app_id)
    if held is None or held["stream"] != question.stream:
        return json_told(*error("wrong-digest", "没有该变更流的备援数据"))
    head = {"format": FORMAT, "kind": "standby-answer", "number": held["number"]}
    if question.between is not None:
        first, end = question.between
        rows = desk.store.all(marks, app_id=app_id, first=first, end=end, most=_PAGE)
        return json_told(200, {**head, "marks": [[row["key"], str(row["mark"])] for row in rows]})
    sums = []
    for first, end in question.ranges:
        if question.of == "identifiers":
            rows, high, low = desk.store.one("sums", app_id=app_id, first=first, end=end)
            sums.append([str(rows), str((high << 32) + low)])
        else:
            held_marks = desk.store.all("prefix_marks", app_id=app_id, first=first, end=end, most=_MOST_PREFIXES)
            sums.append([str(len(held_marks)), str(sum(row["mark"] for row in held_marks))])
        await asyncio.sleep(0)
    return json_told(200, {**head, "ranges": sums})
