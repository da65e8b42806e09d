"""Signatures of records travel through the node unchanged, and an operator's client checks them up to a root."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jwt.algorithms import ECAlgorithm

from core.handle.bodies import Resolve, decode_valued
from core.handle.codes import Flag, Op
from core.handle.keys import key_as_json
from core.handle.message import Message
from core.handle.public_keys import encode_public_key
from core.handle.tokens import write_jwk
from core.handle.trust import digest_of
from core.handle.vouching import certify, sign_values
from core.sm2 import Sm2PrivateKey
from node.cli import options_of
from node.console import Refused
from node.handle_client import ask, request
from tests.harness import Node, at, free_port, text_value, worker_here

ROOT = "300:0.0/0.0"
PEM, PKCS8, SPKI = Encoding.PEM, PrivateFormat.PKCS8, PublicFormat.SubjectPublicKeyInfo


def public(key: Any) -> dict[str, Any]:
    return dict(json.loads(ECAlgorithm.to_jwk(key.public_key())))


async def test_a_signed_record_is_trusted_until_it_is_changed(
    node: Node, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, signer = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    roots = tmp_path / "roots.json"
    roots.write_text(json.dumps({ROOT: public(root)}))
    name, who = f"{node.prefix}/signed", f"{node.prefix}/signer"
    until = int(time.time()) + 600
    certificate = {
        "iss": ROOT,
        "sub": f"301:{who}",
        "exp": until,
        "publicKey": public(signer),
        "perms": [{"perm": "everything"}],
    }
    value = text_value(301, "HS_CERT", jwt.encode(certificate, root, "ES256"))
    assert (await node.owner.post("/api/v1/identifiers", {"identifier": who, "values": [value]})).status == 201
    plain = [text_value(1, "URL", "https://example.com"), text_value(2, "DESC", "旋转接头")]
    assert (await node.owner.post("/api/v1/identifiers", {"identifier": name, "values": plain})).status == 201

    asked = request(Op.RESOLVE, Resolve(name).encode(), flags=int(Flag.PUBL))
    told = decode_valued((await ask("127.0.0.1", node.settings.handle_port, asked)).body).values
    digests = [{"index": value.index, "digest": digest_of(value)} for value in told]
    claims = {"iss": f"301:{who}", "sub": f"1:{name}", "exp": until, "digests": {"alg": "SHA-256", "digests": digests}}
    signature = text_value(400, "HS_SIGNATURE", jwt.encode(claims, signer, "ES256"))
    path = f"/api/v1/identifiers/{at(name)}"
    assert (await node.owner.put(path, {"values": [*plain, signature]})).status == 200

    async def run() -> tuple[int, dict[str, Any]]:
        options = options_of(["handle", "resolve", name, "--trusted", str(roots), "--json", "--primary"])
        status = await options.run(node.settings, options)
        return status, json.loads(capsys.readouterr().out)["trust"]

    status, trust = await run()
    assert (status, trust["trusted"], trust["signers"]) == (0, True, [f"301:{who}"]), trust
    changed = [text_value(1, "URL", "https://example.net"), plain[1], signature]
    assert (await node.owner.put(path, {"values": changed})).status == 200
    status, trust = await run()
    assert (status, trust["trusted"]) == (1, False) and "value 1" in trust["problems"][0]["en"]

    options = options_of(["handle", "resolve", name, "--trusted", str(roots)])
    assert await options.run(node.settings, options) == 1
    assert "NOT trusted 不可信" in capsys.readouterr().out
    roots.write_text("[]")
    with pytest.raises(Refused, match="no file of roots"):
        await options.run(node.settings, options)


async def test_the_node_says_what_is_trusted_to_who_asks_for_it(node: Node, tmp_path: Path) -> None:
    """As clients of the national system ask: 0x2 in the request, 0x1 in the answer. By keys of SM2, which they have."""
    root, signer, stranger = (Sm2PrivateKey(bytes(31) + bytes([number])) for number in (7, 8, 9))
    roots = tmp_path / "roots.json"
    roots.write_text(json.dumps({ROOT: key_as_json(encode_public_key(root.public))}))
    name, who = f"{node.prefix}/signed", f"{node.prefix}/signer"
    valid = (int(time.time()) - 10, int(time.time()) + 600)
    jwk = key_as_json(encode_public_key(signer.public))
    held = text_value(301, "HS_CERT", certify(f"301:{who}", jwk, "everything", ROOT, root, valid).decode())
    assert (await node.owner.post("/api/v1/identifiers", {"identifier": who, "values": [held]})).status == 201
    plain = [text_value(1, "URL", "https://example.com"), text_value(2, "DESC", "旋转接头")]
    assert (await node.owner.post("/api/v1/identifiers", {"identifier": name, "values": plain})).status == 201
    update = {"http_port": free_port(), "handle_port": free_port(), "handle_trust_roots": str(roots)}
    settings = node.settings.model_copy(update=update)

    async def asked(flags: int, *kinds: str) -> Message:
        asking = request(Op.RESOLVE, Resolve(name, (), kinds).encode(), flags=flags)
        return await ask("127.0.0.1", settings.handle_port, asking)

    async def trusted(*kinds: str) -> bool:
        answer = await asked(int(Flag.PUBL | Flag.AUTH | Flag.TRUSTED), *kinds)
        assert answer.header.code == 1 and answer.header.flags & Flag.TRUSTED
        return bool(answer.header.flags & Flag.TRUSTY)

    async def signed_by(key: Sm2PrivateKey, *values: dict[str, Any]) -> None:
        told = decode_valued((await asked(int(Flag.PUBL | Flag.AUTH))).body).values
        signature = sign_values(name, [value for value in told if value.index < 3], f"301:{who}", key, valid)
        body = {"values": [*values, text_value(400, "HS_SIGNATURE", signature.decode())]}
        assert (await node.owner.put(f"/api/v1/identifiers/{at(name)}", body)).status == 200

    async with worker_here(settings, 1):
        assert not await trusted(), "nobody has signed it"
        await signed_by(signer, *plain)
        assert await trusted() and await trusted("URL")
        assert not await trusted("HS_SIGNATURE"), "there is nothing to trust"
        for flags in (int(Flag.PUBL), int(Flag.PUBL | Flag.TRUSTY)):
            assert not (await asked(flags)).header.flags & Flag.TRUSTY, "nobody asked whether"
        await signed_by(stranger, *plain)
        assert not await trusted(), "another key has signed it"
        await signed_by(signer, *plain)
        await signed_by(signer, text_value(1, "URL", "https://example.net"), plain[1])
        assert not await trusted() and not await trusted("URL"), "it was changed since"
    broken = settings.model_copy(update={"handle_trust_roots": str(tmp_path / "none.json")})
    with pytest.raises(Refused, match="no file of roots"):
        async with worker_here(broken, 1):
            pass


@pytest.mark.parametrize("kind", ["sm2", "p-256"])
async def test_an_operator_signs_and_certifies_from_the_command_line(
    node: Node, tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    root: Any = ec.generate_private_key(ec.SECP256R1())
    signer: Any = ec.generate_private_key(ec.SECP256R1())
    if kind == "sm2":
        root, signer = Sm2PrivateKey(bytes(31) + b"\7"), Sm2PrivateKey(bytes(31) + b"\x08")
    for name, key in (("root", root), ("signer", signer)):
        (tmp_path / f"{name}.pem").write_bytes(
            key.pem() if kind == "sm2" else key.private_bytes(PEM, PKCS8, NoEncryption())
        )
    public = signer.public.pem() if kind == "sm2" else signer.public_key().public_bytes(PEM, SPKI)
    (tmp_path / "public.pem").write_bytes(public)
    roots = tmp_path / "roots.json"
    roots.write_text(json.dumps({ROOT: write_jwk(root.public if kind == "sm2" else root.public_key())}))
    name, who = f"{node.prefix}/signed", f"{node.prefix}/signer"
    plain = [text_value(1, "URL", "https://example.com"), text_value(2, "DESC", "旋转接头")]
    assert (await node.owner.post("/api/v1/identifiers", {"identifier": name, "values": plain})).status == 201

    async def said(*arguments: str) -> str:
        options = options_of(["handle", *arguments])
        assert await options.run(node.settings, options) == 0
        return capsys.readouterr().out.strip()

    key, issuer = str(tmp_path / "signer.pem"), f"301:{who}"
    token = await said("sign", name, "--issuer", issuer, "--key", key)
    body = {"values": [*plain, text_value(400, "HS_SIGNATURE", token)]}
    assert (await node.owner.put(f"/api/v1/identifiers/{at(name)}", body)).status == 200
    vouched = await said(
        "certify", issuer, "--public-key", str(tmp_path / "public.pem"), "--permission", "everything", "--issuer", ROOT,
        "--key", str(tmp_path / "root.pem"), "--days", "30",
    )  # fmt: skip
    held = text_value(301, "HS_CERT", vouched)
    assert (await node.owner.post("/api/v1/identifiers", {"identifier": who, "values": [held]})).status == 201
    assert "trusted 可信" in await said("resolve", name, "--trusted", str(roots), "--primary")
    for wrong in (
        ("sign", name, "--issuer", "nobody", "--key", key),
        ("sign", f"{node.prefix}/none", "--issuer", issuer, "--key", key),
        ("sign", name, "--issuer", issuer, "--key", str(roots)),
        ("sign", name, "--issuer", issuer, "--key", key, "--days", "0"),
        ("certify", issuer, "--public-key", key, "--issuer", ROOT, "--key", key),
    ):
        with pytest.raises(Refused):
            await said(*wrong)
