"""Datagrams of the Handle protocol that are no plain questions: proofs of who reads, and answers that nobody asked for."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace

from core.handle.bodies import Named, Resolve, decode_valued
from core.handle.codes import Code, Flag, Op
from core.handle.message import read_message
from node.handle_client import HandleConnection, ask_over_udp, request
from tests.handle_caller import SECRET, administer
from tests.handle_wire_caller import answer_to, by_secret
from tests.harness import Node, text_value

HOST, PUBLIC = "127.0.0.1", int(Flag.PUBL)


async def test_who_reads_proves_it_by_datagrams_and_who_administers_does_not(node: Node) -> None:
    """Clients answer a challenge the way it came."""
    port, administrator = node.settings.handle_port, f"301:0.NA/{node.prefix}"
    await administer(node.settings, administrator)
    name, proof = f"{node.prefix}/closed", by_secret(SECRET)
    made = {"identifier": name, "values": [text_value(1, "NOTE", "hidden", permissions="1100")]}
    assert (await node.owner.post("/api/v1/identifiers", made)).status == 201
    asked = request(Op.RESOLVE, Resolve(name).encode())
    challenged = await ask_over_udp(HOST, port, asked)
    proved = answer_to(challenged, administrator, proof)
    shown = await ask_over_udp(HOST, port, proved)
    assert (shown.header.op, shown.header.code) == (Op.RESOLVE, Code.SUCCESS)
    assert [value.data for value in decode_valued(shown.body).values] == [b"hidden"]
    assert (await ask_over_udp(HOST, port, proved)).header.code == Code.AUTHENTICATION_TIMEOUT, "once"
    wrong = answer_to(await ask_over_udp(HOST, port, asked), administrator, by_secret("guessed"))
    assert (await ask_over_udp(HOST, port, wrong)).header.code == Code.AUTHENTICATION_FAILED
    async with HandleConnection(HOST, port) as connection:
        [challenged] = await connection.ask(request(Op.DELETE, Named(name).encode()))
        proved = answer_to(challenged, administrator, proof)
        assert (await ask_over_udp(HOST, port, proved)).header.code == Code.UNSUPPORTED
        [done] = await connection.ask(proved)
        assert (done.header.op, done.header.code) == (Op.DELETE, Code.SUCCESS), "the challenge was not used up"


async def test_an_answer_that_comes_as_a_datagram_is_passed_over(node: Node) -> None:
    """A node that answered it would be answered by another, for ever."""
    name = f"{node.prefix}/x"
    made = {"identifier": name, "values": [text_value(1, "URL", "https://example.org/")]}
    assert (await node.owner.post("/api/v1/identifiers", made)).status == 201
    asked = request(Op.RESOLVE, Resolve(name).encode(), flags=PUBLIC)
    delete = request(Op.DELETE, Named(name).encode())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(10)
        peer.connect((HOST, node.settings.handle_port))
        for said in (asked, delete, replace(asked, envelope=replace(asked.envelope, options=0x80))):
            for code in (Code.SUCCESS, Code.HANDLE_NOT_FOUND, Code.PROTOCOL_ERROR):
                peer.send(replace(said, header=replace(said.header, code=code)).encode())
        peer.send(asked.encode())
        first = read_message(await asyncio.to_thread(peer.recv, 512))
        assert (first.envelope.request_id, first.header.code) == (asked.envelope.request_id, Code.SUCCESS)
        peer.send(b"".join((asked.envelope.encode()[:16], bytes(4))))  # a request that has only its id
        broken = read_message(await asyncio.to_thread(peer.recv, 512))
        assert (broken.envelope.request_id, broken.header.code) == (asked.envelope.request_id, Code.PROTOCOL_ERROR)
