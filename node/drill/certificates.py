"""Certificates of a drill, for an hour: an authority, the top level's certificate, and what authorities give for requests."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_HOUR = datetime.timedelta(hours=1)
_SKEW = datetime.timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Authority:
    """`path`: its certificate."""

    path: Path
    key: ec.EllipticCurvePrivateKey
    name: x509.Name

    def sign(self, request: str) -> bytes:
        """The certificate of a client, PEM."""
        asked = x509.load_pem_x509_csr(request.encode())
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        made = _builder(asked.subject, self.name).public_key(asked.public_key()).add_extension(usage, critical=False)
        return made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def server(self, path: Path) -> Path:
        """Certificate and key of a server of 127.0.0.1."""
        key = ec.generate_private_key(ec.SECP256R1())
        here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
        made = _builder(_named("toplevel"), self.name).public_key(key.public_key())
        made = made.add_extension(here, critical=False).add_extension(usage, critical=False)
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path.touch(0o600)
        path.write_bytes(
            made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM) + key.private_bytes(*form)
        )
        return path


def authority(path: Path) -> Authority:
    key, name = ec.generate_private_key(ec.SECP256R1()), _named(path.stem)
    made = _builder(name, name).public_key(key.public_key())
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    path.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return Authority(path, key, name)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(subject: x509.Name, issuer: x509.Name) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW).not_valid_after(now + _HOUR)
    )  # fmt: skip
