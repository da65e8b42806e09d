"""The other ends of escrow over HTTPS: files to the agent, the report to the top level, and what was made of them (§8.4–8.7)."""

from __future__ import annotations

import base64
import ssl
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson

from sync.access.address import is_loopback
from sync.escrow.documents import MOST_BYTES, DocumentInvalid, Finding, Notification, read_answer, read_notifications

_CONNECT_SECONDS = 5.0
_UPLOAD_SECONDS = 3_600.0  # of one part
_STOPS = frozenset((401, 403, 404, 405, 411, 413, 415, 501))


class NotTaken(Exception):
    """Nothing is known to have arrived: the same again, later."""


class Refused(Exception):
    """The other side will not have it, whatever the number of tries: somebody has to see to it."""


@dataclass(frozen=True, slots=True)
class Ends:
    """`agent` takes files, `reports` takes reports; both without a slash at the end."""

    agent: str
    reports: str
    user: str
    password: str


def check_address(url: str) -> str:
    """Raises ValueError with one sentence in both languages."""
    parts = urlsplit(url)
    if parts.scheme in ("sftp", "scp"):
        raise ValueError(
            "deposits are uploaded over https:// only; sftp is not built 托管文件仅支持 https:// 上传，尚未实现 sftp"
        )
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError("must be https://host[:port][/path] 应为 https://主机[:端口][/路径]")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("without TLS only on this machine 不加密时仅限本机回环地址")
    return url.rstrip("/")


def basic(user: str, password: str) -> str:
    """Credentials of RFC 7617."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class EscrowClient:
    """Raises `NotTaken` and `Refused`; every call has a deadline."""

    def __init__(self, ends: Ends, sln: str, *, timeout_seconds: float, tls: ssl.SSLContext | None = None) -> None:
        self._ends, self._sln, self._seconds, self._tls = ends, sln, timeout_seconds, tls
        self._session: aiohttp.ClientSession | None = None

    async def agent_certificate(self) -> str:
        """What deposits are encrypted to, where it is not pinned: of a box only."""
        _, body = await self._call("GET", f"{self._ends.agent}/deposit/certificate")
        return body.decode("utf-8", "replace")

    async def upload(self, folder: Path, names: list[str]) -> None:
        """Parts and signatures first, the written statement last: it says that all is there."""
        for name in sorted(names, key=lambda name: (name.endswith(".rep"), name)):
            with (folder / name).open("rb") as file:
                url = f"{self._ends.agent}/deposit/{self._sln}/{name}"
                status, body = await self._call("PUT", url, data=file, seconds=_UPLOAD_SECONDS)
            if status not in (200, 201, 204):
                raise Refused(f"{name}: HTTP {status} {body[:200].decode(errors='replace')}")

    async def report(self, id_: str, document: bytes) -> Finding:
        """The result, whatever the HTTP status that carries it."""
        url = f"{self._ends.reports}/report/sln-escrow-report/{self._sln}/{id_}"
        status, body = await self._call("PUT", url, data=document)
        try:
            return read_answer(body)
        except DocumentInvalid as wrong:
            raise NotTaken(f"HTTP {status} without a result: {wrong}") from None

    async def was_reported(self, day: date) -> bool:
        """The self check of §8.7."""
        url = f"{self._ends.reports}/info/report/sln-escrow-report/{self._sln}/{day.isoformat()}"
        status, _ = await self._call("HEAD", url, missing=True)
        return status == 200

    async def notifications(self, day: date) -> list[Notification]:
        """What the agent said of a day, oldest first."""
        url = f"{self._ends.reports}/info/report/escrow-agent-notification/{self._sln}/{day.isoformat()}"
        status, body = await self._call("GET", url, missing=True)
        if status == 404:
            return []
        try:
            return read_notifications(body)
        except DocumentInvalid as wrong:
            raise NotTaken(f"the notifications cannot be read: {wrong}") from None

    async def ask(self, path: str, question: Any) -> Any:
        """JSON of our own form, about the copy that the top level holds."""
        _, body = await self._call(
            "POST", f"{self._ends.reports}{path}", data=orjson.dumps(question), most=64 * MOST_BYTES
        )
        try:
            return orjson.loads(body)
        except ValueError:
            raise NotTaken("the answer is not JSON") from None

    async def _call(
        self, method: str, url: str, *, data: Any = None, seconds: float | None = None, missing: bool = False,
        most: int = MOST_BYTES,
    ) -> tuple[int, bytes]:  # fmt: skip
        session = self._opened()
        deadline = aiohttp.ClientTimeout(total=seconds or self._seconds, sock_connect=_CONNECT_SECONDS)
        headers = (
            {"Content-Type": "text/xml" if isinstance(data, bytes) else "application/octet-stream"} if data else {}
        )
        try:
            async with session.request(
                method, url, data=data, headers=headers, timeout=deadline, allow_redirects=False
            ) as answer:
                body = await answer.content.read(most + 1) if method != "HEAD" else b""
                while len(body) <= most and (piece := await answer.content.read(most)):
                    body += piece
        except (aiohttp.ClientError, TimeoutError, OSError) as wrong:
            raise NotTaken(f"no answer: {wrong or type(wrong).__name__}") from None
        if len(body) > most:
            raise NotTaken(f"the answer has more than {most} bytes")
        if answer.status == 404 and missing:
            return 404, b""
        if answer.status in _STOPS:
            raise Refused(f"HTTP {answer.status}: {body[:200].decode(errors='replace').strip()}")
        if answer.status >= 500 or answer.status == 429:
            raise NotTaken(f"HTTP {answer.status}")
        return answer.status, body

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=2, ssl=self._tls if self._tls is not None else True)
            headers = {"Authorization": basic(self._ends.user, self._ends.password)}
            self._session = aiohttp.ClientSession(connector=connector, headers=headers, trust_env=False)
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None
