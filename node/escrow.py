"""Escrow put together from settings and key files: what the sync process makes and sends deposits with."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from core.database import STORE_FAILURES
from core.settings import Settings
from node.console import Refused
from node.peering_key_changes import generate
from node.peering_key_kinds import AgentCertificate, OpenPgp, Wish, client_files
from sync.access.address import is_loopback
from sync.access.tls import client_context
from sync.escrow.keeper import Keeper, Pace
from sync.escrow.making import Packing
from sync.escrow.pgp import Certificate, OpenPgpFailed, SecretKey
from sync.escrow.sending import Ends, EscrowClient, NotTaken, Upload, check_address, check_upload
from sync.escrow.sending import Refused as RefusedThere
from sync.escrow.watching import Watch

log = logging.getLogger(__name__)
_AGAIN_SECONDS = 5.0
_DEPOSITS = "escrow"


def own_key(settings: Settings) -> SecretKey:
    """The one that signs deposits, `<data_dir>/peering/escrow-key.asc` (0600), made at its first use. Takes seconds then.
    Raises `Refused`."""
    kind = OpenPgp(settings)
    path = kind.slots().path
    try:
        if not path.exists():
            generate(kind, Wish())
        return SecretKey(path.read_text("utf-8"))
    except (OpenPgpFailed, OSError) as wrong:
        raise Refused(f"{path} cannot be used: {wrong}", f"无法使用 {path}：{wrong}") from None


def own_signers(settings: Settings) -> Certificate:
    """Whose signatures hold on deposits of this node: of the key in use and of those before it. Raises `Refused`."""
    return Certificate(own_key(settings).certificate, OpenPgp.signers(settings))


class EscrowWork:
    """Escrow as a part of the process that exchanges: put together once what it needs is there."""

    def __init__(self, settings: Settings, pool: Any) -> None:
        self._settings, self._pool, self._watch = settings, pool, Watch()

    async def run(self) -> None:
        """For ever; what is missing is told and waited for."""
        while True:
            client = None
            try:
                client = client_of(self._settings)
                keeper = await keeper_of(self._settings, self._pool, client)
                await keeper.run()
            except Refused as wrong:
                log.error("escrow: %s", wrong.message_en)
            except (NotTaken, RefusedThere) as wrong:
                log.warning("escrow: the agent on this machine does not answer yet: %s", wrong)
            finally:
                if client is not None:
                    await client.close()
            await self._still_watched()
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _still_watched(self) -> None:
        """What keeps escrow from beginning keeps deposits from being accepted."""
        with contextlib.suppress(*STORE_FAILURES):
            async with self._pool.acquire() as connection:
                await self._watch.look(connection, datetime.now(UTC))


def escrow_of(settings: Settings, pool: Any) -> EscrowWork | None:
    """None where no agent is configured."""
    return EscrowWork(settings, pool) if settings.escrow_agent_url else None


def client_of(settings: Settings) -> EscrowClient:
    """Raises `Refused`."""
    if not settings.escrow_agent_url:
        raise Refused(
            "There is no escrow: set BIAOJIE_ESCROW_AGENT_URL to the address of the agent",
            "未配置数据托管：请将 BIAOJIE_ESCROW_AGENT_URL 设为托管机构的上传地址",
        )
    agent = _checked("BIAOJIE_ESCROW_AGENT_URL", settings.escrow_agent_url, check_upload)
    by_sftp = agent.startswith("sftp:")
    if by_sftp and not settings.escrow_report_url:
        raise Refused(
            "Deposits by SFTP are reported over HTTPS: set BIAOJIE_ESCROW_REPORT_URL",
            "通过 SFTP 托管时仍须经 HTTPS 报告：请设置 BIAOJIE_ESCROW_REPORT_URL",
        )
    reports = _checked("BIAOJIE_ESCROW_REPORT_URL", settings.escrow_report_url or agent, check_address)
    tls = None
    if agent.startswith("https") or reports.startswith("https"):
        tls = _checked("BIAOJIE_PEERING_CERTIFICATE", settings, _tls)
    ends = Ends(
        reports if by_sftp else agent, reports, settings.escrow_user, settings.escrow_password.get_secret_value()
    )
    files = _sftp(settings) if by_sftp else None
    seconds = settings.peering_timeout_seconds
    return EscrowClient(ends, settings.node_prefix, timeout_seconds=seconds, tls=tls, files=files)


def _checked(name: str, value: Any, read: Callable[[Any], Any]) -> Any:
    """Raises `Refused`."""
    try:
        return read(value)
    except (ValueError, OSError) as wrong:
        raise Refused(f"{name}: {wrong}", f"{name}：{wrong}") from None


def _tls(settings: Settings) -> ssl.SSLContext:
    return client_context(*client_files(settings), settings.peering_authorities)


def _sftp(settings: Settings) -> Upload:
    from node.escrow_sftp import upload_of  # a tenth of a second, of those only who need it

    return upload_of(settings)


def sftp_line(settings: Settings) -> str:
    """What the agent needs to let this node in by SFTP. Raises `Refused`."""
    from node.escrow_sftp import own_line

    return own_line(settings)


async def keeper_of(settings: Settings, pool: Any, client: EscrowClient, **more: Any) -> Keeper:
    """Raises `Refused`, and `NotTaken` where an agent on this machine is asked for its certificate and does not answer."""
    signer = await asyncio.to_thread(own_key, settings)
    certificate = await _agent_certificate(settings, client, signer)
    packing = Packing(
        settings.data_dir.resolve() / _DEPOSITS, settings.node_prefix, certificate, signer,
        settings.escrow_part_megabytes * 1024 * 1024,
    )  # fmt: skip
    pace = Pace(settings.escrow_send_minutes, settings.escrow_look_seconds)
    return Keeper(pool, client, packing, pace, **more)


async def _agent_certificate(settings: Settings, client: EscrowClient, signer: SecretKey) -> Certificate:
    """Keys are exchanged off line; with an agent on this machine, which is the box's, over the wire."""
    try:
        if held := AgentCertificate(settings).in_use():
            return Certificate(held)
        if not is_loopback(urlsplit(settings.escrow_agent_url).hostname or ""):
            raise Refused(
                "There is no OpenPGP certificate of the agent: `biaojie sync keys import agent --file FILE`",
                "没有托管机构的 OpenPGP 公钥证书：请执行 biaojie sync keys import agent --file 文件",
            )
        told = {"sln": settings.node_prefix, "certificate": signer.certificate, "former": OpenPgp.signers(settings)}
        if settings.escrow_agent_url.startswith("sftp:"):
            told["sftp_key"] = sftp_line(settings)
        await client.ask("/_exam/escrow", told)
        return Certificate(await client.agent_certificate())
    except (OpenPgpFailed, OSError, UnicodeDecodeError) as wrong:
        raise Refused(f"BIAOJIE_ESCROW_AGENT_KEY: {wrong}", f"BIAOJIE_ESCROW_AGENT_KEY：{wrong}") from None
