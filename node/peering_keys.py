"""The key that signs what is sent to the top level: `<data_dir>/peering/keys.json`, for its owner only (0600).

One key is in use; after `rotate` the next one stands beside it until the top level knows it, then `activate` puts it to use.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from node.console import Refused
from node.running import read_private, write_private
from sync.signing.keys import (
    ED25519,
    Ed25519Signer,
    KeyUnusable,
    Sm2Signer,
    key_of_pem,
    keyid_of,
    load_signer,
    new_secret,
)

_FOLDER, _FILE = "peering", "keys.json"


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
    """`current` and, after a rotation, `next`; empty where there is no file."""
    found: dict[str, Any] = read_private(data_dir / _FOLDER / _FILE) or {}
    return {name: PeeringKey(**held) for name, held in found.items() if name in ("current", "next")}


def current_key(data_dir: Path) -> PeeringKey:
    """Raises `Refused`."""
    if (key := read_keys(data_dir).get("current")) is None:
        raise Refused(
            f"There is no key for peering in {data_dir / _FOLDER}; make one with `biaojie sync keys generate`",
            f"{data_dir / _FOLDER} 中没有对接密钥；请执行 biaojie sync keys generate",
        )
    return key


def generate(data_dir: Path, app_id: str | None, algorithm: str = ED25519) -> PeeringKey:
    """The first one; `algorithm` is ed25519 or sm2-sm3. Raises `Refused` where there is one."""
    if read_keys(data_dir):
        raise Refused(
            "There is a key already; `biaojie sync keys rotate` makes the next",
            "已有对接密钥；请用 biaojie sync keys rotate 更换",
        )
    key = _made(app_id or secrets.token_urlsafe(24), algorithm, new_secret(algorithm))
    _write(data_dir, {"current": key})
    return key


def bring(data_dir: Path, app_id: str, content: bytes, keyid: str | None, algorithm: str = ED25519) -> PeeringKey:
    """One that was made elsewhere: a PEM file of PKCS #8, or base64 of 32 bytes, of `algorithm`. Stands as `next` where there is one already.
    Raises `Refused`."""
    try:
        if b"-----BEGIN" in content:
            algorithm, secret = key_of_pem(content)
        else:
            secret = content.decode("ascii", "replace").strip()
        key = _made(app_id, algorithm, secret, keyid)
    except KeyUnusable as wrong:
        raise Refused(wrong.en, wrong.zh) from None
    held = read_keys(data_dir)
    _write(data_dir, {**held, "next" if held else "current": key})
    return key


def rotate(data_dir: Path, algorithm: str = ED25519) -> PeeringKey:
    """The next one, of `algorithm`, not yet in use. Raises `Refused`."""
    key = _made(current_key(data_dir).app_id, algorithm, new_secret(algorithm))
    _write(data_dir, {**read_keys(data_dir), "next": key})
    return key


def activate(data_dir: Path) -> PeeringKey:
    """Put the next one to use; the one before is gone. Raises `Refused`."""
    if (key := read_keys(data_dir).get("next")) is None:
        raise Refused(
            "There is no next key; make one with `biaojie sync keys rotate`",
            "没有待启用的密钥；请先执行 biaojie sync keys rotate",
        )
    _write(data_dir, {"current": key})
    return key


def _made(app_id: str, algorithm: str, secret: str, keyid: str | None = None) -> PeeringKey:
    return PeeringKey(app_id, keyid or keyid_of(_public(algorithm, secret)), algorithm, secret)


def _public(algorithm: str, secret: str) -> bytes:
    """Raises `KeyUnusable`."""
    signer = load_signer(algorithm, "", secret)
    return signer.public if isinstance(signer, Ed25519Signer | Sm2Signer) else b""


def _write(data_dir: Path, keys: dict[str, PeeringKey]) -> None:
    folder = data_dir / _FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(folder / _FILE, {name: asdict(key) for name, key in keys.items()})
