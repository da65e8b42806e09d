"""The box put together: store, desk, doors of each subject, and its clerk. What is added next is added here."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web

from core.web import BODY_LIMIT, TRUSTED_PROXIES, edge
from sync.signing.keys import Ed25519Signer, keyid_of, new_seed
from sync.takeover.standby import MOST_CHUNK_BYTES
from sync.toplevel import (
    clerk_page,
    epp_doors,
    escrow_doors,
    exam_doors,
    monitor_doors,
    referral_doors,
    standby_doors,
    takeover_doors,
    watch_page,
)
from sync.toplevel.desk import Desk
from sync.toplevel.escrow_agent import EscrowAgent
from sync.toplevel.escrow_doors import AGENT
from sync.toplevel.signed_doors import DESK, SIGNER
from sync.toplevel.store import Store

log = logging.getLogger(__name__)
_CLERK_SECONDS = 0.1
_DAY_SECONDS = 60.0  # how long after midnight a missing deposit is noticed
_FILE = "toplevel.sqlite"


def open_store(directory: Path) -> Store:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / _FILE
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    return Store(path)


def signer_of(store: Store) -> Ed25519Signer:
    """The box's own key, made at its first start."""
    seed = store.fact("seed")
    if seed is None:
        seed = new_seed()
        with store.transaction():
            store.put_fact("seed", seed)
    raw = base64.b64decode(seed)
    return Ed25519Signer(keyid_of(Ed25519Signer("", raw).public), raw)


def make_app(desk: Desk, directory: Path | None = None) -> web.Application:
    """Its caller closes the store. `directory`: where escrow stands; None: the box has no escrow agent."""
    app = web.Application(middlewares=[edge, exam_doors.guarded], client_max_size=MOST_CHUNK_BYTES)
    app[DESK], app[SIGNER] = desk, signer_of(desk.store)
    app[BODY_LIMIT], app[TRUSTED_PROXIES] = MOST_CHUNK_BYTES, ()
    app.cleanup_ctx.append(_clerk)
    for subject in (
        epp_doors,
        exam_doors,
        monitor_doors,
        referral_doors,
        standby_doors,
        takeover_doors,
        clerk_page,
        watch_page,
    ):
        subject.add_routes(app)
    if directory is not None:
        app[AGENT] = EscrowAgent(directory, desk.now)
        app.cleanup_ctx.append(_agent)
        escrow_doors.add_routes(app)
    return app


async def _agent(app: web.Application) -> AsyncIterator[None]:
    task = asyncio.create_task(_close_days(app[AGENT]))
    yield
    task.cancel()
    app[AGENT].close()


async def _close_days(agent: EscrowAgent) -> None:
    while True:
        await asyncio.sleep(_DAY_SECONDS)
        try:
            agent.clerk()
        except Exception:  # the box goes on: an examiner sees it in the log
            log.exception("the escrow agent stumbled")


async def _clerk(app: web.Application) -> AsyncIterator[None]:
    task = asyncio.create_task(_audit(app[DESK]))
    yield
    task.cancel()


async def _audit(desk: Desk) -> None:
    while True:
        try:
            desk.clerk()
        except Exception:  # the box goes on: an examiner sees it in the log
            log.exception("the clerk stumbled")
        await asyncio.sleep(_CLERK_SECONDS)
