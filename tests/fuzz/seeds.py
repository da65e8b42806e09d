"""What the fuzzer begins with: the recorded messages of real peers, and of sessions what none of them has recorded."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from core.handle.bodies import ChallengeAnswer, Resolve
from core.handle.codes import Flag, Op
from core.handle.envelope import ENCRYPTED, Envelope
from core.handle.header import Header
from core.handle.message import Message
from core.handle.reader import string
from core.handle.session_key import KEY_BYTES, Group, SessionKey, told_dh
from core.handle.sessions import (
    CLIENT_KEY,
    DIFFIE_HELLMAN,
    HANDLE_KEY,
    SERVER_KEY,
    KeyExchange,
    SessionOffer,
    SessionSetup,
)

VECTORS = Path(__file__).parents[1] / "conformance" / "handle_wire.json"
KEY = SessionKey(bytes(KEY_BYTES))
SESSION, ADMIN = 0x8000_0001, "0.NA/88.118.8"
_GROUP = Group(2**1_279 - 1, 3)  # a prime; what is exchanged with it is no secret


def recorded() -> list[bytes]:
    """Those in several datagrams piece by piece."""
    steps = [step for vector in json.loads(VECTORS.read_text("utf-8"))["vectors"] for step in vector["steps"]]
    texts = [text for step in steps for text in step.get("packets", [step["hex"]] if "hex" in step else [])]
    return [bytes.fromhex(text) for text in texts]


def of_sessions() -> list[bytes]:
    """Setups in every mode, their answers, exchanges of keys, and what is said in a session: vouched for, and encrypted."""
    public = _GROUP.key_bytes(pow(_GROUP.base, 65_537, _GROUP.prime))
    setups = [
        SessionSetup(CLIENT_KEY, 3_600, ADMIN, 300, public),
        SessionSetup(SERVER_KEY, 3_600),
        SessionSetup(HANDLE_KEY, 60, ADMIN, 300, exchange=(ADMIN, 301)),
        SessionSetup(DIFFIE_HELLMAN, 3_600, "", 0, public),
    ]
    offers = [SessionOffer(DIFFIE_HELLMAN, told_dh(_GROUP, 65_537)), SessionOffer(CLIENT_KEY, KEY.told())]
    made = [_message(Op.SESSION_SETUP, setup.encode()) for setup in setups]
    made += [_message(Op.SESSION_SETUP, offer.encode(), code=1) for offer in offers]
    made.append(_message(Op.SESSION_KEY, KeyExchange(bytes(range(256))).encode()))
    said = [
        _message(Op.RESOLVE, Resolve(f"{ADMIN[5:]}/x", (1,), ("URL",)).encode(), flags=Flag.ENCR),
        _message(Op.ANSWER, ChallengeAnswer("HS_SECKEY", ADMIN, 301, bytes(70)).encode()),
        _message(Op.SESSION_END, b""),
    ]
    vouched = [_vouched(message, number) for number, message in enumerate(said, 1)]
    return [message.encode() for message in (*made, *vouched)] + [_encrypted(message) for message in vouched]


def _message(op: Op, body: bytes, *, code: int = 0, flags: int = 0) -> Message:
    return Message(Envelope(session=SESSION, request_id=7), Header(op, code, int(flags)), body)


def _vouched(message: Message, counter: int) -> Message:
    return replace(message, credential=KEY.vouch(message.envelope, counter, message.content))


def _encrypted(message: Message) -> bytes:
    octets = KEY.encrypt(message.content + string(message.credential), bytes(KEY_BYTES))
    return replace(message.envelope, options=ENCRYPTED, length=len(octets)).encode() + octets
