"""The other ends of escrow: files to the agent, the report to the top level, and what was made of them (§8.4–8.7); over HTTPS,
files by SFTP too.
"""

from __future__ import annotations

import base64
import ssl
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp
import orjson

from sync.access.address import is_loopback
from sync.access.tls import trouble
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
    """`agent` takes files over HTTPS, `reports` takes reports; both without a slash at the end."""

    agent: str
    reports: str
    user: str
    password: str


class Upload(Protocol):
    """Takes the files of a deposit, the written statement last. Raises `NotTaken` and `Refused`."""

    async def upload(self, folder: Path, names: list[str]) -> None: ...


def to_send(names: list[str]) -> list[str]:
    """In the order of sending: the statement last, as it says that all is there."""
    return sorted(names, key=lambda name: (name.endswith(".rep"), name))


def check_upload(url: str) -> str:
    """As `check_address`, for files: `sftp://host[:port]/directory` too."""
    parts = urlsplit(url)
    if parts.scheme != "sftp":
        return check_address(url)
    if not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError(
            "must be sftp://host[:port][/directory], the user is set apart 应为 sftp://主机[:端口][/目录]，用户名另行设置"
        )
    return url.rstrip("/")


def check_address(url: str) -> str:
    """Raises ValueError with one sentence in both languages."""
    parts = urlsplit(url)
    if parts.scheme in ("sftp", "scp"):
        raise ValueError(
            "reports go over https:// only, files over https:// or sftp:// 报告仅支持 https://，文件支持 https:// 或 sftp://"
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
    """Raises `NotTaken` and `Refused`; every call has a deadline. `files` takes deposits where HTTPS does not."""

    def __init__(
        self, ends: Ends, sln: str, *, timeout_seconds: float, tls: ssl.SSLContext | None = None,
        files: Upload | None = None,
    ) -> None:  # fmt: skip
        self._ends, self._sln, self._seconds, self._tls, self._files = ends, sln, timeout_seconds, tls, files
        self._session: aiohttp.ClientSession | None = None

    async def agent_certificate(self) -> str:
        """What deposits are encrypted to, where it is not pinned: of a box only."""
        _, body = await self._call("GET", f"{self._ends.agent}/deposit/certificate")
        return body.decode("utf-8", "replace")

    async def upload(self, folder: Path, names: list[str]) -> None:
        """Parts and signatures first, the written statement last."""
        if self._files is not None:
            await self._files.upload(folder, names)
            return
        for name in to_send(names):
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

    async def ask(self, path: str, question: Any, seconds: float | None = None) -> dict[str, Any]:
        """JSON of our own form, about the copy that the top level holds."""
        data, url = orjson.dumps(question), f"{self._ends.reports}{path}"
        _, body = await self._call("POST", url, data=data, seconds=seconds, most=64 * MOST_BYTES)
        try:
            said = orjson.loads(body)
        except ValueError:
            raise NotTaken("the answer is not JSON") from None
        if not isinstance(said, dict):
            raise NotTaken("the answer is no object")
        return said

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
            raise NotTaken(f"no answer: {trouble(wrong)}") from None
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
