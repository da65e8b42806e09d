"""Peering put together from settings and key files: what the workers write with, and what the sync process sends with."""

from __future__ import annotations

import ssl
from typing import Any

from core.sealing import Vault
from core.settings import Settings
from core.top_level import TopLevel
from node.console import Refused
from node.peering_key_kinds import client_files
from node.peering_keys import current_key
from registry.applications.self_approval import SelfApproval
from sync.access.adapter import Peering, Routes
from sync.access.address import TopLevelAddress, read_address
from sync.access.http_signed import HttpSigned
from sync.access.material import IMAGES_NEEDED
from sync.access.outbox import Outbox
from sync.access.peer import Pace, Peer
from sync.access.tcp import Tcp
from sync.access.tls import client_context
from sync.access.transport import Transport
from sync.epp.names import OLD_PREFIX, PREFIX
from sync.signing.keys import KeyUnusable, Verifier, load_public, load_signer


def top_level_of(settings: Settings, pool: Any, vault: Vault) -> TopLevel:
    """The one that is configured, else the stand-in that approves everything."""
    if not settings.peering_url:
        return SelfApproval()
    contact = settings.peering_client_id or settings.peering_user
    routes = Routes(
        settings.peering_identifier_mapping, settings.peering_site_address, settings.http_port,
        contact[:16] if len(contact) >= 3 else "",
    )  # fmt: skip
    return Peering(pool, outbox_of(settings, vault), settings.node_prefix, settings.peering_user, routes)


def required_images(settings: Settings) -> tuple[str, ...]:
    """Those of the setting, and with peering those that the top level asks for."""
    needed = IMAGES_NEEDED if settings.peering_url else ()
    return tuple(dict.fromkeys((*settings.required_image_kinds, *needed)))


def outbox_of(settings: Settings, vault: Vault) -> Outbox:
    return Outbox(vault, settings.node_prefix, OLD_PREFIX if settings.peering_old_prefix_namespace else PREFIX)


def peer_of(settings: Settings, pool: Any) -> Peer:
    """Raises `Refused`."""
    pace = Pace(settings.peering_poll_seconds, settings.peering_idle_poll_seconds)
    outbox = outbox_of(settings, Vault(settings.personal_data_keys))
    return Peer(pool, outbox, transport_of(settings), settings.peering_user, pace)


def transport_of(settings: Settings) -> Transport:
    """Raises `Refused`."""
    address = require_address(settings)
    tls = tls_of(settings, address)
    if address.scheme in ("tls", "tcp"):
        password = settings.peering_password.get_secret_value()
        if not len(settings.peering_client_id) >= 3 or not 6 <= len(password) <= 16:
            raise Refused(
                "EPP over TLS needs BIAOJIE_PEERING_CLIENT_ID (3 to 16 characters) and BIAOJIE_PEERING_PASSWORD (6 to 16)",
                "EPP over TLS 需要设置 BIAOJIE_PEERING_CLIENT_ID（3 至 16 个字符）和 BIAOJIE_PEERING_PASSWORD（6 至 16 个字符）",
            )
        return Tcp(
            address, settings.peering_client_id, password, timeout_seconds=settings.peering_timeout_seconds, tls=tls
        )
    key = current_key(settings.data_dir)
    try:
        signer = load_signer(key.algorithm, key.keyid, key.secret)
        server_keys = read_server_keys(settings.peering_server_keys)
    except KeyUnusable as wrong:
        raise Refused(wrong.en, wrong.zh) from None
    return HttpSigned(
        address, key.app_id, signer, server_keys, timeout_seconds=settings.peering_timeout_seconds, tls=tls
    )


def require_address(settings: Settings) -> TopLevelAddress:
    """Raises `Refused`."""
    if not settings.peering_url:
        raise Refused(
            "There is no peering: set BIAOJIE_PEERING_URL to the address of the top level",
            "未配置对接：请将 BIAOJIE_PEERING_URL 设为国家顶级节点接入地址",
        )
    try:
        return read_address(settings.peering_url)
    except ValueError as wrong:
        raise Refused(f"BIAOJIE_PEERING_URL: {wrong}", f"BIAOJIE_PEERING_URL：{wrong}") from None


def read_server_keys(text: str) -> dict[str, Verifier]:
    """`keyid:base64`, separated by commas. Raises `KeyUnusable`."""
    keys: dict[str, Verifier] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        keyid, _, public = part.partition(":")
        keys[keyid] = load_public(keyid, public)
    return keys


def tls_of(settings: Settings, address: TopLevelAddress) -> ssl.SSLContext | None:
    """None in the clear. Raises `Refused`."""
    if not address.encrypted:
        return None
    try:
        return client_context(*client_files(settings), settings.peering_authorities)
    except OSError as wrong:  # of files, and `ssl.SSLError`
        raise Refused(
            f"The certificates for peering cannot be read: {wrong}", f"无法读取对接所用的证书：{wrong}"
        ) from None
