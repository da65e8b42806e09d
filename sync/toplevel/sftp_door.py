"""SFTP of the box's escrow agent: a node logs in by its key and sees its own deposits, and nothing else of the machine.

A file is uploaded as `<name>.part` and renamed; the statement, renamed last, begins the verification.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import asyncssh

from sync.escrow.names import FileName, read_file_name
from sync.escrow.sftp import new_key, read_key
from sync.toplevel.escrow_agent import EscrowAgent
from sync.toplevel.store import Store

KEY = "sftp-host-key"
SFTP_KEY = "sftp_key"  # the fact that holds a node's public key
_LOGIN_SECONDS = 10.0
_KEEPALIVE_SECONDS = 30.0
_PARTIAL = b".part"


def host_key(directory: Path) -> asyncssh.SSHKey:
    """Made at its first use; what nodes pin."""
    path = directory / KEY
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = path.with_suffix(".new")
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            file.write(new_key())
        new.replace(path)
    return read_key(path.read_text("ascii"))


class SftpDoor:
    """`open` gives its port."""

    def __init__(self, store: Store, agent: EscrowAgent, key: asyncssh.SSHKey) -> None:
        self._store, self._agent, self._key = store, agent, key
        self._server: asyncssh.SSHAcceptor | None = None

    async def open(self, host: str, port: int) -> int:
        self._server = await asyncssh.listen(
            host, port, server_factory=partial(_Logins, self._knows), server_host_keys=[self._key], config=None,
            sftp_factory=self._inbox, allow_scp=False, allow_pty=False, agent_forwarding=False, gss_host=None,
            login_timeout=_LOGIN_SECONDS, keepalive_interval=_KEEPALIVE_SECONDS, x509_trusted_certs=None,
        )  # fmt: skip
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def _inbox(self, channel: Any) -> asyncssh.SFTPServer:
        account: Any = self._store.one("account_of_client", client=channel.get_extra_info("username"))
        return Inbox(channel, self._agent, account["prefix"])

    def _knows(self, client: str, key: asyncssh.SSHKey) -> bool:
        account = self._store.one("account_of_client", client=client)
        if account is None or not account["enabled"]:
            return False
        held = self._agent.documents.fact(account["prefix"], SFTP_KEY)
        return held is not None and asyncssh.import_public_key(held).public_data == key.public_data


class _Logins(asyncssh.SSHServer):
    """By key only."""

    def __init__(self, knows: Callable[[str, asyncssh.SSHKey], bool]) -> None:
        self._knows = knows

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return self._knows(username, key)


class Inbox(asyncssh.SFTPServer):
    """One session of one node. Paths are names of its deposits' files, or the place itself."""

    def __init__(self, channel: Any, agent: EscrowAgent, sln: str) -> None:
        self._agent, self._sln = agent, sln
        folder = agent.folder(sln)
        super().__init__(channel, chroot=os.fsencode(folder))

    def map_path(self, path: bytes) -> bytes:
        """Raises `SFTPPermissionDenied`."""
        if path.strip(b"/") not in (b"", b"."):
            self._named(path)
        return super().map_path(path)

    def _named(self, path: bytes) -> FileName:
        try:
            name = read_file_name(path.removesuffix(_PARTIAL).removeprefix(b"/").decode("utf-8"))
        except ValueError as wrong:
            raise asyncssh.SFTPPermissionDenied(str(wrong)) from None
        if name.sln != self._sln:
            raise asyncssh.SFTPPermissionDenied("the file is another node's")
        return name

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
        if not path.endswith(_PARTIAL):
            raise asyncssh.SFTPPermissionDenied("files are uploaded as <name>.part and renamed")
        attrs.permissions = 0o600
        return super().open(path, pflags, attrs)

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        super().posix_rename(oldpath, newpath)
        self._arrived(newpath)

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        super().rename(oldpath, newpath)
        self._arrived(newpath)

    def _arrived(self, path: bytes) -> None:
        name = self._named(path)
        if name.form == "rep" and not path.endswith(_PARTIAL):
            self._agent.begin(name)

    def symlink(self, oldpath: bytes, newpath: bytes) -> None:
        raise asyncssh.SFTPPermissionDenied("no links")

    def link(self, oldpath: bytes, newpath: bytes) -> None:
        raise asyncssh.SFTPPermissionDenied("no links")
