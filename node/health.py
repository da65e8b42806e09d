"""Is the node alive, is it ready, what does it measure: `/healthz`, `/readyz`, `/metrics`."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from core.feed import ChangeFeed
from core.shared_cache import SharedCache
from core.telemetry import CACHE_UP, FEED_SECONDS, MEMORY_BYTES, STORE_UP, exposition, publish
from core.web import json_answer
from node.version import VERSION
from resolver.memory import Memory


@dataclass(frozen=True, slots=True)
class Vitals:
    """What a worker knows of its health."""

    feed: ChangeFeed
    cache: SharedCache
    memory: Memory

    async def measure(self) -> None:
        """Set the gauges; called once a second, never by a request. Asks Redis, which an idle worker would not."""
        await self.cache.ping()
        FEED_SECONDS.set(self.feed.stale_seconds)
        STORE_UP.set(not self.feed.lost)
        CACHE_UP.set(not self.cache.lost)
        MEMORY_BYTES.set(self.memory.used_bytes)
        publish()


VITALS: web.AppKey[Vitals] = web.AppKey("vitals", Vitals)


def add_routes(app: web.Application) -> None:
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)


async def healthz(_: web.Request) -> web.Response:
    """The process answers. Says nothing of what it depends on: a restart would not mend that."""
    return json_answer({"status": "ok", "version": VERSION}, headers={"Cache-Control": "no-store"})


async def readyz(request: web.Request) -> web.Response:
    """By dependency. Without PostgreSQL nothing can be written, so 503; without Redis the node is only slower."""
    vitals = request.app[VITALS]
    store, cache = not vitals.feed.lost, await vitals.cache.ping()
    checks = {
        "postgresql": _check(store, "writes are refused; cached identifiers are answered and marked stale"),
        "redis": _check(cache, "slower: every worker reads from PostgreSQL by itself; nothing is lost"),
    }
    status = 200 if store else 503
    return json_answer({"ready": store, "checks": checks}, status=status, headers={"Cache-Control": "no-store"})


async def metrics(_: web.Request) -> web.Response:
    """Prometheus text, the sum over all workers."""
    return web.Response(
        body=exposition(),
        headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8", "Cache-Control": "no-store"},
    )


def _check(ok: bool, effect: str) -> dict[str, bool | str]:
    return {"ok": True} if ok else {"ok": False, "effect": effect}
