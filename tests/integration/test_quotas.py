"""Quotas of registrations: never exceeded, whoever registers, through whichever door; what is wasted comes back."""

from __future__ import annotations

import asyncio
import itertools
import math
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from core.quota import Allowance, Kind, Subject
from registry.quotas.allowances import Allowances
from registry.quotas.ledger import give_back, settle_expired, take
from tests.harness import Answer, Api, Node, free_port, item, until, worker_here, worker_process

PATH = "/api/v1/identifiers"
QUOTA = "/api/v1/quotas/enterprises/1"


@pytest.fixture
async def store(node: Node) -> AsyncIterator[Any]:
    async with asyncpg.create_pool(node.settings.database_url.get_secret_value(), min_size=1, max_size=4) as pool:
        yield pool


async def allow(node: Node, **limits: int) -> dict[str, Any]:
    answer = await node.operator.put(QUOTA, limits)
    assert answer.status == 200, answer.body
    return dict(answer.json)


async def register(api: Api, prefix: str, numbers: range) -> list[Answer]:
    return list(await asyncio.gather(*(api.post(PATH, item(f"{prefix}/n-{number}")) for number in numbers)))


async def counted(store: Any) -> int:
    return int(
        await store.fetchval("SELECT coalesce(sum(registered), 0) FROM enterprise_count WHERE enterprise_id = 1")
    )


async def taken(store: Any) -> tuple[int, int]:
    row = await store.fetchrow("SELECT taken_today, taken_total FROM quota_use WHERE kind = 'enterprise' AND id = 1")
    return row["taken_today"], row["taken_total"]


async def test_a_quota_is_set_by_the_operator_and_read_by_whom_it_concerns(node: Node) -> None:
    assert (await node.owner.get(QUOTA)).json["own"] is False
    await register(node.owner, node.prefix, range(3))
    set_ = await allow(node, registrations_per_day=100, requests_per_second=500)
    assert set_["limits"] == {
        "requests_per_second": 500, "burst": None, "registrations_per_day": 100, "registrations_total": None,
    }  # fmt: skip
    assert (await node.owner.get(QUOTA)).json == set_
    assert set_["own"] and set_["used"] == {"registrations_today": 3, "registrations_total": 3}
    assert set_["day_renews_at"].endswith("T16:00:00Z"), "midnight of Beijing"
    wrong = await node.operator.put(QUOTA, {"burst": 0, "registrations_total": "x", "requests_per_second": 100_001})
    assert {one["path"] for one in wrong.json["errors"]} == {"burst", "registrations_total", "requests_per_second"}
    alone = await node.operator.put(QUOTA, {"burst": 5})
    assert alone.json["errors"][0]["slug"] == "burst-alone"
    for path in ("99", "x", "9999999999", "-1"):
        assert (await node.operator.put(f"/api/v1/quotas/enterprises/{path}", {})).status == 404
    assert (await node.owner.put(QUOTA, {})).status == 403
    audit = (await node.operator.get("/api/v1/audit?limit=1")).json["items"][0]
    assert (audit["action"], audit["object"]) == ("set-quota", "enterprise 1")


async def test_two_workers_never_exceed_it_and_use_all_of_it(node: Node, store: Any) -> None:
    other_settings = node.settings.model_copy(update={"http_port": free_port()})
    async with worker_here(other_settings, 1) as url:
        other = Api(url, node.owner.session, node.owner.key)
        await allow(node, registrations_total=60, requests_per_second=100_000)

        async def acts_by_it() -> bool:
            return "RateLimit-Policy" in (await other.get(QUOTA)).headers

        assert await until(acts_by_it, 2) < 1.0
        both = await asyncio.gather(
            register(node.owner, node.prefix, range(80)), register(other, node.prefix, range(40, 120))
        )
        answers = [answer for some in both for answer in some]
        created = sum(answer.status == 201 for answer in answers)
        refused = [answer for answer in answers if answer.status == 403]
        assert created == await counted(store) <= 60
        assert {answer.json["slug"] for answer in refused} == {"quota-exhausted"}
        assert refused[0].json["limit"] == "registrations_total" and refused[0].json["responseCode"] == 604
        assert "Retry-After" not in refused[0].headers
        assert created + len(refused) + sum(answer.status == 200 for answer in answers) == 160

        async def all_of_it() -> bool:
            """A unit that was taken for what the other worker registers meanwhile goes back to the worker that took it: too late
            for calls of the burst, perhaps, and not for later ones."""
            await asyncio.gather(
                *(api.post(PATH, item(f"{node.prefix}/later-{next(later)}")) for api in (node.owner, other))
            )
            return await counted(store) >= 60

        later = itertools.count()
        await until(all_of_it, 15)
        assert await counted(store) == 60
        again = [answer.status for answer in await register(other, node.prefix, range(120))]
        assert again.count(200) == created and again.count(403) == 120 - created, "what is there stays a success"
        await allow(node, registrations_total=61)

        async def one_more() -> bool:
            return (await other.post(PATH, item(f"{node.prefix}/one-more"))).status == 201

        await until(one_more, 5)
        assert await counted(store) == 61


async def test_a_batch_that_fits_in_part_registers_in_order(node: Node, store: Any) -> None:
    await register(node.owner, node.prefix, range(2))
    await allow(node, registrations_per_day=7)
    items = [item(f"{node.prefix}/n-{number}") for number in (0, 5, 6, 5, 1, 7, 8, 9, 10, 11, 12)]
    batch = (await node.owner.post(f"{PATH}:batch", {"items": items})).json
    words = [one["verdict"] for one in batch["items"]]
    assert words == ["unchanged", "created", "created", "unchanged", "unchanged", *["created"] * 3, *["invalid"] * 3]
    assert {one["reason"]["slug"] for one in batch["items"][8:]} == {"quota-exhausted"}
    assert batch["items"][8]["reason"]["responseCode"] == 603
    assert await counted(store) == 7
    single = await node.owner.post(PATH, item(f"{node.prefix}/more"))
    assert single.status == 403 and 0 < int(single.headers["Retry-After"]) <= 86_400
    changed = await node.owner.post(PATH, item(f"{node.prefix}/n-0", "other"))
    assert changed.status == 409, "what is there is compared all the same"


async def test_minting_is_all_or_nothing(node: Node, store: Any) -> None:
    await allow(node, registrations_total=10)
    body = {"prefix": node.prefix, "values": item("x")["values"]}
    assert (await node.owner.post(f"{PATH}:mint", body | {"count": 11})).json["slug"] == "quota-exhausted"
    assert (await node.owner.post(f"{PATH}:mint", body | {"count": 10})).status == 201
    assert (await node.owner.post(f"{PATH}:mint", body | {"count": 1})).status == 403
    assert await counted(store) == 10


async def test_the_snms_door_says_it_in_its_way(node: Node) -> None:
    template = {"prefix": node.prefix, "version": "s", "items": [{"name": "名称", "idType": "name", "state": 1}]}
    await node.owner.post("/snms/api/v3/template", template)
    values = [{"index": 2000, "type": "name", "data": {"format": "string", "value": "x"}}]
    items = [{"handle": f"{node.prefix}/s-{n}", "templateVersion": "s", "value": values} for n in range(3)]
    used = (await node.owner.get(QUOTA)).json["used"]["registrations_total"]
    await allow(node, registrations_per_day=used + 1)
    assert (await node.owner.post("/identityv2/data", items[0])).json["status"] == 1
    refused = (await node.owner.post("/identityv2/data", items[1])).json
    assert (refused["status"], refused["error"]) == (-2, "quota-exhausted")
    assert refused["message"] == f"该企业今日注册量已达上限（{used + 1}）"
    many = (await node.owner.post("/identityv2/data/batchCreate", items)).json["data"]
    assert [one.get("error") for one in many] == [None, "quota-exhausted", "quota-exhausted"]


async def test_a_key_has_its_own_beside_that_of_its_enterprise(node: Node) -> None:
    made = (await node.operator.post("/api/v1/keys", {"role": "writer", "enterprise_id": 1})).json
    writer, path = node.anybody.with_key(made["key"]), f"/api/v1/quotas/keys/{made['key_id']}"
    assert (await node.operator.put(path, {"registrations_total": 3})).status == 200
    await allow(node, registrations_total=5)
    assert [answer.status for answer in await register(writer, node.prefix, range(3))] == [201] * 3
    refused = await writer.post(PATH, item(f"{node.prefix}/m"))
    assert (refused.status, refused.json["quota"]) == (403, 3)
    assert (await writer.get(path)).json["used"]["registrations_total"] == 3
    statuses = [answer.status for answer in await register(node.owner, node.prefix, range(10, 14))]
    assert sorted(statuses) == [201, 201, 403, 403]


async def test_what_is_not_needed_goes_back(node: Node, store: Any) -> None:
    """Blocks of 1 %: after the worker has stopped, exactly what was registered is taken."""
    other_settings = node.settings.model_copy(update={"http_port": free_port()})
    await register(node.owner, node.prefix, range(5))
    await allow(node, registrations_total=100_000, registrations_per_day=50_000)
    async with worker_here(other_settings, 1) as url:
        other = Api(url, node.owner.session, node.owner.key)
        assert {answer.status for answer in await register(other, node.prefix, range(20))} <= {200, 201}
        assert (await taken(store))[1] > 20, "a block was lent"
    assert await taken(store) == (20, 20)


async def test_a_new_day_begins_anew_and_the_total_does_not(node: Node, store: Any) -> None:
    allowance = Allowance(Subject(Kind.ENTERPRISE, 1), 10, 15)
    assert (await take(store, allowance, 99, 60, most=99)).units == 10
    spent = await take(store, allowance, 1, 60)
    assert (spent.units, spent.number, spent.total_is_spent) == (0, None, False)
    assert 0 < spent.seconds_left <= 86_400
    await store.execute("UPDATE quota_use SET day = day - 1")
    last = await take(store, allowance, 99, 60, most=99)
    assert last.units == 5
    assert (await take(store, allowance, 1, 60)).total_is_spent
    await give_back(store, last.number or 0, 2)
    await give_back(store, last.number or 0, 4)  # more than it had left: not ours to give
    assert await taken(store) == (3, 13)


async def test_many_lenders_at_once_lend_each_unit_once(node: Node, store: Any) -> None:
    allowance = Allowance(Subject(Kind.ENTERPRISE, 1), None, 1_000)
    lent = await asyncio.gather(*(take(store, allowance, 7, 60, most=7) for _ in range(200)))
    assert sum(one.units for one in lent) == 1_000
    assert len({one.number for one in lent if one.number}) == sum(one.units > 0 for one in lent)


async def test_what_a_killed_worker_wasted_comes_back(node: Node, store: Any) -> None:
    allowance = Allowance(Subject(Kind.ENTERPRISE, 1), 100, 100)
    await register(node.owner, node.prefix, range(4))
    wasted = await take(store, allowance, 50, 60)
    living = await take(store, allowance, 6, 600)
    assert (wasted.units, living.units) == (50, 6) and await taken(store) == (60, 60)
    await register(node.owner, node.prefix, range(4, 7))  # 3 of the 50, say; counted
    await store.execute(
        "UPDATE quota_lease SET expires_at = now() - interval '1 second' WHERE number = $1", wasted.number
    )
    await until(lambda: _settled(store, wasted.number), 10)
    assert await taken(store) == (13, 13), "7 registered, 6 still lent"
    await give_back(store, wasted.number or 0, 47)  # it was only asleep
    assert await taken(store) == (13, 13), "and cannot give back what the counters have settled"


async def _settled(store: Any, number: int | None) -> bool:
    await settle_expired(store)
    return not await store.fetchval("SELECT EXISTS (SELECT FROM quota_lease WHERE number = $1)", number)


async def test_what_nobody_took_is_counted_when_a_quota_is_set(node: Node, store: Any) -> None:
    await allow(node, registrations_total=10)
    await register(node.owner, node.prefix, range(4))
    await allow(node)
    await register(node.owner, node.prefix, range(4, 9))  # without a limit nothing is taken
    await allow(node, registrations_total=10)
    assert sorted(answer.status for answer in await register(node.owner, node.prefix, range(9, 12))) == [201, 403, 403]
    assert await counted(store) == 10


async def test_kill_9_wastes_what_was_lent_and_exceeds_nothing(node: Node, store: Any, tmp_path: Path) -> None:
    """A worker is killed while it registers; what it had not spent expires, and then all of the quota can be used."""
    settings = node.settings.model_copy(update={"http_port": free_port()})
    await allow(node, registrations_total=3_000)
    with worker_process(settings, 1, tmp_path) as process:
        other = Api(f"http://127.0.0.1:{settings.http_port}", node.owner.session, node.owner.key)
        calls = [asyncio.ensure_future(register(other, node.prefix, range(n, n + 50))) for n in range(0, 600, 50)]

        async def some_are_there() -> bool:
            return await counted(store) > 100

        await until(some_are_there, 20, pause=0.002)
        process.kill()
        await asyncio.gather(*calls, return_exceptions=True)
    assert (await taken(store))[1] >= await counted(store)
    await store.execute("UPDATE quota_lease SET expires_at = now() - interval '1 second'")

    async def settled() -> bool:
        await settle_expired(store)
        return (await taken(store))[1] == await counted(store)

    await until(settled, 10)
    batch = [item(f"{node.prefix}/n-{number}") for number in range(4_000)]
    await node.owner.post(f"{PATH}:batch", {"items": batch})
    assert await counted(store) == 3_000


async def test_a_template_is_an_identifier_too(node: Node, store: Any) -> None:
    items = [{"index": 2001, "type": "MODEL", "name_zh": "型号", "name_en": "Model"}]
    first, second = ({"identifier": f"{node.prefix}/META_{n}", "items": items} for n in (1, 2))
    await allow(node, registrations_total=2)
    assert (await node.owner.post("/api/v1/templates", first)).status == 201
    assert (await node.owner.post("/api/v1/templates", first)).status == 200
    other = first | {"items": [items[0] | {"type": "OTHER"}]}
    assert (await node.owner.post("/api/v1/templates", other)).status == 409, "and its unit goes back"
    assert (await node.owner.post(PATH, item(f"{node.prefix}/x"))).status == 201
    refused = await node.owner.post("/api/v1/templates", second)
    assert (refused.status, refused.json["slug"], refused.json["limit"]) == (
        403,
        "quota-exhausted",
        "registrations_total",
    )
    assert (await node.owner.post("/api/v1/templates", first)).status == 200, "what is there stays a success"
    assert await counted(store) == 2


async def test_a_batch_beyond_a_total_names_the_total(node: Node) -> None:
    await allow(node, registrations_total=2)
    batch = await node.owner.post(f"{PATH}:batch", {"items": [item(f"{node.prefix}/n-{n}") for n in range(5)]})
    assert batch.json["counts"] == {"created": 2, "unchanged": 0, "conflict": 0, "invalid": 3}
    assert {one["reason"]["limit"] for one in batch.json["items"][2:]} == {"registrations_total"}


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_workers_take_and_give_back_the_books_balance(node: Node, store: Any, seed: int) -> None:
    """Three workers, two limits, concurrent steps; at the end exactly what was kept is taken, and never was it more."""
    chance, most = random.Random(seed), 700
    both = (Allowance(Subject(Kind.ENTERPRISE, 1), most, None), Allowance(Subject(Kind.KEY, 1), None, most + 50))
    workers = [Allowances(store, None) for _ in range(3)]  # type: ignore[arg-type]  # the directory is only for `of`
    kept = 0

    async def step() -> None:
        nonlocal kept
        worker, wanted = chance.choice(workers), chance.choice((1, 1, 2, 30))
        grant = await worker.take(chance.choice((both, both[:1])), wanted)
        assert 0 <= grant.units <= wanted and (grant.units == wanted) == (grant.short is None)
        back = chance.randrange(grant.units + 1) if chance.random() < 0.5 else 0
        kept += grant.units
        assert kept <= most
        if chance.random() < 0.5:
            await asyncio.sleep(0)
        kept -= back
        worker.give_back(grant, back)
        if chance.random() < 0.05:
            await worker.give_back_idle(math.inf)

    for _ in range(30):
        await asyncio.gather(*(step() for _ in range(10)))
    await asyncio.gather(*(worker.finish() for worker in workers))
    assert await taken(store) == (kept, kept)
    for worker in workers:  # all that is left can still be had
        kept += (await worker.take(both[:1], most)).units
    assert kept == most
