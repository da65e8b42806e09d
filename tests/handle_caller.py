"""What tests of Handle administration share: an administrator, TLS that nobody else trusts, headers as clients send them."""

from __future__ import annotations

import base64
import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from core.sealing import Vault
from core.settings import Settings
from registry.handle.setting_up import AdministratorWish, parse_administrator, set_administrator
from tests.harness import Answer, Node

PREFIX, ADMIN = "20.500.12345", "301:0.NA/20.500.12345"
SECRET = "s3cret:Kéy%2F密"  # with all that a client might decode by mistake


@dataclass(frozen=True, slots=True)
class Tls:
    certificate: Path
    key: Path


def self_signed(directory: Path, name: str, common_name: str) -> Tls:
    """A certificate for loopback and its key, as PEM files."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    begins = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = Tls(directory / f"{name}.pem", directory / f"{name}.key")
    files.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    files.key.write_bytes(key.private_bytes(*form))
    return files


async def administer(
    settings: Settings,
    name: str,
    secret: str | None = SECRET,
    key: dict[str, str] | None = None,
    enterprise: int | None = None,
) -> None:
    """As `biaojie handle-admin set`."""
    index, record = parse_administrator(name)
    wish = AdministratorWish(index, record, secret.encode() if secret is not None else None, key, enterprise)
    connection = await asyncpg.connect(settings.database_url.get_secret_value())
    try:
        async with connection.transaction():
            await set_administrator(connection, Vault(settings.personal_data_keys), wish)
    finally:
        await connection.close()


def basic(name: str, secret: str = SECRET) -> dict[str, str]:
    """The user name percent-encoded, the password as it is."""
    sent = f"{quote(name, safe='/')}:{secret}".encode()
    return {"Authorization": "Basic " + base64.b64encode(sent).decode(), "Content-Type": "application/json"}


def admin_value(index: int, named: int, powers: int, handle: str = f"0.NA/{PREFIX}") -> dict[str, Any]:
    data = {"handle": handle, "index": named, "permissions": f"{powers:012b}"}
    return {"index": index, "type": "HS_ADMIN", "data": {"format": "admin", "value": data}}


async def call(node: Node, method: str, path: str, body: Any = None, who: str = ADMIN, secret: str = SECRET) -> Answer:
    return await node.anybody.call(method, f"/api/handles/{path}", body, headers=basic(who, secret))
