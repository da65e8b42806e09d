"""What this node is to Handle clients: its site (HS_SITE) and the key that its answers are signed with. Pure but for the key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from core.handle.codes import MAJOR, MINOR
from core.handle.credential import SIGNED, Credential, vouched
from core.handle.envelope import Envelope
from core.handle.public_keys import encode_public_key
from core.handle.site import (
    BOTH,
    HASH_WHOLE,
    PRIMARY,
    PROTOCOLS,
    QUERY,
    Interface,
    Server,
    Site,
    address_bytes,
    site_as_json,
)

KEY_BITS = 2_048
_SHA256_FROM = 7  # minor version
_SERIALS = 0xFFFF  # which itself means that it is not known


@dataclass(frozen=True, slots=True)
class Identity:
    """`serial` counts the rotations of the key: clients with an older site ask for it anew."""

    serial: int
    key: rsa.RSAPrivateKey
    site: Site

    @property
    def site_bytes(self) -> bytes:
        return self.site.encode()

    @property
    def site_json(self) -> dict[str, Any]:
        return site_as_json(self.site)

    def sign(self, envelope: Envelope, content: bytes) -> bytes:
        """The credential of an answer: RSA, PKCS#1 v1.5, over what the version of `envelope` says. Takes about a millisecond.

        Raises `Malformed` for versions that have no credentials here.
        """
        new = envelope.minor >= _SHA256_FROM
        algorithm = hashes.SHA256() if new else hashes.SHA1()  # noqa: S303 (what older versions of the protocol take)
        signature = self.key.sign(vouched(envelope, 0, content), padding.PKCS1v15(), algorithm)
        return Credential(SIGNED, "SHA-256" if new else "SHA1", signature).encode()

    def attest(self, data: bytes) -> bytes:
        """That this node said so: RSA, PKCS#1 v1.5, SHA-256, for clients of the HTTP interface. `data` must begin as nothing else
        does that this key signs. Takes about a millisecond."""
        return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def new_key() -> bytes:
    """A private key as PEM; takes a tenth of a second."""
    key = rsa.generate_private_key(65_537, KEY_BITS)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def make_identity(pem: bytes, serial: int, address: str, port: int, http: tuple[str, int], name: str) -> Identity:
    """`address` is the node's for all interfaces, `http` protocol and port of its HTTP API. Raises `ValueError`."""
    key = serialization.load_pem_private_key(pem, None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("the key of the node must be of RSA")
    serial = serial % _SERIALS
    interfaces = (
        Interface(BOTH, PROTOCOLS.index("TCP"), port),
        Interface(QUERY, PROTOCOLS.index("UDP"), port),
        Interface(BOTH, PROTOCOLS.index(http[0]), http[1]),
    )
    server = Server(1, address_bytes(address), encode_public_key(key.public_key()), interfaces)
    site = Site(MAJOR, MINOR, serial, PRIMARY, HASH_WHOLE, (server,), (("desc", name),))
    return Identity(serial, key, site)
