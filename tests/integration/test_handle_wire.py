"""The Handle protocol at the running node: what clients ask over TCP and UDP, and what they are told."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from core.handle.bodies import Named, Resolve, Valued, decode_error, decode_valued
from core.handle.codes import MINOR, Code, Flag, Op
from core.handle.credential import decode_credential, vouched
from core.handle.digest import split_digest
from core.handle.envelope import Envelope
from core.handle.message import Message, read_message
from core.handle.public_keys import public_key
from core.handle.site import decode_site
from node.cli import options_of
from node.console import Refused
from node.handle_client import HandleConnection, ask, ask_over_udp, request
from node.handle_key import key_file, rotate_key
from tests.handle_wire_caller import challenge_of
from tests.harness import Node, free_port, text_value, until, worker_here

HOST = "127.0.0.1"
PUBLIC = int(Flag.PUBL)


@pytest.fixture
async def connection(node: Node) -> AsyncIterator[HandleConnection]:
    async with HandleConnection(HOST, node.settings.handle_port) as opened:
        yield opened


def resolving(
    handle: str, *, indexes: tuple[int, ...] = (), types: tuple[str, ...] = (), flags: int = PUBLIC, **more: Any
) -> Message:
    return request(Op.RESOLVE, Resolve(handle, indexes, types).encode(), flags=flags, **more)


def found(answer: Message) -> Valued:
    assert answer.header.code == Code.SUCCESS, (answer.header.code, decode_error(answer.body))
    return decode_valued(answer.body)


async def registered(node: Node, suffix: str, *values: dict[str, Any]) -> str:
    identifier = f"{node.prefix}/{suffix}"
    made = await node.owner.post("/api/v1/identifiers", {"identifier": identifier, "values": list(values)})
    assert made.status == 201, made.body
    return identifier


async def test_what_was_registered_over_rest_is_resolved_and_counted(node: Node, connection: HandleConnection) -> None:
    name = await registered(
        node, "Pump-7", text_value(1, "URL", "https://example.org/p"), text_value(2, "X.A", "汉字"),
        text_value(3, "X.B", "b"), {"index": 4, "type": "RAW", "data": {"format": "base64", "value": "AP8="}},
    )  # fmt: skip
    cases: list[tuple[dict[str, Any], list[int]]] = [
        ({}, [1, 2, 3, 4]),
        ({"indexes": (2, 4)}, [2, 4]),
        ({"types": ("URL",)}, [1]),
        ({"types": ("X.",)}, [2, 3]),
        ({"types": ("X",)}, []),
        ({"types": ("URL",), "indexes": (3,)}, [1, 3]),
    ]
    for _ in range(2):  # looked up, then from what lies ready
        for wanted, indexes in cases:
            for flags in (PUBLIC, 0):
                [answer] = await connection.ask(resolving(name, flags=flags, **wanted))
                if not indexes:
                    assert answer.header.code == Code.VALUES_NOT_FOUND
                    continue
                assert [value.index for value in found(answer).values] == indexes
                assert answer.header.flags == flags | Flag.AUTH
    values = found((await connection.ask(resolving(name)))[0]).values
    assert (values[1].data.decode(), values[3].data, values[0].ttl) == ("汉字", b"\x00\xff", 86_400)
    spelled = name.lower()
    assert found((await connection.ask(resolving(spelled)))[0]).handle == spelled
    over_udp = await ask_over_udp(HOST, node.settings.handle_port, resolving(name))
    assert found(over_udp).values == values

    async def counted() -> bool:
        usage = (await node.operator.get("/api/v1/usage?by=hour")).json
        doors = {(one["door"], one["outcome"]): one["resolutions"] for one in usage["kinds"]}
        return doors == {("handle-tcp", "found"): 26, ("handle-udp", "found"): 1}

    await until(counted, 10)


async def test_secrets_are_asked_for_by_a_challenge_and_never_shown(node: Node, connection: HandleConnection) -> None:
    name = await registered(
        node, "secret", text_value(1, "URL", "https://example.org/"), text_value(2, "NOTE", "hidden", permissions="1100"),
        text_value(3, "LOCKED", "nobody", permissions="0100"),
    )  # fmt: skip
    [public] = await connection.ask(resolving(name))
    assert [value.index for value in found(public).values] == [1]
    [one] = await connection.ask(resolving(name, indexes=(1,), flags=0))
    assert [value.index for value in found(one).values] == [1]
    [asked] = await connection.ask(resolving(name, indexes=(2,), flags=0))
    assert asked.header.code == Code.AUTHENTICATION_NEEDED and asked.envelope.session and b"hidden" not in asked.body
    over_udp = await ask_over_udp(HOST, node.settings.handle_port, resolving(name, indexes=(2,), flags=0))
    assert over_udp.header.code == Code.AUTHENTICATION_NEEDED and len(challenge_of(over_udp)) == 16 + 32
    [none] = await connection.ask(resolving(name, indexes=(2,)))
    assert none.header.code == Code.VALUES_NOT_FOUND
    [locked] = await connection.ask(resolving(name, indexes=(3,), flags=0))
    assert locked.header.code == Code.NOT_ALLOWED


async def test_what_is_not_there_is_told_by_its_code(node: Node, connection: HandleConnection) -> None:
    gone = await registered(node, "gone", text_value(1, "URL", "https://example.org/"))
    assert (await node.owner.post(f"/api/v1/identifiers/{gone}/withdraw", {"reason": "scrapped"})).status == 200
    cases = [
        (f"{node.prefix}/none", Code.HANDLE_NOT_FOUND, ""),
        ("0", Code.HANDLE_NOT_FOUND, ""),
        ("99.9999/X", Code.NOT_RESPONSIBLE, "99.9999"),
        ("0.NA/99.9999", Code.NOT_RESPONSIBLE, "99.9999"),
        (f"0.NA/{node.prefix}.77", Code.HANDLE_NOT_FOUND, ""),
        (gone, Code.HANDLE_NOT_FOUND, "scrapped"),
        (f"{node.prefix}/\u0001", Code.HANDLE_INVALID, ""),
    ]
    for name, code, text in cases:
        [answer] = await connection.ask(resolving(name))
        assert (answer.header.code, text in decode_error(answer.body)) == (code, True), (name, answer.header.code)


async def test_a_prefix_without_a_record_names_this_site(node: Node, connection: HandleConnection) -> None:
    [site] = await connection.ask(request(Op.SITE_INFO, Named("/").encode()))
    described = decode_site(site.body)
    assert (described.serial, described.servers[0].interfaces[0].port) == (1, node.settings.handle_port)
    for name in (f"0.NA/{node.prefix}", node.prefix, f"0.na/{node.prefix}"):
        [answer] = await connection.ask(resolving(name))
        assert decode_site(found(answer).values[0].data) == described
    stopped = await node.operator.post(
        f"/api/v1/prefixes/{node.prefix}:suspend", {"reason": "x", "stop_answering": True}
    )
    assert stopped.status == 200
    assert (await connection.ask(resolving(f"0.NA/{node.prefix}")))[0].header.code == Code.NOT_RESPONSIBLE


async def test_a_prefix_at_an_own_node_is_referred_to(node: Node, connection: HandleConnection) -> None:
    server = {"address": "192.0.2.7", "interfaces": [{"query": True, "protocol": "TCP", "port": 2641}]}
    hosting = {"hosting": "own-node", "site": {"servers": [server]}}
    changed = await node.operator.put(f"/api/v1/prefixes/{node.stranger_prefix}/hosting", hosting)
    assert changed.status == 200, changed.body
    for name in (f"{node.stranger_prefix}/x", f"{node.stranger_prefix}.1/x", f"0.NA/{node.stranger_prefix}.1"):
        [answer] = await connection.ask(resolving(name))
        assert answer.header.code == Code.PREFIX_REFERRAL
        [value] = decode_valued(answer.body).values
        assert (value.type, decode_site(value.data).servers[0].address[12:]) == (
            "HS_SITE.PREFIX",
            bytes([192, 0, 2, 7]),
        )
        [unwanted] = await connection.ask(resolving(name, flags=PUBLIC | Flag.DNRF))
        assert unwanted.header.code == Code.NOT_RESPONSIBLE


async def test_a_suspended_prefix_is_not_answered_from_what_lies_ready(
    node: Node, connection: HandleConnection
) -> None:
    name = await registered(node, "ready", text_value(1, "URL", "https://example.org/"))
    for _ in range(2):
        found((await connection.ask(resolving(name)))[0])
    body = {"reason": "unlawful content", "stop_answering": True}
    suspended = await node.operator.post(f"/api/v1/prefixes/{node.prefix}:suspend", body)
    assert suspended.status == 200, suspended.body
    [answer] = await connection.ask(resolving(name))
    assert answer.header.code != Code.SUCCESS and "unlawful content" in decode_error(answer.body)


async def test_a_change_is_seen_by_the_next_request(node: Node, connection: HandleConnection) -> None:
    name = await registered(node, "changing", text_value(1, "URL", "https://example.org/1"))
    for number in range(2, 6):
        assert found((await connection.ask(resolving(name)))[0]).values[0].data.endswith(b"/%d" % (number - 1))
        revised = {"values": [text_value(1, "URL", f"https://example.org/{number}")]}
        assert (await node.owner.put(f"/api/v1/identifiers/{name}", revised)).status == 200
    assert found((await connection.ask(resolving(name)))[0]).values[0].data.endswith(b"/5")


async def test_versions_digests_and_signatures(node: Node, connection: HandleConnection) -> None:
    name = await registered(node, "signed", text_value(1, "URL", "https://example.org/"))
    [site] = await connection.ask(request(Op.SITE_INFO, Named("/").encode()))
    key = public_key(decode_site(site.body).servers[0].key)
    assert isinstance(key, rsa.RSAPublicKey)
    flags = PUBLIC | Flag.RRDG | Flag.CERT
    for suggested, minor, size in ((11, 11, 32), (1, 1, 20), (3, 3, 20), (7, 7, 32), (10, 10, 32), (200, MINOR, 32)):
        asked = resolving(name, flags=flags, envelope=Envelope(minor=MINOR, suggested_minor=suggested))
        [answer] = await connection.ask(asked)
        assert (answer.envelope.minor, answer.envelope.suggested_minor) == (minor, MINOR)
        _, digest, body = split_digest(answer.body)
        assert digest == hashlib.new("sha256" if size == 32 else "sha1", asked.content).digest()
        assert decode_valued(body).handle == name
        credential = decode_credential(answer.credential)
        algorithm = hashes.SHA256() if minor >= 7 else hashes.SHA1()
        key.verify(credential.signature, vouched(answer.envelope, 0, answer.content), padding.PKCS1v15(), algorithm)
    strange = resolving(name, flags=flags, envelope=Envelope(minor=6, suggested_minor=6))
    assert (await connection.ask(strange))[0].credential == b""
    before_it_knows_the_site = resolving(name, envelope=Envelope(minor=3, suggested_minor=11))
    assert (await connection.ask(before_it_knows_the_site))[0].envelope.minor == 3


async def test_requests_back_to_back_and_in_pieces_are_all_answered(node: Node) -> None:
    names = [await registered(node, f"many-{number}", text_value(1, "URL", "https://a.cn/")) for number in range(4)]
    asked = [resolving(names[number % 4] if number % 5 else "0") for number in range(200)]
    stream = b"".join(message.encode() for message in asked)
    reader, writer = await asyncio.open_connection(HOST, node.settings.handle_port)
    for at in range(0, len(stream), 997):
        writer.write(stream[at : at + 997])
        await asyncio.sleep(0)
    answers = {}
    for _ in asked:
        head = await reader.readexactly(20)
        answer = read_message(head + await reader.readexactly(int.from_bytes(head[16:])))
        answers[answer.envelope.request_id] = answer.header.code
    wanted = {m.envelope.request_id: 1 if number % 5 else 100 for number, m in enumerate(asked)}
    assert answers == wanted
    writer.close()


async def test_what_cannot_be_read_is_answered_or_ends_the_connection(node: Node, connection: HandleConnection) -> None:
    for op in (7, 1_000, 1_003, 99_999):
        assert (await connection.ask(request(op, b"")))[0].header.code == Code.UNSUPPORTED
    [setup] = await connection.ask(request(Op.SESSION_SETUP, bytes(20)))
    assert setup.header.code == Code.SESSION_SETUP_INVALID
    [broken] = await connection.ask(request(Op.RESOLVE, b"\xff\xff\xff\xff"))
    assert broken.header.code == Code.PROTOCOL_ERROR
    locked = replace(resolving("0"), envelope=Envelope(options=0x40, request_id=5))
    assert (await connection.ask(locked))[0].header.code == Code.SESSION_FAILED
    reader, writer = await asyncio.open_connection(HOST, node.settings.handle_port)
    writer.write(Envelope(length=300_000, request_id=6).encode())
    refused = read_message(await asyncio.wait_for(reader.read(), 5))
    assert (refused.header.code, refused.envelope.request_id) == (Code.PROTOCOL_ERROR, 6)
    writer.close()


async def test_a_large_answer_travels_in_datagrams_and_a_large_request_too(node: Node) -> None:
    name = await registered(node, "big", *(text_value(n, "DATA", "x" * 200) for n in range(1, 40)))
    for _ in range(2):
        answer = await ask_over_udp(HOST, node.settings.handle_port, resolving(name))
        assert len(found(answer).values) == 39
    asked = resolving(name, indexes=tuple(range(1, 400)))
    assert len(found(await ask_over_udp(HOST, node.settings.handle_port, asked)).values) == 39


async def test_administration_over_udp_is_refused_with_the_request_s_id(node: Node) -> None:
    asked = request(Op.DELETE, Named(f"{node.prefix}/x").encode())
    answer = await ask_over_udp(HOST, node.settings.handle_port, asked)
    assert (answer.header.code, answer.header.op) == (Code.UNSUPPORTED, Op.DELETE)
    assert answer.envelope.request_id == asked.envelope.request_id


async def test_idle_connections_are_closed_and_no_more_are_taken_than_allowed(node: Node) -> None:
    settings = node.settings.model_copy(
        update={"http_port": free_port(), "handle_port": free_port(), "handle_idle_seconds": 1, "handle_connections": 1}
    )
    async with worker_here(settings, 1):
        reader, writer = await asyncio.open_connection(HOST, settings.handle_port)
        async with HandleConnection(HOST, settings.handle_port) as second:
            with pytest.raises(ConnectionError):
                await second.ask(resolving("0"))
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()


async def test_one_address_has_so_many_connections_and_no_more(node: Node) -> None:
    update = {"http_port": free_port(), "handle_port": free_port(), "handle_connections_per_address": 1}
    settings = node.settings.model_copy(update=update)
    async with worker_here(settings, 1):
        async with HandleConnection(HOST, settings.handle_port) as first:
            assert (await first.ask(resolving("0")))[0].header.code == Code.HANDLE_NOT_FOUND
            async with HandleConnection(HOST, settings.handle_port) as second:
                with pytest.raises(ConnectionError):
                    await second.ask(resolving("0"))
            assert (await first.ask(resolving("0")))[0].header.code == Code.HANDLE_NOT_FOUND

        async def another() -> bool:
            async with HandleConnection(HOST, settings.handle_port) as later:
                try:
                    return (await later.ask(resolving("0")))[0].header.code == Code.HANDLE_NOT_FOUND
                except ConnectionError:
                    return False

        await until(another, 5)  # the place is free again


async def test_large_answers_over_udp_are_bounded_small_ones_are_not_and_what_is_not_sent_is_not_counted(
    node: Node,
) -> None:
    name = await registered(node, "amplifier", *(text_value(n, "DATA", "x" * 90) for n in range(1, 4)))
    update = {"http_port": free_port(), "handle_port": free_port(), "handle_udp_amplified_kilobytes": 1}
    settings = node.settings.model_copy(update=update)
    large, small = resolving(name), resolving("0")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
        caller.settimeout(10)
        async with worker_here(settings, 1):
            caller.connect((HOST, settings.handle_port))
            began = time.monotonic()
            got = await asyncio.to_thread(_answers_to_many, caller, large.encode(), small.encode(), 60)
            seconds = int(time.monotonic() - began) + 2  # of the node's clock, at most
            assert 0 < got["large"] <= 5 * seconds, "of 61"
            assert got["small"] == 60

    async def counted() -> bool:
        kinds = (await node.operator.get("/api/v1/usage?by=hour")).json["kinds"]
        return {(one["door"], one["outcome"]): one["resolutions"] for one in kinds} == {
            ("handle-udp", "found"): got["large"]
        }

    await until(counted, 10)


def _answers_to_many(caller: socket.socket, large: bytes, small: bytes, times: int) -> Counter[str]:
    """Each large question is followed by a small one, whose answer tells that the large one will not come any more."""
    caller.send(large)
    got = Counter({"large": len(caller.recv(512)) // 300})  # it had to be looked up
    for _ in range(times):
        caller.send(large)
        caller.send(small)
        while True:
            is_large = len(caller.recv(512)) > 300
            got["large" if is_large else "small"] += 1
            if not is_large:
                break
    return got


async def test_a_rotated_key_is_taken_into_use_while_the_node_serves(node: Node, connection: HandleConnection) -> None:
    asked = request(Op.SITE_INFO, Named("/").encode())
    [before] = await connection.ask(asked)
    serial = rotate_key(node.settings)
    assert key_file(node.settings).stat().st_mode & 0o777 == 0o600

    async def rotated() -> bool:
        [answer] = await connection.ask(asked)
        return answer.header.serial == serial

    await until(rotated, 10)
    [after] = await connection.ask(asked)
    assert decode_site(after.body).serial == decode_site(before.body).serial + 1
    assert decode_site(after.body).servers[0].key != decode_site(before.body).servers[0].key
    assert (await ask(HOST, node.settings.handle_port, asked, udp=True)).header.serial == serial
    key_file(node.settings).unlink()


async def test_an_operator_resolves_from_the_command_line(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    name = await registered(node, "shown", text_value(1, "URL", "https://example.org/shown"))
    await registered(node, "other", text_value(1, "URL", "https://example.org/other"))

    async def run(*arguments: str) -> tuple[int, str]:
        options = options_of(["handle", "resolve", *arguments])
        status = await options.run(node.settings, options)
        return status, capsys.readouterr().out

    status, said = await run(name)
    assert status == 0 and "1 success" in said and "https://example.org/shown" in said
    status, said = await run(name, "--udp", "--json", "--type", "URL", "--index", "9")
    assert status == 0 and json.loads(said)["values"][0]["data"] == {
        "format": "string",
        "value": "https://example.org/shown",
    }
    assert (await run(name, "--type", "NONE"))[0] == 1
    status, said = await run(f"{node.prefix}/none", "--json")
    assert (status, json.loads(said)["responseCode"]) == (1, 100)
    with pytest.raises(Refused, match="does not answer"):
        await run(name, "--server", f"127.0.0.1:{free_port()}", "--seconds", "1")
