"""Leases, minting and registering over one pattern, in any order: no suffix is ever given twice, no number is lost.

The steps are the calls of a node with real PostgreSQL; the model is a set of who has which number.
"""

from __future__ import annotations

import itertools
import random
from datetime import timedelta

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.web import now
from tests.harness import Api, Node, text_value

VALUES = [text_value(1, "DESC", "x")]
STEPS = ("lease", "lease", "mint", "register", "register", "report", "report", "give_back")
_numbers = itertools.count(1)


class Model:
    """Numbers given out: to which lease, or registered; under a pattern of its own."""

    def __init__(self, node: Node, other: Api) -> None:
        self.node, self.other = node, other
        self.chance = random.Random(0)
        self.start = f"S{next(_numbers)}-"
        self.leases: dict[int, set[int]] = {}
        self.registered: set[int] = set()
        self.returned: set[int] = set()

    @property
    def leased(self) -> set[int]:
        return set().union(*self.leases.values()) if self.leases else set()

    async def lease(self) -> None:
        count = self.chance.randint(1, 6)
        body = {
            "prefix": self.node.prefix,
            "pattern": self.start + "{seq}",
            "count": count,
            "values": VALUES,
            "label": "m",
        }
        made = await self.node.owner.post("/api/v1/leases", body | {"until": (now() + timedelta(hours=1)).isoformat()})
        assert made.status == 201, made.body
        got = expanded(made.json["ranges"])
        assert len(got) == count and not got & (self.leased | self.registered)
        assert self.returned - self.registered <= got or len(got & self.returned) == count, "returned ones first"
        self.returned -= got
        self.leases[made.json["id"]] = got

    async def mint(self) -> None:
        count = self.chance.randint(1, 4)
        body = {"prefix": self.node.prefix, "pattern": self.start + "{seq}", "count": count, "values": VALUES}
        made = await self.other.post("/api/v1/identifiers:mint", body)
        got = {int(text.rpartition("-")[2]) for text in made.json["identifiers"]}
        assert len(got) == count and not got & (self.leased | self.registered)
        self.returned -= got
        self.registered |= got

    async def register(self) -> None:
        number = self.chance.randint(1, 40)
        answer = await self.other.post(
            "/api/v1/identifiers", {"identifier": f"{self.node.prefix}/{self.start.lower()}{number}", "values": VALUES}
        )
        if number in self.registered:
            assert answer.status == 200
        elif number in self.leased:
            assert (answer.status, answer.json["slug"]) == (409, "suffix-leased")
        else:
            assert answer.status == 201, answer.body
            self.registered.add(number)

    async def report(self) -> None:
        if not self.leases:
            return
        lease, numbers = self.chance.choice(list(self.leases.items()))
        used = set(self.chance.sample(sorted(numbers), self.chance.randint(0, len(numbers))))
        final = self.chance.random() < 0.4
        answer = await self.node.owner.post(f"/api/v1/leases/{lease}:report", {"used": sorted(used), "final": final})
        assert answer.json["counts"]["conflict"] == answer.json["counts"]["invalid"] == 0, answer.body
        self.registered |= used
        if final:
            self.returned |= self.leases.pop(lease) - self.registered

    async def give_back(self) -> None:
        if self.leases:
            lease = self.chance.choice(list(self.leases))
            assert (await self.node.owner.post(f"/api/v1/leases/{lease}:return")).status == 200
            self.returned |= self.leases.pop(lease) - self.registered

    async def give_back_all(self) -> None:
        """Then the lowest numbers of all come first again, so that nothing was lost."""
        while self.leases:
            await self.give_back()
        await self.lease()


def expanded(ranges: list[str]) -> set[int]:
    pairs = [text.partition("-") for text in ranges]
    return {number for first, _, last in pairs for number in range(int(first), int(last or first) + 1)}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(steps=[("lease", 0), ("mint", 0), ("give_back", 0), ("mint", 0)])  # what comes back is minted again
@given(steps=st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 10_000)), max_size=14))
async def test_no_suffix_is_given_twice_and_none_is_lost(node: Node, steps: list[tuple[str, int]]) -> None:
    key = await node.owner.post("/api/v1/keys", {"role": "writer"})
    model = Model(node, node.anybody.with_key(key.json["key"]))
    for step, chance in steps:
        model.chance = random.Random(chance)
        await getattr(model, step)()
    found = await node.owner.get(f"/api/v1/identifiers?prefix={node.prefix}&suffix_starts={model.start}&limit=1000")
    assert {int(one["identifier"].rpartition("-")[2]) for one in found.json["items"]} == model.registered
    await model.give_back_all()
