"""The fuzzer of the Handle codec for a second, and what it makes fed to a running node."""

from __future__ import annotations

import asyncio
import logging

import pytest

from benchmarks.handle_fuzz import result_of
from core.handle import bodies
from core.handle.bodies import Resolve
from core.handle.codes import Code, Op
from core.handle.envelope import ENVELOPE_BYTES
from core.handle.malformed import Malformed
from core.handle.stream import Splitter
from node.handle_client import ask, request
from resolver.handle.http import MESSAGE_TYPE
from tests.fuzz.handle import MAX_INPUT_BYTES, Fuzzer, run
from tests.harness import Node

HOST = "127.0.0.1"


def test_ten_thousand_broken_messages_are_a_value_or_malformed() -> None:
    course = run(10_000, 20_261_122, lambda _: None)
    assert not course.fault
    assert course.fuzzer.values > 1_000 and len(course.fuzzer.outcomes) > 2
    assert course.fuzzer.largest > MAX_INPUT_BYTES, "some are as large as messages may be"


def test_a_fault_is_told_with_the_input_that_finds_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(data: bytes) -> None:
        raise IndexError("a reader of ours")

    monkeypatch.setattr(bodies, "decode_error", broken)
    course = run(1_000, 7, lambda _: None)
    assert course.fault.startswith("input ") and "of seed 7: IndexError" in course.fault
    assert len(course.kib) == 3
    made = result_of(course, 7)
    assert made.figures["inputs"]["faults"] == 1 and made.verdict == course.fault


async def test_a_node_answers_broken_messages_and_goes_on(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    """Each is answered, passed over or ends its connection; none is a fault of the node."""
    fuzzer = Fuzzer(5)
    inputs = [fuzzer.one() for _ in range(1_500)]
    answered = 0
    with caplog.at_level(logging.ERROR):
        for begin in range(0, len(inputs), 50):
            reader, writer = await asyncio.open_connection(HOST, node.settings.handle_port)
            whole = [data for data in inputs[begin : begin + 50] if _is_whole(data)]
            writer.writelines([*whole, request(Op.SITE_INFO, b"").encode(), inputs[begin]])
            writer.write_eof()
            received = await asyncio.wait_for(reader.read(), 20)
            answers = list(Splitter().feed(received))
            assert sum(map(len, answers)) == len(received)
            answered += len(answers)
            writer.close()
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            asyncio.DatagramProtocol, remote_addr=(HOST, node.settings.handle_port)
        )
        for data in inputs[:500]:
            transport.sendto(data)
        transport.close()
        for data in inputs[:200]:
            posted = await node.anybody.call("POST", "/", raw=data, headers={"Content-Type": MESSAGE_TYPE})
            assert posted.status == 200 or (posted.status == 400 and posted.json["type"]), (posted.status, data.hex())
        answer = await ask(HOST, node.settings.handle_port, request(Op.RESOLVE, Resolve("0").encode()), udp=True)
    assert answer.header.code == Code.HANDLE_NOT_FOUND
    assert answered > 500
    assert not caplog.records, caplog.text


def _is_whole(data: bytes) -> bool:
    try:
        return len(data) >= ENVELOPE_BYTES and [len(one) for one in Splitter().feed(data)] == [len(data)]
    except Malformed:
        return False
