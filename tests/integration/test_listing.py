"""Listing a prefix: every identifier exactly once, in order of key, whatever the names and the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import registry.store
from core.database import open_pool
from core.identifier import parse_identifier
from registry.list_filter import following
from registry.value_filling import fill_step
from tests.harness import Node, item, text_value, until
from tests.property.identifiers import suffixes


async def walked(node: Node, prefix: str, limit: int) -> list[str]:
    """All identifiers by following `next`; checks each page's form on the way."""
    found: list[str] = []
    after = ""
    for _ in range(1000):
        query = f"prefix={quote(prefix, safe='')}&limit={limit}" + (f"&after={quote(after, safe='')}" if after else "")
        page = await node.owner.get(f"/api/v1/identifiers?{query}")
        assert page.status == 200, page.body
        names = [one["identifier"] for one in page.json["items"]]
        assert len(names) <= limit
        found += names
        if page.json["next"] is None:
            return found
        assert len(names) == limit and page.json["next"] == names[-1]
        after = page.json["next"]
    raise AssertionError("the list does not end")


@pytest.mark.parametrize("limit", [1, 7, 100, 1000])
async def test_a_walk_visits_each_identifier_once_in_order_of_key(node: Node, limit: int) -> None:
    drawn: list[list[str]] = []

    @settings(
        database=None, deadline=None, max_examples=1, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(st.lists(suffixes, min_size=100, max_size=100))
    def draw(names: list[str]) -> None:
        drawn.append(names)

    draw()
    names = [*drawn[0], *(f"S{number}" for number in range(60)), "~", "\U0010fffd", "/", " "]
    # Neighbours of the prefix in the order of bytes: a sub-prefix, a longer one, and its own sibling.
    await node.operator.post("/api/v1/prefixes", {"enterprise_id": 1, "prefix": f"{node.prefix}.1"})
    await node.operator.post("/api/v1/prefixes", {"enterprise_id": 1, "prefix": f"{node.prefix}0"})
    await node.operator.post("/api/v1/prefixes", {"enterprise_id": 1, "prefix": f"{node.prefix}-"})
    others = [item(f"{node.prefix}{end}/x") for end in (".1", "0", "-")]
    batch = [item(f"{node.prefix}/{name}", "same") for name in names if "\U0010fffd" not in name]
    answer = await node.owner.post("/api/v1/identifiers:batch", {"items": batch + others})
    assert answer.json["counts"]["conflict"] == answer.json["counts"]["invalid"] == 0
    keys = {parse_identifier(one["identifier"]).key() for one in batch}
    found = await walked(node, node.prefix, limit)
    assert [parse_identifier(name).key() for name in found] == sorted(keys, key=str.encode)


async def test_an_empty_prefix_has_one_empty_page(node: Node) -> None:
    page = await node.owner.get(f"/api/v1/identifiers?prefix={node.prefix}")
    assert page.json == {"items": [], "next": None}


async def test_withdrawn_identifiers_are_listed_with_their_status(node: Node) -> None:
    await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/x"))
    await node.owner.post(f"/api/v1/identifiers/{node.prefix}/x/withdraw", {"reason": "r"})
    page = await node.owner.get(f"/api/v1/identifiers?prefix={node.prefix.lower()}")
    assert [one["status"] for one in page.json["items"]] == ["withdrawn"]


async def test_a_page_of_large_records_is_cut_and_continues(node: Node) -> None:
    values = [{"index": n, "type": "A", "data": "x" * 60_000} for n in (1, 2, 3)]
    names = [f"{node.prefix}/L{n:02d}" for n in range(60)]
    for start in range(0, 60, 20):
        items = [{"identifier": name, "values": values} for name in names[start : start + 20]]
        answer = await node.owner.post("/api/v1/identifiers:batch", {"items": items})
        assert answer.json["counts"]["created"] == 20
    page = await node.owner.get(f"/api/v1/identifiers?prefix={node.prefix}&limit=1000")
    first = [one["identifier"] for one in page.json["items"]]
    assert 30 < len(first) < 60 and page.json["next"] == first[-1] and len(page.body) < 10_000_000
    page = await node.owner.get(f"/api/v1/identifiers?prefix={node.prefix}&limit=1000&after={page.json['next']}")
    assert first + [one["identifier"] for one in page.json["items"]] == names and page.json["next"] is None


@pytest.mark.parametrize(
    ("query", "path", "slug"),
    [
        ("", "prefix", "prefix-missing"),
        ("prefix=", "prefix", "prefix-missing"),
        ("prefix=a..b", "prefix", "identifier-empty-part"),
        ("prefix=a/b", "prefix", "identifier-bad-character"),
        ("prefix={}&limit=0", "limit", "number-invalid"),
        ("prefix={}&limit=1001", "limit", "number-invalid"),
        ("prefix={}&limit=-1", "limit", "number-invalid"),
        ("prefix={}&limit=x", "limit", "number-invalid"),
        ("prefix={}&limit=%C2%B2", "limit", "number-invalid"),
        ("prefix={}&limit=0000000000019999", "limit", "number-invalid"),
        ("prefix={}&limit=000000000001" + "9" * 5000, "limit", "number-invalid"),
        ("prefix={}&after=x", "after", "identifier-no-slash"),
        ("prefix={}&after=88.118.9/x", "after", "after-differs"),
        ("prefix={}&after={}/a%00", "after", "identifier-bad-character"),
    ],
)
async def test_a_wrong_parameter_is_named(node: Node, query: str, path: str, slug: str) -> None:
    answer = await node.owner.get("/api/v1/identifiers?" + query.replace("{}", node.prefix))
    assert (answer.status, answer.json["slug"]) == (400, "parameter-invalid")
    assert [(one["path"], one["slug"]) for one in answer.json["errors"]] == [(path, slug)]


async def filled(node: Node) -> None:
    """Three templates' worth of names: 30 registered, of which some are revised and some withdrawn."""
    items = [{"index": 2001, "type": "SERIAL", "name_zh": "序列号", "name_en": "Serial"}]
    made = await node.owner.post("/api/v1/templates", {"identifier": f"{node.prefix}/META_t", "items": items})
    assert made.status == 201, made.body
    for number in range(30):
        named: dict[str, Any] = {"template": f"{node.prefix}/META_t"} if number % 3 == 0 else {}
        value = text_value(2001, "SERIAL", f"SN{number % 10}")
        one = {"identifier": f"{node.prefix}/N{number:02d}", "values": [value], **named}
        assert (await node.owner.post("/api/v1/identifiers", one)).status == 201
    for number in range(0, 30, 5):
        said = {"reason": "r"}
        assert (await node.owner.post(f"/api/v1/identifiers/{node.prefix}/N{number:02d}/withdraw", said)).status == 200


async def matching(node: Node, query: str, limit: int = 4) -> list[int]:
    """Numbers of all pages, in order; a page may be short or empty."""
    found: list[int] = []
    after = ""
    for _ in range(200):
        page = await node.owner.get(f"/api/v1/identifiers?prefix={node.prefix}&limit={limit}&{query}{after}")
        assert page.status == 200, page.body
        names = [one["identifier"].rpartition("/")[2] for one in page.json["items"]]
        assert len(names) <= limit
        found += [int(name[1:]) for name in names if not name.startswith("META_")]
        if page.json["next"] is None:
            return found
        after = f"&after={quote(page.json['next'], safe='')}"
    raise AssertionError("the list does not end")


FILTERS: dict[str, Callable[[int], bool]] = {
    "template={}/META_t": lambda n: n % 3 == 0,
    "status=withdrawn": lambda n: n % 5 == 0,
    "status=active": lambda n: n % 5 != 0,
    "status=withdrawn&template={}/META_t": lambda n: n % 15 == 0,
    "suffix_from=n10&suffix_to=N19": lambda n: 10 <= n <= 19,
    "suffix_from=N10": lambda n: n >= 10,
    "suffix_to=N09&status=active": lambda n: n <= 9 and n % 5 != 0,
    "suffix_starts=n2": lambda n: 20 <= n <= 29,
    "suffix_starts=N2&suffix_from=N25": lambda n: 25 <= n <= 29,
    "suffix_starts=Z": lambda n: False,
    "created_since=2020-01-01": lambda n: True,
    "created_before=2020-01-01": lambda n: False,
    "changed_before=2020-01-01T00:00:00Z": lambda n: False,
}


async def test_each_filter_gives_what_it_says(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    await filled(node)
    for scanned in (10_000, 3):  # the bound on rows looked at never loses or repeats one
        monkeypatch.setattr(registry.store, "SCANNED", scanned)
        for query, wanted in FILTERS.items():
            assert await matching(node, query.replace("{}", node.prefix)) == list(filter(wanted, range(30))), query


async def test_times_of_change_tell_the_changed_from_the_others(node: Node, database: str) -> None:
    await filled(node)
    connection = await asyncpg.connect(database)
    last = await connection.fetchval("SELECT created_at FROM identifier WHERE key = $1", f"{node.prefix}/N29")
    await connection.close()
    after = quote(last.isoformat(), safe="")
    assert await matching(node, f"changed_since={after}&suffix_to=N28") == list(range(0, 30, 5))
    assert await matching(node, f"created_before={after}") == list(range(29))


async def test_identifiers_are_found_by_their_value(node: Node) -> None:
    await filled(node)
    path = f"/api/v1/prefixes/{node.prefix}/value-index"
    query = "value_type=SERIAL&value=SN3"
    refused = await node.owner.get(f"/api/v1/identifiers?prefix={node.prefix}&{query}")
    assert [one["slug"] for one in refused.json["errors"]] == ["value-type-not-indexed"]
    assert (await node.owner.put(path, {"types": ["SERIAL"]})).json["state"] == "building"
    during = await node.owner.get(f"/api/v1/identifiers?prefix={node.prefix}&{query}")
    assert (during.status, during.json.get("slug")) in ((409, "value-index-not-ready"), (200, None))

    async def ready() -> bool:
        return bool((await node.owner.get(path)).json["state"] == "ready")

    await until(ready, 20)
    assert await matching(node, query, 2) == [3, 13, 23], "what was there before"
    batch = [{"identifier": f"{node.prefix}/N{n}", "values": [text_value(2001, "SERIAL", "SN3")]} for n in (40, 41)]
    await node.owner.post("/api/v1/identifiers:batch", {"items": batch})
    await node.owner.post("/api/v1/identifiers", batch[0] | {"identifier": f"{node.prefix}/N42"})
    new = {"values": [text_value(2001, "SERIAL", "SN3"), text_value(2002, "SERIAL2", "SN3")]}
    await node.owner.put(f"/api/v1/identifiers/{node.prefix}/N04", new)
    await node.owner.put(f"/api/v1/identifiers/{node.prefix}/N13", {"values": [text_value(2001, "SERIAL", "other")]})
    assert await matching(node, query, 2) == [3, 4, 23, 40, 41, 42], "written since, and without what says it no more"
    assert await matching(node, query + "&status=withdrawn") == []
    assert await matching(node, "value_type=SERIAL&value=SN5&status=withdrawn") == [5, 15, 25]
    assert await matching(node, query + "&suffix_from=N23") == [23, 40, 41, 42]
    assert (await node.owner.put(path, {"types": []})).json["state"] == "ready"
    assert (await node.owner.get(f"/api/v1/identifiers?prefix={node.prefix}&{query}")).status == 400


async def test_a_writer_that_began_before_the_wish_is_found_too(node: Node, database: str) -> None:
    """Its transaction does not know of the index, and the filling must not have passed by it."""
    connection = await asyncpg.connect(database)
    try:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(
            "INSERT INTO identifier (key, value) VALUES ($1, $2)", f"{node.prefix}/A1", b'[[1,"SERIAL","x"]]'
        )
        path = f"/api/v1/prefixes/{node.prefix}/value-index"
        await node.owner.put(path, {"types": ["SERIAL"]})
        pool = await open_pool(database, connections=1, timeout_seconds=5)
        for _ in range(3):
            await fill_step(pool)
        await pool.close()
        assert (await node.owner.get(path)).json["state"] == "building", "it waits for the writer"
        await transaction.commit()

        async def ready() -> bool:
            return bool((await node.owner.get(path)).json["state"] == "ready")

        await until(ready, 20)
        page = await node.owner.get(f"/api/v1/identifiers?prefix={node.prefix}&value_type=SERIAL&value=x")
        assert [one["identifier"] for one in page.json["items"]] == [f"{node.prefix}/A1"]
    finally:
        await connection.close()


@pytest.mark.parametrize(
    ("query", "path", "slug"),
    [
        ("status=gone", "status", "choice-unknown"),
        ("created_since=soon", "created_since", "time-invalid"),
        ("changed_before=2026-01-01T00:00:00", "changed_before", "time-invalid"),
        ("template=x", "template", "identifier-no-slash"),
        ("template=88.118.8/META_none", "template", "template-unknown"),
        ("value=x", "value_type", "parameter-missing"),
        ("suffix_starts=a%00", "suffix_starts", "identifier-bad-character"),
    ],
)
async def test_a_wrong_filter_is_named(node: Node, query: str, path: str, slug: str) -> None:
    answer = await node.owner.get(f"/api/v1/identifiers?prefix={node.prefix}&{query}")
    assert [(one["path"], one["slug"]) for one in answer.json["errors"]] == [(path, slug)]


@given(st.text(min_size=1), st.text())
def test_what_follows_a_beginning_follows_all_that_begins_so(start: str, rest: str) -> None:
    end = following(start)
    if end is None:
        assert set(start) == {"\U0010ffff"}
    else:
        assert (start + rest).encode() < end.encode() and start.encode() < end.encode()
        assert not end.startswith(start)
