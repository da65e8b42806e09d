"""Listing a prefix: every identifier exactly once, in order of key, whatever the names and the page."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from core.identifier import parse_identifier
from tests.harness import Node, item
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
