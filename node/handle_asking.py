"""Which Handle server is asked from the command line, and what is said where it does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from core.handle.malformed import Malformed
from core.handle.message import Message
from core.settings import Settings
from node.console import Refused
from node.handle_client import ask
from node.handle_referrals import Place

_PORT = 2641


def server_to_ask(settings: Settings, given: str | None) -> tuple[str, int]:
    """The one that was named, else the node of these settings. Raises `Refused`."""
    return server_of(given) if given else ("127.0.0.1", settings.handle_port or _PORT)


def server_of(text: str) -> tuple[str, int]:
    """Host and port, as in `192.0.2.7:2641`, `[2001:db8::7]:2641` or `handle.example.cn`. Raises `Refused`."""
    host, colon, port = text.rpartition(":")
    if not colon or "]" in port or (host.count(":") and not host.startswith("[")):
        host, port = text, str(_PORT)
    if not (host and port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise Refused(f"'{text}' is not HOST:PORT", f"“{text}”不是 主机:端口 的形式")
    return host.strip("[]"), int(port)


async def sent(place: Place, message: Message, *, seconds: float) -> Message:
    """Raises as `ask`."""
    host, port, transport = place
    return await ask(host, port, message, udp=transport == "udp", seconds=seconds)


@contextmanager
def asking(place: Place) -> Iterator[None]:
    """Raises `Refused` where it does not answer, or not as the protocol has it."""
    host, port, _ = place
    try:
        yield
    except (OSError, TimeoutError) as wrong:
        why = str(wrong) or "no answer in time"
        raise Refused(
            f"{host} port {port} does not answer: {why}", f"{host} 端口 {port} 没有应答：{str(wrong) or '超时'}"
        ) from None
    except Malformed as wrong:
        raise Refused(
            f"{host} port {port} does not speak the Handle protocol: {wrong.reason}",
            f"{host} 端口 {port} 的应答不符合 Handle 协议：{wrong.reason}",
        ) from None
