"""Sessions of the Handle protocol: a key, who has proved to hold it, and which messages it has vouched for.

They lie in Redis, sealed, because clients begin one over UDP and use it over TCP, on whichever worker that arrives. Where Redis
or the key of the vault is missing none are offered, and clients answer a challenge for each request. What has been used, and
when a session ends, lies with it in one entry: Redis forgets all of it or nothing. Another process of Redis, which may hold
what was true some time ago, ends all sessions: a message could be sent again there. Clients that are told so begin a new one.

A session lasts a minute until its administrator has proved who they are, and only so many wait for that: in all, of one
network, and half of it for datagrams, whose address may be anybody's.
"""

from __future__ import annotations

import base64
import secrets
import time
from collections import Counter, deque
from dataclasses import dataclass, replace
from enum import IntEnum

import orjson

from core.arrivals import network_of
from core.errors import PersonalDataLocked
from core.handle.administration import Administrator
from core.handle.session_key import SessionKey
from core.identifier import fold_case
from core.sealing import Vault
from core.shared_cache import SharedCache

SESSION_BIT = (
    0x4000_0000  # numbers of sessions have it, those of challenges not; clients take numbers over 31 bits for none
)
UNPROVED_SECONDS = 60
IDLE_SECONDS = 900
_WAITING_SHARE, _SHARE_OF_ONE = 0.1, 0.05
_TRIES = 3
_WINDOW = 64  # blocks of 16 counters: what is further behind the newest is refused

# ARGV: the sealed session, seconds.
_BEGIN = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'session', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""
_KEEP = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'session', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""
# The key that a client has sent, once: what another has sent for the same session comes too late.
_KEY = """
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('HSETNX', KEYS[1], 'keyed', 1) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'session', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""
_FIND = "return redis.call('HGET', KEYS[1], 'session') or ''"
_END = "return redis.call('DEL', KEYS[1])"
# ARGV: the counter, seconds. -1: there is no such session; 0: the counter was used, or is too far behind; 1: it is used now.
_SPEND = f"""
if redis.call('EXISTS', KEYS[1]) == 0 then return -1 end
local block, bit_of = math.floor(ARGV[1] / 16), 2 ^ (ARGV[1] % 16)
local newest = tonumber(redis.call('HGET', KEYS[1], 'newest') or -1)
if block <= newest - {_WINDOW} then return 0 end
local used = tonumber(redis.call('HGET', KEYS[1], block) or 0)
if bit.band(used, bit_of) ~= 0 then return 0 end
redis.call('HSET', KEYS[1], block, bit.bor(used, bit_of))
if block > newest then
  redis.call('HSET', KEYS[1], 'newest', block)
  if newest >= 0 then
    for old = newest - {_WINDOW} + 1, math.min(newest, block - {_WINDOW}) do redis.call('HDEL', KEYS[1], old) end
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1
"""


class Spent(IntEnum):
    """What became of a counter."""

    ENDED = -1
    AGAIN = 0
    NEW = 1


@dataclass(frozen=True, slots=True)
class Session:
    """`key` None: the client has yet to send it. `identity` is who the session is to be of, `administrator` who has proved to
    be that. `ends` in unix seconds; `run` is the process of Redis that it began in."""

    number: int
    key: SessionKey | None
    identity: tuple[str, int]
    run: str
    ends: float
    idle_seconds: int = IDLE_SECONDS
    administrator: Administrator | None = None

    def is_of(self, administrator: Administrator) -> bool:
        handle, index = self.identity
        return (fold_case(handle), index) == (fold_case(administrator.handle), administrator.index)

    def seconds(self, now: float) -> int:
        """For how long it is kept if nothing more is heard of it."""
        return max(1, min(self.idle_seconds, int(self.ends - now)))


class Sessions:
    """One for each worker. `seconds` is how long a session lasts in all after it was proved, `most` how many proved here may
    last at a time, a tenth of it how many may wait for that; 0: none are offered."""

    def __init__(self, cache: SharedCache, vault: Vault, *, seconds: int, most: int) -> None:
        self._cache = cache
        self._vault = vault
        self._seconds = seconds
        self._most = most
        self._waiting, self._proved = _Places(), _Places()

    def admits(self, source: str | None, *, udp: bool) -> bool:
        """Whether one more may wait; asked before a key is exchanged, which is work. It has a place from now on."""
        most = int(self._most * _WAITING_SHARE)
        return self._waiting.take(source, time.time(), UNPROVED_SECONDS, most // 2 if udp else most)

    async def begin(self, key: SessionKey | None, identity: tuple[str, int], asked_seconds: int) -> Session | None:
        """None where it cannot be kept. After `asked_seconds` without a request it ends, 0: as we like."""
        if self._cache.run is None:
            await self._cache.ping()  # which process of Redis answers is known from the first connection on
        for _ in range(_TRIES):
            number = secrets.randbelow(SESSION_BIT) | SESSION_BIT
            ends, idle_seconds = time.time() + UNPROVED_SECONDS, min(asked_seconds or IDLE_SECONDS, IDLE_SECONDS)
            session = Session(number, key, identity, self._cache.run or "", ends, idle_seconds)
            done = await self._write(_BEGIN, session)
            if done is None:
                return None
            if done:
                return session
        return None

    async def find(self, number: int) -> Session | None:
        """The session of a number that has `SESSION_BIT`; None where there is none, or none any more."""
        stored = await self._cache.evaluate(_FIND, _name(number))
        if not stored:
            return None
        try:
            session = _session(number, self._vault.open(stored, _name(number)))
        except PersonalDataLocked:
            return None
        return session if session.run == self._cache.run and session.ends > time.time() else None

    async def spend(self, session: Session, counter: int) -> Spent:
        """A message with this counter is the only one."""
        done = await self._cache.evaluate(_SPEND, _name(session.number), counter, session.seconds(time.time()))
        return Spent(done) if done is not None and session.run == self._cache.run else Spent.ENDED

    async def exchanged(self, session: Session, key: SessionKey) -> bool:
        """The client has sent its key: False where the session is no more, or has one."""
        return bool(await self._write(_KEY, replace(session, key=key)))

    async def prove(self, session: Session, administrator: Administrator, source: str | None) -> None:
        """Whom requests are of from now on. Where too many sessions last this one does not, and clients are challenged anew."""
        now = time.time()
        if self._proved.take(source, now, self._seconds, self._most):
            await self._write(_KEEP, replace(session, administrator=administrator, ends=now + self._seconds))

    async def end(self, session: Session) -> None:
        await self._cache.evaluate(_END, _name(session.number))

    async def _write(self, script: str, session: Session) -> int | None:
        try:
            sealed = self._vault.seal(_told(session), _name(session.number))
        except PersonalDataLocked:
            return None
        done = await self._cache.evaluate(script, _name(session.number), sealed, session.seconds(time.time()))
        return int(done) if done is not None and session.run == self._cache.run else None


class _Places:
    """Places that are taken for some seconds each: in all, and of one network."""

    def __init__(self) -> None:
        self._taken: deque[tuple[float, str]] = deque()
        self._by_network: Counter[str] = Counter()

    def take(self, source: str | None, now: float, seconds: float, most: int) -> bool:
        while self._taken and self._taken[0][0] <= now:
            _, gone = self._taken.popleft()
            self._by_network[gone] -= 1
            if not self._by_network[gone]:
                del self._by_network[gone]
        network = network_of(source)
        if len(self._taken) >= most or self._by_network[network] >= max(1, most * _SHARE_OF_ONE):
            return False
        self._taken.append((now + seconds, network))
        self._by_network[network] += 1
        return True


def _name(number: int) -> str:
    return f"handle-session:{number}"


def _told(session: Session) -> bytes:
    who, key = session.administrator, session.key
    told = [
        base64.b64encode(key.octets).decode() if key else None, session.identity, session.run, session.ends,
        session.idle_seconds, [who.handle, who.key, who.index] if who else None,
    ]  # fmt: skip
    return orjson.dumps(told)


def _session(number: int, told: bytes) -> Session:
    key, identity, run, ends, idle_seconds, who = orjson.loads(told)
    return Session(
        number, SessionKey(base64.b64decode(key)) if key else None, (identity[0], identity[1]), run, ends, idle_seconds,
        Administrator(*who) if who else None,
    )  # fmt: skip
