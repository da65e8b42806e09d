"""The bootstrap registry of the top level: which node answers IIIDAP queries about which prefixes (draft
mcd-identifier-access-authority). Reading and matching are pure; `Bootstrap` fetches and keeps it, beside requests and never in one.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import aiohttp
import orjson

from core.database import STORE_FAILURES
from core.errors import StoreUnavailable
from core.sqlfiles import load_sql

log = logging.getLogger(__name__)
_SQL = load_sql("resolver", "bootstrap.sql")
_LOST: tuple[type[BaseException], ...] = (*STORE_FAILURES, StoreUnavailable)
MAX_BYTES = 4 * 1024 * 1024
_MOST_ENTRIES = 100_000
_FETCH_SECONDS, _LOOK_SECONDS = 3.0, 5.0
_LEAST_SECONDS, _MOST_SECONDS, _RETRY_SECONDS = 60.0, 86_400.0, 30.0
_MAX_AGE = re.compile(r"max-age=([0-9]{1,9})")
_URL = re.compile(r"https?://[!-~]{1,1000}/")


def read_services(document: Any) -> dict[str, str]:
    """Prefix (lower case) to base URL, https before http. What cannot be read is passed over. Raises `ValueError` where
    nothing can."""
    listed = document.get("services") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise ValueError("there are no services in it")
    found: dict[str, str] = {}
    for service in listed:
        if not (isinstance(service, list) and len(service) == 2 and all(isinstance(part, list) for part in service)):
            continue
        urls = [url for url in service[1] if isinstance(url, str) and _URL.fullmatch(url)]
        urls.sort(key=lambda url: not url.startswith("https://"))
        for entry in service[0] if urls else ():
            if isinstance(entry, str) and len(found) < _MOST_ENTRIES:
                found[entry.lower()] = urls[0]
    return found


def longest_match(services: Mapping[str, str], prefix: str) -> str | None:
    """The base URL of the longest run of whole labels from the left: 88.608 matches 88.608.0042 and not 88.6080."""
    labels = prefix.lower()
    while labels:
        if (base := services.get(labels)) is not None:
            return base
        labels = labels.rpartition(".")[0]
    return None


class Bootstrap:
    """One for each worker, of the copy that stands in PostgreSQL: it outlives a top level that is away, and the worker. `own`: our
    own base URL, which is nobody else's."""

    def __init__(self, url: str, pool: Any, own: str) -> None:
        self._url, self._pool, self._own = url, pool, own
        self._services: dict[str, str] = {}
        self._fetched_at: datetime | None = None
        self._failed = False  # the last time it was asked for

    def base_of(self, prefix: str) -> str | None:
        """Where IIIDAP queries about a foreign prefix go, None where nobody is known."""
        base = longest_match(self._services, prefix)
        return None if base == self._own else base

    def resolver_of(self, prefix: str) -> str | None:
        """Where the node that is responsible probably resolves: the registry names its IIIDAP service, and a node as this one is has
        both under one address."""
        base = self.base_of(prefix)
        return None if base is None else base.removesuffix("iiidap/").rstrip("/")

    async def run(self) -> None:
        """For ever."""
        while True:
            try:
                await self.look()
            except _LOST as lost:
                log.info("the copy of the bootstrap registry waits for PostgreSQL: %s", lost or type(lost).__name__)
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> None:
        """Fetch it where it is due and nobody else does, and take what stands there now. Raises as asyncpg does."""
        standing = await self._pool.fetchrow(_SQL["bootstrap_standing"], self._url)
        if (standing is None or standing["due"]) and await self._pool.fetchval(
            _SQL["claim_bootstrap"], self._url, _RETRY_SECONDS
        ):
            await self._fetch()
        elif standing is None or standing["fetched_at"] == self._fetched_at:
            return
        row = await self._pool.fetchrow(_SQL["bootstrap"], self._url)
        if row is not None:
            self._services, self._fetched_at = orjson.loads(row["services"]), row["fetched_at"]

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(_FETCH_SECONDS):
                services, seconds = await self._fetched()
        except (OSError, ValueError, TimeoutError, aiohttp.ClientError) as wrong:
            level = logging.WARNING if self._failed else logging.INFO  # at first it may be starting, as this node is
            log.log(level, "the IIIDAP bootstrap registry cannot be read: %s", wrong or type(wrong).__name__)
            self._failed = True
        else:
            self._failed = False
            await self._pool.execute(_SQL["keep_bootstrap"], self._url, orjson.dumps(services).decode(), seconds)

    async def _fetched(self) -> tuple[dict[str, str], float]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(self._url, allow_redirects=False, headers={"Accept": "application/json"}) as answer,
        ):
            if answer.status != 200:
                raise ValueError(f"HTTP {answer.status}")
            body = bytearray()
            async for piece in answer.content.iter_chunked(64 * 1024):
                body += piece
                if len(body) > MAX_BYTES:
                    raise ValueError(f"more than {MAX_BYTES} bytes")
            stated = _MAX_AGE.search(answer.headers.get("Cache-Control", ""))
            seconds = float(stated[1]) if stated else _LEAST_SECONDS
            return read_services(orjson.loads(bytes(body))), min(max(seconds, _LEAST_SECONDS), _MOST_SECONDS)
