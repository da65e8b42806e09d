"""5.1 Secure transport: TLS to the top level and no other way, each side known by its certificate, and no personal data where it
could be read."""

from __future__ import annotations

import logging
import ssl
import warnings
from pathlib import Path
from typing import Any

from core.settings import Settings
from node import toplevel_runner
from node.drill.access import PERSONAL
from node.drill.certificates import Authority, authority
from node.drill.evidence import Found
from node.drill.stand import Stand
from node.peering_key_changes import bring, generate
from node.peering_key_kinds import ClientCertificate, Wish, client_files
from node.peering_key_slots import NEXT
from sync.access.address import TopLevelAddress, read_address
from sync.access.client_certificate import new_key, request_of
from sync.access.tcp import Tcp
from sync.access.tls import client_context
from sync.access.transport import NotSent, OutcomeUnknown, Stopped
from sync.epp.commands import Command, write_command
from sync.epp.names import PREFIX
from sync.toplevel.tcp_door import TcpDoor

FAULTS = ("in the clear", "no client certificate", "another's certificate", "unknown authority", "old TLS")
_NO_LOGIN = 2200


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
    """EPP over TLS, each side known by its certificate: the top level's of the drill's authority, ours made by `sync keys`."""
    directory = Path(stand.settings.data_dir)
    trusted, stranger = (authority(directory / f"{name}.pem") for name in ("authority", "stranger"))
    chain = trusted.server(directory / "server.pem")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain)
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(trusted.path)
    door = TcpDoor(stand.desk)
    port = await door.open("127.0.0.1", 0, server)
    address = TopLevelAddress("tls", "127.0.0.1", port, "")
    settings = stand.settings.model_copy(update={"peering_authorities": str(trusted.path)})
    try:
        code, _ = await _ask(stand, address, _shown(settings, None, "", trusted))
        found.check("未出示客户端证书者被拒绝", "without a client certificate nothing is answered", code is None)
        code, _ = await _ask(stand, address, _shown(settings, stranger, toplevel_runner.CLIENT, trusted))
        found.check("未知机构签发的客户端证书被拒绝", "nor with one of an unknown authority", code is None)
        code, _ = await _ask(stand, address, _shown(settings, trusted, "sln-other", trusted))
        found.check(
            "他人的客户端证书不能登录", "the certificate of another client is no login", code == _NO_LOGIN, code=code
        )
        own = _own(settings, trusted)
        code, version = await _ask(stand, address, own)
        found.check(
            "双向证书的 TLS 通道上登录并执行命令", "a login and a command go over TLS, both sides with certificates", code == 1000,
            code=code, tls=version, client=toplevel_runner.CLIENT,
        )  # fmt: skip
        code, _ = await _ask(stand, address, client_context(*client_files(settings), ""))
        found.check("未知机构签发的证书不被信任", "a certificate of an unknown authority is not trusted", code is None)
    finally:
        await door.close()
    await _old(stand, found, trusted.path, chain)


def _own(settings: Settings, by: Authority) -> ssl.SSLContext:
    """As an operator does it: a key and a request by command, signed, imported, shown from then on."""
    kind = ClientCertificate(settings)
    generate(kind, Wish())
    bring(kind, by.sign(kind.public(kind.slots().read()[NEXT])), Wish())
    return client_context(*client_files(settings), settings.peering_authorities)


def _shown(settings: Settings, by: Authority | None, name: str, trusted: Authority) -> ssl.SSLContext:
    """A certificate of `name` that this authority gave, or none."""
    if by is None:
        return client_context("", "", str(trusted.path))
    key = new_key()
    path = Path(settings.data_dir) / f"{by.path.stem}-{name}.pem"
    path.touch(0o600)
    path.write_text(key + by.sign(request_of(key, name)).decode("ascii"), "ascii")
    return client_context(str(path), "", str(trusted.path))


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
    """(code of the reply to a check, or of a refused login; version of TLS); None where there was no session."""
    password = stand.settings.peering_password.get_secret_value()
    transport = Tcp(address, toplevel_runner.CLIENT, password, timeout_seconds=5, tls=tls)
    node_prefix = stand.settings.node_prefix
    values = {"shrPrefix": node_prefix, "prefix": f"{node_prefix}.7777"}
    try:
        heard = await transport.exchange(write_command(Command("check", PREFIX, values, "drill-tls-1")), "drill-tls-1")
        streams: Any = transport._streams
        version = streams[1].get_extra_info("ssl_object").version() if streams else ""
        return heard.reply.code, version
    except Stopped as refused:
        return (_NO_LOGIN if str(_NO_LOGIN) in str(refused) else None), ""
    except (NotSent, OutcomeUnknown):
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
