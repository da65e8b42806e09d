"""Settings, pools, rooms and doors joined into one worker: the only place that knows them all."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from aiohttp import web

import registry.application_doors
import registry.audit_doors
import registry.bulk.doors
import registry.count_doors
import registry.doors
import registry.export_doors
import registry.grant_doors
import registry.handle.doors
import registry.key_doors
import registry.lease_doors
import registry.life_doors
import registry.list_doors
import registry.onboarding_doors
import registry.prefix_doors
import registry.quota_doors
import registry.snms.application_doors
import registry.snms.doors
import registry.snms.edge
import registry.snms.login_doors
import registry.snms.prefix_doors
import registry.snms.template_doors
import registry.template_doors
import registry.transfer_doors
import resolver.batch_doors
import resolver.doors
import resolver.fast_doors
import resolver.handle.http
import resolver.iiidap.doors
import resolver.propagation_doors
import resolver.usage_doors
import sync.takeover.doors
from core.announce import Announcer
from core.arrivals import HOUR, MINUTE, Arrivals
from core.database import open_pool
from core.directory import Directory, read_node_id
from core.errors import StoreUnavailable
from core.fast_doors import Doors
from core.feed import ChangeFeed
from core.rate_limit import RateLimiter
from core.sealing import Vault
from core.settings import Settings
from core.shared_cache import SharedCache
from core.telemetry import DIRECTORY_VARIABLE
from core.web import BODY_LIMIT, BODY_SECONDS, PROBLEM_PAGE, TRUSTED_PROXIES, add_fields, edge, json_answer
from node import health, pages
from node.background import Background
from node.handle_administration import handle_administration
from node.handle_key import own_identity
from node.handle_trust import read_roots
from node.openapi import specification
from node.operations import takeover_door
from node.peering import required_images, top_level_of
from node.version import VERSION
from registry.applications.courier import Courier
from registry.applications.expiry import expire_abandoned
from registry.audit.sealer import Sealer
from registry.bulk.doors import BulkDoor
from registry.bulk.files import BulkFiles
from registry.committer import Committer
from registry.export.running import Exports
from registry.export_doors import EXPORTS
from registry.measures import measure_registry
from registry.quotas.allowances import Allowances
from registry.room import Registry
from registry.snms.attempts import Attempts
from registry.snms.login import Login
from registry.snms.signing import SigningKeys
from registry.value_filling import fill_value_indexes
from resolver.handle.challenges import Challenges
from resolver.handle.http import HANDLE
from resolver.handle.room import HandleRoom
from resolver.handle.sessions import Sessions as HandleSessions
from resolver.handle.trusting import Trusting
from resolver.iiidap.bootstrap import Bootstrap
from resolver.iiidap.doors import IIIDAP, Iiidap
from resolver.iiidap.store import RegistrationData
from resolver.lookup import Lookup
from resolver.memory import Memory
from resolver.propagation import Propagation
from resolver.recursion import Recursion
from resolver.room import Resolver
from resolver.usage.applying import Applier
from resolver.usage.probes import Probes
from resolver.usage.tally import Tally

_MEASURE_SECONDS = 1.0
_LOOK = {"look": "directory"}  # said to all workers by one that changed who owns what
_LAST_WRITE_SECONDS = 1.0
FAST_DOORS: web.AppKey[Doors] = web.AppKey("fast_doors", Doors)


def make_app(settings: Settings, worker: int) -> web.Application:
    """The application of one worker; it connects when it starts and lets go when it stops."""
    app = web.Application(middlewares=[edge, registry.snms.edge.snms_edge], client_max_size=settings.body_limit_bytes)
    app[FAST_DOORS] = Doors()
    app[BODY_LIMIT], app[BODY_SECONDS] = settings.body_limit_bytes, settings.http_body_seconds
    app[TRUSTED_PROXIES] = settings.proxy_networks
    app[PROBLEM_PAGE] = pages.problem_page
    app[pages.NODE] = pages.NodeFacts(settings.node_name, settings.node_prefix, VERSION)
    app[pages.SPECIFICATION] = specification()
    app[registry.bulk.doors.BULK] = BulkDoor(BulkFiles(settings.data_dir.resolve()), settings.bulk_limit_bytes)
    app[registry.application_doors.ARRIVALS] = Arrivals(settings.applications_per_hour, HOUR)
    app[EXPORTS] = Exports(settings.database_url.get_secret_value())
    app.on_response_prepare.append(add_fields)
    app.cleanup_ctx.append(lambda app: _rooms(app, settings, worker))
    health.add_routes(app)
    _add_pages(app)
    resolver.propagation_doors.add_routes(app)  # before those that take any path below the same
    registry.doors.add_routes(app)
    registry.onboarding_doors.add_routes(app)
    registry.prefix_doors.add_routes(app)
    registry.application_doors.add_routes(app)
    registry.key_doors.add_routes(app)
    registry.quota_doors.add_routes(app)
    registry.bulk.doors.add_routes(app)
    registry.grant_doors.add_routes(app)
    registry.life_doors.add_routes(app)
    registry.list_doors.add_routes(app)
    registry.lease_doors.add_routes(app)
    registry.transfer_doors.add_routes(app)
    registry.audit_doors.add_routes(app)
    registry.count_doors.add_routes(app)
    registry.export_doors.add_routes(app)
    registry.template_doors.add_routes(app)
    registry.snms.login_doors.add_routes(app)
    registry.snms.doors.add_routes(app)
    registry.snms.template_doors.add_routes(app)
    registry.snms.prefix_doors.add_routes(app)
    registry.snms.application_doors.add_routes(app)
    registry.handle.doors.add_routes(app)
    resolver.handle.http.add_routes(app)
    resolver.usage_doors.add_routes(app)
    resolver.batch_doors.add_routes(app)
    resolver.iiidap.doors.add_routes(app)
    sync.takeover.doors.add_routes(app)
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
    node_id = await read_node_id(feed_pool)
    cache = SharedCache(
        settings.redis_url.get_secret_value(),
        node_id,
        ttl_seconds=settings.shared_cache_ttl_seconds,
        timeout_seconds=settings.redis_timeout_seconds,
    )
    memory = Memory(settings.memory_cache_bytes)

    def apply(changes: list[tuple[str, int]]) -> None:
        memory.apply(changes, time.monotonic())

    limiter = RateLimiter(
        settings.redis_url.get_secret_value(), node_id, timeout_seconds=settings.quota_timeout_milliseconds / 1000
    )
    await limiter.warm()
    directory = Directory(pool, limiter, settings.quota_defaults)
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
    vault = Vault(settings.personal_data_keys)
    committer = Committer(
        pool, announcer.committed, announcer.committed_batch, worker=worker, most_rows=settings.group_commit_rows
    )
    app[registry.doors.REGISTRY] = Registry(
        pool,
        directory,
        committer,
        allowances := Allowances(pool, directory),
        announcer.committed,
        settings.node_prefix,
        timedelta(days=settings.restore_grace_days),
        vault,
        required_images(settings),
        lease_grace=timedelta(days=settings.lease_grace_days),
        enterprise_prefixes=settings.enterprise_prefixes,
    )
    app[registry.snms.edge.LOGIN] = Login(pool, directory, SigningKeys(pool), Attempts(), settings.snms_login_v1)
    tally = Tally()
    applier = Applier(
        pool, tally, slot=worker, directory=_notes(settings), keep_minutes_days=settings.usage_minutes_days
    )
    probes = Probes(settings.probe_networks_parsed, settings.probe_key_ids)
    bootstrap = _bootstrap(settings, pool)
    app[resolver.doors.RESOLVER] = Resolver(
        lookup,
        directory,
        settings.node_prefix,
        settings.node_name,
        tally,
        probes,
        worker,
        _recursion(settings, bootstrap),
        settings.base_url,
        bootstrap,
        settings.public_cache_seconds,
    )
    sessions = handle_administration(
        app,
        settings,
        app[registry.doors.REGISTRY],
        node_id,
        lambda: app.get(HANDLE),
    )
    if settings.handle_port:
        app[HANDLE] = HandleRoom(
            app[resolver.doors.RESOLVER],
            await asyncio.to_thread(own_identity, settings),
            app[registry.handle.doors.HANDLE].administration,
            Challenges(cache, vault, settings.handle_challenge_seconds),
            HandleSessions(
                cache, vault, seconds=settings.handle_session_seconds, most=settings.handle_protocol_sessions
            ),
            settings.handle_key_exchange_bits,
            settings.handle_udp_administration,
            settings.handle_login_seconds,
            _trusting(settings, app[resolver.doors.RESOLVER]),
        )
    app[resolver.usage_doors.POOL] = pool
    app[IIIDAP] = _iiidap(settings, pool, bootstrap)
    app[sync.takeover.doors.TAKEOVER] = takeover_door(settings, pool)
    propagation = Propagation(pool, cache, memory, lambda: feed.age_seconds, worker)
    directory.tell_others = lambda: cache.say_later(_LOOK)

    def hear(message: dict[str, Any]) -> None:
        if message == _LOOK:
            feed.wake()
        else:
            propagation.hear(message)

    app[resolver.propagation_doors.PROPAGATION] = propagation
    registry.doors.add_fast_doors(app[FAST_DOORS], app[registry.doors.REGISTRY])
    resolver.fast_doors.add_fast_doors(app[FAST_DOORS], app[resolver.doors.RESOLVER])
    app[health.VITALS] = vitals = health.Vitals(feed, cache, memory)
    tasks = [
        feed.follow(),
        announcer.run(),
        cache.listen(apply, memory.forget_missing, hear),
        _measure(vitals),
    ]
    courier = Courier(pool, directory, vault, top_level_of(settings, pool, vault))
    sealer = Sealer(pool, settings.audit_key.get_secret_value().encode())
    abandoned = expire_abandoned(pool, settings.application_idle_days)
    tasks += [courier.run(), sealer.run(), measure_registry(pool), fill_value_indexes(pool), abandoned]
    if bootstrap is not None:
        tasks.append(bootstrap.run())
    async with Background([*tasks, directory.key_use.run(), applier.run(), allowances.run()]):
        yield
    for last_words in (directory.key_use.write_if_possible(), applier.finish(), allowances.finish()):
        with suppress(TimeoutError, StoreUnavailable):
            await asyncio.wait_for(last_words, _LAST_WRITE_SECONDS)
    await sessions.close()
    await cache.close()
    await limiter.close()
    for opened in (pool, feed_pool):
        with suppress(TimeoutError):
            await asyncio.wait_for(opened.close(), timeout_seconds)


def _bootstrap(settings: Settings, pool: Any) -> Bootstrap | None:
    if not settings.iiidap_bootstrap_url:
        return None
    return Bootstrap(settings.iiidap_bootstrap_url, pool, f"{settings.public_url}/iiidap/")


def _recursion(settings: Settings, bootstrap: Bootstrap | None) -> Recursion | None:
    if not (settings.recursion and settings.top_level_url):
        return None
    kept = settings.recursion_cache_megabytes * 1024 * 1024
    return Recursion(
        settings.top_level_url, cache_bytes=kept, private_addresses=settings.recursion_private_addresses,
        responsible=bootstrap.resolver_of if bootstrap is not None else None,
    )  # fmt: skip


def _iiidap(settings: Settings, pool: Any, bootstrap: Bootstrap | None) -> Iiidap:
    lookups, searches = settings.iiidap_lookups_per_minute, settings.iiidap_searches_per_minute
    return Iiidap(
        RegistrationData(pool, settings.node_prefix, settings.node_name),
        f"{settings.public_url}/iiidap/",
        lookups,
        searches,
        Arrivals(lookups, MINUTE),
        Arrivals(searches, MINUTE),
        bootstrap if settings.iiidap_redirect else None,
    )


def _trusting(settings: Settings, room: Resolver) -> Trusting | None:
    """Raises `Refused` for a file that is none of roots."""
    return Trusting(room, read_roots(Path(settings.handle_trust_roots))) if settings.handle_trust_roots else None


def _notes(settings: Settings) -> Path | None:
    """Where supervised workers note what they answered; one that stands alone has nobody to read it."""
    if DIRECTORY_VARIABLE not in os.environ:
        return None
    directory = settings.data_dir.resolve() / "usage"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


async def _measure(vitals: health.Vitals) -> None:
    while True:
        await vitals.measure()
        await asyncio.sleep(_MEASURE_SECONDS)
