"""EPP of the box over TCP (RFC 5734): greeting, login, commands in order; TLS where there is a certificate."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from typing import Any

from sync.epp.commands import Command, CommandFault, read_command
from sync.epp.frames import FrameBroken, Frames, frame
from sync.epp.replies import Reply, write_reply
from sync.epp.session import Service
from sync.toplevel.accounts import logs_in
from sync.toplevel.desk import Desk

log = logging.getLogger(__name__)
_IDLE_SECONDS = 600.0
_MOST_CONNECTIONS = 64
_PIECE = 64 * 1024


class TcpDoor:
    """One a box. `open` gives its port."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._open = desk, 0
        self._server: asyncio.Server | None = None

    async def open(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> int:
        self._server = await asyncio.start_server(self._serve, host, port, ssl=tls)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open <= _MOST_CONNECTIONS:
                await self._converse(reader, writer)
        except (OSError, TimeoutError, FrameBroken, asyncio.IncompleteReadError):
            pass  # gone, silent, or not speaking EPP: closed without a word
        finally:
            self._open -= 1
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames, service, holder = Frames(), Service(), _holder(writer)
        account: Any = None
        writer.write(frame(self._desk.greeting().document))
        while not service.closed:
            async with asyncio.timeout(_IDLE_SECONDS):
                await writer.drain()
                piece = await reader.read(_PIECE)
            if not piece:
                return
            for document in frames.received(piece):
                if service.closed or self._desk.take("vanish"):
                    return
                if self._desk.dials.slow_milliseconds:
                    await asyncio.sleep(self._desk.dials.slow_milliseconds / 1000)
                said, account = self._answer(service, account, document, holder)
                if self._desk.take("lose_answer"):
                    return
                writer.write(frame(b"<html/>" if self._desk.take("garbage") else said))
        await writer.drain()

    def _answer(self, service: Service, account: Any, document: bytes, holder: str | None) -> tuple[bytes, Any]:
        """(the reply, who is logged in then)."""
        try:
            command = read_command(document)
        except CommandFault as wrong:
            return self._plain(wrong.fault.code, wrong.cl_trid), account
        if not isinstance(command, Command):
            return self._desk.greeting().document, account
        if (code := service.refusal(command)) is not None:
            return self._plain(code, command.cl_trid), account
        if command.verb == "login":
            return self._login(service, command, holder)
        if command.verb == "logout":
            return self._plain(service.logged_out(), command.cl_trid), None
        return self._desk.answer(account, document).document, account

    def _login(self, service: Service, command: Command, holder: str | None) -> tuple[bytes, Any]:
        """The password is the account's, and so is the client certificate, where there is one (RFC 5734 §9)."""
        account = logs_in(self._desk.store, command.values["clID"], command.values["pw"])
        if account is None or holder not in (None, command.values["clID"]):
            return self._plain(service.login_failed(), command.cl_trid), None
        service.logged_in(command.values["clID"])
        return self._plain(1000, command.cl_trid), account

    def _plain(self, code: int, cl_trid: str) -> bytes:
        with self._desk.store.transaction():
            sv_trid = self._desk.store.next_sv_trid()
            self._desk.store.run(
                "write_log", at=self._desk.now().isoformat(), app_id="", cl_trid=cl_trid, sv_trid=sv_trid, verb="session",
                about="", code=code,
            )  # fmt: skip
        return write_reply(Reply(code, sv_trid, cl_trid))


def _holder(writer: asyncio.StreamWriter) -> str | None:
    """The common name of the client's certificate, empty where it has none; None where no certificate was shown."""
    certificate = writer.get_extra_info("peercert")
    if not certificate:
        return None
    names = [value for part in certificate["subject"] for name, value in part if name == "commonName"]
    return str(names[0]) if names else ""
