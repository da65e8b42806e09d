"""Certificates for tests: an authority, and what it signs."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOUR = datetime.timedelta(hours=1)


@dataclass(frozen=True)
class Authority:
    """`path`: its certificate."""

    directory: Path
    name: str
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def path(self) -> str:
        path = self.directory / f"{self.name}.pem"
        path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        return str(path)

    def issue(
        self, name: str, *, host: str = "127.0.0.1", server: bool = False, begins: int = -1, ends: int = 1,
        passphrase: bytes | None = None,
    ) -> str:  # fmt: skip
        """A file of certificate and key; `begins` and `ends` in hours from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        made = (
            _builder(name, self.certificate.subject, begins, ends)
            .public_key(key.public_key())
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        path = self.directory / f"{self.name}-{name}.pem"
        locked = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
        path.write_bytes(
            made.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
        )
        return str(path)

    def sign(self, request: str, *, begins: int = -1, ends: int = 1) -> bytes:
        """What an authority gives for a request: its name, its key, its extensions."""
        asked = x509.load_pem_x509_csr(request.encode())
        name = str(asked.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
        made = _builder(name, self.certificate.subject, begins, ends).public_key(asked.public_key())
        for one in asked.extensions:
            made = made.add_extension(one.value, critical=one.critical)
        return made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def authority(directory: Path, name: str) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        _builder(name, own, -24, 24)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Authority(directory, name, key, made)


def _builder(name: str, issuer: x509.Name, begins: int, ends: int) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins * HOUR)
        .not_valid_after(now + ends * HOUR)
    )
