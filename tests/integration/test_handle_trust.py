"""Signatures of records travel through the node unchanged, and an operator's client checks them up to a root."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from core.handle.bodies import Resolve, decode_valued
from core.handle.codes import Flag, Op
from core.handle.trust import digest_of
from node.cli import _parser as parser
from node.console import Refused
from node.handle_client import ask, request
from tests.harness import Node, at, text_value

ROOT = "300:0.0/0.0"


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
        options = parser().parse_args(["handle", "resolve", name, "--trusted", str(roots), "--json", "--primary"])
        status = await options.run(node.settings, options)
        return status, json.loads(capsys.readouterr().out)["trust"]

    status, trust = await run()
    assert (status, trust["trusted"], trust["signers"]) == (0, True, [f"301:{who}"]), trust
    changed = [text_value(1, "URL", "https://example.net"), plain[1], signature]
    assert (await node.owner.put(path, {"values": changed})).status == 200
    status, trust = await run()
    assert (status, trust["trusted"]) == (1, False) and "value 1" in trust["problems"][0]["en"]

    options = parser().parse_args(["handle", "resolve", name, "--trusted", str(roots)])
    assert await options.run(node.settings, options) == 1
    assert "NOT trusted 不可信" in capsys.readouterr().out
    roots.write_text("[]")
    with pytest.raises(Refused, match="no file of roots"):
        await options.run(node.settings, options)
