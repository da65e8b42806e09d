"""`biaojie handle-admin`: a prefix, its record and its administrator made, listed, changed and taken away."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from core.sm2 import Sm2PrivateKey
from core.values import unpack
from node.cli import main
from tests.harness import PERSONAL_DATA_KEY

ADMIN = "301:0.NA/20.500.12345"


def pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, path: Path) -> Path:
    form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    path.write_bytes(key.public_key().public_bytes(*form))
    return path


@pytest.fixture
def command(database: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BIAOJIE_DATABASE_URL", database)
    monkeypatch.setenv("BIAOJIE_PERSONAL_DATA_KEY", PERSONAL_DATA_KEY)
    monkeypatch.setenv("BIAOJIE_DATA_DIR", str(tmp_path))


async def run(*arguments: str) -> int:
    return await asyncio.to_thread(main, ["handle-admin", *arguments])


async def record(database: str) -> dict[int, tuple[str, object]]:
    connection = await asyncpg.connect(database)
    packed = await connection.fetchval("SELECT value FROM identifier WHERE key = '0.NA/20.500.12345'")
    await connection.close()
    return {value.index: (value.type, value.data) for value in unpack(packed)}


@pytest.mark.usefixtures("command")
async def test_a_prefix_its_record_and_its_administrators(
    database: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    assert await run("set", ADMIN, "--secret-file", str(secret)) == 0
    said = capsys.readouterr().out
    assert "本节点开始提供前缀 20.500.12345" in said and "s3cret" not in said
    named = {"index": 301, "handle": "0.NA/20.500.12345"}
    admin = {"handle": "0.NA/20.500.12345", "index": 200, "permissions": "1" * 12}
    first = {100: ("HS_ADMIN", admin), 200: ("HS_VLIST", [named]), 301: ("HS_SECKEY", "")}
    assert await record(database) == first
    assert await run("set", ADMIN, "--secret", "another") == 0
    assert await record(database) == first, "only the secret is another"
    key = pem(ed25519.Ed25519PrivateKey.generate(), tmp_path / "key.pem")
    assert await run("set", "300:0.NA/20.500.12345", "--public-key", str(key)) == 0
    held = await record(database)
    assert held[300][0] == "HS_PUBKEY" and held[200] == ("HS_VLIST", [named, named | {"index": 300}])
    assert await run("remove", "300:0.NA/20.500.12345") == 0
    assert await record(database) == first
    capsys.readouterr()
    assert await run("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["300:0.NA/20.500.12345", ADMIN]
    assert "revoked" in lines[0] and "since" in lines[1] and "another" not in "".join(lines)
    assert await run("set", "300:0.NA/20.500.12345", "--public-key", str(key)) == 0
    await run("list")
    assert "revoked" not in capsys.readouterr().out, "set again, it has a key again"
    key.write_bytes(Sm2PrivateKey.generate().public.pem())
    assert await run("set", "302:0.NA/20.500.12345", "--public-key", str(key)) == 0
    assert (await record(database))[302][1]["crv"] == "SM2"


@pytest.mark.usefixtures("command")
async def test_what_is_refused_says_why_in_both_languages(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = pem(ec.generate_private_key(ec.SECP256R1()), tmp_path / "ec.pem")
    assert await run("set", ADMIN, "--secret", "x") == 0
    capsys.readouterr()
    wrong = [
        ("set", "0.NA/20.500.12345", "--secret", "x"),
        ("set", "0:0.NA/20.500.12345", "--secret", "x"),
        ("set", "301:20.500.12345/x", "--secret", "x"),
        ("set", "301:0.NA/a/b", "--secret", "x"),
        ("set", "301:0.NA/GS1.9506000", "--secret", "x"),
        ("set", ADMIN, "--secret", ""),
        ("set", ADMIN, "--secret", "x" * 256),
        ("set", ADMIN, "--secret", "x", "--enterprise", "77"),
        ("set", "301:0.NA/20.500.7", "--secret", "x", "--enterprise", "77"),
        ("set", ADMIN, "--secret-file", str(tmp_path / "none")),
        ("set", ADMIN, "--public-key", str(other)),
        ("remove", "302:0.NA/20.500.12345"),
    ]
    for arguments in wrong:
        assert await run(*arguments) == 1, arguments
        said = capsys.readouterr().err
        assert said.isascii() is False and len(said.splitlines()) >= 2, arguments
    monkeypatch.delenv("BIAOJIE_PERSONAL_DATA_KEY")
    assert await run("set", ADMIN, "--secret", "y") == 1
    assert "BIAOJIE_PERSONAL_DATA_KEY" in (said := capsys.readouterr().err) or "key" in said
