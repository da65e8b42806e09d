"""Small promises of the Handle doors: what waits is bounded, what is late is gone, a port that is taken is named."""

from __future__ import annotations

import socket

import pytest

from core.handle.bodies import Opaque
from core.handle.codes import Op
from core.handle.message import Message
from core.sealing import Vault
from core.shared_cache import SharedCache
from node.console import Refused
from node.handle_asking import server_of
from node.handle_client import request
from node.handle_key import key_file, own_identity, rotate_key
from node.listening import PortError, hold_handle_ports
from resolver.handle.batches import AT_ONCE, Batches, ManyAtOnce, OneByOne
from resolver.handle.challenges import Challenges
from tests.harness import free_port, settings_for

NOWHERE, HERE = "redis://127.0.0.1:1/0", "192.0.2.1"


def without_redis() -> SharedCache:
    return SharedCache(NOWHERE, "test", ttl_seconds=1, timeout_seconds=0.1)


def asked(size: int = 10) -> Message:
    return request(Op.DELETE, Opaque(bytes(size)).encode())


async def test_a_late_answer_finds_no_challenge() -> None:
    late, soon = (Challenges(without_redis(), Vault(), seconds) for seconds in (0, 60))
    for challenges, there in ((late, False), (soon, True)):
        made = await challenges.make(asked(), HERE)
        assert made is not None
        found = await challenges.take(made.session)
        assert (found is not None) is there
        assert await challenges.take(made.session) is None
    made = await soon.make(message := asked(), HERE)
    found = await soon.take(made.session) if made else None
    assert found is not None and (found.request.content, found.data) == (message.content, made.data if made else b"")


async def test_strangers_cannot_make_the_node_keep_more_than_so_much() -> None:
    """In mebibytes: 16 of one address, 32 for all datagrams, 64 in all."""
    challenges, message, kept = Challenges(without_redis(), Vault(), 60), asked(256_000), 0

    async def fill(source: str, *, over_udp: bool = False) -> int:
        nonlocal kept
        before = kept
        while await challenges.make(message, source, over_udp=over_udp) is not None:
            kept += 1
        return round((kept - before) * 256_000 / 2**20)

    assert [await fill(f"10.0.0.{number}", over_udp=True) for number in range(4)] == [16, 16, 0, 0]
    assert [await fill(f"10.0.1.{number}") for number in range(4)] == [16, 16, 0, 0]


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_port_that_is_taken_is_named_with_its_setting(kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortError) as wrong:
            hold_handle_ports("127.0.0.1", port)
    for said in (wrong.value.message_en, wrong.value.message_zh):
        assert f"BIAOJIE_HANDLE_PORT={port + 1}" in said


def test_no_port_is_held_where_the_protocol_is_not_served() -> None:
    assert hold_handle_ports("127.0.0.1", 0) == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("192.0.2.7:99", ("192.0.2.7", 99)),
        ("handle.example.cn", ("handle.example.cn", 2641)),
        ("[2001:db8::7]:99", ("2001:db8::7", 99)),
        ("[2001:db8::7]", ("2001:db8::7", 2641)),
        ("2001:db8::7", ("2001:db8::7", 2641)),
    ],
)
def test_a_server_is_named_by_host_and_port(text: str, place: tuple[str, int]) -> None:
    assert server_of(text) == place


@pytest.mark.parametrize("text", ["", ":1", "host:0", "host:70000", "host:x"])
def test_what_names_no_server_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        server_of(text)


def test_the_key_is_made_once_kept_private_and_rotated(tmp_path) -> None:  # type: ignore[no-untyped-def]
    settings = settings_for("postgresql://x", NOWHERE, data_dir=tmp_path, handle_address="2001:db8::1")
    first, again = own_identity(settings), own_identity(settings)
    assert first.site_bytes == again.site_bytes and first.site.servers[0].address[:4] == b"\x20\x01\x0d\xb8"
    assert key_file(settings).stat().st_mode & 0o777 == 0o600
    assert rotate_key(settings) == first.serial + 1 == own_identity(settings).serial
    assert own_identity(settings).site_bytes != first.site_bytes
    key_file(settings).write_text("{}")
    with pytest.raises(Refused):
        own_identity(settings)


def test_ports_are_free_for_both_kinds() -> None:
    port = free_port()
    for listener in hold_handle_ports("127.0.0.1", port):
        listener.close()


@pytest.mark.parametrize("kind", [ManyAtOnce, OneByOne])
@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::")])
def test_datagrams_are_answered_by_the_batch(kind: type[Batches], family: socket.AddressFamily, host: str) -> None:
    """More than one batch, from two senders, of which every third is answered by its address alone, every third later."""
    with (
        socket.socket(family, socket.SOCK_DGRAM) as listener,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two,
    ):
        listener.bind((host, 0))
        listener.setblocking(False)
        batches = kind(listener)  # type: ignore[call-arg]
        senders = (one, two)
        for sender in senders:
            sender.connect(("127.0.0.1", listener.getsockname()[1]))
            sender.settimeout(5)
        for number in range(AT_ONCE + 20):
            senders[number % 2].send(b"%d" % number * (1 + number % 90))
        answered, later = 0, []
        while count := batches.receive():
            answered += count
            datagrams = batches.datagrams()
            assert len(datagrams) == count
            for number, datagram in enumerate(datagrams):
                if number % 3 == 0:
                    listener.sendto(datagram, batches.peer(batches.sender(number)))
                elif number % 3 == 1:
                    batches.answer(number, datagram)
                else:
                    later.append((batches.sender(number), datagram))
            batches.flush()
        for whom, datagram in later:
            batches.reply(whom, datagram)
        batches.flush()
        assert answered == AT_ONCE + 20
        for place, sender in enumerate(senders):
            received = {sender.recv(1_000) for _ in range(answered // 2)}
            assert received == {b"%d" % number * (1 + number % 90) for number in range(place, answered, 2)}
        assert batches.receive() == 0
        for all_at_once in (True, False):  # one way leaves nothing behind that the other meets
            asked = [b"%d" % number * (1 + number) for number in range(30)]
            for number, octets in enumerate(asked):
                senders[number % 2].send(octets)
            assert batches.receive() == len(asked) and batches.datagrams() == asked
            if all_at_once:
                batches.answer_all([octets + b"!" for octets in asked])
            else:
                for number in reversed(range(len(asked))):
                    batches.answer(number, asked[number] + b"!")
            batches.flush()
            for place, sender in enumerate(senders):
                received = {sender.recv(1_000) for _ in range(15)}
                assert received == {octets + b"!" for octets in asked[place::2]}
