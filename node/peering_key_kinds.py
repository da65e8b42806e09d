"""The keys of peering, a kind each: how one is made, what is taken from elsewhere, what the other side is told, when it ends."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives import hashes

from core.settings import Settings
from node import peering_keys
from node.console import Refused
from node.peering_key_slots import CURRENT, FOLDER, NEXT, Slots, write_secret
from sync.access.client_certificate import (
    ClientKey,
    has_key,
    joined,
    new_key,
    read_client_key,
    request_of,
)
from sync.escrow.pgp import Certificate, SecretKey, holds_secret, new_secret_key
from sync.signing.keys import KeyUnusable

SIGNERS = "escrow-signers.asc"
_MOST_DAYS = 3_650


@dataclass(frozen=True, slots=True)
class Wish:
    """What a command says beside the kind. `app_id` and `keyid` of the signing key, `days` of OpenPGP, `key` of TLS: a file's content."""

    app_id: str | None = None
    keyid: str | None = None
    days: int | None = None
    key: bytes | None = None


class Kind(ABC):
    """`fixed` names the setting that takes the place of files here, where it is set. What its methods find wrong is a
    `KeyUnusable`, `OpenPgpFailed` or ValueError."""

    name: str
    about: str
    file: str
    fixed: str = ""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def slots(self) -> Slots:
        return Slots(self.settings.data_dir.resolve(), self.name, self.file)

    @property
    def given(self) -> str:
        """What the setting says, empty where it says nothing."""
        return str(getattr(self.settings, self.fixed)) if self.fixed else ""

    def in_use(self) -> str:
        """Of the file that the setting names, else of this node's own; empty where there is none. Raises OSError."""
        return Path(self.given).read_text("utf-8") if self.given else self.slots().read().get(CURRENT, "")

    def make(self, wish: Wish, held: dict[str, str]) -> str:
        raise Refused(
            f"A key of this kind ({self.name}) comes from the other side: import it",
            f"此类密钥（{self.name}）由对方提供，请用 import 导入",
        )

    @abstractmethod
    def bring(self, content: bytes, wish: Wish, held: dict[str, str]) -> str: ...

    @abstractmethod
    def line(self, held: str) -> str:
        """What tells it from others, for people."""

    @abstractmethod
    def public(self, held: str) -> str:
        """What the other side is given."""

    def ends_at(self, held: str) -> datetime | None:
        return None

    def usable(self, held: str) -> bool:
        """Whether it may be put to use as it stands."""
        return True

    def former(self, held: str) -> None:  # noqa: B027 most kinds have nothing to do then
        """It is no longer in use from now on."""


class Signing(Kind):
    name, file = peering_keys.SIGNING, "keys.json"
    about = "appId and the key that signs requests 签名密钥"

    def slots(self) -> Slots:
        return peering_keys.slots_of(self.settings.data_dir)

    def make(self, wish: Wish, held: dict[str, str]) -> str:
        app_id = wish.app_id or (peering_keys.read_key(held[CURRENT]).app_id if CURRENT in held else None)
        return peering_keys.text_of(peering_keys.make(app_id, self.settings.peering_algorithm))

    def bring(self, content: bytes, wish: Wish, held: dict[str, str]) -> str:
        if not wish.app_id:
            raise KeyUnusable("import needs --app-id", "import 需要 --app-id")
        algorithm = self.settings.peering_algorithm
        return peering_keys.text_of(peering_keys.take(wish.app_id, content, wish.keyid, algorithm))

    def line(self, held: str) -> str:
        key = peering_keys.read_key(held)
        return f"{key.keyid} ({key.algorithm}) appId {key.app_id}"

    def public(self, held: str) -> str:
        key = peering_keys.read_key(held)
        return f"appId      {key.app_id}\nkeyid      {key.keyid}\nalgorithm  {key.algorithm}\npublic     {key.public}"


class ClientCertificate(Kind):
    name, file, fixed = "tls", "tls.pem", "peering_certificate"
    about = "TLS client key and certificate TLS 客户端证书"

    def make(self, wish: Wish, held: dict[str, str]) -> str:
        return new_key()

    def bring(self, content: bytes, wish: Wish, held: dict[str, str]) -> str:
        """A certificate for the key that waits here, or for that in use; or one with its key, in one file or two."""
        now = datetime.now(UTC)
        if wish.key is not None:
            return joined(wish.key, content, now).pem
        if has_key(content):
            return joined(content, content, now).pem
        wrong: KeyUnusable | None = None
        for slot in (NEXT, CURRENT):
            if slot in held:
                try:
                    return joined(held[slot].encode(), content, now).pem
                except KeyUnusable as other:
                    wrong = wrong or other
        raise wrong or KeyUnusable("there is no private key for it: --key-file", "缺少对应的私钥：--key-file")

    def line(self, held: str) -> str:
        found = self._read(held)
        if found.certificate is None:
            return "a key that waits for its certificate 待签发证书的密钥"
        return f"{found.certificate.subject.rfc4514_string()} sha256:{found.certificate.fingerprint(hashes.SHA256()).hex()[:16]}"

    def public(self, held: str) -> str:
        """The request for an authority, or the certificate where there is one."""
        found = self._read(held)
        if found.certificate is None:
            return request_of(held, self.settings.peering_client_id or self.settings.node_prefix).strip()
        return found.pem[found.pem.index("-----BEGIN CERTIFICATE") :].strip()

    def ends_at(self, held: str) -> datetime | None:
        return self._read(held).ends_at

    def usable(self, held: str) -> bool:
        return self._read(held).certificate is not None

    def _read(self, held: str) -> ClientKey:
        return read_client_key(held.encode())


class OpenPgp(Kind):
    name, file = "openpgp", "escrow-key.asc"
    about = "OpenPGP key that signs deposits 托管签名密钥"

    def make(self, wish: Wish, held: dict[str, str]) -> str:
        days = wish.days
        if days is not None and not 1 <= days <= _MOST_DAYS:
            raise KeyUnusable(f"--days is 1 to {_MOST_DAYS}", f"--days 应为 1 至 {_MOST_DAYS}")
        seconds = None if days is None else int(timedelta(days=days).total_seconds())
        settings = self.settings
        return new_secret_key(f"{settings.node_name} <{settings.node_prefix}@secondary-node.invalid>", seconds)

    def bring(self, content: bytes, wish: Wish, held: dict[str, str]) -> str:
        text = content.decode("ascii")
        SecretKey(text).refuse_unfit(datetime.now(UTC))
        return text

    def line(self, held: str) -> str:
        return SecretKey(held).fingerprint

    def public(self, held: str) -> str:
        return SecretKey(held).certificate.strip()

    def ends_at(self, held: str) -> datetime | None:
        return SecretKey(held).ends_at

    def former(self, held: str) -> None:
        """What it signed is restored for as long as deposits are kept: its public half stays for good."""
        signers = self.signers(self.settings)
        public = self.public(held) + "\n"
        if public not in signers:
            write_secret(self.slots().path.with_name(SIGNERS), signers + public)

    @staticmethod
    def signers(settings: Settings) -> str:
        """Public halves of the keys that signed before, armoured, one after the other."""
        path = settings.data_dir.resolve() / FOLDER / SIGNERS
        return path.read_text("ascii") if path.exists() else ""


class AgentCertificate(Kind):
    name, file, fixed = "agent", "escrow-agent-certificate.asc", "escrow_agent_key"
    about = "OpenPGP certificate of the agent 托管机构证书"

    def bring(self, content: bytes, wish: Wish, held: dict[str, str]) -> str:
        text = content.decode("ascii")
        if holds_secret(text):
            raise KeyUnusable(
                "this is a secret key, which only the agent may have: import its certificate",
                "这是私钥，只能由托管机构持有；请导入其公钥证书",
            )
        Certificate(text).refuse_unfit(datetime.now(UTC))
        return text

    def line(self, held: str) -> str:
        return Certificate(held).fingerprint

    def public(self, held: str) -> str:
        return held.strip()

    def ends_at(self, held: str) -> datetime | None:
        return Certificate(held).ends_at


class SftpKey(Kind):
    name, file, fixed = "sftp", "escrow-sftp-key", "escrow_sftp_key"
    about = "key that logs in at the agent by SFTP SFTP 登录密钥"

    def make(self, wish: Wish, held: dict[str, str]) -> str:
        from sync.escrow.sftp import new_key as new_login_key  # a tenth of a second, of those only who need it

        return new_login_key()

    def bring(self, content: bytes, wish: Wish, held: dict[str, str]) -> str:
        from sync.escrow.sftp import read_key, refuse_weak

        key = read_key(content.decode("ascii"))
        refuse_weak(key)
        return content.decode("ascii")

    def line(self, held: str) -> str:
        from sync.escrow.sftp import read_key

        key = read_key(held)
        return f"{key.get_algorithm()} {key.get_fingerprint()}"

    def public(self, held: str) -> str:
        from sync.escrow.sftp import public_line, read_key

        return public_line(read_key(held), self.settings.node_prefix)


class SftpHost(Kind):
    name, file, fixed = "sftp-host", "escrow-sftp-host-keys", "escrow_sftp_host_keys"
    about = "keys of the agent's SFTP server SFTP 主机公钥"

    def bring(self, content: bytes, wish: Wish, held: dict[str, str]) -> str:
        from sync.escrow.sftp import read_host_keys, refuse_weak

        text = ",".join(line.strip() for line in re.split(r"[\r\n,]+", content.decode("ascii")) if line.strip())
        for key in read_host_keys(text):
            refuse_weak(key)
        return text

    def line(self, held: str) -> str:
        from sync.escrow.sftp import read_host_keys

        return " ".join(f"{key.get_algorithm()} {key.get_fingerprint()}" for key in read_host_keys(held))

    def public(self, held: str) -> str:
        return held

    def in_use(self) -> str:
        """As the setting has them; else those in use and, so that the agent can change its key any day, the next ones."""
        if self.given:
            return self.given
        held = self.slots().read()
        return ",".join(held[slot] for slot in (CURRENT, NEXT) if slot in held)


KINDS: dict[str, type[Kind]] = {
    kind.name: kind for kind in (Signing, ClientCertificate, OpenPgp, AgentCertificate, SftpKey, SftpHost)
}


def client_files(settings: Settings) -> tuple[str, str]:
    """Certificate and key for TLS: files of the settings, else this node's own where there is one; both empty: none."""
    if settings.peering_certificate:
        return settings.peering_certificate, settings.peering_certificate_key
    path = ClientCertificate(settings).slots().path
    return (str(path), "") if path.exists() else ("", "")
