"""Identifiers of other schemes: granted, registered and resolved at the same doors as those of the Handle form."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from tests.harness import Node, text_value

GTIN = "09506000134352"
CASES = {
    "gs1": ("9506000", f"01/{GTIN}/10/Lot-a", f"https://id.gs1.org/01/{GTIN}/10/Lot-a"),
    "oid": ("1.2.156.3088", "urn:oid:1.2.156.3088.5", "1.2.156.3088.5"),
    "ecode": ("10012", "ecode:1001234567", "ecode:1001234567"),
    "did:bid": ("did:bid", "did:bid:efLrPu7LNR4YwA5M1Kfx6BYb1JP7aPKp", "did:bid:efLrPu7LNR4YwA5M1Kfx6BYb1JP7aPKp"),
}


async def holder_of(node: Node) -> int:
    answer = await node.owner.get(f"/api/v1/prefixes/{node.prefix}")
    return int(answer.json["enterprise_id"])


async def grant(node: Node, scheme: str, prefix: str) -> dict[str, Any]:
    body = {"enterprise_id": await holder_of(node), "scheme": scheme, "prefix": prefix}
    answer = await node.operator.post("/api/v1/prefixes", body)
    assert answer.status in (200, 201), answer.body
    return dict(answer.json)


async def register(node: Node, identifier: str, *values: dict[str, Any]) -> str:
    body = {"identifier": identifier, "values": list(values or (text_value(1, "NOTE", "n"),))}
    answer = await node.owner.post("/api/v1/identifiers", body)
    assert answer.status == 201, answer.body
    return str(answer.json["identifier"])


@pytest.mark.parametrize("scheme", CASES)
async def test_every_scheme_is_granted_registered_listed_and_resolved(node: Node, scheme: str) -> None:
    prefix, spelled, shown = CASES[scheme]
    given = await grant(node, scheme, prefix)
    assert await register(node, spelled) == shown
    for spelling in {spelled, shown, quote(shown, safe="")}:
        for door in (
            ("/api/handles/",) if spelling.startswith("01/") else ("/api/handles/", "/")
        ):  # see test_digital_link
            answer = await node.anybody.get(door + spelling, headers={"Accept": "application/json"})
            assert (answer.status, answer.json.get("handle")) == (200, shown), (spelling, answer.body)
        own = await node.owner.get("/api/v1/identifiers/" + spelling)
        assert own.json["identifier"] == shown
    batch = await node.anybody.post("/api/v1/resolve", {"identifiers": [spelled, shown]})
    assert [one["status"] for one in batch.json["items"]] == ["found", "found"]
    page = await node.owner.get(f"/api/v1/identifiers?prefix={given['prefix']}&limit=1")
    assert [one["identifier"] for one in page.json["items"]] == [shown]
    after = await node.owner.get(f"/api/v1/identifiers?prefix={given['prefix']}&after={quote(shown, safe='')}")
    assert after.json["items"] == []


async def test_all_spellings_of_a_gtin_are_one_identifier(node: Node) -> None:
    await grant(node, "gs1", "9506000")
    shown = await register(node, "(01)09506000134352")
    for spelling in (
        "01/9506000134352",
        "https://example.com/some/way/01/09506000134352?17=271231",
        "GS1.9506000/01/09506000134352",
    ):
        again = await node.owner.post(
            "/api/v1/identifiers", {"identifier": spelling, "values": [text_value(1, "NOTE", "n")]}
        )
        assert (again.status, again.json["identifier"]) == (200, shown)


async def test_an_identifier_that_breaks_its_scheme_is_refused_with_the_reason(node: Node) -> None:
    await grant(node, "gs1", "9506000")
    for spelling, reason in (
        ("01/09506000134353", "gs1-check-digit"),
        (f"01/{GTIN}/21/S/10/L", "gs1-qualifier-order"),
        (f"01/{GTIN}/10/", "gs1-malformed"),
        ("GS1.9506000/anything", "gs1-malformed"),
        ("GS1.9506000/00/123456789012345675", "scheme-prefix-differs"),
        ("did:bid:xx", "did-bid-invalid"),
    ):
        answer = await node.owner.post(
            "/api/v1/identifiers", {"identifier": spelling, "values": [text_value(1, "NOTE", "n")]}
        )
        assert answer.status == 422, spelling
        assert [one["slug"] for one in answer.json["errors"]] == [reason], answer.body


async def test_what_is_of_no_granted_prefix_is_not_this_nodes_affair(node: Node) -> None:
    answer = await node.anybody.get("/api/handles/01/00012345600012")
    assert (answer.status, answer.json["responseCode"]) == (400, 301)


async def test_company_prefixes_never_lie_within_each_other(node: Node) -> None:
    await grant(node, "gs1", "9506000")
    enterprise = await holder_of(node)
    for prefix in ("950600", "95060001"):
        answer = await node.operator.post(
            "/api/v1/prefixes", {"enterprise_id": enterprise, "scheme": "gs1", "prefix": prefix}
        )
        assert answer.status == 409


async def test_an_arc_is_given_below_another_only_while_nothing_is_registered_there(node: Node) -> None:
    await grant(node, "oid", "1.2.156.3088")
    await register(node, "1.2.156.3088.5.1")
    enterprise = await holder_of(node)
    taken = await node.operator.post(
        "/api/v1/prefixes", {"enterprise_id": enterprise, "scheme": "oid", "prefix": "1.2.156.3088.5"}
    )
    assert taken.status == 409
    given = await grant(node, "oid", "1.2.156.3088.50")
    assert given["parent"] == "OID.1.2.156.3088"
    await register(node, "1.2.156.3088.50.1")
    page = await node.owner.get("/api/v1/identifiers?prefix=OID.1.2.156.3088.50")
    assert [one["identifier"] for one in page.json["items"]] == ["1.2.156.3088.50.1"]


async def test_values_with_escapes_are_found_whichever_way_they_were_written(node: Node) -> None:
    await grant(node, "gs1", "9506000")
    shown = await register(node, f"(01){GTIN}(21)a/b%c")
    assert shown == f"https://id.gs1.org/01/{GTIN}/21/a%2Fb%25c"
    for path in (f"01/{GTIN}/21/a%2Fb%25c", quote(shown, safe=""), quote(f"(01){GTIN}(21)a/b%c", safe="")):
        answer = await node.anybody.get(f"/api/handles/{path}")
        assert answer.json["handle"] == shown
