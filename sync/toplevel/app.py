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
from sync.epp.tree import MOST_BYTES
from sync.signing.keys import Ed25519Signer, keyid_of, new_seed
from sync.toplevel import clerk_page, epp_doors, exam_doors
from sync.toplevel.desk import Desk
from sync.toplevel.epp_doors import DESK, SIGNER
from sync.toplevel.store import Store

log = logging.getLogger(__name__)
_CLERK_SECONDS = 0.1
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


def make_app(desk: Desk) -> web.Application:
    """Its caller closes the store."""
    app = web.Application(middlewares=[edge], client_max_size=MOST_BYTES)
    app[DESK], app[SIGNER] = desk, signer_of(desk.store)
    app[BODY_LIMIT], app[TRUSTED_PROXIES] = MOST_BYTES, ()
    app.cleanup_ctx.append(_clerk)
    for subject in (epp_doors, exam_doors, clerk_page):
        subject.add_routes(app)
    return app


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
