"""Sessions of the Handle protocol: every way to exchange a key, administration by what it vouches for, on every worker, and what
is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr

from core.handle.bodies import Login, Named, Resolve, Valued, decode_error, decode_names
from core.handle.codes import Code, Flag, Op
from core.handle.envelope import ENCRYPTED, Envelope, decode_envelope
from core.handle.keys import RSA, KeyData, number_bytes
from core.handle.message import Message
from core.handle.public_keys import encode_public_key, jwk_of
from core.handle.session_key import DES, TRIPLE_DES, Group
from core.handle.sessions import CLIENT_KEY, DIFFIE_HELLMAN, HANDLE_KEY, SERVER_KEY, SessionSetup
from core.handle.stream import cut
from core.handle.wire_value import WireValue
from core.sealing import Vault
from core.sm2 import Sm2PrivateKey
from node.handle_client import HandleConnection, request
from registry.handle.setting_up import AdministratorWish, parse_administrator, set_administrator
from tests.conftest import Servers, fresh_database
from tests.handle_caller import ADMIN, PREFIX, SECRET, administer
from tests.handle_session_caller import OAKLEY, InSession
from tests.handle_wire_caller import answer_to, by_key, by_secret
from tests.harness import Api, Node, free_port, settings_for, take_aboard, until, worker_here

HOST, OTHER = "127.0.0.1", f"300:0.NA/{PREFIX}"
PROOF = by_secret(SECRET, 0x13)
KEY, SM2_KEY = rsa.generate_private_key(65_537, 2_048), Sm2PrivateKey.generate()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def node(servers: Servers, scratch: Path) -> AsyncIterator[Node]:
    """One for all tests: none minds what another has made."""
    async with fresh_database(servers) as database, aiohttp.ClientSession() as session:
        settings = settings_for(database, servers.redis_url, data_dir=scratch, handle_protocol_sessions=100_000)
        await administer(settings, ADMIN)
        async with worker_here(settings) as base_url:
            yield await take_aboard(settings, Api(base_url, session))


@pytest.fixture
async def caller(node: Node) -> AsyncIterator[InSession]:
    async with InSession(HOST, node.settings.handle_port) as opened:
        await known(opened)
        yield opened


async def known(connection: HandleConnection) -> None:
    """The prefix is new to the worker."""

    async def told() -> bool:
        asked = request(Op.RESOLVE, Resolve(f"0.NA/{PREFIX}").encode(), flags=int(Flag.PUBL))
        return (await HandleConnection.ask(connection, asked))[0].header.code == Code.SUCCESS

    await until(told, 5)


async def publish(node: Node, administrator: str, key: Any) -> None:
    index, record = parse_administrator(administrator)
    database = await asyncpg.connect(node.settings.database_url.get_secret_value())
    async with database.transaction():
        wish = AdministratorWish(index, record, None, jwk_of(key))
        await set_administrator(database, Vault(node.settings.personal_data_keys), wish)
    await database.close()


def creating(name: str, text: str = "https://example.org/", flags: int = 0, session: int = 0) -> Message:
    values = (WireValue(1, "URL", text.encode()),)
    return request(Op.CREATE, Valued(f"{PREFIX}/{name}", values).encode(), flags=flags, session=session)


def deleting(name: str) -> Message:
    return request(Op.DELETE, Named(f"{PREFIX}/{name}").encode())


async def proved(caller: InSession, name: str = "first") -> None:
    """The session is the administrator's now."""
    [challenged] = await caller.ask(creating(name))
    assert challenged.envelope.session == caller.number
    [made] = await caller.prove(challenged, ADMIN, PROOF)
    assert (made.header.code, made.header.op, made.envelope.session) == (Code.SUCCESS, Op.CREATE, caller.number)


async def code_of(caller: InSession, message: Message) -> Code:
    return Code((await caller.ask(message))[0].header.code)


async def raw_code(caller: InSession, message: Message) -> Code:
    return Code((await caller.ask_as_it_is(message))[0].header.code)


async def test_a_session_begun_over_udp_is_used_over_tcp_on_every_worker(node: Node, caller: InSession) -> None:
    settings = node.settings.model_copy(update={"http_port": free_port(), "handle_port": free_port()})
    async with worker_here(settings, 1), InSession(HOST, settings.handle_port) as elsewhere:
        await known(elsewhere)
        for encrypts in (False, True):
            caller.encrypts = elsewhere.encrypts = False
            begun = await caller.begin(ADMIN, udp=True)
            assert begun.header.code == Code.SUCCESS and 0 < caller.number < 2**31
            caller.encrypts = elsewhere.encrypts = encrypts
            await proved(caller, f"first-{encrypts}")
            elsewhere.number, elsewhere.key, elsewhere.counter = caller.number, caller.key, 100
            assert await code_of(elsewhere, creating("second")) == Code.SUCCESS
            assert await code_of(caller, creating(f"third-{encrypts}")) == Code.SUCCESS
            assert await code_of(caller, creating(f"third-{encrypts}")) == Code.HANDLE_EXISTS
            again = elsewhere.vouched(deleting("second"))
            assert await raw_code(caller, again) == Code.SUCCESS
            assert await raw_code(elsewhere, again) == Code.SESSION_REJECTED
            zero = Code.SESSION_FAILED if encrypts else Code.SESSION_KEY_MISSING
            assert await raw_code(elsewhere, elsewhere.vouched(creating("zero"), 0)) == zero
            assert await code_of(elsewhere, request(Op.SESSION_END, b"")) == Code.SUCCESS
            assert await code_of(caller, creating("late")) == Code.SESSION_TIMEOUT


async def test_an_encrypted_session_shows_nothing_on_its_way(caller: InSession) -> None:
    caller.encrypts = True
    await caller.begin(ADMIN)
    await proved(caller, "hidden")
    resolving = request(Op.RESOLVE, Resolve(f"{PREFIX}/hidden").encode(), flags=int(Flag.CERT | Flag.RRDG | Flag.PUBL))
    assert b"hidden" not in caller.encrypted(caller.vouched(resolving))
    [answer] = await caller.ask(resolving)
    assert answer.header.code == Code.SUCCESS and b"example.org" in answer.body
    assert decode_envelope(caller.seen).encrypted and b"example.org" not in caller.seen
    counters = [caller.counter_of(answer)]
    for _ in range(2):
        counters.append(caller.counter_of((await caller.ask(resolving))[0]))
    assert counters == sorted(set(counters)), "each answer has a counter of its own"
    await caller.send_octets(caller.seen)  # both sides vouch by one key
    assert (await caller.read()).header.code == Code.PROTOCOL_ERROR, "an answer sent back is no request"
    caller.encrypts = False
    asked = replace(resolving, header=replace(resolving.header, flags=int(Flag.ENCR)))
    await caller.ask(asked)
    assert decode_envelope(caller.seen).encrypted, "who asks in the clear may want the answer encrypted"


async def test_a_key_is_exchanged_by_rsa(node: Node, caller: InSession) -> None:
    await publish(node, OTHER, KEY.public_key())
    index, _, handle = OTHER.partition(":")
    for mode in (CLIENT_KEY, HANDLE_KEY, SERVER_KEY):
        offered = await caller.begin(OTHER, mode=mode, key=KEY, exchange=(handle, int(index)))
        assert offered.header.code == Code.SUCCESS, decode_error(offered.body)
        if mode == SERVER_KEY:
            assert await raw_code(caller, caller.vouched(creating("early"))) == Code.SESSION_TIMEOUT
            assert (await caller.exchange(offered)).header.code == Code.SUCCESS
            assert (await caller.exchange(offered)).header.code == Code.SESSION_SETUP_INVALID, "once"
        [challenged] = await caller.ask(creating(f"by-{mode}"))
        [made] = await caller.prove(challenged, OTHER, by_key(KEY))
        assert made.header.code == Code.SUCCESS
        assert await code_of(caller, deleting(f"by-{mode}")) == Code.SUCCESS


async def test_what_is_no_key_is_not_told_from_one(caller: InSession) -> None:
    """Who tries ciphertexts of others learns nothing; only the ciphers that are not spoken are named."""
    for told in (b"", b"x" * 7, bytes(60)):
        offered = await caller.begin(ADMIN, mode=SERVER_KEY)
        assert (await caller.exchange(offered, told)).header.code == Code.SUCCESS
        assert await code_of(caller, creating("none")) == Code.SESSION_KEY_MISSING
    for algorithm, size in ((DES, 8), (TRIPLE_DES, 24)):
        offered = await caller.begin(ADMIN, mode=SERVER_KEY)
        refused = await caller.exchange(offered, algorithm.to_bytes(4) + bytes(size))
        assert refused.header.code == Code.SESSION_FAILED


async def test_a_session_is_of_whom_it_was_set_up_for(node: Node, caller: InSession) -> None:
    await publish(node, OTHER, KEY.public_key())
    for named in (OTHER, ":"):
        await caller.begin(named)
        name = f"of-{len(named)}"
        [challenged] = await caller.ask(creating(name))
        [made] = await caller.prove(challenged, ADMIN, PROOF)
        assert made.header.code == Code.SUCCESS, "what was proved is done"
        assert await code_of(caller, deleting(name)) == Code.AUTHENTICATION_NEEDED, "and nothing else"


async def test_an_answer_is_taken_once_and_a_wrong_one_proves_nothing(caller: InSession) -> None:
    await caller.begin(ADMIN)
    [challenged] = await caller.ask(creating("once"))
    [refused] = await caller.prove(challenged, ADMIN, by_secret("wrong", 0x13))
    assert refused.header.code == Code.AUTHENTICATION_FAILED
    [late] = await caller.prove(challenged, ADMIN, PROOF)
    assert late.header.code == Code.AUTHENTICATION_TIMEOUT
    [older] = await caller.ask(creating("older"))
    await caller.ask(creating("newer"))
    assert (await caller.prove(older, ADMIN, PROOF))[0].header.code == Code.AUTHENTICATION_FAILED, "one at a time"
    assert await code_of(caller, deleting("once")) == Code.AUTHENTICATION_NEEDED


async def test_strangers_gain_nothing_by_the_number_of_a_session(node: Node, caller: InSession) -> None:
    await caller.begin(ADMIN)
    await proved(caller, "there")
    async with InSession(HOST, node.settings.handle_port) as stranger:
        await stranger.begin(ADMIN)
        own, stranger.number = stranger.number, caller.number
        for name in ("there", "absent"):
            [answer] = await stranger.ask_as_it_is(
                replace(deleting(name), envelope=Envelope(session=caller.number, request_id=7))
            )
            assert (answer.header.code, len(answer.body)) == (Code.AUTHENTICATION_NEEDED, 1 + 32 + 4 + 16)
            assert answer.envelope.session != caller.number
            assert await code_of(stranger, deleting(name)) == Code.SESSION_KEY_MISSING
        for op in (Op.SESSION_END, Op.SESSION_KEY):
            assert await raw_code(stranger, request(op, bytes(4), session=caller.number)) in (
                Code.SESSION_KEY_MISSING, Code.SESSION_SETUP_INVALID,
            )  # fmt: skip
        stranger.encrypts = True
        said = {decode_error((await stranger.ask(deleting(name)))[0].body) for name in ("there", "absent")}
        captured = caller.encrypted(caller.vouched(deleting("there")))
        bare = replace(deleting("there"), envelope=Envelope(session=caller.number, request_id=7))
        for octets in (bytes(48), bytes(40), captured[20:] + bytes(32), caller.encrypted(bare)[20:]):
            await stranger.send_octets(replace(bare.envelope, options=ENCRYPTED, length=len(octets)).encode() + octets)
            said.add(decode_error((await stranger.read()).body))
        assert len(said) == 1, "whatever is wrong with an encrypted message, one answer"
        stranger.number, stranger.encrypts = own ^ 1, False
        assert await code_of(stranger, deleting("there")) == Code.SESSION_TIMEOUT
    assert await code_of(caller, deleting("there")) == Code.SUCCESS


async def test_lists_of_a_session_come_page_by_page(caller: InSession) -> None:
    caller.encrypts = True
    await caller.begin(ADMIN)
    await proved(caller, "n000")
    for number in range(1, 52):
        assert await code_of(caller, creating(f"n{number:03}")) == Code.SUCCESS
    pages = await caller.ask(request(Op.LIST, Named(f"0.NA/{PREFIX}").encode(), flags=int(Flag.CERT)))
    names = [name for page in pages for name in decode_names(page.body)]
    assert len(pages) == -(-len(names) // 50) > 1 and sum("/n0" in name.lower() for name in names) == 52
    counters = [caller.counter_of(page) for page in pages]
    assert counters == list(range(counters[0], counters[0] + len(pages)))


async def test_setups_that_cannot_be_met_say_so_and_challenges_go_on(node: Node, caller: InSession) -> None:
    async def refused(mode: int, key: bytes = b"", exchange: tuple[str, int] = ("", 0), minor: int = 11) -> Code:
        body = SessionSetup(mode, 60, "", 0, key, exchange).encode()
        asked = request(Op.SESSION_SETUP, body, envelope=Envelope(minor=minor))
        return Code((await HandleConnection.ask(caller, asked))[0].header.code)

    await publish(node, OTHER, SM2_KEY.public)
    small, even = Group(2**512 - 569, 2), Group(OAKLEY.prime + 1, 2)
    assert await refused(DIFFIE_HELLMAN, small.key_bytes(5)) == Code.SESSION_FAILED
    assert await refused(DIFFIE_HELLMAN, even.key_bytes(5)) == Code.SESSION_FAILED
    for public in (0, 1, OAKLEY.prime - 1, OAKLEY.prime):
        assert await refused(DIFFIE_HELLMAN, OAKLEY.key_bytes(public)) == Code.SESSION_FAILED
    assert await refused(DIFFIE_HELLMAN, b"") == Code.PROTOCOL_ERROR
    assert await refused(9) == Code.SESSION_SETUP_INVALID
    assert await refused(DIFFIE_HELLMAN, OAKLEY.key_bytes(5), minor=3) == Code.SESSION_FAILED
    for unfit in (OAKLEY.key_bytes(5), encode_public_key(SM2_KEY.public)):
        assert await refused(CLIENT_KEY, unfit) == Code.RSA_KEY_NEEDED
    modulus = KEY.public_key().public_numbers().n
    slow = KeyData(RSA, (number_bytes(modulus >> 1 | 1), number_bytes(modulus)))
    assert await refused(CLIENT_KEY, slow.encode()) == Code.RSA_KEY_NEEDED
    assert await refused(HANDLE_KEY, exchange=(f"0.NA/{PREFIX}", 300)) == Code.RSA_KEY_NEEDED
    assert await refused(HANDLE_KEY, exchange=(f"0.NA/{PREFIX}", 301)) == Code.SESSION_FAILED
    assert await refused(HANDLE_KEY, exchange=("0.NA/99.absent", 300)) == Code.SESSION_FAILED
    [challenged] = await HandleConnection.ask(caller, creating("without"))
    assert (await HandleConnection.ask(caller, answer_to(challenged, ADMIN, PROOF)))[0].header.code == Code.SUCCESS


async def test_where_none_are_offered_clients_answer_challenges(node: Node) -> None:
    cases: list[tuple[dict[str, Any], Code]] = [
        ({"redis_url": SecretStr("redis://127.0.0.1:1/0")}, Code.SESSION_FAILED),
        ({"handle_protocol_sessions": 0}, Code.SESSION_FAILED),
        ({"handle_key_exchange_bits": 2_048}, Code.SESSION_FAILED),
    ]
    for number, (changed, code) in enumerate(cases):
        changed |= {"http_port": free_port(), "handle_port": free_port()}
        settings = node.settings.model_copy(update=changed)
        async with worker_here(settings, 1), InSession(HOST, settings.handle_port) as caller:
            await known(caller)
            assert (await caller.begin(ADMIN)).header.code == code
            [challenged] = await HandleConnection.ask(caller, creating(f"plain-{number}"))
            assert (await HandleConnection.ask(caller, answer_to(challenged, ADMIN, PROOF)))[
                0
            ].header.code == Code.SUCCESS


async def test_a_login_of_the_national_sdk_is_encrypted_on_its_connection(node: Node, caller: InSession) -> None:
    index, _, handle = OTHER.partition(":")
    keys: tuple[rsa.RSAPrivateKey | Sm2PrivateKey, ...] = (KEY, SM2_KEY)
    for number, key in enumerate(keys):
        await publish(node, OTHER, key.public if isinstance(key, Sm2PrivateKey) else key.public_key())
        caller.encrypts = False
        [challenged] = await HandleConnection.ask(caller, request(Op.LOGIN, Login(handle, int(index)).encode()))
        [opened] = await HandleConnection.ask(caller, answer_to(challenged, OTHER, by_key(key)))
        assert opened.header.code == Code.SUCCESS
        login = opened.envelope.session
        begun = await caller.begin("", mode=HANDLE_KEY, key=key, exchange=(handle, int(index)), over=login)
        assert (begun.header.code, begun.envelope.session) == (Code.SUCCESS, login)
        caller.encrypts = True
        assert await raw_code(caller, creating(f"sdk-{number}", session=login)) == Code.SUCCESS
        assert decode_envelope(caller.seen).encrypted
    async with InSession(HOST, node.settings.handle_port, encrypts=True) as elsewhere:
        elsewhere.key = caller.key
        assert await raw_code(elsewhere, creating("stolen", session=login)) == Code.SESSION_TIMEOUT
    assert await raw_code(caller, request(Op.SESSION_END, b"", session=login)) == Code.SUCCESS
    assert await raw_code(caller, creating("after", session=login)) == Code.SESSION_TIMEOUT


async def test_a_message_that_the_sdk_cuts_is_one_and_one_over_the_limit_is_answered(caller: InSession) -> None:
    def asking(size: int) -> Message:
        types = ("URL", "x" * (size - 24 - 4 - 4 - len(f"{PREFIX}/cut") - 4 - 4 - 4 - 3 - 4))
        return request(Op.RESOLVE, Resolve(f"{PREFIX}/cut", (), types).encode(), flags=int(Flag.PUBL))

    for size in (262_124, 262_125, 262_144):
        octets = cut(asking(size).encode())
        assert decode_envelope(octets).length == size and (len(octets) > size + 20) is (size > 262_124)
        await caller.send_octets(octets + asking(100).encode())
        for _ in range(2):
            assert (await caller.read()).header.code == Code.HANDLE_NOT_FOUND
    over = request(Op.RESOLVE, bytes(262_145 - 28))
    await caller.send_octets(over.encode()[:100_000])
    answer = await caller.read()
    assert (answer.header.code, answer.envelope.request_id) == (Code.PROTOCOL_ERROR, over.envelope.request_id)
    with pytest.raises(ConnectionError):
        await caller.read()
