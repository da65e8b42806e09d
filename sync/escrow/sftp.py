"""Files of a deposit to an agent over SFTP (§8.4): to the host whose key is pinned, by a key of this node's.

A file is written beside its name and renamed when it is whole, so the agent sees whole files only. What broke off is gone on
with where it stood, but for the last block, whose pieces may have arrived in any order; what is there whole is not sent again:
a name has its revision in it and so one content.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import asyncssh

from sync.escrow.sending import NotTaken, Refused, to_send

PORT = 22
_KEEPALIVE_SECONDS = 15.0
_BLOCK_SECONDS = 120.0  # of one block: 300 kbit/s, and what is slower than that never ends
_BLOCK = 4 * 1024 * 1024
_LEAST_RSA_BITS = 2_048
_FOR_A_PERSON = (
    asyncssh.SFTPPermissionDenied, asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath, asyncssh.SFTPNotADirectory,
    asyncssh.SFTPWriteProtect, asyncssh.SFTPInvalidFilename, asyncssh.SFTPFileIsADirectory,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """`directory` is where files go, empty: where the login leads."""

    host: str
    port: int
    directory: str

    def path(self, name: str) -> str:
        return f"{self.directory}/{name}" if self.directory else name


def read_place(url: str) -> Place:
    """Of an address that `check_address` has passed. `sftp://host/deposits` is below the root, `sftp://host/~/deposits` below
    the home directory of the login. Raises ValueError."""
    parts = urlsplit(url)
    path = unquote(parts.path).rstrip("/")
    directory = path.removeprefix("/~").lstrip("/") if path == "/~" or path.startswith("/~/") else path
    return Place(parts.hostname or "", parts.port or PORT, directory)


def read_host_keys(text: str) -> list[asyncssh.SSHKey]:
    """`ssh-ed25519 AAAA…`, separated by commas. Raises ValueError."""
    found = [asyncssh.import_public_key(part.strip()) for part in text.split(",") if part.strip()]
    if not found:
        raise ValueError("no key")
    return found


class SftpUpload:
    """A connection for each deposit. Raises as `EscrowClient` does."""

    def __init__(
        self, place: Place, user: str, key: asyncssh.SSHKey, host_keys: list[asyncssh.SSHKey], timeout_seconds: float
    ) -> None:
        self._place, self._user, self._seconds = place, user, timeout_seconds
        self._key, self._host_keys = key, host_keys

    async def upload(self, folder: Path, names: list[str]) -> None:
        """Parts and signatures first, the written statement last: it says that all is there."""
        try:
            async with await self._connected() as connection:
                async with asyncio.timeout(self._seconds):
                    files = await connection.start_sftp_client()
                async with files:
                    for name in to_send(names):
                        await self._sent(files, folder / name, self._place.path(name))
        except asyncssh.HostKeyNotVerifiable:
            raise Refused(
                f"the key of {self._place.host} is not the pinned one 主机密钥与 BIAOJIE_ESCROW_SFTP_HOST_KEYS 不符"
            ) from None
        except asyncssh.PermissionDenied as wrong:
            raise Refused(f"the login {self._user!r} is refused 登录被拒绝: {wrong.reason}") from None
        except _FOR_A_PERSON as wrong:
            raise Refused(f"{self._place.directory or '~'}: {wrong.reason}") from None
        except (asyncssh.Error, OSError, TimeoutError) as wrong:
            raise NotTaken(f"SFTP: {wrong or type(wrong).__name__}") from None

    async def _connected(self) -> asyncssh.SSHClientConnection:
        """Nothing of the account that runs the node has a say: no files below `~/.ssh`, no agent, no other way to log in."""
        return await asyncssh.connect(
            self._place.host, self._place.port, username=self._user, client_keys=[self._key],
            known_hosts=(self._host_keys, [], []), config=None, agent_path=None, x509_trusted_certs=None, gss_host=None,
            preferred_auth="publickey", disable_trivial_auth=True, connect_timeout=self._seconds,
            login_timeout=self._seconds, keepalive_interval=_KEEPALIVE_SECONDS,
        )  # fmt: skip

    async def _sent(self, files: asyncssh.SFTPClient, path: Path, there: str) -> None:
        size, partial = path.stat().st_size, f"{there}.part"
        async with asyncio.timeout(self._seconds):
            if await _size(files, there) == size:
                return
            held = await _size(files, partial)
            start = max(held - _BLOCK, 0) if held <= size else 0
            flags = asyncssh.FXF_WRITE | asyncssh.FXF_CREAT | (0 if start else asyncssh.FXF_TRUNC)
            target = await files.open(partial, flags, encoding=None)
        async with target:
            await _written(target, path, start)
        async with asyncio.timeout(self._seconds):
            if (arrived := await _size(files, partial)) != size:
                raise NotTaken(f"{path.name}: {arrived} bytes are there, {size} were sent")
            await _renamed(files, partial, there)


async def _written(target: asyncssh.SFTPClientFile, path: Path, start: int) -> None:
    """Block after block, and then to the disk, of servers that can be asked for that."""
    with path.open("rb") as source:
        source.seek(start)
        while block := await asyncio.to_thread(source.read, _BLOCK):
            async with asyncio.timeout(_BLOCK_SECONDS):
                await target.write(block, start)
            start += len(block)
    with contextlib.suppress(asyncssh.SFTPOpUnsupported):
        async with asyncio.timeout(_BLOCK_SECONDS):
            await target.fsync()


async def _size(files: asyncssh.SFTPClient, path: str) -> int:
    """-1 where there is none."""
    try:
        return (await files.stat(path)).size or 0
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath):
        return -1


async def _renamed(files: asyncssh.SFTPClient, partial: str, there: str) -> None:
    """In one step where the server knows how; else what stands there under the name, which is broken, makes room first."""
    try:
        await files.posix_rename(partial, there)
    except asyncssh.SFTPOpUnsupported:
        if await _size(files, there) >= 0:
            await files.remove(there)
        await files.rename(partial, there)


def read_key(content: str) -> asyncssh.SSHKey:
    """A private key without a passphrase, OpenSSH's form or PEM. Raises ValueError."""
    return asyncssh.import_private_key(content)


def refuse_weak(key: asyncssh.SSHKey) -> None:
    """Of either half. Raises ValueError."""
    kind, bits = key.get_algorithm(), getattr(key.pyca_key, "key_size", _LEAST_RSA_BITS)  # others have one size each
    if kind == "ssh-dss" or (kind == "ssh-rsa" and bits < _LEAST_RSA_BITS):
        raise ValueError(f"{kind} of {bits} bits is too weak 强度不足")


def new_key() -> str:
    """A private key in the form of OpenSSH."""
    return asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode("ascii")


def public_line(key: asyncssh.SSHKey, comment: str) -> str:
    """As `authorized_keys` takes it."""
    return f"{key.export_public_key().decode('ascii').strip()} {comment}"
