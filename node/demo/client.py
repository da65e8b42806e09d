"""A caller of the public API that waits out restarts: what an ERP should do, in forty lines."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import orjson

from node.console import Refused

_DEADLINE = aiohttp.ClientTimeout(total=30, sock_connect=5)
_PATIENCE_SECONDS = 90.0
_AGAIN = frozenset((429, 502, 503, 504))


class Client:
    """Calls are repeated while the node is away: registering the same content twice is safe."""

    def __init__(self, base_url: str, session: aiohttp.ClientSession) -> None:
        self._base_url = base_url
        self._session = session

    async def call(self, method: str, path: str, key: str | None = None, body: Any = None) -> tuple[int, Any]:
        """(status, JSON) of the answer. Raises `Refused` when the node stays away for too long."""
        headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        data = orjson.dumps(body) if body is not None else None
        if data is not None:
            headers["Content-Type"] = "application/json"
        loop = asyncio.get_running_loop()
        give_up, pause = loop.time() + _PATIENCE_SECONDS, 0.05
        while True:
            try:
                async with self._session.request(
                    method, self._base_url + path, headers=headers, data=data, timeout=_DEADLINE
                ) as response:
                    if response.status not in _AGAIN:
                        return response.status, orjson.loads(await response.read() or b"null")
                    reason = f"HTTP {response.status}"
            except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError) as wrong:
                reason = str(wrong) or type(wrong).__name__
            if loop.time() > give_up:
                raise Refused(
                    f"The node at {self._base_url} does not answer ({reason}); is it running?",
                    f"节点 {self._base_url} 没有响应（{reason}）；请确认它正在运行",
                )
            await asyncio.sleep(pause)
            pause = min(pause * 2, 1.0)


def session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=32))
