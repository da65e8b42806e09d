"""The key that signs what is sent to the top level: `<data_dir>/peering/keys.json`, for its owner only (0600).

SM2 with SM3 or Ed25519. What becomes of it is the same as of keys of other kinds: `node.peering_key_changes`.
"""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from node.console import Refused
from node.peering_key_slots import CURRENT, FOLDER, SlotsInOneFile
from sync.signing.keys import (
    ED25519,
    Ed25519Signer,
    KeyUnusable,
    Sm2Signer,
    key_of_pem,
    keyid_of,
    load_signer,
    new_secret,
    refuse_weak,
)

SIGNING = "signing"


@dataclass(frozen=True, slots=True)
class PeeringKey:
    """`secret` is base64; never shown."""

    app_id: str
    keyid: str
    algorithm: str
    secret: str

    @property
    def public(self) -> str:
        """Base64: what is entered at the top level; of a shared secret nothing. Raises `Refused`."""
        try:
            return base64.b64encode(_public(self.algorithm, self.secret)).decode()
        except KeyUnusable as wrong:
            raise Refused(wrong.en, wrong.zh) from None


def read_keys(data_dir: Path) -> dict[str, PeeringKey]:
    """By slot; empty where there is no file."""
    return {slot: read_key(held) for slot, held in slots_of(data_dir).read().items()}


def read_key(text: str) -> PeeringKey:
    return PeeringKey(**json.loads(text))


def text_of(key: PeeringKey) -> str:
    return json.dumps(asdict(key))


def slots_of(data_dir: Path) -> SlotsInOneFile:
    return SlotsInOneFile(data_dir, SIGNING, "keys.json")


def current_key(data_dir: Path) -> PeeringKey:
    """Raises `Refused`."""
    if (key := read_keys(data_dir).get(CURRENT)) is None:
        raise Refused(
            f"There is no key for peering in {data_dir / FOLDER}; make one with `biaojie sync keys generate`",
            f"{data_dir / FOLDER} 中没有对接密钥；请执行 biaojie sync keys generate",
        )
    return key


def generate(data_dir: Path, app_id: str | None, algorithm: str = ED25519) -> PeeringKey:
    """The first one; `algorithm` is ed25519 or sm2-sm3. Raises `Refused` where there is one. (`rotate`, `activate` and the rest
    are the same for keys of every kind: `node.peering_key_changes`.)"""
    if read_keys(data_dir):
        raise Refused(
            "There is a key already; `biaojie sync keys rotate` makes the next",
            "已有对接密钥；请用 biaojie sync keys rotate 更换",
        )
    key = make(app_id, algorithm)
    slots_of(data_dir).change({CURRENT: text_of(key)}, "generate", key.keyid)
    return key


def make(app_id: str | None, algorithm: str) -> PeeringKey:
    """Without an appId, one that nobody guesses. Raises `KeyUnusable`."""
    return _made(app_id or secrets.token_urlsafe(24), algorithm, new_secret(algorithm))


def take(app_id: str, content: bytes, keyid: str | None, algorithm: str) -> PeeringKey:
    """One that was made elsewhere: a PEM file of PKCS #8, or base64 of 32 bytes, of `algorithm`. Raises `KeyUnusable`."""
    if b"-----BEGIN" in content:
        algorithm, secret = key_of_pem(content)
    else:
        secret = content.decode("ascii", "replace").strip()
    refuse_weak(secret)
    return _made(app_id, algorithm, secret, keyid)


def _made(app_id: str, algorithm: str, secret: str, keyid: str | None = None) -> PeeringKey:
    return PeeringKey(app_id, keyid or keyid_of(_public(algorithm, secret)), algorithm, secret)


def _public(algorithm: str, secret: str) -> bytes:
    """Raises `KeyUnusable`."""
    signer = load_signer(algorithm, "", secret)
    return signer.public if isinstance(signer, Ed25519Signer | Sm2Signer) else b""
