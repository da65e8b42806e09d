"""Prefixes and their administrators, by Handle clients over HTTP JSON: records of prefixes, lists, secrets, limits, homing."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, cast

import asyncpg
import pytest

from core.database import open_pool
from core.directory import Directory
from core.errors import AdministratorNotAllowed
from core.handle.administration import Acting
from core.handle.bodies import Resolve, decode_valued
from core.handle.codes import Flag, Op
from core.sealing import Vault, new_key, parse_keys
from node.handle_client import HandleConnection, request
from node.personal_data import rotate
from registry.handle.administration import HandleAdministration
from registry.handle.prefix_records import secret_place
from registry.room import Registry
from tests.handle_caller import ADMIN, PREFIX, SECRET, admin_value, administer, basic, call
from tests.harness import Node, at, text_value, until

RECORD = f"/api/handles/{at('0.NA/' + PREFIX)}"


@pytest.fixture
async def handled(node: Node) -> Node:
    """A node with the foreign prefix, whose administrator may do everything."""
    await administer(node.settings, ADMIN)

    async def known() -> bool:
        return (await node.anybody.get(RECORD)).status == 200

    await until(known, 5)
    return node


async def test_many_at_once_are_not_taken_for_guessers(handled: Node) -> None:
    names = [at(f"{PREFIX}/at-once-{number}") for number in range(60)]
    answers = await asyncio.gather(*(call(handled, "PUT", name, [text_value(1, "A", "a")]) for name in names))
    assert {answer.status for answer in answers} == {201}


async def test_the_record_of_a_prefix_below_is_made_by_who_may_add_prefixes(handled: Node) -> None:
    whose = (await handled.operator.get(f"/api/v1/prefixes/{PREFIX}")).json["enterprise_id"]
    for number, enterprise in ((1, whose), (2, 1)):
        wish = {"enterprise_id": enterprise, "prefix": f"{PREFIX}.{number}"}
        assert (await handled.operator.post("/api/v1/prefixes", wish)).status == 201
    below = at(f"0.NA/{PREFIX}.1")
    one = [admin_value(100, 301, 0xFFF)]
    assert (await call(handled, "PUT", f"{below}?index=various", one)).status == 404
    assert (await call(handled, "PUT", below, one)).status == 201
    assert (await call(handled, "PUT", at(f"{PREFIX}.1/x"), [text_value(1, "A", "a")])).status == 201
    assert (await call(handled, "PUT", at(f"0.NA/{PREFIX}.2"), one)).status == 403, "it is another enterprise's"
    assert (await call(handled, "PUT", at(f"0.NA/{PREFIX}.3"), one)).json["responseCode"] == 301
    assert (await call(handled, "DELETE", below)).status == 403


async def test_clients_find_this_node_by_the_record_of_the_prefix(handled: Node) -> None:
    """Its HS_SITE is told beside what the record says, until the record names a site or a service itself."""
    asked = request(Op.RESOLVE, Resolve(f"0.NA/{PREFIX}").encode(), flags=Flag.PUBL)
    async with HandleConnection("127.0.0.1", handled.settings.handle_port) as connection:
        [answer] = await connection.ask(asked)
        assert [value.type for value in decode_valued(answer.body).values] == ["HS_SITE", "HS_ADMIN", "HS_VLIST"]
        named = {"index": 3, "type": "HS_SERV", "data": f"{PREFIX}/service"}
        assert (await call(handled, "PUT", f"{at('0.NA/' + PREFIX)}?index=3", [named])).status == 201
        [answer] = await connection.ask(asked)
        assert [value.type for value in decode_valued(answer.body).values] == ["HS_SERV", "HS_ADMIN", "HS_VLIST"]


async def test_lists_are_paged_counted_and_leave_out_what_was_withdrawn(handled: Node) -> None:
    for name in ("b", "a", "C", "d"):
        assert (await call(handled, "PUT", at(f"{PREFIX}/{name}"), [text_value(1, "A", "a")])).status == 201
    await call(handled, "DELETE", at(f"{PREFIX}/d"))
    pages = []
    for page in range(3):
        path = f"?prefix={PREFIX}&page={page}&pageSize=2"
        answer = await handled.anybody.get(f"/api/handles{path}", headers=basic(ADMIN))
        assert answer.json["totalCount"] == "3" and answer.json["pageSize"] == 2
        pages.append(answer.json["handles"])
    assert pages == [[f"{PREFIX}/a", f"{PREFIX}/b"], [f"{PREFIX}/C"], []]
    counted = await handled.anybody.get(f"/api/handles?prefix=0.NA/{PREFIX}&pageSize=0", headers=basic(ADMIN))
    assert counted.json["handles"] == [] and counted.json["totalCount"] == "3"
    homed = await handled.anybody.get("/api/prefixes")
    assert f"0.NA/{PREFIX}" in homed.json["prefixes"]
    assert (await handled.anybody.get("/api/site")).json["servers"]


async def test_secrets_are_nowhere_to_be_read(handled: Node, database: str) -> None:
    """Not in the record for anybody, an administrator or the operator; not in its row, its history or Redis; sealed anew."""
    spare = "another-secret-7531"
    put = await call(
        handled, "PUT", f"{at('0.NA/' + PREFIX)}?index=302", [{"index": 302, "type": "HS_SECKEY", "data": spare}]
    )
    assert put.status == 201
    check = await handled.anybody.get(f"{RECORD}?index=301")
    assert (check.status, check.json["responseCode"], check.json["values"]) == (200, 200, []), (
        "how pyhandle checks a user"
    )
    for headers in (basic(ADMIN), {"Authorization": f"Bearer {handled.operator.key}"}):
        shown = await handled.anybody.get(RECORD, headers=headers)
        assert {value["index"] for value in shown.json["values"]} >= {100, 200, 301, 302}
        assert spare not in shown.body.decode() and SECRET not in shown.body.decode()
    page = await handled.anybody.get(f"/{at('0.NA/' + PREFIX)}", headers={"Accept": "text/html"})
    assert page.status == 200 and spare not in page.body.decode()
    connection = await asyncpg.connect(database)
    tables = ["identifier", "identifier_change", "audit", "handle_secret", "api_key"]
    for table in tables:
        for row in await connection.fetch(f"SELECT * FROM {table}"):
            assert spare not in str(tuple(row)) and spare.encode() not in b"".join(
                v for v in row if isinstance(v, bytes)
            )
    other = parse_keys(new_key())[0]
    assert (await rotate(database, (other, *handled.settings.personal_data_keys)))[0] == 2
    sealed = await connection.fetchval("SELECT sealed FROM handle_secret WHERE index = 302")
    await connection.close()
    assert Vault((other,)).open(sealed, secret_place(f"0.NA/{PREFIX}", 302)) == spare.encode()


async def test_quotas_and_suspension_hold_here_too(handled: Node) -> None:
    whose = (await handled.operator.get(f"/api/v1/prefixes/{PREFIX}")).json["enterprise_id"]
    one = [text_value(1, "A", "a")]
    await handled.operator.put(f"/api/v1/quotas/enterprises/{whose}", {"registrations_total": 1})
    assert (await call(handled, "PUT", at(f"{PREFIX}/q1"), one)).status == 201
    over = await call(handled, "PUT", at(f"{PREFIX}/q2"), one)
    assert (over.status, over.json["responseCode"]) == (403, 604)
    await handled.operator.post(f"/api/v1/prefixes/{PREFIX}:suspend", {"reason": "r"})
    held = await call(handled, "PUT", f"{at(PREFIX + '/q1')}?index=1", [text_value(1, "A", "b")])
    assert held.status == 403 and held.json["slug"] == "prefix-suspended"


async def test_administrators_do_not_come_along_when_a_prefix_is_given_away(handled: Node) -> None:
    name = at(f"{PREFIX}/given")
    assert (await call(handled, "PUT", name, [text_value(1, "A", "a"), admin_value(100, 301, 0xFFF)])).status == 201
    receiver = (await handled.stranger.get(f"/api/v1/prefixes/{handled.stranger_prefix}")).json["enterprise_id"]
    whose = (await handled.operator.get(f"/api/v1/prefixes/{PREFIX}")).json["enterprise_id"]
    key = await handled.operator.post("/api/v1/keys", {"role": "enterprise", "enterprise_id": whose})
    giver = handled.anybody.with_key(key.json["key"])
    offer = await giver.post("/api/v1/transfers", {"prefix": PREFIX, "to_enterprise": receiver, "reason": "sold"})
    assert (await handled.stranger.post(f"/api/v1/transfers/{offer.json['id']}:accept")).status == 200
    refused = await call(handled, "PUT", f"{name}?index=1", [text_value(1, "A", "mine still")])
    assert refused.status == 401 and refused.json["responseCode"] == 400
    await administer(handled.settings, ADMIN, "new-holder")
    answer = await call(handled, "PUT", f"{name}?index=1", [text_value(1, "A", "theirs")], ADMIN, "new-holder")
    assert answer.status == 200, answer.body


async def test_the_servers_administrators_home_and_unhome(handled: Node, database: str) -> None:
    await administer(handled.settings, "300:0.NA/88.118", "server")
    pool = await open_pool(database, connections=2, timeout_seconds=5)
    vault = Vault(handled.settings.personal_data_keys)
    unused = cast(Any, None)  # homing registers nothing
    registry = Registry(pool, Directory(pool), unused, unused, lambda _: None, "88.118", timedelta(1), vault)
    administration = HandleAdministration(registry)
    server = Acting(await administration.with_secret("0.NA/88.118", 300, b"server", None))
    await registry.directory.load()
    await administration.home(server, "0.NA/20.500.777")
    assert "0.NA/20.500.777" in await administration.homed(None, "", 100)
    await administration.unhome(server, "0.NA/20.500.777")
    assert "0.NA/20.500.777" not in await administration.homed(None, "", 100)
    await administration.home(server, "0.NA/20.500.777")
    assert await administration.homed(None, "0.NA/20.500.5", 1) == ["0.NA/20.500.777"]
    other = Acting(await administration.with_secret(f"0.NA/{PREFIX}", 301, SECRET.encode(), None))
    for call_ in (administration.home, administration.unhome):
        with pytest.raises(AdministratorNotAllowed):
            await call_(other, f"0.NA/{PREFIX}")
    await pool.close()
