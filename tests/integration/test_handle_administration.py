"""Administration by Handle clients over HTTP JSON: permissions bit by bit, one record behind all doors, nothing for strangers."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from core.handle.authority import Power
from tests.conftest import Servers, fresh_database
from tests.handle_caller import ADMIN, PREFIX, admin_value, administer, basic, call
from tests.harness import Api, Node, at, item, settings_for, take_aboard, text_value, worker_here

RECORD = f"/api/handles/{at('0.NA/' + PREFIX)}"
JSON = {"Content-Type": "application/json"}
BITS = list(Power)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared(servers: Servers, scratch: Path) -> AsyncIterator[Node]:
    """The same, one for all tests that do not mind the others."""
    async with fresh_database(servers) as database, aiohttp.ClientSession() as session:
        settings = settings_for(database, servers.redis_url, data_dir=scratch)
        await administer(settings, ADMIN)
        async with worker_here(settings) as base_url:
            yield await take_aboard(settings, Api(base_url, session))


async def test_each_permission_opens_its_own_calls_and_no_other(shared: Node) -> None:
    """A table: one administrator for each bit, each call tried by each."""
    keys = [{"index": 401 + n, "type": "HS_SECKEY", "data": f"key {n}"} for n in range(len(BITS))]
    admins = [admin_value(1001 + n, 401 + n, bit) for n, bit in enumerate(BITS)]
    made = await call(shared, "PUT", f"{at('0.NA/' + PREFIX)}?index=various", [*keys, *admins])
    assert made.status == 201, made.body
    values = [text_value(1, "A", "a"), text_value(2, "B", "b"), text_value(3, "C", "c", permissions="1100")]
    values += [*admins, admin_value(100, 999, 1)]
    whole = [text_value(1, "A", "a")]
    table: list[tuple[Power, str, str, Any]] = [
        (Power.ADD_HANDLE, "PUT", "new-{n}", whole),
        (Power.DELETE_HANDLE, "DELETE", "{n}", None),
        (Power.MODIFY_VALUE, "PUT", "{n}?index=1", [text_value(1, "A", "other")]),
        (Power.REMOVE_VALUE, "DELETE", "{n}?index=2", None),
        (Power.ADD_VALUE, "PUT", "{n}?index=various", [text_value(5, "E", "e")]),
        (Power.MODIFY_ADMIN, "PUT", "{n}?index=100", [admin_value(100, 999, 2)]),
        (Power.REMOVE_ADMIN, "DELETE", "{n}?index=100", None),
        (Power.ADD_ADMIN, "PUT", "{n}?index=101", [admin_value(101, 999, 1)]),
    ]
    wrong, number = [], 0
    items = [item(f"{PREFIX}/{n}") | {"values": values} for n in range(len(table) * len(BITS) + 20)]
    assert (await shared.operator.post("/api/v1/identifiers:batch", {"items": items})).json["counts"]["created"]
    for needed, method, path, body in table:
        for n, bit in enumerate(BITS):
            number += 1
            who = f"{401 + n}:0.NA/{PREFIX}"
            answer = await call(shared, method, at(f"{PREFIX}/") + path.format(n=number), body, who, f"key {n}")
            if (answer.status < 300) != (bit == needed) or (
                answer.status >= 300 and answer.json["responseCode"] != 401
            ):
                wrong.append((method, path, bit.name, answer.status, answer.body))
    for n, bit in enumerate(BITS):
        who = basic(f"{401 + n}:0.NA/{PREFIX}", f"key {n}")
        read = await shared.anybody.get(f"/api/handles/{at(PREFIX + '/0')}?index=3", headers=who)
        if (read.json["responseCode"] == 1) != (bit == Power.AUTHORISED_READ):
            wrong.append(("read", "", bit.name, read.status, read.body))
        for root in ("", "0.NA/", "0.na/"):
            listed = await shared.anybody.get(f"/api/handles?prefix={root}{PREFIX}", headers=who)
            if (listed.status == 200) != (bit == Power.LIST_HANDLES):
                wrong.append(("list", root, bit.name, listed.status, listed.body))
    assert not wrong


async def test_values_closed_to_administrators_and_replacing_by_difference(shared: Node) -> None:
    name = at(f"{PREFIX}/closed")
    values = [text_value(1, "A", "a"), text_value(2, "B", "b", permissions="1010")]
    assert (await call(shared, "PUT", name, {"values": values})).status == 201
    assert (await call(shared, "PUT", f"{name}?index=2", [text_value(2, "B", "x")])).json["responseCode"] == 401
    assert (await call(shared, "DELETE", f"{name}?index=2")).status == 403
    replaced = await call(shared, "PUT", name, {"values": [text_value(1, "A", "new"), values[1]]})
    assert replaced.status == 200, "what is closed stays as it is"
    assert (await call(shared, "PUT", name, {"values": [text_value(1, "A", "b")]})).status == 403


async def test_strangers_cannot_tell_what_is_there(shared: Node) -> None:
    """Neither without credentials, nor with wrong ones, nor as an administrator of another prefix."""
    await administer(shared.settings, "300:0.NA/20.500.99999", "other")
    there, nothing = f"{PREFIX}/secret-name", f"{PREFIX}/secret-none"
    assert (await call(shared, "PUT", at(there), {"values": [text_value(1, "A", "a")]})).status == 201
    callers = [
        JSON,
        basic(ADMIN, "wrong"),
        basic("302:0.NA/20.500.12345"),
        basic("300:0.NA/20.500.99999", "other"),
        JSON | {"Authorization": "Basic ???"},
        JSON | {"Authorization": 'Handle version="0", sessionId="none"'},
    ]
    one = [text_value(1, "A", "a")]
    for headers in callers:
        for method, more, body in (
            ("PUT", "?overwrite=false", one),
            ("PUT", "", one),
            ("PUT", "?index=various", one),
            ("PUT", "?index=1&overwrite=false", one),
            ("PUT", "?mintNewSuffix=true", one),
            ("DELETE", "", None),
            ("DELETE", "?index=1", None),
        ):
            told = []
            for name in (there, nothing):
                answer = await shared.anybody.call(method, f"/api/handles/{at(name)}{more}", body, headers=headers)
                assert answer.status in (401, 403), (headers, method, more, answer.body)
                text = answer.body.decode().replace(name, "").replace(answer.json["request_id"], "")
                told.append((answer.status, answer.headers.get("WWW-Authenticate"), text))
            assert told[0] == told[1], (headers, method, more)


async def test_one_record_behind_all_doors(shared: Node) -> None:
    """Made by a Handle client and revised over REST, and the reverse; binary data, partners and templates included."""
    binary = {
        "index": 7,
        "type": "BLOB",
        "data": {"format": "base64", "value": base64.b64encode(bytes(range(256))).decode()},
    }
    values = [text_value(1, "A", "a", ttl=60), binary, admin_value(100, 301, 0xFFF)]
    name = f"{PREFIX}/Both"
    assert (await call(shared, "PUT", at(name), {"values": values, "handle": name})).status == 201
    read = await shared.operator.get(f"/api/v1/identifiers/{at(name)}")
    assert [value["data"] for value in read.json["values"]] == [value["data"] for value in values]
    revised = {"values": [text_value(1, "A", "by REST"), text_value(2, "P", "x", visibility="partners"), binary]}
    answer = await shared.operator.put(f"/api/v1/identifiers/{at(name)}", revised)
    assert answer.status == 200 and answer.json["version"] == 2
    again = [text_value(2, "P", "by Handle", permissions="1100"), text_value(3, "Q", "q")]
    assert (await call(shared, "PUT", f"{at(name)}?index=various", again)).status == 200
    held = (await shared.operator.get(f"/api/v1/identifiers/{at(name)}")).json
    shown = {value["index"]: value for value in held["values"]}
    assert shown[2]["visibility"] == "partners" and shown[2]["data"]["value"] == "by Handle"
    assert shown[7]["data"] == binary["data"] and held["version"] == 3
    history = (await shared.operator.get(f"/api/v1/history/{at(name)}")).json["items"]
    audit = (await shared.operator.get("/api/v1/audit?limit=50")).json["items"]
    assert len(history) >= 2 and any(entry["action"] == "register" for entry in audit)
    open_ = [value["index"] for value in (await shared.anybody.get(f"/api/handles/{at(name)}")).json["values"]]
    assert open_ == [1, 3, 7]


async def test_a_deleted_record_is_withdrawn_and_comes_back_as_a_new_version(shared: Node) -> None:
    name, one = f"{PREFIX}/again", {"values": [text_value(1, "A", "a")]}
    assert (await call(shared, "PUT", at(name), one)).status == 201
    assert (await call(shared, "DELETE", at(name))).json == {"responseCode": 1, "handle": name}
    gone = await shared.anybody.get(f"/api/handles/{at(name)}")
    assert gone.status == 410 and gone.json["withdrawn"]["reason"] == "Handle 删除"
    assert (await call(shared, "DELETE", at(name))).json["responseCode"] == 100
    assert (await call(shared, "PUT", f"{at(name)}?overwrite=false", one)).status == 201
    assert (await shared.operator.get(f"/api/v1/identifiers/{at(name)}")).json["version"] == 3
    recalled = {"reason": "recall"}
    assert (await shared.operator.post(f"/api/v1/identifiers/{at(name)}/withdraw", recalled)).status == 200
    refused = await call(shared, "PUT", at(name), one)
    assert (refused.status, refused.json["responseCode"]) == (409, 101), (
        "a recall is not taken back by sending it again"
    )


async def test_bodies_codes_and_statuses(shared: Node) -> None:
    name, one = at(f"{PREFIX}/codes"), text_value(1, "A", "a")
    for body, number in (
        ({"values": [one]}, 201),
        ([one], 200),
        (one, 200),
        ({"handle": f"{PREFIX}/CODES", "values": [one]}, 200),
    ):
        assert (await call(shared, "PUT", name, body)).status == number, body
    assert (await call(shared, "PUT", f"{name}?index=2", [{"index": 2, "type": "B", "data": "bare"}])).status == 201
    wrong = [
        ("PUT", f"{name}?overwrite=false", [one], 409, 101),
        ("PUT", f"{name}?index=2&overwrite=false", [text_value(2, "B", "b")], 409, 201),
        ("PUT", f"{name}?index=2", [one], 400, 202),
        ("PUT", name, {"handle": f"{PREFIX}/other", "values": [one]}, 400, 202),
        ("PUT", name, {"values": [{"index": 0, "type": "", "data": 5}]}, 400, 202),
        ("PUT", f"{name}?index=x", [one], 400, 4),
        ("PUT", at(f"{PREFIX}/none") + "?index=various", [one], 404, 100),
        ("DELETE", f"{name}?index=9", None, 400, 200),
        ("PUT", at("99.1/x"), [one], 400, 301),
        ("PUT", at("no-slash"), [one], 400, 102),
    ]
    for method, path, body, status, code in wrong:
        answer = await call(shared, method, path, body)
        assert (answer.status, answer.json["responseCode"]) == (status, code), (method, path, answer.body)
    headers = basic(ADMIN) | {"Content-Type": "text/plain"}
    answer = await shared.anybody.call("PUT", f"/api/handles/{name}", [one], headers=headers)
    assert (answer.status, answer.json["responseCode"]) == (400, 4)
    for asked, beginning in (("/lot-", "/lot-"), ("/", "/"), ("", "/")):
        minted = await call(shared, "PUT", f"{at(PREFIX + asked)}?mintNewSuffix=true", {"values": [one]})
        assert minted.status == 201 and minted.json["handle"].startswith(PREFIX + beginning)
        assert len(minted.json["handle"]) == len(PREFIX + beginning) + 36
    unmade = await call(shared, "PUT", f"{at(PREFIX + '/%')}?mintNewSuffix=true".replace("%25", "%"), {"values": [one]})
    assert (unmade.status, unmade.json["responseCode"]) == (400, 102)


async def test_names_are_listed_in_pages_or_all_at_once(shared: Node) -> None:
    """Who names no page is told all, or that they are too many: never some of them as if that were all."""
    who, names = basic(ADMIN), [f"{PREFIX}/list-{number:03}" for number in range(5)]
    made = await shared.operator.post("/api/v1/identifiers:batch", {"items": [item(name) for name in names]})
    assert made.json["counts"]["created"] == 5

    async def listed(query: str) -> Any:
        return (await shared.anybody.get(f"/api/handles{query}", headers=who)).json

    everything = await listed(f"?prefix={PREFIX}")
    assert set(names) <= set(everything["handles"]) and everything["totalCount"] == str(len(everything["handles"]))
    assert everything.keys() == {"responseCode", "prefix", "totalCount", "handles"}
    for query in (
        f"/?prefix={PREFIX}",
        f"/?prefix={PREFIX}&page=-1&pageSize=-1",
        f"?prefix={PREFIX}&pageSize=2&page=-1",
    ):
        assert await listed(query) == everything, query
    assert (await listed(f"/?prefix={PREFIX}&page=1&pageSize=2"))["handles"] == everything["handles"][2:4]
    assert (await listed(f"?prefix={PREFIX}&pageSize=0"))["handles"] == []
    for query in ("page=x", "pageSize=1001", "pageSize=--1", "page=-1x&pageSize=1"):
        assert (await listed(f"?prefix={PREFIX}&{query}"))["responseCode"] == 4, query
    assert (await shared.anybody.call("HEAD", f"/api/handles?prefix={PREFIX}", headers=who)).status == 200


async def test_prefixes_are_listed_in_pages_too(shared: Node) -> None:
    everything = (await shared.anybody.get("/api/prefixes")).json["prefixes"]
    assert len(everything) > 2
    pages = [(await shared.anybody.get(f"/api/prefixes?page={page}&pageSize=2")).json for page in (0, 1)]
    assert [one["prefixes"] for one in pages] == [everything[:2], everything[2:4]]
    assert {one["totalCount"] for one in pages} == {str(len(everything))}
    assert (await shared.anybody.get("/api/prefixes?page=-1&pageSize=-1")).json["prefixes"] == everything
    assert (await shared.anybody.get("/api/prefixes?pageSize=x")).status == 400


async def test_too_many_names_are_asked_for_page_by_page(shared: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.handle.doors.COUNTED", 3)
    names = [item(f"{PREFIX}/many-{number}") for number in range(4)]
    await shared.operator.post("/api/v1/identifiers:batch", {"items": names})
    refused = await shared.anybody.get(f"/api/handles?prefix={PREFIX}", headers=basic(ADMIN))
    assert (refused.status, refused.json["errors"][0]["slug"]) == (400, "page-needed")
    paged = await shared.anybody.get(f"/api/handles?prefix={PREFIX}&page=0&pageSize=2", headers=basic(ADMIN))
    assert len(paged.json["handles"]) == 2


async def test_what_is_served_elsewhere_is_not_said_to_exist(shared: Node) -> None:
    """101 would be success to a client that registers once more after a timeout."""
    await administer(shared.settings, "300:0.NA/20.500.77777", "other")
    who, own = basic("300:0.NA/20.500.77777", "other"), {"hosting": "own-node", "service": "20.500.1/service"}
    assert (await shared.operator.put("/api/v1/prefixes/20.500.77777/hosting", own)).status == 200
    for method, body in (("PUT", [text_value(1, "A", "a")]), ("DELETE", None)):
        answer = await shared.anybody.call(method, f"/api/handles/{at('20.500.77777/x')}", body, headers=who)
        if method == "DELETE":
            assert answer.json["responseCode"] == 100, "nothing is there"
        else:
            assert (answer.status, answer.json["responseCode"]) == (400, 301), answer.body


async def test_who_reads_with_a_wrong_secret_is_told_the_code_of_it(shared: Node) -> None:
    for who, code in (
        (basic(ADMIN, "wrong"), 403),
        (basic("399:0.NA/20.500.12345"), 400),
        ({"Authorization": "Handle x"}, 402),
    ):
        answer = await shared.anybody.get(f"/api/handles/{at('0.NA/' + PREFIX)}", headers=who)
        assert (answer.status, answer.json["responseCode"]) == (401, code)
        assert answer.headers["Access-Control-Allow-Origin"] == "*", "scripts of other sites read it"


async def test_scripts_of_other_sites_may_administer(shared: Node) -> None:
    for path in ("handles", "handles/", f"handles/{PREFIX}/x", "sessions", "sessions/", "sessions/this", "prefixes"):
        allowed = await shared.anybody.call("OPTIONS", f"/api/{path}", headers={"Origin": "https://example.com"})
        assert allowed.status == 204 and "Authorization" in allowed.headers["Access-Control-Allow-Headers"], path


async def test_changes_at_once_are_judged_one_after_another(shared: Node) -> None:
    name = at(f"{PREFIX}/busy")
    await call(shared, "PUT", name, [text_value(1, "A", "a")])
    some = [call(shared, "PUT", f"{name}?index={index}", [text_value(index, "B", "b")]) for index in range(2, 6)]
    answers = await asyncio.gather(*some)
    assert {answer.status for answer in answers} <= {201, 503}
    held = (await shared.anybody.get(f"/api/handles/{name}?auth=true")).json["values"]
    assert len(held) == 1 + sum(answer.status == 201 for answer in answers)


async def test_the_place_of_prefix_records_is_given_to_nobody(shared: Node) -> None:
    refused = await shared.operator.post("/api/v1/prefixes", {"enterprise_id": 1, "prefix": "0.na"})
    assert refused.status == 422 and refused.json["errors"][0]["slug"] == "prefix-reserved"
    key = await shared.operator.put(
        f"/api/v1/identifiers/{at('0.NA/' + PREFIX)}", {"values": [text_value(1, "A", "a")]}
    )
    assert key.status in (403, 404)


async def test_a_secret_in_any_record_makes_an_administrator_where_hs_admin_names_it(shared: Node) -> None:
    """Groups are followed; who is named by a record of another enterprise acts in that one's name."""
    who = f"{shared.prefix}/robot"
    made = await shared.owner.post("/api/v1/identifiers", {"identifier": who, "values": [
        {"index": 300, "type": "HS_SECKEY", "data": "robot's"},
        {"index": 200, "type": "HS_VLIST", "data": {"format": "vlist", "value": [{"handle": who, "index": 300}]}},
    ]})  # fmt: skip
    assert made.status == 201, made.body
    one = [text_value(1, "A", "a"), admin_value(100, 200, 0x010, who)]
    name = at(f"{PREFIX}/by-robot")
    assert (await call(shared, "PUT", name, {"values": one})).status == 201
    robot = f"300:{who}"
    assert (await call(shared, "PUT", f"{name}?index=1", [text_value(1, "A", "b")], robot, "robot's")).status == 200
    assert (await call(shared, "PUT", f"{name}?index=2", [text_value(2, "A", "b")], robot, "robot's")).status == 403
    keys = (await shared.operator.get("/api/v1/keys?limit=100")).json["items"]
    mine = [key for key in keys if key["label"] == robot]
    assert len(mine) == 1 and mine[0]["role"] == "writer"
    revoked = await shared.operator.call("DELETE", f"/api/v1/keys/{mine[0]['key_id']}")
    assert revoked.status == 200
    after = await call(shared, "PUT", f"{name}?index=1", [text_value(1, "A", "c")], robot, "robot's")
    assert after.status == 401 and after.json["slug"] == "credential-wrong"
    await shared.owner.post(f"/api/v1/identifiers/{at(who)}/withdraw", {"reason": "lost"})
    assert (await call(shared, "PUT", f"{name}?index=1", [text_value(1, "A", "c")], robot, "robot's")).json[
        "responseCode"
    ] == 400
