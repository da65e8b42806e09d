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
from sync.signing.keys import ED25519, Ed25519Signer, KeyUnusable, decode, keyid_of, load_signer, new_seed, seed_of_pem

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
        """Base64: what is entered at the top level. Raises `Refused`."""
        try:
            signer = load_signer(self.algorithm, self.keyid, self.secret)
        except KeyUnusable as wrong:
            raise Refused(wrong.en, wrong.zh) from None
        return base64.b64encode(signer.public).decode() if isinstance(signer, Ed25519Signer) else ""


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


def generate(data_dir: Path, app_id: str | None) -> PeeringKey:
    """The first one. Raises `Refused` where there is one."""
    if read_keys(data_dir):
        raise Refused(
            "There is a key already; `biaojie sync keys rotate` makes the next",
            "已有对接密钥；请用 biaojie sync keys rotate 更换",
        )
    key = _made(app_id or secrets.token_urlsafe(24), new_seed())
    _write(data_dir, {"current": key})
    return key


def bring(data_dir: Path, app_id: str, content: bytes, keyid: str | None) -> PeeringKey:
    """One that was made elsewhere: a PEM file of PKCS #8, or base64 of 32 bytes. Stands as `next` where there is one already.
    Raises `Refused`."""
    try:
        seed = seed_of_pem(content) if content.startswith(b"-----BEGIN") else content.decode("ascii", "replace").strip()
        decode(seed)
        key = _made(app_id, seed, keyid)
    except KeyUnusable as wrong:
        raise Refused(wrong.en, wrong.zh) from None
    held = read_keys(data_dir)
    _write(data_dir, {**held, "next" if held else "current": key})
    return key


def rotate(data_dir: Path) -> PeeringKey:
    """The next one, not yet in use. Raises `Refused`."""
    key = _made(current_key(data_dir).app_id, new_seed())
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


def _made(app_id: str, seed: str, keyid: str | None = None) -> PeeringKey:
    public = Ed25519Signer("", decode(seed)).public
    return PeeringKey(app_id, keyid or keyid_of(public), ED25519, seed)


def _write(data_dir: Path, keys: dict[str, PeeringKey]) -> None:
    folder = data_dir / _FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(folder / _FILE, {name: asdict(key) for name, key in keys.items()})
