"""Administration over the Handle protocol: challenges and their answers, every operation, the login of the national SDK."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr
from redis.asyncio import Redis

from core.handle.bodies import (
    Login,
    Named,
    Remove,
    Resolve,
    Valued,
    Verify,
    decode_error,
    decode_names,
    decode_valued,
    decode_verdict,
)
from core.handle.codes import Code, Flag, Op
from core.handle.digest import split_digest
from core.handle.message import Message
from core.handle.public_keys import jwk_of
from core.handle.wire_value import WireValue
from core.sealing import Vault
from core.sm2 import Sm2PrivateKey
from node.handle_client import HandleConnection, request
from node.handle_command import told
from registry.handle.setting_up import AdministratorWish, parse_administrator, set_administrator
from tests.handle_caller import SECRET, administer, call
from tests.handle_wire_caller import Proof, administer_over, answer_to, by_key, by_secret, challenge_of
from tests.harness import Api, Node, at, free_port, until, worker_here

HOST = "127.0.0.1"
PREFIX = "20.500.12345"
ADMIN = f"301:0.NA/{PREFIX}"
PROOF = by_secret(SECRET)


@pytest.fixture
async def connection(node: Node) -> AsyncIterator[HandleConnection]:
    await administer(node.settings, ADMIN)
    async with HandleConnection(HOST, node.settings.handle_port) as opened:

        async def known() -> bool:
            return (await opened.ask(resolving(f"0.NA/{PREFIX}")))[0].header.code == Code.SUCCESS

        await until(known, 5)  # the prefix is new to the worker
        yield opened


def creating(name: str, *values: WireValue, flags: int = 0, session: int = 0) -> Message:
    return request(Op.CREATE, Valued(name, values or (url(),)).encode(), flags=flags, session=session)


def url(text: str = "https://example.org/", index: int = 1) -> WireValue:
    return WireValue(index, "URL", text.encode())


def resolving(name: str) -> Message:
    return request(Op.RESOLVE, Resolve(name).encode(), flags=int(Flag.PUBL))


async def done(connection: HandleConnection, asked: Message, proof: Proof = PROOF) -> Code:
    answers = await administer_over(connection, asked, ADMIN, proof)
    assert answers[-1].header.op == asked.header.op
    return Code(answers[-1].header.code)


async def test_a_record_lives_over_the_wire_and_is_the_same_over_rest(node: Node, connection: HandleConnection) -> None:
    name = f"{PREFIX}/life"
    binary = WireValue(7, "RAW", bytes(range(256)), ttl=60)
    [made] = await administer_over(connection, creating(name, url(), binary), ADMIN, PROOF)
    assert made.header.code == Code.SUCCESS and made.header.op == Op.CREATE
    assert (await node.anybody.get(f"/api/handles/{name}")).json["values"][0]["data"]["value"] == "https://example.org/"
    values = decode_valued((await connection.ask(resolving(name)))[0].body).values
    assert [(one.index, one.data, one.ttl) for one in values] == [
        (1, b"https://example.org/", 86_400), (7, binary.data, 60),
    ]  # fmt: skip
    steps = [
        (creating(name), Code.HANDLE_EXISTS),
        (request(Op.ADD, Valued(name, (url("https://b.cn/", 2),)).encode()), Code.SUCCESS),
        (request(Op.ADD, Valued(name, (url("https://b.cn/", 2),)).encode()), Code.VALUE_EXISTS),
        (request(Op.ADD, Valued(name, (url("https://c.cn/", 2),)).encode(), flags=int(Flag.OVRW)), Code.SUCCESS),
        (request(Op.MODIFY, Valued(name, (url("https://d.cn/"),)).encode()), Code.SUCCESS),
        (request(Op.MODIFY, Valued(name, (url("https://d.cn/", 99),)).encode()), Code.VALUES_NOT_FOUND),
        (request(Op.REMOVE, Remove(name, (99,)).encode()), Code.VALUES_NOT_FOUND),
        (request(Op.REMOVE, Remove(name, (7,)).encode()), Code.SUCCESS),
    ]
    for asked, code in steps:
        assert await done(connection, asked) == code, (asked.header, asked.body)
    shown = (await node.anybody.get(f"/api/handles/{name}")).json["values"]
    assert [(one["index"], one["data"]["value"]) for one in shown] == [(1, "https://d.cn/"), (2, "https://c.cn/")]
    assert await done(connection, creating(name, url("https://e.cn/"), flags=int(Flag.OVRW))) == Code.SUCCESS
    assert await done(connection, request(Op.DELETE, Named(name).encode())) == Code.SUCCESS
    assert (await node.anybody.get(f"/api/handles/{name}")).status == 410
    assert await done(connection, request(Op.DELETE, Named(f"{PREFIX}/never").encode())) == Code.HANDLE_NOT_FOUND


async def test_references_and_absolute_times_to_live_go_through_every_door(
    node: Node, connection: HandleConnection
) -> None:
    name, references = f"{node.prefix}/named", (("0.NA/88.118.8", 300), (f"{node.prefix}/中文", 0))
    admin = f"301:0.NA/{node.prefix}"
    await administer(node.settings, admin)
    past, far = 1_000_000_000, 2**32 - 1
    sent = [
        WireValue(1, "URL", b"https://a.cn/", ttl_type=1, ttl=far, references=references),
        WireValue(2, "RAW", bytes(range(256)), ttl_type=1, ttl=past, permissions=0x0F),
        WireValue(3, "TEXT", b"x", ttl=5, references=references[:1]),
    ]

    async def seen() -> list[WireValue]:
        """As a client has them, but for the time of the change, which is the node's to say."""
        found = decode_valued((await connection.ask(resolving(name)))[0].body).values
        return [replace(value, timestamp=0) for value in found]

    async def over_the_wire(op: Op, *values: WireValue) -> Code:
        asked = request(op, Valued(name, values).encode())
        return Code((await administer_over(connection, asked, admin, PROOF))[-1].header.code)

    assert await over_the_wire(Op.CREATE, *sent) == Code.SUCCESS
    assert await seen() == sent
    owned = (await node.owner.get(f"/api/v1/identifiers/{at(name)}")).json
    listed = [{"handle": handle, "index": index} for handle, index in references]
    assert [(one["ttl"], one.get("references")) for one in owned["values"]] == [
        ("2106-02-07T06:28:15Z", listed), ("2001-09-09T01:46:40Z", None), (5, listed[:1]),
    ]  # fmt: skip
    door = f"/api/v1/identifiers/{at(name)}"
    same = await node.owner.call("PUT", door, {"values": owned["values"]})
    assert (same.status, same.json["version"]) == (200, 1), "read and sent again: nothing changed"
    added = {"index": 4, "type": "NOTE", "data": "y", "ttl": "2030-01-01T00:00:00Z", "references": listed}
    assert (await node.owner.call("PATCH", door, {"values": [added]})).json["version"] == 2
    noted = WireValue(4, "NOTE", b"y", ttl_type=1, ttl=1_893_456_000, references=references)
    assert await seen() == [*sent, noted], "what REST did not name is as the Handle client left it"
    shown = (await node.anybody.get(f"/api/handles/{at(name)}")).json["values"]
    path = f"{at(name)}?index=various&overwrite=true"
    put = await call(node, "PUT", path, {"values": [shown[0], shown[2]]}, admin)
    assert put.status == 200, put.body
    assert await over_the_wire(Op.MODIFY, replace(sent[2], references=references)) == Code.SUCCESS
    assert await seen() == [*sent[:2], replace(sent[2], references=references), noted]
    assert (await node.owner.get(door)).json["version"] == 3, "the same over JSON changed nothing"
    shown = (await node.anybody.get(f"/api/handles/{at(name)}")).json["values"]
    batch = (await node.anybody.post("/api/v1/resolve", {"identifiers": [name]})).json["items"]
    assert batch[0]["values"] == shown
    by_command = told((await connection.ask(resolving(name)))[0], name)["values"]
    assert [one | {"permissions": ""} for one in by_command] == [one | {"permissions": ""} for one in shown]


async def test_what_cannot_be_kept_is_refused_whole(node: Node, connection: HandleConnection) -> None:
    name = f"{PREFIX}/refused"
    cases = [
        ((url(index=0),), Code.VALUE_INVALID),
        ((url(), url("https://b.cn/")), Code.VALUE_EXISTS),
        ((WireValue(1, "URL", b"x", references=(("a/b", 1),) * 101),), Code.VALUE_INVALID),
        ((WireValue(1, "URL", b"x", ttl_type=2),), Code.VALUE_INVALID),
        ((WireValue(1, "HS_SECKEY", b"x", permissions=0x0E),), Code.VALUE_INVALID),
    ]
    for values, code in cases:
        assert await done(connection, creating(name, *values)) == code, values
    assert (await node.anybody.get(f"/api/handles/{name}")).status == 404


async def test_a_name_is_completed_where_the_client_wants_it(connection: HandleConnection) -> None:
    [made] = await administer_over(connection, creating(f"{PREFIX}/batch-", flags=int(Flag.MINT)), ADMIN, PROOF)
    assert made.header.code == Code.SUCCESS
    name = made.body[4:].decode()
    assert name.startswith(f"{PREFIX}/batch-") and len(name) > len(PREFIX) + 10
    assert (await connection.ask(resolving(name)))[0].header.code == Code.SUCCESS


@pytest.mark.parametrize("form", [1, 2, 3, 0x12, 0x13, 0x22])
async def test_every_form_of_a_secret_s_answer_is_taken(node: Node, connection: HandleConnection, form: int) -> None:
    proof = by_secret(SECRET, form)
    assert await done(connection, creating(f"{PREFIX}/form-{form}"), proof) == Code.SUCCESS
    wrong = by_secret(SECRET + "x", form)
    assert await done(connection, creating(f"{PREFIX}/form-{form}-b"), wrong) == Code.AUTHENTICATION_FAILED


@pytest.mark.parametrize("kind", ["RSA", "SM2"])
async def test_a_private_key_is_taken_on_another_connection(
    node: Node, connection: HandleConnection, kind: str
) -> None:
    key = rsa.generate_private_key(65_537, 2_048) if kind == "RSA" else Sm2PrivateKey.generate()
    public = key.public if isinstance(key, Sm2PrivateKey) else key.public_key()
    index, record = parse_administrator(f"300:0.NA/{PREFIX}")
    database = await asyncpg.connect(node.settings.database_url.get_secret_value())
    async with database.transaction():
        wish = AdministratorWish(index, record, None, jwk_of(public))
        await set_administrator(database, Vault(node.settings.personal_data_keys), wish)
    await database.close()
    async with HandleConnection(HOST, node.settings.handle_port) as other:
        asked = creating(f"{PREFIX}/by-key")
        [answer] = await administer_over(connection, asked, f"300:0.NA/{PREFIX}", by_key(key), other)
    assert (answer.header.code, answer.header.op, answer.envelope.session) == (Code.SUCCESS, Op.CREATE, 0)


async def test_an_answer_is_accepted_once_on_whichever_worker(node: Node, connection: HandleConnection) -> None:
    settings = node.settings.model_copy(update={"http_port": free_port(), "handle_port": free_port()})
    async with worker_here(settings, 1), HandleConnection(HOST, settings.handle_port) as elsewhere:
        [challenged] = await connection.ask(creating(f"{PREFIX}/once"))
        answer = answer_to(challenged, ADMIN, PROOF)
        assert (await elsewhere.ask(answer))[0].header.code == Code.SUCCESS
        for again in (elsewhere, connection):
            assert (await again.ask(answer))[0].header.code == Code.AUTHENTICATION_TIMEOUT
        [challenged] = await connection.ask(creating(f"{PREFIX}/race"))
        answer = answer_to(challenged, ADMIN, PROOF)
        both = await asyncio.gather(connection.ask(answer), elsewhere.ask(answer))
        codes = sorted(one.header.code for [one] in both)
        assert codes == [Code.SUCCESS, Code.AUTHENTICATION_TIMEOUT]


async def test_an_answer_does_not_prove_another_request(connection: HandleConnection) -> None:
    [first] = await connection.ask(creating(f"{PREFIX}/first"))
    [second] = await connection.ask(creating(f"{PREFIX}/second"))
    kind, proved = PROOF(challenge_of(first))
    crossed = answer_to(second, ADMIN, lambda _: (kind, proved))
    assert (await connection.ask(crossed))[0].header.code == Code.AUTHENTICATION_FAILED
    assert (await connection.ask(resolving(f"{PREFIX}/second")))[0].header.code == Code.HANDLE_NOT_FOUND


async def test_without_redis_a_challenge_is_answered_at_the_same_worker(
    node: Node, connection: HandleConnection
) -> None:
    update = {"http_port": free_port(), "handle_port": free_port(), "redis_url": SecretStr("redis://127.0.0.1:1/0")}
    settings = node.settings.model_copy(update=update)
    async with worker_here(settings, 1), HandleConnection(HOST, settings.handle_port) as alone:
        [challenged] = await alone.ask(creating(f"{PREFIX}/alone"))
        answer = answer_to(challenged, ADMIN, PROOF)
        assert (await alone.ask(answer))[0].header.code == Code.SUCCESS
        assert (await alone.ask(answer))[0].header.code == Code.AUTHENTICATION_TIMEOUT


async def test_strangers_learn_nothing(node: Node, connection: HandleConnection) -> None:
    """What is there and what is not are answered alike, but for nonce and session."""
    there, absent = f"{PREFIX}/there", f"{PREFIX}/absent"
    assert await done(connection, creating(there)) == Code.SUCCESS
    asked: list[Any] = [
        lambda name: creating(name),
        lambda name: request(Op.DELETE, Named(name).encode()),
        lambda name: request(Op.MODIFY, Valued(name, (url(),)).encode()),
        lambda name: request(Op.REMOVE, Remove(name, (1,)).encode()),
    ]
    for make in asked:
        for name in (there, absent):
            [answer] = await connection.ask(make(name))
            assert (answer.header.code, len(answer.body)) == (Code.AUTHENTICATION_NEEDED, 1 + 32 + 4 + 16)
    codes = {
        name: (await administer_over(connection, make(name), f"5:0.NA/{PREFIX}", PROOF))[0].header.code
        for make in asked for name in (there, absent)
    }  # fmt: skip
    assert set(codes.values()) == {Code.ADMIN_UNKNOWN}


async def test_lists_come_in_messages_of_fifty(node: Node, connection: HandleConnection) -> None:
    for number in range(100):
        if number in (0, 50):
            answers = await administer_over(
                connection, request(Op.LIST, Named(f"0.NA/{PREFIX}").encode()), ADMIN, PROOF
            )
            assert [len(decode_names(one.body)) for one in answers] == [number]
        assert await done(connection, creating(f"{PREFIX}/n{number:03}"), by_secret(SECRET, 0x13)) == Code.SUCCESS
    await done(connection, creating(f"{PREFIX}/n100"))
    answers = await administer_over(connection, request(Op.LIST, Named(f"0.NA/{PREFIX}").encode()), ADMIN, PROOF)
    assert [len(decode_names(one.body)) for one in answers] == [50, 50, 1]
    assert [bool(one.header.flags & Flag.CONT) for one in answers] == [True, True, False]
    names = [name for one in answers for name in decode_names(one.body)]
    assert names == sorted(names) and len(set(names)) == 101


async def test_the_national_login_opens_a_session_of_this_connection(node: Node, connection: HandleConnection) -> None:
    login = request(Op.LOGIN, Login(f"0.NA/{PREFIX}", 301).encode(), flags=int(Flag.RRDG))
    [challenged] = await connection.ask(login)
    answer = answer_to(challenged, ADMIN, PROOF, flags=int(Flag.RRDG))
    [opened] = await connection.ask(answer)
    assert (opened.header.op, opened.header.code) == (Op.LOGIN, Code.SUCCESS)
    assert split_digest(opened.body)[2] == b""
    session = opened.envelope.session
    assert session == challenged.envelope.session
    [made] = await connection.ask(creating(f"{PREFIX}/logged-in", session=session))
    assert made.header.code == Code.SUCCESS
    [without] = await connection.ask(creating(f"{PREFIX}/not-logged-in"))
    assert without.header.code == Code.LOGIN_FIRST
    async with HandleConnection(HOST, node.settings.handle_port) as other:
        [stolen] = await other.ask(creating(f"{PREFIX}/stolen", session=session))
        assert stolen.header.code == Code.AUTHENTICATION_NEEDED
    for name, code in ((f"{PREFIX}/logged-in", 1), (f"{PREFIX}/not-logged-in", 100), (f"{PREFIX}/stolen", 100)):
        assert (await connection.ask(resolving(name)))[0].header.code == code


async def test_the_older_login_is_answered_like_a_resolution_and_opens_a_session_too(
    connection: HandleConnection,
) -> None:
    login = request(Op.LOGIN_PASSWORD, Resolve(f"0.NA/{PREFIX}", (301,)).encode())
    [challenged] = await connection.ask(login)
    answer = answer_to(challenged, ADMIN, PROOF)
    [opened] = await connection.ask(answer)
    assert (opened.header.op, opened.header.code) == (Op.LOGIN_PASSWORD, Code.SUCCESS)
    assert decode_valued(opened.body) == Valued(f"0.NA/{PREFIX}", ())
    [made] = await connection.ask(creating(f"{PREFIX}/older", session=opened.envelope.session))
    assert made.header.code == Code.SUCCESS
    [again] = await connection.ask(answer)
    assert again.header.code == Code.AUTHENTICATION_TIMEOUT, "an answer is taken once"
    [challenged] = await connection.ask(login)
    [another] = await connection.ask(answer_to(challenged, f"300:0.NA/{PREFIX}", PROOF))
    assert another.header.code == Code.AUTHENTICATION_ERROR
    [challenged] = await connection.ask(login)
    [wrong] = await connection.ask(answer_to(challenged, ADMIN, by_secret("wrong")))
    assert wrong.header.code == Code.AUTHENTICATION_FAILED
    [unknown] = await connection.ask(creating(f"{PREFIX}/older-2", session=challenged.envelope.session))
    assert unknown.header.code == Code.LOGIN_FIRST


async def test_a_login_that_is_answered_too_late_is_none(node: Node, connection: HandleConnection) -> None:
    update = {"http_port": free_port(), "handle_port": free_port(), "handle_challenge_seconds": 1}
    settings = node.settings.model_copy(update=update)
    redis = Redis.from_url(settings.redis_url.get_secret_value())
    async with worker_here(settings, 1), HandleConnection(HOST, settings.handle_port) as slow:
        [challenged] = await slow.ask(request(Op.LOGIN, Login(f"0.NA/{PREFIX}", 301).encode()))
        session = challenged.envelope.session

        async def forgotten() -> bool:
            return not await redis.keys(f"*handle-challenge:{session}")

        assert not await forgotten()
        await until(forgotten, 5)
        [late] = await slow.ask(answer_to(challenged, ADMIN, PROOF))
        assert late.header.code == Code.AUTHENTICATION_TIMEOUT
        [refused] = await slow.ask(creating(f"{PREFIX}/late", session=session))
        assert refused.header.code == Code.LOGIN_FIRST
    await redis.aclose()


async def test_a_login_that_is_over_is_to_be_made_again(node: Node, connection: HandleConnection) -> None:
    update = {"http_port": free_port(), "handle_port": free_port(), "handle_login_seconds": 0}
    settings = node.settings.model_copy(update=update)
    async with worker_here(settings, 1), HandleConnection(HOST, settings.handle_port) as shortly:
        login = request(Op.LOGIN, Login(f"0.NA/{PREFIX}", 301).encode())
        [opened] = await administer_over(shortly, login, ADMIN, PROOF)
        assert opened.header.code == Code.SUCCESS
        session = opened.envelope.session
        [over] = await shortly.ask(creating(f"{PREFIX}/too-late", session=session))
        assert over.header.code == Code.LOGIN_AGAIN
        public = request(Op.RESOLVE, Resolve(f"0.NA/{PREFIX}", (100,)).encode(), flags=int(Flag.PUBL), session=session)
        [read] = await shortly.ask(public)
        assert read.header.code == Code.SUCCESS, "what anybody may read is read without a login"
        [challenged] = await shortly.ask(request(Op.LOGIN, login.body, session=session))
        assert challenged.header.code == Code.AUTHENTICATION_NEEDED


@pytest.mark.parametrize(
    ("limit", "code"), [("registrations_per_day", Code.DAILY_LIMIT), ("registrations_total", Code.REGISTRATION_LIMIT)]
)
async def test_a_spent_quota_of_the_day_and_one_for_good_have_codes_of_their_own(
    node: Node, connection: HandleConnection, limit: str, code: Code
) -> None:
    admin = f"301:0.NA/{node.prefix}"
    await administer(node.settings, admin)
    assert (await node.operator.put("/api/v1/quotas/enterprises/1", {limit: 1})).status == 200

    async def refused() -> bool:
        [answer] = await administer_over(connection, creating(f"{node.prefix}/q-{secrets.token_hex(4)}"), admin, PROOF)
        assert answer.header.code in (Code.SUCCESS, code)
        return answer.header.code == code

    await until(refused, 5)


async def test_values_for_administrators_are_read_after_a_challenge(node: Node, connection: HandleConnection) -> None:
    name = f"{PREFIX}/restricted"
    secret = WireValue(2, "NOTE", b"for administrators", permissions=0x0C)
    assert await done(connection, creating(name, url(), secret)) == Code.SUCCESS
    asked = request(Op.RESOLVE, Resolve(name, (2,)).encode())
    assert (await node.anybody.get(f"/api/handles/{name}?index=2")).json["values"] == []
    [answer] = await administer_over(connection, asked, ADMIN, PROOF)
    assert answer.header.op == Op.RESOLVE, decode_error(answer.body)
    found = decode_valued(answer.body).values
    assert [one.data for one in found] == [secret.data]
    [again] = await connection.ask(asked)
    assert again.header.code == Code.AUTHENTICATION_NEEDED, "nothing of it lies ready for others"


async def test_other_servers_may_have_an_answer_verified(connection: HandleConnection) -> None:
    nonce, digest = bytes(16), bytes(range(32))
    for secret, valid in ((SECRET, True), ("wrong", False)):
        _, proved = by_secret(secret)(nonce + digest)
        asked = request(Op.VERIFY, Verify(f"0.NA/{PREFIX}", 301, nonce, digest, proved).encode(), flags=int(Flag.RRDG))
        [answer] = await connection.ask(asked)
        assert answer.header.code == Code.SUCCESS
        assert decode_verdict(split_digest(answer.body)[2]) is valid


async def test_what_was_registered_over_rest_is_administered_by_the_record_of_its_prefix(
    node: Node, connection: HandleConnection
) -> None:
    admin = f"301:0.NA/{node.prefix}"
    await administer(node.settings, admin)
    name = f"{node.prefix}/by-rest"
    value = {"index": 1, "type": "URL", "data": {"format": "string", "value": "https://a.cn/"}}
    assert (await node.owner.post("/api/v1/identifiers", {"identifier": name, "values": [value]})).status == 201
    asked = request(Op.MODIFY, Valued(name, (url("https://b.cn/"),)).encode())
    [answer] = await administer_over(connection, asked, admin, PROOF)
    assert answer.header.code == Code.SUCCESS, decode_error(answer.body)
    seen = await node.owner.get(f"/api/v1/identifiers/{at(name)}")
    assert seen.json["values"][0]["data"]["value"] == "https://b.cn/" and seen.json["version"] == 2
    [foreign] = await administer_over(connection, asked, ADMIN, PROOF)
    assert foreign.header.code == Code.NOT_ALLOWED


async def test_prefixes_are_homed_by_administrators_of_the_server_alone(
    node: Node, connection: HandleConnection
) -> None:
    [homed] = await administer_over(connection, request(Op.LIST_HOMED, Named("/").encode()), ADMIN, PROOF)
    assert {f"0.NA/{PREFIX}", f"0.NA/{node.prefix}"} <= set(decode_names(homed.body))
    for op in (Op.HOME, Op.UNHOME):
        [refused] = await administer_over(connection, request(op, Named(f"0.NA/{node.prefix}").encode()), ADMIN, PROOF)
        assert refused.header.code == Code.NOT_ALLOWED


async def test_limits_have_the_codes_that_the_national_system_knows(node: Node) -> None:
    """603: of a day, 604: in all, 605: of prefixes."""
    server = "300:0.NA/88.118"
    for who in (server, ADMIN):
        await administer(node.settings, who)
    update = {"http_port": free_port(), "handle_port": free_port(), "enterprise_prefixes": 2}
    settings = node.settings.model_copy(update=update)
    async with worker_here(settings, 1) as base_url, HandleConnection(HOST, settings.handle_port) as there:

        async def code(asked: Message, who: str) -> int:
            return (await administer_over(there, asked, who, PROOF))[-1].header.code

        homing = [request(Op.HOME, Named(f"0.NA/20.500.77{number}").encode()) for number in (7, 7, 8)]
        assert [await code(asked, server) for asked in homing] == [1, 1, Code.PREFIX_LIMIT]
        operator = Api(base_url, node.operator.session, node.operator.key)
        whose = (await operator.get(f"/api/v1/prefixes/{PREFIX}")).json["enterprise_id"]
        given = [{"enterprise_id": whose, "prefix": f"{PREFIX}.{number}"} for number in range(2)]
        answers = [await operator.post("/api/v1/prefixes", wish) for wish in given]
        assert [(one.status, one.json.get("slug")) for one in answers] == [(201, None), (403, "prefix-limit")]
        told = []
        for limit in ("registrations_per_day", "registrations_total"):
            assert (await operator.put(f"/api/v1/quotas/enterprises/{whose}", {limit: 1})).status == 200
            for name in ("a", "b"):
                told.append(await code(creating(f"{PREFIX}/{limit}-{name}"), ADMIN))
        assert told == [1, Code.DAILY_LIMIT, Code.REGISTRATION_LIMIT, Code.REGISTRATION_LIMIT]
