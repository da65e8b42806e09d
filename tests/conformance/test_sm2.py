"""SM2 and SM3 say what their standards print, and understand the files and signatures of OpenSSL, both ways."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from core.sm2 import (
    DEFAULT_USER,
    Sm2PrivateKey,
    Sm2PublicKey,
    der_of_pem,
    in_der,
    read_private,
    read_public,
    sm3,
)

VECTORS: dict[str, Any] = json.loads((Path(__file__).parent / "sm2.json").read_text())
SM2 = {name: bytes.fromhex(value) for name, value in VECTORS["sm2"].items() if name != "source"}
ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123


@pytest.mark.parametrize("vector", VECTORS["sm3"]["digests"])
def test_sm3_is_that_of_the_standard(vector: dict[str, str]) -> None:
    assert sm3(bytes.fromhex(vector["message"])).hex() == vector["digest"]


def test_a_signature_is_that_of_the_standard_to_the_byte() -> None:
    key = Sm2PrivateKey(SM2["private"], lambda _: int.from_bytes(SM2["k"]))
    assert key.public.point == b"\4" + SM2["x"] + SM2["y"]
    assert key.sign(SM2["message"], SM2["user"]) == SM2["r"] + SM2["s"] and SM2["user"] == DEFAULT_USER


def test_a_signature_is_taken_in_both_forms_and_nothing_else_is() -> None:
    key, message, raw = Sm2PublicKey(b"\4" + SM2["x"] + SM2["y"]), SM2["message"], SM2["r"] + SM2["s"]
    assert key.verifies(message, raw) and key.verifies(message, in_der(raw))
    assert not key.verifies(message, raw, b"another user") and not key.verifies(message + b".", raw)
    for wrong in (b"", raw[:-1], raw + b"\0", bytes(64), b"\xff" * 64, bytes(32) + SM2["s"], SM2["s"] + SM2["r"]):
        assert not key.verifies(message, wrong)


def test_numbers_that_lead_to_the_point_at_infinity_prove_nothing() -> None:
    secret, total = int.from_bytes(SM2["private"]), 12_345
    s = -total * secret % ORDER  # s·G + t·P is nothing
    crafted = ((total - s) % ORDER).to_bytes(32) + s.to_bytes(32)
    assert not Sm2PrivateKey(SM2["private"]).public.verifies(b"anything", crafted)


def test_what_is_no_key_is_refused() -> None:
    key = Sm2PrivateKey(SM2["private"])
    for point in (b"", key.public.point[1:], b"\2" + SM2["x"], key.public.point[:-1] + b"\0", b"\4" + b"\xff" * 64):
        with pytest.raises(ValueError, match="not a public key"):
            Sm2PublicKey(point)
    for scalar in (bytes(32), (ORDER - 1).to_bytes(32), ORDER.to_bytes(32), b"\1" * 31, b"\xff" * 32):
        with pytest.raises(ValueError, match="not a private key"):
            Sm2PrivateKey(scalar)
    another_curve = key.public.der().replace(bytes.fromhex("2a811ccf5501822d"), bytes.fromhex("2a8648ce3d030107"))
    for der in (b"", key.der(), key.public.der()[:-1], key.public.der() + b"\0", another_curve):
        with pytest.raises(ValueError, match=r"."):
            read_public(der)
    for pem in (b"", key.pem()[:80], key.public.pem(), key.pem().replace(b"A", b"!")):
        with pytest.raises(ValueError, match="private key"):
            der_of_pem(pem, "PRIVATE KEY")
    assert "3945" not in repr(key)


def test_keys_and_signatures_are_exchanged_with_openssl(tmp_path: Path) -> None:
    theirs, message = tmp_path / "theirs.pem", tmp_path / "message"
    message.write_bytes(b"request \0 base")
    if shutil.which("openssl") is None or openssl("genpkey", "-algorithm", "SM2", "-out", theirs).returncode:
        pytest.skip("the openssl of this machine has no SM2")
    openssl("pkey", "-in", theirs, "-pubout", "-out", tmp_path / "theirs.pub")
    key = read_private(der_of_pem(theirs.read_bytes(), "PRIVATE KEY"))
    assert key.pem() == theirs.read_bytes() and key.public.pem() == (tmp_path / "theirs.pub").read_bytes()
    assert read_public(der_of_pem(key.public.pem(), "PUBLIC KEY")) == key.public
    user = f"distid:{DEFAULT_USER.decode()}"
    signed = openssl("dgst", "-sm3", "-sign", theirs, "-sigopt", user, message)
    assert signed.returncode == 0 and key.public.verifies(message.read_bytes(), signed.stdout)

    ours = Sm2PrivateKey.generate()
    (tmp_path / "ours.pub").write_bytes(ours.public.pem())
    (tmp_path / "ours.sig").write_bytes(in_der(ours.sign(message.read_bytes())))
    checked = ["-verify", tmp_path / "ours.pub", "-sigopt", user, "-signature", tmp_path / "ours.sig", message]
    assert openssl("dgst", "-sm3", *checked).returncode == 0
    message.write_bytes(b"another")
    assert openssl("dgst", "-sm3", *checked).returncode != 0


def openssl(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, check=False, timeout=30)
