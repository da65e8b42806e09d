"""SFTP to the escrow agent put together from settings and key files. Loaded only where deposits go that way."""

from __future__ import annotations

from pathlib import Path

from core.settings import Settings
from node.console import Refused
from sync.escrow.sftp import SftpUpload, public_line, read_host_keys, read_key, read_place, write_new_key

_FOLDER, _KEY = "peering", "escrow-sftp-key"


def key_file(settings: Settings) -> Path:
    if settings.escrow_sftp_key:
        return Path(settings.escrow_sftp_key)
    return settings.data_dir.resolve() / _FOLDER / _KEY


def own_line(settings: Settings) -> str:
    """The public half of the key that logs in; where no key is set, it is made at its first use. Raises `Refused`."""
    path = key_file(settings)
    try:
        if not path.exists() and not settings.escrow_sftp_key:
            write_new_key(path)
        return public_line(read_key(path.read_text("ascii")), settings.node_prefix)
    except (ValueError, OSError) as wrong:
        raise Refused(f"{path} cannot be used: {wrong}", f"无法使用 {path}：{wrong}") from None


def upload_of(settings: Settings) -> SftpUpload:
    """Raises `Refused`."""
    own_line(settings)
    try:
        host_keys = read_host_keys(settings.escrow_sftp_host_keys)
    except ValueError as wrong:
        raise Refused(
            f"BIAOJIE_ESCROW_SFTP_HOST_KEYS must be the public key of the agent's server, which it gives off line: {wrong}",
            f"BIAOJIE_ESCROW_SFTP_HOST_KEYS 应为托管机构线下提供的 SFTP 主机公钥：{wrong}",
        ) from None
    if not settings.escrow_user:
        raise Refused("SFTP needs BIAOJIE_ESCROW_USER", "使用 SFTP 须设置 BIAOJIE_ESCROW_USER")
    key = read_key(key_file(settings).read_text("ascii"))
    place = read_place(settings.escrow_agent_url)
    return SftpUpload(place, settings.escrow_user, key, host_keys, settings.peering_timeout_seconds)
