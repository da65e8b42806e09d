"""Settings, pools, rooms and doors joined into one worker: the only place that knows them all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from datetime import timedelta
from typing import Any

from aiohttp import web

import registry.bulk.doors
import registry.doors
import registry.grant_doors
import registry.life_doors
import registry.onboarding_doors
import registry.snms.doors
import registry.snms.edge
import registry.snms.login_doors
import registry.snms.prefix_doors
import registry.snms.template_doors
import resolver.doors
from core.announce import Announcer
from core.database import open_pool
from core.directory import Directory, read_node_id
from core.feed import ChangeFeed
from core.settings import Settings
from core.shared_cache import SharedCache
from core.web import BODY_LIMIT, PROBLEM_PAGE, edge, json_answer
from node import health, pages
from node.openapi import specification
from node.version import VERSION
from registry.bulk.doors import BulkDoor
from registry.bulk.files import BulkFiles
from registry.committer import Committer
from registry.room import Registry
from registry.snms.attempts import Attempts
from registry.snms.login import Login
from registry.snms.signing import SigningKeys
from resolver.lookup import Lookup
from resolver.memory import Memory

_MEASURE_SECONDS = 1.0


def make_app(settings: Settings, worker: int) -> web.Application:
    """The application of one worker; it connects when it starts and lets go when it stops."""
    app = web.Application(middlewares=[edge, registry.snms.edge.snms_edge], client_max_size=settings.body_limit_bytes)
    app[BODY_LIMIT] = settings.body_limit_bytes
    app[PROBLEM_PAGE] = pages.problem_page
    app[pages.NODE] = pages.NodeFacts(settings.node_name, settings.node_prefix, VERSION)
    app[pages.SPECIFICATION] = specification()
    app[registry.bulk.doors.BULK] = BulkDoor(BulkFiles(settings.data_dir.resolve()), settings.bulk_limit_bytes)
    app.cleanup_ctx.append(lambda app: _rooms(app, settings, worker))
    health.add_routes(app)
    _add_pages(app)
    registry.doors.add_routes(app)
    registry.onboarding_doors.add_routes(app)
    registry.bulk.doors.add_routes(app)
    registry.grant_doors.add_routes(app)
    registry.life_doors.add_routes(app)
    registry.snms.login_doors.add_routes(app)
    registry.snms.doors.add_routes(app)
    registry.snms.template_doors.add_routes(app)
    registry.snms.prefix_doors.add_routes(app)
    resolver.doors.add_routes(app)  # last: it takes every address that is left as an identifier
    return app


def _add_pages(app: web.Application) -> None:
    app.router.add_get("/", pages.landing)
    app.router.add_get("/lookup", pages.lookup)
    app.router.add_get("/docs", pages.docs)
    app.router.add_get("/errors", pages.errors_index)
    app.router.add_get("/errors/{slug}", pages.error_page)
    app.router.add_get("/api/v1/openapi.json", _openapi)


async def _openapi(request: web.Request) -> web.Response:
    return json_answer(request.app[pages.SPECIFICATION])


async def _rooms(app: web.Application, settings: Settings, worker: int) -> AsyncIterator[None]:
    url, timeout_seconds = settings.database_url.get_secret_value(), settings.database_timeout_seconds
    feed_pool = await open_pool(url, connections=1, timeout_seconds=timeout_seconds)
    pool = await open_pool(
        url,
        connections=settings.database_connections - 1,
        timeout_seconds=timeout_seconds,
        is_lost=lambda: feed.lost,
    )
    cache = SharedCache(
        settings.redis_url.get_secret_value(),
        await read_node_id(feed_pool),
        ttl_seconds=settings.shared_cache_ttl_seconds,
        timeout_seconds=settings.redis_timeout_seconds,
    )
    memory = Memory(settings.memory_cache_bytes)

    def apply(changes: list[tuple[str, int]]) -> None:
        memory.apply(changes, time.monotonic())

    directory = Directory(pool)
    feed = ChangeFeed(
        feed_pool,
        directory,
        cache,
        apply,
        interval_seconds=settings.feed_interval_milliseconds / 1000,
        cache_ttl_seconds=settings.shared_cache_ttl_seconds,
    )
    await feed.start()
    announcer = Announcer(cache, apply)
    lookup = Lookup(
        pool,
        cache,
        feed,
        memory,
        negative_seconds=settings.negative_ttl_milliseconds / 1000,
        stale_limit_seconds=settings.stale_limit_seconds,
    )
    committer = Committer(pool, announcer.committed, worker=worker, most_rows=settings.group_commit_rows)
    app[registry.doors.REGISTRY] = Registry(
        pool,
        directory,
        committer,
        announcer.committed,
        settings.node_prefix,
        timedelta(days=settings.restore_grace_days),
    )
    app[registry.snms.edge.LOGIN] = Login(pool, directory, SigningKeys(pool), Attempts(), settings.snms_login_v1)
    app[resolver.doors.RESOLVER] = resolver.doors.Resolver(lookup, directory, settings.node_prefix, settings.node_name)
    app[health.VITALS] = vitals = health.Vitals(feed, cache, memory)
    tasks = [feed.follow(), announcer.run(), cache.listen(apply, memory.forget_missing), _measure(vitals)]
    async with _Background(tasks):
        yield
    await cache.close()
    for opened in (pool, feed_pool):
        with suppress(TimeoutError):
            await asyncio.wait_for(opened.close(), timeout_seconds)


async def _measure(vitals: health.Vitals) -> None:
    while True:
        await vitals.measure()
        await asyncio.sleep(_MEASURE_SECONDS)


class _Background:
    """Tasks that run as long as the worker does. One that ends by itself ends the worker: it is started anew, whole."""

    def __init__(self, work: list[Coroutine[Any, Any, None]]) -> None:
        self._work = work
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> None:
        self._tasks = [asyncio.create_task(work) for work in self._work]
        for task in self._tasks:
            task.add_done_callback(_must_not_end)

    async def __aexit__(self, *_error: object) -> None:
        running = set(self._tasks)
        while running:  # asked again: `wait_for` of Python 3.11, which redis-py uses, can swallow a cancellation
            for task in running:
                task.cancel()
            _, running = await asyncio.wait(running, timeout=0.1)


def _must_not_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.get_loop().call_exception_handler(
            {"message": "a background task of the worker ended", "exception": task.exception(), "fatal": True}
        )
