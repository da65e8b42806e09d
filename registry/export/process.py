"""The process of one export: `python -m registry.export.process`, the order as JSON on standard input, the file on standard output.

A process of its own, because writing millions of rows would keep a worker from answering, and its memory ends with it. The
pipe holds it back to the pace of whoever reads. Exit status 0 says that the file is whole.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sys
import threading
from collections.abc import Iterator
from typing import Any

import asyncpg
import orjson

from core.record import Record, record_from_row
from core.sqlfiles import load_sql
from core.template import Template, template_from_row
from registry.export.formats import Order, Rows, write
from registry.export.templates import template_lines

DATABASE_VARIABLE = "BIAOJIE_DATABASE_URL"
_DIRECTORY = load_sql("core", "directory.sql")
_SQL = load_sql("registry", "export.sql")
_CURSOR_ROWS = 1_000
_STATEMENT_SECONDS = 60.0
_AHEAD = 4  # pages read ahead of the writer
_Page = list[tuple[Record, Template | None]] | BaseException | None


async def export(order: Order) -> None:
    """Raises as asyncpg does, and OSError when nobody reads any more."""
    connection = await asyncpg.connect(
        os.environ[DATABASE_VARIABLE], timeout=10, command_timeout=_STATEMENT_SECONDS,
        server_settings={"application_name": "biaojie-export", "timezone": "UTC"},
    )  # fmt: skip
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        templates = [template_from_row(row) for row in await connection.fetch(_DIRECTORY["all_templates"])]
        if order.templates:
            rows = await connection.fetch(_SQL["retired_reasons"], f"{order.prefix}/", f"{order.prefix}0")
            reasons = {row["key"]: row["retired_reason"] for row in rows}
            sys.stdout.buffer.write(template_lines(templates, order.prefix, reasons))
        else:
            await _write_rows(connection, order, templates)
    sys.stdout.buffer.flush()
    connection.terminate()


async def _write_rows(connection: Any, order: Order, templates: list[Template]) -> None:
    """The writer, a thread, takes pages from a short queue that the cursor fills."""
    by_id = {template.id: template for template in templates}
    chosen = next((template for template in templates if template.key == order.template), None)
    pages: queue.Queue[_Page] = queue.Queue(_AHEAD)
    ended = threading.Event()

    def work() -> None:
        try:
            write(order, _taken(pages), chosen, sys.stdout.buffer)
        finally:
            ended.set()

    async def put(page: _Page) -> None:
        while not ended.is_set():
            try:
                pages.put_nowait(page)
            except queue.Full:
                await asyncio.sleep(0.005)
            else:
                return

    writing = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        query = _SQL["rows"], f"{order.prefix}/", f"{order.prefix}0", chosen.id if chosen else None, order.owner
        cursor = await connection.cursor(*query)
        while not ended.is_set() and (rows := await cursor.fetch(_CURSOR_ROWS)):
            await put([(record_from_row(row), by_id.get(row["template_id"])) for row in rows])
        await put(None)
    except BaseException as wrong:
        await put(wrong)
        raise
    finally:
        await writing


def _taken(pages: queue.Queue[_Page]) -> Rows:
    return (row for page in iter_pages(pages) for row in page)


def iter_pages(pages: queue.Queue[_Page]) -> Iterator[list[tuple[Record, Template | None]]]:
    """Until None; an error of who reads the database ends the file without its end."""
    while (page := pages.get()) is not None:
        if isinstance(page, BaseException):
            raise RuntimeError("the database was lost") from page
        yield page


def main() -> int:
    order = Order(**orjson.loads(sys.stdin.buffer.read()))
    try:
        asyncio.run(export(order))
    except BrokenPipeError:  # nobody wants it any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
