"""The bootstrap registry of the top level: which node answers IIIDAP queries about which prefixes (draft
mcd-identifier-access-authority). Reading and matching are pure; `Bootstrap` fetches and keeps it.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Mapping
from typing import Any

import aiohttp
import orjson

log = logging.getLogger(__name__)
MAX_BYTES = 4 * 1024 * 1024
_MOST_ENTRIES = 100_000
_FETCH_SECONDS = 3.0
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
    """One for each worker. An older copy is used for as long as no newer one can be had."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._services: dict[str, str] = {}
        self._good_until = 0.0
        self._fetching = asyncio.Lock()

    async def base_of(self, prefix: str) -> str | None:
        """Where to ask about a foreign prefix, None where nobody is known."""
        if time.monotonic() >= self._good_until:
            async with self._fetching:  # those that come meanwhile wait for the one that fetches, 3 s at most
                if time.monotonic() >= self._good_until:
                    await self._fetch()
        return longest_match(self._services, prefix)

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(_FETCH_SECONDS):
                self._services, seconds = await self._fetched()
        except (OSError, ValueError, TimeoutError, aiohttp.ClientError) as wrong:
            log.warning("the IIIDAP bootstrap registry cannot be read: %s", wrong or type(wrong).__name__)
            seconds = _RETRY_SECONDS
        self._good_until = time.monotonic() + seconds

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
