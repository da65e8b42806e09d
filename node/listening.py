"""The port that workers share."""

from __future__ import annotations

import errno
import socket

ANY = "*"
_HANDLE = "BIAOJIE_HANDLE_PORT"


class PortError(Exception):
    """The port cannot be had; the text says why, in one sentence."""

    def __init__(self, message_en: str, message_zh: str) -> None:
        super().__init__(message_en)
        self.message_en = message_en
        self.message_zh = message_zh


def listening_socket(host: str, port: int, *, shared: bool = True, datagrams: bool = False) -> socket.socket:
    """A bound socket, not yet listening; `shared` lets the other workers bind the same port. Raises OSError.

    `*` is every address, IPv6 and IPv4 where the machine has both (second-level nodes must support IPv6).
    """
    kind = socket.SOCK_DGRAM if datagrams else socket.SOCK_STREAM
    if host == ANY:
        try:
            return _bound(socket.AF_INET6, "::", port, shared, kind)
        except OSError as wrong:
            if wrong.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                raise
            return _bound(socket.AF_INET, "0.0.0.0", port, shared, kind)  # noqa: S104 (asked for)
    family, _, _, _, address = socket.getaddrinfo(host, port, type=kind, flags=socket.AI_PASSIVE)[0]
    return _bound(family, str(address[0]), port, shared, kind)


def hold_port(host: str, port: int, *, variable: str = "BIAOJIE_HTTP_PORT", datagrams: bool = False) -> socket.socket:
    """Make sure that nobody else serves on the port, and keep it for our workers; `variable` is the setting that names it.
    Raises `PortError`.

    SO_REUSEPORT alone would quietly share the port with another node of the same account.
    """
    try:
        listening_socket(host, port, shared=False, datagrams=datagrams).close()
        return listening_socket(host, port, datagrams=datagrams)
    except OSError as wrong:
        raise _cannot(host, port, variable, wrong) from wrong


def hold_handle_ports(host: str, port: int) -> list[socket.socket]:
    """The same for the Handle protocol, TCP and UDP; none where it is not served. Raises `PortError`.

    A UDP socket that is merely held would be given its share of the datagrams, so that one is let go again.
    """
    if not port:
        return []
    hold_port(host, port, variable=_HANDLE, datagrams=True).close()
    return [hold_port(host, port, variable=_HANDLE)]


def _bound(family: int, address: str, port: int, shared: bool, kind: int) -> socket.socket:
    listener = socket.socket(family, kind)
    try:
        if kind == socket.SOCK_STREAM:  # to datagrams it would mean sharing the port with anybody
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((address, port))
    except OSError:
        listener.close()
        raise
    return listener


def _cannot(host: str, port: int, variable: str, wrong: OSError) -> PortError:
    if wrong.errno == errno.EADDRINUSE:
        return PortError(
            f"Port {port} is in use by another program; stop it, or choose another port: {variable}={port + 1}",
            f"端口 {port} 已被其他程序占用；请停止该程序，或改用其他端口：{variable}={port + 1}",
        )
    if wrong.errno in (errno.EACCES, errno.EPERM):
        return PortError(
            f"Port {port} needs privileges that this account does not have; choose one from 1024 on: {variable}=8080",
            f"当前账户无权使用端口 {port}；请选用 1024 以上的端口：{variable}=8080",
        )
    return PortError(
        f"Cannot listen on {host} port {port}: {wrong.strerror or wrong}; see BIAOJIE_HTTP_HOST",
        f"无法监听 {host} 端口 {port}：{wrong.strerror or wrong}；请检查 BIAOJIE_HTTP_HOST",
    )
