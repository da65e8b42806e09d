"""The HTTP door of the registry: leases of ranges of suffixes, for lines that print without a network."""

from __future__ import annotations

import csv
import io
from itertools import islice

from aiohttp import web

from core.errors import LeaseUnknown
from core.web import json_answer, now, read_object, whole_number
from registry.doors import caller
from registry.leasing.formula import stored_formula
from registry.leasing.ranges import numbers
from registry.leasing.rows import Lease
from registry.leasing.wishes import LEASE_MEMBERS, REPORT_MEMBERS
from registry.verbs.open_lease import open_lease
from registry.verbs.read import DEFAULT_PAGE, MAX_PAGE
from registry.verbs.read_leases import MAX_ID, find_lease, lease_view, list_leases
from registry.verbs.report_lease import report_lease, return_lease

LEASES_PATH = "/api/v1/leases"
_LINES_AT_ONCE = 1_000


def add_routes(app: web.Application) -> None:
    app.router.add_post(LEASES_PATH, post_lease)
    app.router.add_get(LEASES_PATH, get_leases)
    app.router.add_get(LEASES_PATH + "/{id}", get_lease)
    app.router.add_get(LEASES_PATH + "/{id}/suffixes", get_suffixes)
    app.router.add_post(LEASES_PATH + "/{id}:report", post_report)
    app.router.add_post(LEASES_PATH + "/{id}:return", post_return)


async def post_lease(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    body = await read_object(request, LEASE_MEMBERS)
    made = await open_lease(registry, principal, origin, body, now())
    return json_answer(lease_view(registry, made), status=201, headers={"Location": f"{LEASES_PATH}/{made.id}"})


async def get_leases(request: web.Request) -> web.Response:
    registry, principal, _ = await caller(request)
    limit = whole_number(request, "limit", default=DEFAULT_PAGE, least=1, most=MAX_PAGE)
    before = whole_number(request, "before", default=0, least=0, most=MAX_ID)
    found = await list_leases(registry, principal, request.query, before, limit)
    items = [lease_view(registry, one, whole=False) for one in found]
    return json_answer({"items": items, "next": found[-1].id if len(found) == limit else None})


async def get_lease(request: web.Request) -> web.Response:
    registry, principal, _ = await caller(request)
    return json_answer(lease_view(registry, await find_lease(registry, principal, _id(request))))


async def get_suffixes(request: web.Request) -> web.StreamResponse:
    """One a line; `format=csv` with number and whole identifier."""
    registry, principal, _ = await caller(request)
    lease = await find_lease(registry, principal, _id(request))
    as_csv = request.query.get("format") == "csv"
    answer = web.StreamResponse(headers={"Cache-Control": "private, no-cache"})
    answer.content_type, answer.charset = "text/csv" if as_csv else "text/plain", "utf-8"
    await answer.prepare(request)
    if as_csv:
        await answer.write(b"number,suffix,identifier\r\n")
    left = numbers(lease.granted)
    while some := list(islice(left, _LINES_AT_ONCE)):
        await answer.write(_lines(lease, some, as_csv=as_csv).encode())
    await answer.write_eof()
    return answer


async def post_report(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    body = await read_object(request, REPORT_MEMBERS)
    lease, report = await report_lease(registry, principal, origin, _id(request), body, now())
    counts = dict.fromkeys(("created", "unchanged", "conflict", "invalid"), 0) | report.counts
    return json_answer(
        {"counts": counts, "problems": report.problems, "lease": lease_view(registry, lease, whole=False)}
    )


async def post_return(request: web.Request) -> web.Response:
    registry, principal, origin = await caller(request)
    return json_answer(lease_view(registry, await return_lease(registry, principal, origin, _id(request))))


def _lines(lease: Lease, some: list[int], *, as_csv: bool) -> str:
    formula = stored_formula(lease.pattern, lease.day)
    text = io.StringIO(newline="")
    if not as_csv:
        return "".join(f"{formula.suffix(number)}\n" for number in some)
    made = ((number, formula.suffix(number)) for number in some)
    csv.writer(text).writerows((number, suffix, f"{lease.prefix_shown}/{suffix}") for number, suffix in made)
    return text.getvalue()


def _id(request: web.Request) -> int:
    text = request.match_info["id"]
    if text.isascii() and text.isdigit() and len(text) < 20:
        return int(text)
    raise LeaseUnknown()
