"""A client with a session of the Handle protocol, as deployed ones have it: sets one up, vouches for its messages, encrypts."""

from __future__ import annotations

import os
import secrets
from dataclasses import replace

import gmalg
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from core.handle.bodies import ChallengeAnswer
from core.handle.codes import Code, Flag, Op
from core.handle.credential import MAC, SIGNED, decode_credential, vouched
from core.handle.digest import digest_of, split_digest
from core.handle.envelope import ENCRYPTED, ENVELOPE_BYTES, decode_envelope
from core.handle.keys import decode_key
from core.handle.message import Message, decode_message
from core.handle.proofs import check_signature
from core.handle.public_keys import encode_public_key, public_key
from core.handle.reader import string
from core.handle.session_key import AES, Group, SessionKey, read_told_dh
from core.handle.sessions import (
    CLIENT_KEY,
    DIFFIE_HELLMAN,
    HANDLE_KEY,
    SERVER_KEY,
    KeyExchange,
    SessionOffer,
    SessionSetup,
    decode_offer,
)
from core.handle.site import decode_site
from core.sm2 import Sm2PrivateKey
from node.handle_client import HandleConnection, ask_over_udp, request
from tests.handle_wire_caller import Proof, challenge_of

# The second group of RFC 2409 §6.2: what deployed clients come with.
OAKLEY = Group(
    int(
        "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b"
        "302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe6"
        "49286651ece65381ffffffffffffffff", 16,
    ),
    2,
)  # fmt: skip


class InSession(HandleConnection):
    """A connection whose messages are of one session. `encrypts`: they travel encrypted, and answers are to."""

    def __init__(self, host: str, port: int, *, encrypts: bool = False) -> None:
        super().__init__(host, port)
        self.place = (host, port)
        self.number = 0
        self.key = SessionKey(b"")
        self.counter = 0
        self.encrypts = encrypts
        self.seen = b""  # the last message as it came

    async def begin(
        self, administrator: str, *, mode: int = DIFFIE_HELLMAN, key: rsa.RSAPrivateKey | Sm2PrivateKey | None = None, udp: bool = False,
        seconds: int = 86_400, over: int = 0, exchange: tuple[str, int] = ("", 0),
    ) -> Message:  # fmt: skip
        """The answer to setup; after a good one the session is used. `over`: the login that it is for."""
        index, _, handle = administrator.partition(":")
        private, told = secrets.randbits(256), b""
        if mode == DIFFIE_HELLMAN:
            told = OAKLEY.key_bytes(pow(OAKLEY.base, private, OAKLEY.prime))
        elif mode == CLIENT_KEY and isinstance(key, rsa.RSAPrivateKey):
            told = encode_public_key(key.public_key())
        asked = request(
            Op.SESSION_SETUP,
            SessionSetup(mode, seconds, handle, int(index or 0), told, exchange).encode(),
            flags=int(Flag.CERT | Flag.RRDG),
            session=over,
        )
        [answer] = [await ask_over_udp(*self.place, asked)] if udp else await super().ask(asked)
        if answer.header.code == Code.SUCCESS:
            [site] = await super().ask(request(Op.SITE_INFO, b""))
            offer = signed_offer(asked, answer, site)
            assert offer.mode == mode
            self.number, self.counter = answer.envelope.session, 0
            if mode == DIFFIE_HELLMAN:
                cipher, theirs = read_told_dh(offer.data)
                assert cipher == AES
                self.key = OAKLEY.agreed(theirs.numbers[0], private)
            elif mode in (CLIENT_KEY, HANDLE_KEY) and key:
                self.key = SessionKey(_decrypted(key, offer.data)[4:])
            elif mode == SERVER_KEY:
                assert decode_key(offer.data)
                self.key = SessionKey(secrets.token_bytes(16))
        return answer

    async def exchange(self, offered: Message, told: bytes | None = None) -> Message:
        """The answer to the key that we have chosen, for the server's public key in its offer."""
        theirs = public_key(decode_offer(split_digest(offered.body)[2]).data)
        assert isinstance(theirs, rsa.RSAPublicKey)
        encrypted = theirs.encrypt(self.key.told() if told is None else told, padding.PKCS1v15())
        asked = request(Op.SESSION_KEY, KeyExchange(encrypted).encode(), session=self.number)
        return (await super().ask(asked))[0]

    def vouched(self, message: Message, counter: int | None = None) -> Message:
        """In this session, by the next counter or the one given."""
        if counter is None:
            self.counter += 1
            counter = self.counter
        placed = replace(message, envelope=replace(message.envelope, session=self.number))
        return replace(placed, credential=self.key.vouch(placed.envelope, counter, placed.content))

    async def ask(self, message: Message) -> list[Message]:
        return await self.ask_as_it_is(self.vouched(message))

    async def ask_as_it_is(self, message: Message) -> list[Message]:
        """Encrypted where this session is, and nothing else done to it."""
        if not self.encrypts:
            return await super().ask(message)
        await self.send_octets(self.encrypted(message))
        answers = [await self.read()]
        while answers[-1].header.flags & Flag.CONT:
            answers.append(await self.read())
        return answers

    def encrypted(self, message: Message) -> bytes:
        octets = self.key.encrypt(message.content + string(message.credential), os.urandom(16))
        return replace(message.envelope, options=ENCRYPTED, length=len(octets)).encode() + octets

    async def read(self) -> Message:
        self.seen = await self.read_octets()
        envelope, content = decode_envelope(self.seen), self.seen[ENVELOPE_BYTES:]
        if envelope.encrypted:
            content = self.key.decrypt(content)
            envelope = replace(envelope, options=0, length=len(content))
        return decode_message(envelope, content)

    async def prove(self, challenged: Message, administrator: str, proof: Proof, *, flags: int = 0) -> list[Message]:
        """The answers to a challenge of this session, whose own answer deployed clients do not vouch for."""
        index, _, handle = administrator.partition(":")
        kind, proved = proof(challenge_of(challenged))
        body = ChallengeAnswer(kind, handle, int(index), proved).encode()
        return await self.ask_as_it_is(request(Op.ANSWER, body, session=challenged.envelope.session, flags=flags))

    def counter_of(self, answer: Message) -> int:
        """Of an answer that the server vouches for by the session's key; fails where it does not."""
        assert decode_credential(answer.credential).kind == MAC
        said = decode_credential(answer.credential).counter
        placed = answer.envelope
        assert answer.credential == self.key.vouch(placed, said, answer.content)
        return said


def signed_offer(asked: Message, answer: Message, site: Message) -> SessionOffer:
    """What the server offers. Fails where it is no answer to what was asked, or not signed by the key of the server's site: a
    session might be with somebody in between."""
    algorithm, digest, body = split_digest(answer.body)
    assert (algorithm, digest) == digest_of(asked.content, answer.envelope.minor)
    said, key = decode_credential(answer.credential), public_key(decode_site(site.body).servers[0].key)
    assert said.kind == SIGNED
    assert check_signature(key, said.hash, said.signature, vouched(answer.envelope, said.counter, answer.content))
    return decode_offer(body)


def _decrypted(key: rsa.RSAPrivateKey | Sm2PrivateKey, octets: bytes) -> bytes:
    if isinstance(key, Sm2PrivateKey):
        return bytes(gmalg.SM2(key.scalar).decrypt(octets))
    return key.decrypt(octets, padding.PKCS1v15())
