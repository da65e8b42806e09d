"""Escrow put together from settings and key files: what the sync process makes and sends deposits with."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from core.settings import Settings
from node.console import Refused
from sync.access.address import is_loopback
from sync.access.http_signed import client_context
from sync.escrow.keeper import Keeper, Pace
from sync.escrow.making import Packing
from sync.escrow.pgp import Certificate, OpenPgpFailed, SecretKey, new_secret_key
from sync.escrow.sending import Ends, EscrowClient, NotTaken, check_address
from sync.escrow.sending import Refused as RefusedThere

log = logging.getLogger(__name__)
_AGAIN_SECONDS = 5.0
_FOLDER, _KEY = "peering", "escrow-key.asc"
_DEPOSITS = "escrow"


def own_key(settings: Settings) -> SecretKey:
    """The one that signs deposits, `<data_dir>/peering/escrow-key.asc` (0600), made at its first use. Takes seconds then.
    Raises `Refused`."""
    path = settings.data_dir.resolve() / _FOLDER / _KEY
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            made = new_secret_key(f"{settings.node_name} <{settings.node_prefix}@secondary-node.invalid>")
            new = path.with_suffix(".new")
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                file.write(made)
            new.replace(path)
        return SecretKey(path.read_text("utf-8"))
    except (OpenPgpFailed, OSError) as wrong:
        raise Refused(f"{path} cannot be used: {wrong}", f"无法使用 {path}：{wrong}") from None


class EscrowWork:
    """Escrow as a part of the process that exchanges: put together once what it needs is there."""

    def __init__(self, settings: Settings, pool: Any) -> None:
        self._settings, self._pool = settings, pool

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
            await asyncio.sleep(_AGAIN_SECONDS)


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
    try:
        agent = check_address(settings.escrow_agent_url)
        reports = check_address(settings.escrow_report_url or settings.escrow_agent_url)
        tls = None
        if agent.startswith("https") or reports.startswith("https"):
            tls = client_context(
                settings.peering_certificate, settings.peering_certificate_key, settings.peering_authorities
            )
    except (ValueError, OSError) as wrong:
        raise Refused(f"BIAOJIE_ESCROW_AGENT_URL: {wrong}", f"BIAOJIE_ESCROW_AGENT_URL：{wrong}") from None
    ends = Ends(agent, reports, settings.escrow_user, settings.escrow_password.get_secret_value())
    return EscrowClient(ends, settings.node_prefix, timeout_seconds=settings.peering_timeout_seconds, tls=tls)


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
        if settings.escrow_agent_key:
            return Certificate(Path(settings.escrow_agent_key).read_text("utf-8"))
        if not is_loopback(urlsplit(settings.escrow_agent_url).hostname or ""):
            raise Refused(
                "Set BIAOJIE_ESCROW_AGENT_KEY to the agent's OpenPGP certificate",
                "请将 BIAOJIE_ESCROW_AGENT_KEY 设为托管机构的 OpenPGP 公钥证书文件",
            )
        await client.ask("/_exam/escrow", {"sln": settings.node_prefix, "certificate": signer.certificate})
        return Certificate(await client.agent_certificate())
    except (OpenPgpFailed, OSError, UnicodeDecodeError) as wrong:
        raise Refused(f"BIAOJIE_ESCROW_AGENT_KEY: {wrong}", f"BIAOJIE_ESCROW_AGENT_KEY：{wrong}") from None
