"""Sessions of the Handle protocol where they lie, in a real Redis: used up once, ended, expired, and never of another time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from core.handle.administration import Administrator
from core.handle.session_key import SessionKey
from core.sealing import Vault
from core.shared_cache import SharedCache
from resolver.handle.sessions import IDLE_SECONDS, SESSION_BIT, UNPROVED_SECONDS, Session, Sessions, Spent
from tests.conftest import Servers

KEY = SessionKey(b"sixteen bytes. 1")
ADMIN = Administrator("0.NA/88.118", "0.na/88.118", 300)
VAULT = Vault((bytes(32),))
WHO = (ADMIN.handle, ADMIN.index)


@pytest.fixture
async def cache(servers: Servers) -> AsyncIterator[SharedCache]:
    made = SharedCache(servers.redis_url, "sessions", ttl_seconds=60, timeout_seconds=2)
    yield made
    await made.close()


def store(cache: SharedCache, vault: Vault = VAULT, *, seconds: int = 3_600, most: int = 1_000) -> Sessions:
    return Sessions(cache, vault, seconds=seconds, most=most)


async def begun(sessions: Sessions, key: SessionKey | None = KEY, asked_seconds: int = 0) -> Session:
    session = await sessions.begin(key, WHO, asked_seconds)
    assert session is not None
    return session


async def entry(servers: Servers, session: Session) -> tuple[int, bytes]:
    """(seconds that it has, everything that is kept)."""
    redis = Redis.from_url(servers.redis_url)
    name = f"biaojie:sessions:once:handle-session:{session.number}"
    kept = b"".join(part for part in await redis.hvals(name) if isinstance(part, bytes))
    found = await redis.ttl(name), kept
    await redis.aclose()
    return found


async def test_what_was_begun_is_found_and_proved_and_ended(cache: SharedCache) -> None:
    sessions, elsewhere = store(cache), store(cache)
    session = await begun(sessions)
    assert SESSION_BIT <= session.number < 2 * SESSION_BIT
    assert await elsewhere.find(session.number) == session
    await sessions.prove(session, ADMIN, "192.0.2.1")
    found = await elsewhere.find(session.number)
    assert found is not None and found.administrator == ADMIN and found.key == KEY
    await elsewhere.end(found)
    assert await sessions.find(session.number) is None
    assert await sessions.spend(session, 1) is Spent.ENDED
    await sessions.prove(session, ADMIN, "192.0.2.1")
    assert await sessions.find(session.number) is None, "what has ended is not begun again"


async def test_every_counter_is_used_up_once_in_any_order(cache: SharedCache) -> None:
    """Against a model: blocks of 16, of which the newest 64 are known, and nothing before them is taken."""
    sessions = store(cache)
    for seed in range(12):
        chance, session = random.Random(seed), await begun(sessions)
        used, newest, top = set[int](), -1, chance.choice((100, 3_000, 2**31))
        for _ in range(120):
            near = newest * 16 - chance.randrange(1_300) if newest >= 0 and chance.random() < 0.6 else 0
            counter = near if near > 0 else chance.randrange(1, top)
            fits = counter not in used and counter // 16 > newest - 64
            assert await sessions.spend(session, counter) is (Spent.NEW if fits else Spent.AGAIN), (seed, counter)
            if fits:
                used.add(counter)
                newest = max(newest, counter // 16)


async def test_one_of_many_uses_a_counter(cache: SharedCache, servers: Servers) -> None:
    sessions, session = store(cache), await begun(store(cache))
    spent = await asyncio.gather(*(sessions.spend(session, 7) for _ in range(20)))
    assert sorted(spent) == [Spent.AGAIN] * 19 + [Spent.NEW]
    for block in range(300):
        assert await sessions.spend(session, 16 * block + 9) is Spent.NEW
    assert len((await entry(servers, session))[1]) < 1_000, "what is too far behind is forgotten"


async def test_a_session_lasts_as_long_as_it_may(cache: SharedCache, servers: Servers) -> None:
    sessions = store(cache, seconds=7_200)
    asked = {0: IDLE_SECONDS, 10: 10, 86_400: IDLE_SECONDS}
    for asked_seconds, idle in asked.items():
        session = await begun(sessions, asked_seconds=asked_seconds)
        assert 0 < (await entry(servers, session))[0] <= min(idle, UNPROVED_SECONDS), "until somebody has proved it"
        await sessions.prove(session, ADMIN, None)
        proved = await sessions.find(session.number)
        assert proved is not None
        await sessions.spend(proved, 1)
        assert idle - 5 < (await entry(servers, session))[0] <= idle
    over = store(cache, seconds=0)
    session = await begun(over)
    await over.prove(session, ADMIN, None)
    assert await over.find(session.number) is None, "its time is over whatever Redis still has"


async def test_what_lies_there_is_sealed(cache: SharedCache, servers: Servers) -> None:
    session = await begun(store(cache))
    _, kept = await entry(servers, session)
    assert kept and KEY.octets not in kept and b"88.118" not in kept
    assert await store(cache, Vault((b"x" * 32,))).find(session.number) is None
    assert await store(cache, Vault()).begin(KEY, WHO, 0) is None, "without a key of the node none is kept"


async def test_another_process_of_redis_ends_all_sessions(cache: SharedCache) -> None:
    """It may hold what was true some time ago, when a counter was not used yet."""
    sessions, session = store(cache), await begun(store(cache))
    run, cache.run = cache.run, "another"
    assert await sessions.find(session.number) is None
    assert await sessions.spend(session, 1) is Spent.ENDED
    cache.run = run
    assert await sessions.find(session.number) == session


async def test_a_key_is_put_in_once(cache: SharedCache) -> None:
    """Also by whoever knew the number, and read it before the client's came."""
    sessions, session = store(cache), await begun(store(cache), None)
    others = [SessionKey(bytes([number]) * 16) for number in range(5)]
    done = await asyncio.gather(*(sessions.exchanged(session, key) for key in others))
    assert sorted(done) == [False] * 4 + [True]
    found = await sessions.find(session.number)
    assert found is not None and found.key == others[done.index(True)]


async def test_strangers_cannot_begin_more_than_so_many(cache: SharedCache) -> None:
    """Of 2,000: a tenth may wait, a twentieth of these of one address, half of them by datagrams."""
    sessions = store(cache, most=2_000)

    def admitted(source: str, *, udp: bool) -> int:
        return sum(sessions.admits(source, udp=udp) for _ in range(20))

    assert [admitted(f"10.0.0.{number}", udp=True) for number in range(30)] == [5] * 20 + [0] * 10
    assert [admitted(f"10.0.1.{number}", udp=False) for number in range(30)] == [10] * 10 + [0] * 20
    assert not store(cache, most=0).admits("10.0.0.1", udp=False)


async def test_where_too_many_last_a_session_is_proved_in_vain(cache: SharedCache) -> None:
    sessions = store(cache, most=20)
    first, second = await begun(sessions), await begun(sessions)
    for session in (first, second):
        await sessions.prove(session, ADMIN, "192.0.2.1")
    found = [await sessions.find(session.number) for session in (first, second)]
    assert [one.administrator if one else None for one in found] == [ADMIN, None]
