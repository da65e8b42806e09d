"""OpenPGP of deposits by Sequoia (pysequoia): files encrypted to the agent, detached signatures of this node (§3.5 of the draft).

Keys are RSA of 3,072 bits in the form of RFC 4880, as the draft's agents know them; the library chooses AES-256 and, for
signatures, SHA-512. Its errors carry a stack trace: only their first line is told. Encrypting and signing, which this node does,
stream; verifying and decrypting, which agents and restorations do, take as much memory as the file is long.
"""

from __future__ import annotations

from pathlib import Path

import pysequoia


class OpenPgpFailed(Exception):
    """A key that cannot be read, a signature that does not hold, a message that does not open."""


def new_secret_key(name: str) -> str:
    """Armoured. Takes seconds."""
    return str(
        pysequoia.Tsk.generate(name, profile=pysequoia.Profile.RFC4880, cipher_suite=pysequoia.CipherSuite.RSA3k)
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
    """A public key. Raises `OpenPgpFailed`."""

    def __init__(self, armoured: str) -> None:
        try:
            self._certificate = pysequoia.Cert.from_bytes(armoured.encode())
        except Exception as wrong:
            raise _failed("the certificate cannot be read", wrong) from None

    @property
    def fingerprint(self) -> str:
        return str(self._certificate.fingerprint)

    def encrypt(self, plain: Path, file: Path) -> None:
        try:
            pysequoia.encrypt_file(str(plain), str(file), [self._certificate], armor=False)
        except Exception as wrong:
            raise _failed(f"{plain.name} cannot be encrypted", wrong) from None

    def verify(self, file: Path, signature: Path) -> None:
        try:
            signed = pysequoia.Sig.from_file(str(signature))
            found = pysequoia.verify(file=str(file), store=lambda _: [self._certificate], signature=signed).valid_sigs
        except Exception as wrong:
            raise _failed(f"the signature of {file.name} does not hold", wrong) from None
        if not found:
            raise OpenPgpFailed(f"{file.name} is not signed by this key")


def _failed(what: str, wrong: Exception) -> OpenPgpFailed:
    return OpenPgpFailed(f"{what}: {str(wrong).splitlines()[0][:200] if str(wrong) else type(wrong).__name__}")
