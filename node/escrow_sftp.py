"""SFTP to the escrow agent put together from settings and key files. Loaded only where deposits go that way."""

from __future__ import annotations

from core.settings import Settings
from node.console import Refused
from node.peering_key_changes import generate, refusing
from node.peering_key_kinds import SftpHost, SftpKey, Wish
from sync.escrow.sftp import SftpUpload, read_host_keys, read_key, read_place


def own_line(settings: Settings) -> str:
    """The public half of the key that logs in; where no key is set, it is made at its first use. Raises `Refused`."""
    kind = SftpKey(settings)
    if not kind.given and not kind.slots().path.exists():
        generate(kind, Wish())
    with refusing(kind):
        return kind.public(kind.in_use())


def upload_of(settings: Settings) -> SftpUpload:
    """Raises `Refused`."""
    own_line(settings)
    try:
        host_keys = read_host_keys(SftpHost(settings).in_use())
    except ValueError as wrong:
        raise Refused(
            "The agent's server gives its public key off line: BIAOJIE_ESCROW_SFTP_HOST_KEYS, or `biaojie sync keys import "
            f"sftp-host --file FILE`: {wrong}",
            "托管机构线下提供的 SFTP 主机公钥应设于 BIAOJIE_ESCROW_SFTP_HOST_KEYS，或执行 biaojie sync keys import sftp-host "
            f"--file 文件：{wrong}",
        ) from None
    if not settings.escrow_user:
        raise Refused("SFTP needs BIAOJIE_ESCROW_USER", "使用 SFTP 须设置 BIAOJIE_ESCROW_USER")
    key = read_key(SftpKey(settings).in_use())
    place = read_place(settings.escrow_agent_url)
    return SftpUpload(place, settings.escrow_user, key, host_keys, settings.peering_timeout_seconds)
