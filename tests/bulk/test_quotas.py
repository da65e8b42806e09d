"""A job within a quota: the plan says what would not fit, the verdicts say what did not, the job is done all the same."""

from __future__ import annotations

from tests.bulk.conftest import Bulk
from tests.bulk.test_jobs import csv_of
from tests.harness import item

QUOTA = "/api/v1/quotas/enterprises/1"


async def allow(bulk: Bulk, **limits: int) -> None:
    assert (await bulk.node.operator.put(QUOTA, limits)).status == 200


async def test_what_does_not_fit_is_foreseen_and_refused_row_by_row(bulk: Bulk) -> None:
    await bulk.load(csv_of("a,M,one,", "b,M,one,"))
    registered = (await bulk.node.owner.get(QUOTA)).json["used"]["registrations_total"]
    await allow(bulk, registrations_total=registered + 3)
    sent = await bulk.send(csv_of("a,M,one,", "b,M,two,", "c,M,,", "d,M,,", "e,M,,", "f,M,,", "g,M,,"))
    job = await bulk.wait(sent.json["id"], "planned")
    assert (job["plan"]["new"], job["plan"]["beyond_quota"]) == (5, 2)
    await bulk.step(job["id"], "confirm")
    done = await bulk.wait(job["id"])
    assert (done["state"], done["created"], done["unchanged"], done["changed"], done["refused"]) == ("done", 3, 1, 1, 2)
    said = [(line[1], line[3]) for line in await bulk.verdicts(job["id"])]
    assert said == [(f"{bulk.node.prefix}/{name}", "quota-exhausted") for name in "fg"]
    again = await bulk.load(csv_of("c,M,,", "d,M,,", "h,M,,"))
    assert (again["state"], again["unchanged"], again["refused"]) == ("done", 2, 1)


async def test_a_job_without_a_limit_has_nothing_beyond_it(bulk: Bulk) -> None:
    job = await bulk.wait((await bulk.send(csv_of("a,M,,"))).json["id"], "planned")
    assert (job["plan"]["new"], job["plan"]["beyond_quota"]) == (1, 0)


async def test_two_lanes_and_a_worker_together_never_exceed_it(bulk: Bulk) -> None:
    registered = (await bulk.node.owner.get(QUOTA)).json["used"]["registrations_total"]
    await allow(bulk, registrations_per_day=registered + 60_000)
    sent = await bulk.send(csv_of(*(f"r{number:06d},M,," for number in range(100_000))), auto="1")
    singles = [await bulk.node.owner.post("/api/v1/identifiers", item(f"{bulk.node.prefix}/s{n}")) for n in range(40)]
    done = await bulk.wait(sent.json["id"])
    created = sum(answer.status == 201 for answer in singles)
    assert done["state"] == "done" and done["created"] + done["refused"] == 100_000
    rows, counted = await bulk.counts()
    assert rows == counted == done["created"] + created
    assert 59_000 < counted <= 60_000, "a worker may still hold a block of 1 %"
