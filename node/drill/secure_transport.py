"""5.1 Secure transport: TLS to the top level and no other way, and no personal data where it could be read."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import logging
import ssl
import warnings
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from node import toplevel_runner
from node.drill.access import PERSONAL
from node.drill.evidence import Found
from node.drill.stand import Stand
from sync.access.address import TopLevelAddress, read_address
from sync.access.tcp import Tcp
from sync.access.tls import client_context
from sync.access.transport import NotSent
from sync.epp.commands import Command, write_command
from sync.epp.names import PREFIX
from sync.toplevel.tcp_door import TcpDoor

FAULTS = ("in the clear", "unknown authority", "old TLS")


class Logged(logging.Handler):
    """Everything that is logged while the drill runs."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


async def secure_transport(stand: Stand, found: Found, logged: Logged) -> None:
    found.faults = FAULTS
    stand.turn()
    _clear(found)
    await _encrypted(stand, found)
    await _nothing_personal(stand, found, logged)


def _clear(found: Found) -> None:
    refused = []
    for url in ("http://toplevel.example.com/epp", "tcp://192.0.2.1:700"):
        try:
            read_address(url)
        except ValueError:
            refused.append(url)
    found.check("不加密的对接地址被拒绝", "an address in the clear is refused", len(refused) == 2, refused=refused)


async def _encrypted(stand: Stand, found: Found) -> None:
    """EPP over TLS with a certificate of the drill's own authority."""
    directory = Path(stand.settings.data_dir)
    authority, chain = await asyncio.to_thread(_certificates, directory)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain)
    door = TcpDoor(stand.desk)
    port = await door.open("127.0.0.1", 0, server)
    address = TopLevelAddress("tls", "127.0.0.1", port, "")
    try:
        trusted = client_context("", "", str(authority))
        code, version = await _ask(stand, address, trusted)
        found.check(
            "TLS 通道上登录并执行命令", "a login and a command go over TLS", code == 1000, code=code, tls=version
        )
        code, _ = await _ask(stand, address, client_context("", "", ""))
        found.check("未知机构签发的证书不被信任", "a certificate of an unknown authority is not trusted", code is None)
    finally:
        await door.close()
    await _old(stand, found, authority, chain)


async def _old(stand: Stand, found: Found, authority: Path, chain: Path) -> None:
    """A server that speaks TLS 1.1 and nothing later: a client of its age reaches it, this node does not."""
    door, trusted = TcpDoor(stand.desk), client_context("", "", str(authority))
    port = await door.open("127.0.0.1", 0, _of_old(ssl.PROTOCOL_TLS_SERVER, chain))
    address = TopLevelAddress("tls", "127.0.0.1", port, "")
    try:
        _, spoken = await _ask(stand, address, _of_old(ssl.PROTOCOL_TLS_CLIENT))
        if spoken != "TLSv1.1":  # this OpenSSL has none: what is configured is all that can be shown
            found.check(
                "低于 TLS 1.2 的版本不可用（本机无 TLS 1.1，仅核对配置）", "no version below TLS 1.2 is spoken (skipped: no TLS 1.1 here)",
                trusted.minimum_version >= ssl.TLSVersion.TLSv1_2, minimum=trusted.minimum_version.name, skipped=True,
            )  # fmt: skip
            return
        code, version = await _ask(stand, address, trusted)
        found.check(
            "仅支持 TLS 1.1 的服务端不被连接",
            "a server of TLS 1.1 is not spoken to",
            code is None,
            server=spoken,
            tls=version,
        )
    finally:
        await door.close()


def _of_old(protocol: int, chain: Path | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # this client only shows that the server is there
    if chain is not None:
        context.load_cert_chain(chain)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


async def _ask(stand: Stand, address: TopLevelAddress, tls: ssl.SSLContext) -> tuple[int | None, str]:
    """(code of the reply to a check, version of TLS); None where there was no session."""
    password = stand.settings.peering_password.get_secret_value()
    transport = Tcp(address, toplevel_runner.CLIENT, password, timeout_seconds=5, tls=tls)
    node_prefix = stand.settings.node_prefix
    values = {"shrPrefix": node_prefix, "prefix": f"{node_prefix}.7777"}
    try:
        heard = await transport.exchange(write_command(Command("check", PREFIX, values, "drill-tls-1")), "drill-tls-1")
        streams: Any = transport._streams
        version = streams[1].get_extra_info("ssl_object").version() if streams else ""
        return heard.reply.code, version
    except NotSent:
        return None, ""
    finally:
        await transport.close()


async def _nothing_personal(stand: Stand, found: Found, logged: Logged) -> None:
    words = list(PERSONAL.values())
    told = [line for line in logged.lines if any(word in line for word in words)]
    found.check(
        "日志中无个人信息明文", "no personal data in the logs", not told, lines=len(logged.lines), found=len(told)
    )
    rows = await stand.pool.fetch("SELECT cl_trid, about, reason, last_error, sealed FROM peering_command LIMIT 10000")
    stored = [
        row["cl_trid"]
        for row in rows
        if any(word.encode() in bytes(row["sealed"] or b"") or word in str(row) for word in words)
    ]
    found.check(
        "待发报文加密存储", "what waits to be sent is sealed", not stored, commands=len(rows), found=len(stored)
    )


def _certificates(directory: Path) -> tuple[Path, Path]:
    """(the authority's certificate, certificate and key of a server of 127.0.0.1), for an hour."""
    now = datetime.datetime.now(datetime.UTC)
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "drill")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    public = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    authority, chain = directory / "authority.pem", directory / "server.pem"
    authority.write_bytes(public)
    chain.write_bytes(public + private)
    chain.chmod(0o600)
    return authority, chain
