"""OpenPGP of deposits by Sequoia (pysequoia): files encrypted to the agent, detached signatures of this node (§3.5 of the draft).

Keys are RSA of 3,072 bits in the form of RFC 4880, as the draft's agents know them; the library chooses AES-256 and, for
signatures, SHA-512. Its errors carry a stack trace: only their first line is told.

Files of any length take bounded memory. Encrypting and signing stream (8 MiB); verifying and decrypting, which agents and
restorations do, map the file, whose pages the system takes back as it likes, and hold 1 and 150 MiB of their own, of 64 MiB as of
512. The library holds the interpreter meanwhile, some 2 s a GiB: none of it happens where requests are answered.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pysequoia
from pysequoia.packet import PacketPile

_LEAST_RSA_BITS = 2_048
_RSA, _OLD = frozenset((1, 2, 3)), frozenset((16, 17))  # Elgamal and DSA (RFC 9580 §9.1)
_PROBE = b"biaojie"
_BEGIN = "-----BEGIN PGP PUBLIC KEY BLOCK-----"


class OpenPgpFailed(Exception):
    """A key that cannot be read, a signature that does not hold, a message that does not open."""


def new_secret_key(name: str, seconds: int | None = None) -> str:
    """Armoured; it ends after `seconds`, or never. Takes seconds."""
    suite = pysequoia.CipherSuite.RSA3k
    return str(
        pysequoia.Tsk.generate(name, profile=pysequoia.Profile.RFC4880, cipher_suite=suite, validity_seconds=seconds)
    )


class SecretKey:
    """One that signs and decrypts. Raises `OpenPgpFailed`."""

    def __init__(self, armoured: str) -> None:
        try:
            self._key = pysequoia.Tsk.from_bytes(armoured.encode())
        except Exception as wrong:
            raise _failed("the secret key cannot be read", wrong) from None

    @property
    def certificate(self) -> str:
        """Its public half, armoured."""
        return str(self._key.extract_certificate())

    @property
    def fingerprint(self) -> str:
        return str(self._key.extract_certificate().fingerprint)

    @property
    def ends_at(self) -> datetime | None:
        return _ends_at(self._key.extract_certificate())

    def refuse_unfit(self, now: datetime) -> None:
        """Weak, ended or revoked ones, and one that does not sign what its own certificate verifies. Raises `OpenPgpFailed`."""
        certificate = self._key.extract_certificate()
        _refuse_unfit(certificate, now)
        try:
            signed = pysequoia.sign(self._key.signer(), _PROBE, mode=pysequoia.SignatureMode.DETACHED)
            held = pysequoia.verify(
                _PROBE, lambda _: [certificate], signature=pysequoia.Sig.from_bytes(signed)
            ).valid_sigs
        except Exception as wrong:
            raise _failed("the key does not sign", wrong) from None
        if not held:
            raise OpenPgpFailed("the key does not sign what its certificate verifies")

    def sign(self, file: Path, signature: Path) -> None:
        try:
            mode = pysequoia.SignatureMode.DETACHED
            pysequoia.sign_file(self._key.signer(), str(file), str(signature), mode=mode, armor=False)
        except Exception as wrong:
            raise _failed(f"{file.name} cannot be signed", wrong) from None

    def decrypt(self, file: Path, plain: Path) -> None:
        try:
            pysequoia.decrypt_file(str(file), str(plain), decryptor=self._key.decryptor())
        except Exception as wrong:
            raise _failed(f"{file.name} does not open", wrong) from None


class Certificate:
    """A public key, and former ones, armoured one after the other, whose signatures hold as well. Raises `OpenPgpFailed`."""

    def __init__(self, armoured: str, former: str = "") -> None:
        try:
            self._certificate = pysequoia.Cert.from_bytes(armoured.encode())
            old = [pysequoia.Cert.from_bytes(f"{_BEGIN}{one}".encode()) for one in former.split(_BEGIN)[1:]]
        except Exception as wrong:
            raise _failed("the certificate cannot be read", wrong) from None
        self._known = [self._certificate, *old]

    @property
    def fingerprint(self) -> str:
        return str(self._certificate.fingerprint)

    @property
    def ends_at(self) -> datetime | None:
        return _ends_at(self._certificate)

    def refuse_unfit(self, now: datetime) -> None:
        """Weak, ended or revoked ones, and one that nothing can be encrypted to. Raises `OpenPgpFailed`."""
        _refuse_unfit(self._certificate, now)
        try:
            pysequoia.encrypt(_PROBE, [self._certificate])
        except Exception as wrong:
            raise _failed("nothing can be encrypted to the certificate", wrong) from None

    def encrypt(self, plain: Path, file: Path) -> None:
        try:
            pysequoia.encrypt_file(str(plain), str(file), [self._certificate], armor=False)
        except Exception as wrong:
            raise _failed(f"{plain.name} cannot be encrypted", wrong) from None

    def verify(self, file: Path, signature: Path) -> None:
        try:
            signed = pysequoia.Sig.from_file(str(signature))
            found = pysequoia.verify(file=str(file), store=lambda _: self._known, signature=signed).valid_sigs
        except Exception as wrong:
            raise _failed(f"the signature of {file.name} does not hold", wrong) from None
        if not found:
            raise OpenPgpFailed(f"{file.name} is not signed by this key")


def holds_secret(armoured: str) -> bool:
    return "PRIVATE KEY BLOCK" in armoured


def _ends_at(certificate: pysequoia.Cert) -> datetime | None:
    ends: datetime | None = certificate.expiration
    return ends


def _refuse_unfit(certificate: pysequoia.Cert, now: datetime) -> None:
    if certificate.is_revoked:
        raise OpenPgpFailed("the key was revoked")
    if (ends := _ends_at(certificate)) is not None and ends <= now:
        raise OpenPgpFailed(f"the key ended at {ends:%Y-%m-%d %H:%M} UTC")
    for packet in PacketPile.from_bytes(bytes(certificate)):
        if packet.key_algorithm is None:
            continue
        algorithm, body = int(packet.key_algorithm), packet.body
        if algorithm in _OLD:
            raise OpenPgpFailed("the key is of DSA or Elgamal")
        at = (
            6 if body[0] == 4 else 10
        )  # version, time, algorithm, from version 6 on a length; then the modulus (RFC 9580 §5.5.2)
        if algorithm in _RSA and (bits := int.from_bytes(body[at : at + 2])) < _LEAST_RSA_BITS:
            raise OpenPgpFailed(f"a key of {bits} bits is too weak")


def _failed(what: str, wrong: Exception) -> OpenPgpFailed:
    return OpenPgpFailed(f"{what}: {str(wrong).splitlines()[0][:200] if str(wrong) else type(wrong).__name__}")
