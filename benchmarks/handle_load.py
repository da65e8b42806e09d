"""The generator of load for Handle and DNS: prepared messages, written as fast as they are answered, answers counted.

It reads no more of an answer than it must: for TCP its bytes, for UDP that it came. The same code drives both sides of a ratio.
"""

from __future__ import annotations

import random
import resource
import select
import socket
import struct
import threading
import time
from collections.abc import Sequence
from itertools import cycle, islice

from benchmarks.wrk import Load
from core.handle.bodies import Resolve
from core.handle.codes import Code, Flag, Op
from core.handle.message import read_message
from node.handle_client import request
from node.load.latencies import Latencies

FLAGS = int(Flag.RECU | Flag.CACR | Flag.PUBL)  # as deployed clients set them
_BLOCK = 256  # messages written at once
_RECEIVED = 1 << 20
_WINDOW = 96  # datagrams under way
_LOST = struct.pack("ll", 0, 200_000)  # struct timeval: seconds, microseconds
_MEASURED_EVERY = 32  # answers of which the time is taken: taking all would be a part of it


def resolutions(names: Sequence[str], types: tuple[str, ...] = ()) -> list[bytes]:
    return [request(Op.RESOLVE, Resolve(name, (), types).encode(), flags=FLAGS).encode() for name in names]


def dns_queries(names: Sequence[str]) -> list[bytes]:
    """Type URI (256), class IN, a random id each."""

    def query(name: str) -> bytes:
        labels = b"".join(bytes((len(label),)) + label.encode() for label in name.rstrip(".").split("."))
        head = random.randbytes(2) + b"\0\0\0\1\0\0\0\0\0\0"
        return head + labels + b"\0\1\0\0\1"

    return [query(name) for name in names]


def _connected(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _whole_answer(connection: socket.socket) -> bytes:
    head = connection.recv(20, socket.MSG_WAITALL)
    return head + connection.recv(int.from_bytes(head[16:]), socket.MSG_WAITALL)


def checked_sizes(port: int, messages: Sequence[bytes]) -> int:
    """Bytes of all answers; fails where one is not a success."""
    with _connected(port) as connection:
        total = 0
        for message in messages:
            connection.sendall(message)
            answer = _whole_answer(connection)
            assert read_message(answer).header.code == Code.SUCCESS, answer
            total += len(answer)
    return total


def answered(port: int, messages: Sequence[bytes]) -> list[bytes]:
    """Those whose answer is a success."""
    with _connected(port) as connection:
        found = []
        for message in messages:
            connection.sendall(message)
            if read_message(_whole_answer(connection)).header.code == Code.SUCCESS:
                found.append(message)
    return found


def pipelined(port: int, messages: Sequence[bytes], seconds: float) -> Load:
    """One connection, many requests under way; messages in turn, whole rounds of them."""
    size = checked_sizes(port, messages)
    blocks = [b"".join(messages[at : at + _BLOCK]) for at in range(0, len(messages), _BLOCK)]
    rounds, stopped = 0, threading.Event()

    def send() -> None:
        nonlocal rounds
        while not stopped.is_set():
            for block in blocks:
                connection.sendall(block)
            rounds += 1
        connection.shutdown(socket.SHUT_WR)

    with _connected(port) as connection:
        sender = threading.Thread(target=send)
        began = time.perf_counter()
        sender.start()
        received, buffer = 0, bytearray(_RECEIVED)
        while got := connection.recv_into(buffer):
            received += got
            if not stopped.is_set() and time.perf_counter() - began > seconds:
                stopped.set()
        took = time.perf_counter() - began
        sender.join()
    wrong = "" if received == rounds * size else f"{received:,} bytes of {rounds * size:,}"
    return Load(rounds * len(messages) / took, wrong=wrong)


def in_turn(port: int, messages: Sequence[bytes], seconds: float, connections: int = 32) -> Load:
    """One request under way on each connection."""
    poll, opened = select.epoll(), [_connected(port) for _ in range(connections)]
    held = {connection.fileno(): connection for connection in opened}
    count, end, latencies = 0, time.perf_counter() + seconds, Latencies()
    began = {number: time.perf_counter() for number in held}
    for number, connection in held.items():
        poll.register(number, select.EPOLLIN)
        connection.sendall(messages[number % len(messages)])
    while (now := time.perf_counter()) < end:
        for number, _ in poll.poll(1.0):
            held[number].recv(65_536)  # an answer of the demo comes in one piece over loopback
            count += 1
            if count % _MEASURED_EVERY == 0:
                latencies.record(int((now - began[number]) * 1e6))
            began[number] = now
            held[number].sendall(messages[count % len(messages)])
    for connection in opened:
        connection.close()
    return Load(count / seconds, latencies)


def datagrams(port: int, messages: Sequence[bytes], seconds: float) -> Load:
    """A sliding window: for each answer the next request goes out. Where nothing comes any more, the window is lost, and told."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.connect(("127.0.0.1", port))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        connection.setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVTIMEO, _LOST
        )  # Python's own would be a call more for each
        send, receive, buffer = connection.send, connection.recv_into, bytearray(65_536)
        turn, count, lost = cycle(messages), 0, 0
        for message in islice(turn, _WINDOW):
            send(message)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            try:
                for message in islice(turn, _WINDOW):
                    receive(buffer)
                    count += 1
                    send(message)
            except BlockingIOError:
                lost += 1
                for message in islice(turn, _WINDOW):
                    send(message)
        return Load(count / seconds, wrong=f"{lost} windows with losses" if lost else "")


def idle(port: int, count: int) -> list[socket.socket]:
    """So many connections that have asked once."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count + 200:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 1_000), hard))
    [asked] = resolutions(["0"])
    opened = [_connected(port) for _ in range(count)]
    for connection in opened:
        connection.sendall(asked)
    for connection in opened:
        connection.recv(1_000)
    return opened
