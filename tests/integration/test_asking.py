"""What a reader may ask beside the identifier, and what is told about a record beside its values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import orjson
import pytest

from resolver.lookup import Lookup
from tests.conftest import Servers
from tests.harness import Api, Node, at, item, settings_for, text_value, worker_here


@pytest.fixture
async def known(node: Node) -> Node:
    body = {
        "identifier": f"{node.prefix}/known",
        "values": [
            text_value(2000, "URL", "https://example.com/"),
            text_value(2001, "A", "公开"),
            text_value(2002, "B", "secret", visibility="private"),
        ],
    }
    assert (await node.owner.post("/api/v1/identifiers", body)).status == 201
    return node


def path(node: Node, name: str = "known") -> str:
    return f"/api/handles/{at(f'{node.prefix}/{name}')}"


async def test_pretty_is_the_same_answer_on_many_lines(known: Node) -> None:
    plain, pretty = await known.anybody.get(path(known)), await known.anybody.get(f"{path(known)}?pretty")
    assert b"\n" not in plain.body and pretty.body.count(b"\n") > 10 and plain.json == pretty.json


async def test_jsonp_is_refused(known: Node) -> None:
    answer = await known.anybody.get(f"{path(known)}?callback=steal")
    assert (answer.status, answer.json["errors"][0]["slug"]) == (400, "callback-refused")
    assert b"steal" not in answer.body


async def test_an_owner_may_ask_for_what_the_public_sees(known: Node) -> None:
    async def types(query: str) -> list[str]:
        return [value["type"] for value in (await known.owner.get(path(known) + query)).json["values"]]

    assert await types("") == ["URL", "A", "B"]
    assert await types("?publicOnly=true") == ["URL", "A"]
    assert await types("?publicOnly=true&type=B") == []


async def test_who_wrote_reads_what_was_written(known: Node) -> None:
    """The version of the answer to a change, sent along, passes over whatever is older."""
    await known.anybody.get(path(known))
    changed = await known.owner.call("PATCH", f"/api/v1/identifiers/{at(f'{known.prefix}/known')}", {"remove": [2001]})
    version = changed.json["version"]
    for asked in ({"headers": {"If-Version-At-Least": str(version)}}, {}):
        query = "" if asked else f"?min_version={version}"
        answer = await known.anybody.get(path(known) + query, **asked)
        assert answer.headers["ETag"] == f'"{version}"'
    ahead = await known.anybody.get(f"{path(known)}?min_version={version + 1}")
    assert (ahead.status, ahead.json["slug"], ahead.json["version"]) == (412, "version-not-reached", version)
    for wrong in ("0", "x", "99999999999"):
        assert (await known.anybody.get(f"{path(known)}?min_version={wrong}")).status == 400
    assert (await known.anybody.get(f"{path(known, 'none')}?min_version=1")).status == 404


async def test_a_batch_too_shows_what_was_written(known: Node) -> None:
    """What is older than asked for is said for each, and costs the others nothing."""
    one, two = f"{known.prefix}/known", f"{known.prefix}/two"
    assert (await known.owner.post("/api/v1/identifiers", item(two))).status == 201
    asked = [one, two, f"{known.prefix}/none"]
    await known.anybody.post("/api/v1/resolve", asked)
    changed = await known.owner.call("PATCH", f"/api/v1/identifiers/{at(one)}", {"remove": [2001]})
    assert changed.json["version"] == 2
    header = {"If-Version-At-Least": "2"}
    whole = await known.anybody.call("POST", "/api/v1/resolve?min_version=2", asked)
    lines = await known.anybody.call(
        "POST",
        "/api/v1/resolve",
        raw="\n".join(asked).encode(),
        headers=header | {"Content-Type": "application/x-ndjson"},
    )
    for items in (whole.json["items"], [orjson.loads(line) for line in lines.body.splitlines()][:-1]):
        assert [told["status"] for told in items] == ["found", "version-not-reached", "unknown"]
        assert [value["type"] for value in items[0]["values"]] == ["URL"]
    assert (await known.anybody.call("POST", "/api/v1/resolve?min_version=x", asked)).status == 400


async def test_past_every_cache_goes_for_what_an_alias_stands_for_too(known: Node) -> None:
    alias = {"identifier": f"{known.prefix}/alias", "values": [text_value(1, "HS_ALIAS", f"{known.prefix}/known")]}
    assert (await known.owner.post("/api/v1/identifiers", alias)).status == 201
    for _ in range(2):
        await known.anybody.get(path(known, "alias"))
    assert (await known.anybody.get(f"{path(known, 'alias')}?explain")).json["answered_by"] == "memory"
    told = (await known.anybody.get(f"{path(known, 'alias')}?explain&auth=true")).json
    assert (told["answered_by"], told["aliases"], told["age_seconds"]) == ("postgresql", [f"{known.prefix}/alias"], 0.0)
    database = await asyncpg.connect(known.settings.database_url.get_secret_value())
    changed = "UPDATE identifier SET version = 7 WHERE key = $1"  # and nobody is told
    assert await database.execute(changed, f"{known.prefix}/KNOWN") == "UPDATE 1"
    await database.close()
    assert (await known.anybody.get(path(known, "alias"))).headers["ETag"] == '"1.1"'
    assert (await known.anybody.get(f"{path(known, 'alias')}?auth=true")).headers["ETag"] == '"7.1"'


async def test_explain_tells_the_tier_and_the_rule_and_no_value(known: Node) -> None:
    address = f"/{at(f'{known.prefix}/known')}"
    first = (await known.anybody.get(f"{path(known)}?explain&auth=true")).json
    assert first["answered_by"] == "postgresql" and first["version"] == 1
    second = (await known.anybody.get(f"{path(known)}?explain")).json
    assert second["answered_by"] == "memory" and second["representation"]["rule"] == "handle-json"
    for accept, rule in (
        ("*/*", "url-value"),
        ("application/json", "accept-json"),
        ("text/html", "url-value"),
    ):
        answer = await known.anybody.get(f"{address}?explain", headers={"Accept": accept})
        assert answer.json["representation"]["rule"] == rule, accept
        assert "secret" not in answer.body.decode() and "公开" not in answer.body.decode()
    html = await known.anybody.get(f"{address}?explain&noredirect", headers={"Accept": "text/html"})
    assert html.json["representation"]["rule"] == "accept-html"


async def test_info_tells_whose_it_is_and_no_value(known: Node) -> None:
    answer = await known.owner.get(f"{path(known)}?info")
    told = answer.json
    assert told["identifier"] == f"{known.prefix}/known" and told["status"] == "active" and told["template"] is None
    assert told["prefix"] == {"prefix": known.prefix, "suspended": False} and told["registered_by"]["name"]
    assert "secret" not in answer.body.decode() and "公开" not in answer.body.decode()
    gone = f"/api/v1/identifiers/{at(f'{known.prefix}/known')}/withdraw"
    await known.owner.post(gone, {"reason": "换代", "successor": f"{known.prefix}/next"})
    told = (await known.anybody.get(f"/{at(f'{known.prefix}/known')}?info", headers={"Accept": "text/html"})).json
    assert told["status"] == "withdrawn" and told["withdrawn"]["successor"] == f"{known.prefix}/next"


async def test_head_is_get_without_a_body(known: Node) -> None:
    for address in (path(known), f"/{at(f'{known.prefix}/known')}", path(known, "none")):
        get, head = await known.anybody.get(address), await known.anybody.call("HEAD", address)
        assert head.status == get.status and head.body == b""
        for name in ("ETag", "Content-Type", "Location", "Cache-Control"):
            assert head.headers.get(name) == get.headers.get(name)


async def test_scripts_of_other_sites_may_ask_and_read_refusals(known: Node) -> None:
    for address in (path(known), "/api/v1/resolve", f"/{known.prefix}/known"):
        allowed = await known.anybody.call("OPTIONS", address, headers={"Origin": "https://example.com"})
        assert allowed.status == 204 and "Authorization" in allowed.headers["Access-Control-Allow-Headers"]
    for address in (path(known), path(known, "none"), "/api/handles/99.1/x", f"{path(known)}?index=x"):
        assert (await known.anybody.get(address)).headers["Access-Control-Allow-Origin"] == "*"


async def test_lines_in_lines_out_in_order_without_end(known: Node) -> None:
    count = 2_600
    names = [f"{known.prefix}/{'known' if number % 3 else f'none-{number}'}" for number in range(count)]
    lines = [orjson.dumps(name) if number % 2 else name.encode() for number, name in enumerate(names)]
    lines[7:9] = [b"no slash", b"\xff\xfe", b"", b"x" * 5_000]
    answer = await known.anybody.post(
        "/api/v1/resolve", raw=b"\r\n".join(lines), headers={"Content-Type": "application/x-ndjson"}
    )
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/x-ndjson"
    *said, summary = [orjson.loads(line) for line in answer.body.splitlines()]
    assert summary == {"summary": {"lines": count + 1}}
    assert [one["status"] for one in said[7:10]] == ["malformed"] * 3
    del said[7:10], names[7:9]
    assert [one["identifier"] for one in said] == names
    assert {one["status"] for one in said} == {"found", "unknown"}


async def test_a_batch_of_lines_shows_each_reader_its_own(known: Node) -> None:
    for api, types in ((known.anybody, {"URL", "A"}), (known.owner, {"URL", "A", "B"})):
        answer = await api.post(
            "/api/v1/resolve", raw=f"{known.prefix}/known".encode(), headers={"Content-Type": "application/x-ndjson"}
        )
        assert {value["type"] for value in orjson.loads(answer.body.splitlines()[0])["values"]} == types


async def test_a_batch_from_memory_says_what_the_first_one_said(known: Node) -> None:
    """The second time items lie ready; spelled otherwise they are looked up; a withdrawal ends it, and a key sees its own."""
    name = f"{known.prefix}/KNOWN-again"
    registered = await known.owner.post("/api/v1/identifiers", item(name))
    assert registered.status == 201
    asked = {"identifiers": [name.upper(), name, f"{known.prefix}/none", "no slash", name.upper()]}
    first = await known.anybody.post("/api/v1/resolve", asked)
    second = await known.anybody.post("/api/v1/resolve", asked)
    assert first.body == second.body
    told = first.json["items"]
    assert [one["status"] for one in told] == ["found", "found", "unknown", "malformed", "found"]
    assert told[0] | {"identifier": name} == told[1] and told[0] == told[4]
    await known.owner.post(f"/api/v1/identifiers/{at(name)}/withdraw", {"reason": "换代"})
    gone = (await known.anybody.post("/api/v1/resolve", asked)).json["items"]
    assert [one["status"] for one in gone] == ["withdrawn", "withdrawn", "unknown", "malformed", "withdrawn"]


async def test_item_is_counted_with_its_versions(node: Node) -> None:
    """`min_version` on a node that has only the first version is no reason to look further than memory."""
    await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/one"))
    await node.anybody.get(path(node, "one"))
    assert (await node.anybody.get(f"{path(node, 'one')}?min_version=1&explain")).json["answered_by"] == "memory"


async def test_a_name_known_to_be_unknown_is_not_looked_up_again(
    database: str, servers: Servers, session: aiohttp.ClientSession, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[str] = []
    find_soon = Lookup.find_soon

    def counted(lookup: Lookup, key: str, told: Any) -> None:
        looked_up.append(key)
        find_soon(lookup, key, told)

    monkeypatch.setattr(Lookup, "find_soon", counted)
    settings = settings_for(database, servers.redis_url, data_dir=scratch, negative_ttl_milliseconds=2_000)
    async with worker_here(settings) as base_url:
        anybody = Api(base_url, session)
        for _ in range(5):
            for address in ("/api/handles/88.118.8/NOBODY", "/88.118.8/NOBODY"):
                assert (await anybody.get(address, headers={"Accept": "*/*"})).status == 404
    assert looked_up == ["88.118.8/NOBODY"]
