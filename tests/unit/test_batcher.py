"""Merging calls: order, bounds, and that nobody gets the answer or the failure of another."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from core.batcher import Batcher
from core.errors import StoreUnavailable


class Recorder:
    """Doubles numbers; remembers the batches; can be held back and made to fail."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.flying = self.most_flying = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.failure: BaseException | None = None

    async def __call__(self, items: list[int]) -> Sequence[int | Exception]:
        self.batches.append(items)
        self.flying += 1
        self.most_flying = max(self.most_flying, self.flying)
        try:
            await asyncio.sleep(0)
            await self.gate.wait()
            if self.failure is not None:
                raise self.failure
            return [ValueError(item) if item < 0 else item * 2 for item in items]
        finally:
            self.flying -= 1


async def test_each_caller_gets_the_result_of_its_own_item_in_order() -> None:
    run = Recorder()
    batcher: Batcher[int, int] = Batcher(run, max_batch=7, max_flights=2)
    assert await asyncio.gather(*(batcher.submit(n) for n in range(100))) == [n * 2 for n in range(100)]
    assert [item for batch in run.batches for item in batch] == list(range(100))
    assert max(map(len, run.batches)) == 7 and run.most_flying == 2


async def test_calls_of_one_tick_share_a_trip_and_a_lone_call_does_not_wait() -> None:
    run = Recorder()
    batcher: Batcher[int, int] = Batcher(run, max_batch=100, max_flights=1)
    await asyncio.gather(batcher.submit(1), batcher.submit(2))
    assert await batcher.submit(3) == 6
    assert run.batches == [[1, 2], [3]]


async def test_who_comes_while_the_flights_are_out_shares_the_next() -> None:
    run = Recorder()
    run.gate.clear()
    batcher: Batcher[int, int] = Batcher(run, max_batch=100, max_flights=1)
    waiting = [batcher.submit(1)]
    await asyncio.sleep(0.01)
    for n in range(2, 12):
        waiting.append(batcher.submit(n))
        await asyncio.sleep(0)
    assert run.batches == [[1]], "one flight is out, the others wait"
    run.gate.set()
    await asyncio.gather(*waiting)
    assert run.batches == [[1], list(range(2, 12))]
    assert run.most_flying == 1


async def test_an_exception_as_a_result_reaches_its_caller_alone() -> None:
    batcher: Batcher[int, int] = Batcher(Recorder(), max_batch=10, max_flights=1)
    results = await asyncio.gather(batcher.submit(1), batcher.submit(-2), batcher.submit(3), return_exceptions=True)
    assert results[0] == 2 and results[2] == 6
    assert isinstance(results[1], ValueError) and results[1].args == (-2,)


async def test_a_failed_trip_fails_everybody_on_it_and_nobody_after() -> None:
    run = Recorder()
    run.failure = StoreUnavailable()
    batcher: Batcher[int, int] = Batcher(run, max_batch=10, max_flights=1)
    results = await asyncio.gather(batcher.submit(1), batcher.submit(2), return_exceptions=True)
    assert all(isinstance(result, StoreUnavailable) for result in results)
    run.failure = None
    assert await batcher.submit(3) == 6


async def test_a_caller_that_goes_away_costs_the_others_nothing() -> None:
    run = Recorder()
    run.gate.clear()
    batcher: Batcher[int, int] = Batcher(run, max_batch=10, max_flights=1)
    gone, stays = batcher.submit(1), batcher.submit(2)
    await asyncio.sleep(0)
    gone.cancel()
    run.gate.set()
    assert await stays == 4
    assert await batcher.submit(3) == 6


async def test_a_cancelled_trip_leaves_nobody_waiting() -> None:
    run = Recorder()
    run.failure = asyncio.CancelledError()
    batcher: Batcher[int, int] = Batcher(run, max_batch=10, max_flights=1)
    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(batcher.submit(1), 1)
    run.failure = None
    assert await asyncio.wait_for(batcher.submit(2), 1) == 4


async def test_more_waiting_than_allowed_is_refused_at_once() -> None:
    run = Recorder()
    run.gate.clear()
    batcher: Batcher[int, int] = Batcher(run, max_batch=2, max_flights=1, max_waiting=3)
    waiting = [batcher.submit(0)]
    await asyncio.sleep(0)
    waiting += [batcher.submit(n) for n in (1, 2, 3)]
    with pytest.raises(StoreUnavailable, match="More than 3"):
        batcher.submit(4)
    run.gate.set()
    assert await asyncio.gather(*waiting) == [0, 2, 4, 6]
    assert await batcher.submit(4) == 8, "room again"


async def test_nothing_is_left_behind_when_all_is_answered() -> None:
    run = Recorder()
    batcher: Batcher[int, int] = Batcher(run, max_batch=3, max_flights=2)
    await asyncio.gather(*(batcher.submit(n) for n in range(50)))
    await asyncio.sleep(0)
    assert not batcher._waiting and not batcher._flights and run.flying == 0


async def test_beyond_the_second_flight_a_batch_is_at_least_half_full() -> None:
    sizes, gate = [], asyncio.Event()

    async def run(items: list[int]) -> list[int]:
        sizes.append(len(items))
        await gate.wait()
        return items

    batcher: Batcher[int, int] = Batcher(run, max_batch=10, max_flights=4)
    asked = []
    for burst in (1, 1, 4, 1, 9):
        asked += [batcher.submit(number) for number in range(burst)]
        await asyncio.sleep(0.01)
    assert sizes == [1, 1, 5, 9], "four wait for the fifth"
    asked += [batcher.submit(number) for number in range(10)]
    await asyncio.sleep(0.01)
    assert len(sizes) == 4, "no more than four are out"
    gate.set()
    await asyncio.gather(*asked)
    assert sum(sizes) == len(asked)
