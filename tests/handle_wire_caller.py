"""An administrator who calls over the wire: answers challenges with a secret or a private key."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from core.handle.bodies import ChallengeAnswer, decode_nonce
from core.handle.codes import Code, Op
from core.handle.digest import split_digest
from core.handle.message import Message
from core.handle.reader import string, text, u32
from core.sm2 import Sm2PrivateKey, in_der
from node.handle_client import HandleConnection, request

Proof = Callable[[bytes], tuple[str, bytes]]


def by_secret(secret: str, form: int = 0x22) -> Proof:
    """In one of the forms that clients have."""

    def proof(data: bytes) -> tuple[str, bytes]:
        key = secret.encode()
        if form == 0x22:
            salt, read = secrets.token_bytes(16), key.decode("latin-1").encode()  # as deployed clients do
            mac = hmac.digest(hashlib.pbkdf2_hmac("sha1", read, salt, 10_000, 20), data, "sha1")
            return "HS_SECKEY", b"\x22" + string(salt) + u32(10_000) + u32(160) + string(mac)
        if form in (0x12, 0x13):
            return "HS_SECKEY", bytes((form,)) + hmac.digest(key, data, "sha1" if form == 0x12 else "sha256")
        name = {1: "md5", 2: "sha1", 3: "sha256"}[form]
        return "HS_SECKEY", bytes((form,)) + hashlib.new(name, key + data + key).digest()

    return proof


def by_key(key: rsa.RSAPrivateKey | Sm2PrivateKey) -> Proof:
    if isinstance(key, Sm2PrivateKey):
        return lambda data: ("HS_PUBKEY", text("SM3") + string(in_der(key.sign(data))))
    return lambda data: ("HS_PUBKEY", text("SHA-256") + string(key.sign(data, padding.PKCS1v15(), hashes.SHA256())))


def challenge_of(answer: Message) -> bytes:
    """What is to be proved; fails where the answer is no challenge."""
    assert answer.header.code == Code.AUTHENTICATION_NEEDED, answer.header.code
    assert answer.envelope.session
    _, digest, body = split_digest(answer.body)
    return decode_nonce(body) + digest


def answer_to(answer: Message, administrator: str, proof: Proof, *, flags: int = 0) -> Message:
    """`administrator` is as in `301:0.NA/88.118.8`."""
    index, _, handle = administrator.partition(":")
    kind, proved = proof(challenge_of(answer))
    body = ChallengeAnswer(kind, handle, int(index), proved).encode()
    return request(Op.ANSWER, body, session=answer.envelope.session, flags=flags)


async def administer_over(
    connection: HandleConnection,
    asked: Message,
    administrator: str,
    proof: Proof,
    answering: HandleConnection | None = None,
) -> list[Message]:
    """The answers to a request, after its challenge; `answering` is another connection to answer on."""
    [challenged] = await connection.ask(asked)
    return await (answering or connection).ask(answer_to(challenged, administrator, proof))
