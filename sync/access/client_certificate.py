"""The certificate that this node shows the top level: its key, the request for it, and whether what came back may be used. No I/O, no clock.

Keys are of P-256: the TLS of OpenSSL, which this node speaks, has no key exchange of SM2 (GB/T 38636).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sync.signing.keys import KeyUnusable

_KEY = re.compile(rb"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.+?-----END \1-----", re.DOTALL)
_LEAST_RSA_BITS, _LEAST_CURVE_BITS = 2_048, 256
_BROKEN = frozenset(("md5", "sha1"))
_MAY = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
Private = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class ClientKey:
    """`pem`: the key, then its certificate and those between it and the authority; `certificate` None where it is still awaited."""

    pem: str
    certificate: x509.Certificate | None

    @property
    def ends_at(self) -> datetime | None:
        return None if self.certificate is None else self.certificate.not_valid_after_utc


def new_key() -> str:
    """PEM, PKCS #8, without a passphrase."""
    return _pem_of(ec.generate_private_key(ec.SECP256R1()))


def request_of(pem: str, name: str) -> str:
    """PKCS #10 for the authority; `name` is the login, which the top level compares with the certificate's (RFC 5734 §9).
    Raises `KeyUnusable`."""
    key = read_key(pem.encode())
    made = x509.CertificateSigningRequestBuilder().subject_name(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    )
    made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return made.sign(key, algorithm).public_bytes(serialization.Encoding.PEM).decode("ascii")


def read_key(content: bytes) -> Private:
    """The private key of a PEM file. Raises `KeyUnusable`."""
    found = _KEY.search(content)
    if found is None:
        raise KeyUnusable("there is no private key in PEM form", "没有 PEM 格式的私钥")
    try:
        key = serialization.load_pem_private_key(found[0], password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyUnusable("the private key cannot be read, or has a passphrase", "私钥无法读取，或设有口令") from None
    if isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        least = _LEAST_RSA_BITS if isinstance(key, rsa.RSAPrivateKey) else _LEAST_CURVE_BITS
        if key.key_size < least:
            raise KeyUnusable(f"a key of {key.key_size} bits is too weak", f"{key.key_size} 位的密钥强度不足")
        return key
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key
    raise KeyUnusable("the private key is not one of ECDSA, RSA or Ed25519", "私钥不是 ECDSA、RSA 或 Ed25519 密钥")


def has_key(content: bytes) -> bool:
    return _KEY.search(content) is not None


def read_client_key(content: bytes) -> ClientKey:
    """What was stored, or a file of certificates alone. Raises `KeyUnusable`."""
    chain = _chain(content)
    return ClientKey(content.decode("ascii"), chain[0] if chain else None)


def joined(key: bytes, certificates: bytes, now: datetime) -> ClientKey:
    """A key and what the authority gave for it. Raises `KeyUnusable` where they do not belong together, or the certificate may
    not be used: weak, ended, not begun, of an authority or a server."""
    private, chain = read_key(key), _chain(certificates)
    if not chain:
        raise KeyUnusable("there is no certificate in PEM form", "没有 PEM 格式的证书")
    own = next((one for one in chain if one.public_key() == private.public_key()), None)
    if own is None:
        raise KeyUnusable("the certificate is not of this private key", "证书与私钥不匹配")
    _check(own, now)
    others = [one for one in chain if one is not own]
    pem = _pem_of(private) + "".join(
        one.public_bytes(serialization.Encoding.PEM).decode("ascii") for one in (own, *others)
    )
    return ClientKey(pem, own)


def _check(certificate: x509.Certificate, now: datetime) -> None:
    if certificate.not_valid_after_utc <= now:
        raise KeyUnusable("the certificate has expired", "证书已过期")
    if certificate.not_valid_before_utc > now:
        raise KeyUnusable("the certificate is not valid yet", "证书尚未生效")
    digest = certificate.signature_hash_algorithm
    if digest is not None and digest.name in _BROKEN:
        raise KeyUnusable(f"the certificate is signed with {digest.name}", f"证书采用已不安全的 {digest.name} 签名")
    extensions = {one.oid: one.value for one in certificate.extensions}
    basic = extensions.get(x509.BasicConstraints.oid)
    if isinstance(basic, x509.BasicConstraints) and basic.ca:
        raise KeyUnusable("the certificate is that of an authority", "该证书为 CA 证书")
    usage = extensions.get(x509.ExtendedKeyUsage.oid)
    if isinstance(usage, x509.ExtendedKeyUsage) and not any(one in usage for one in _MAY):
        raise KeyUnusable("the certificate is not one of a client", "该证书不可用作客户端证书")


def _chain(content: bytes) -> list[x509.Certificate]:
    if b"-----BEGIN CERTIFICATE-----" not in content:
        return []
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError:
        raise KeyUnusable("the certificate cannot be read", "证书无法读取") from None


def _pem_of(key: Private) -> str:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form).decode("ascii")
