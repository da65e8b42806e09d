"""Keys of peering by command: each kind made, taken, followed, put to use, put back, forgotten; private; what is unfit refused."""

from __future__ import annotations

import base64
import re
from argparse import Namespace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncssh
import pysequoia
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from core.settings import Settings
from core.sm2 import Sm2PrivateKey
from node.console import Refused
from node.peering_key_changes import activate, bring, generate, retire, revert, rotate
from node.peering_key_command import keys
from node.peering_key_kinds import KINDS, ClientCertificate, OpenPgp, SftpHost, Signing, Wish, client_files
from node.peering_key_watch import End, ends_of, key_lines
from sync.escrow.pgp import Certificate, SecretKey
from tests.certificates import authority
from tests.escrow_stage import quick_key
from tests.harness import settings_for

NOW = datetime.now(UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_for("", "", data_dir=tmp_path)


def fresh(name: str) -> bytes:
    """What could be imported as a key of this kind."""
    made = {
        "signing": lambda: base64.b64encode(Sm2PrivateKey.generate().scalar).decode(),
        "openpgp": lambda: quick_key("node"),
        "agent": lambda: SecretKey(quick_key("agent")).certificate,
        "sftp": lambda: asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode(),
        "sftp-host": lambda: asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode(),
    }
    return made[name]().encode()


@pytest.mark.parametrize("name", [name for name in KINDS if name != "tls"])
def test_a_key_is_followed_by_another_put_back_and_forgotten(settings: Settings, tmp_path: Path, name: str) -> None:
    kind, wish = KINDS[name](settings), Wish(app_id="app-1")
    assert bring(kind, fresh(name), wish) == "current"
    first = kind.slots().read()["current"]
    with pytest.raises(Refused, match="no next key"):
        activate(kind)
    assert bring(kind, fresh(name), wish) == "next"
    second = kind.slots().read()["next"]
    assert kind.slots().read() == {"current": first, "next": second} and first != second
    activate(kind)
    assert kind.slots().read() == {"current": second, "former": first}
    revert(kind)
    assert kind.slots().read() == {"current": first, "next": second}
    activate(kind)
    retire(kind)
    assert kind.slots().read() == {"current": second}
    for wrong in (revert, retire):
        with pytest.raises(Refused, match="no former key"):
            wrong(kind)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files)
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.rglob("*") if path.is_dir())
    notes = [path.read_text("utf-8") for path in sorted((tmp_path / "peering" / "unaudited").iterdir())]
    assert [re.search("peering-key-([a-z]+)", note)[1] for note in notes] == [  # type: ignore[index]
        "import", "import", "activate", "revert", "activate", "retire",
    ]  # fmt: skip
    assert not any(second in note for note in notes)


@pytest.mark.parametrize("name", ["signing", "sftp"])
def test_what_this_node_makes_is_made_once_and_rotated(settings: Settings, name: str) -> None:
    kind = KINDS[name](settings)
    with pytest.raises(Refused, match="no key to follow"):
        rotate(kind, Wish())
    assert generate(kind, Wish()) == "current"
    with pytest.raises(Refused, match="already"):
        generate(kind, Wish())
    assert rotate(kind, Wish()) == "next" and len(set(kind.slots().read().values())) == 2
    for other in ("agent", "sftp-host"):
        with pytest.raises(Refused, match="from the other side"):
            generate(KINDS[other](settings), Wish())


def test_a_signing_key_keeps_its_app_id_and_may_be_of_sm2(settings: Settings) -> None:
    kind = Signing(settings.model_copy(update={"peering_algorithm": "sm2-sm3"}))
    generate(kind, Wish(app_id="app-1"))
    rotate(kind, Wish())
    for held in kind.slots().read().values():
        assert "sm2-sm3" in kind.public(held) and "app-1" in kind.public(held)
    bring(kind, Sm2PrivateKey.generate().pem(), Wish(app_id="app-2", keyid="given"))
    assert kind.line(kind.slots().read()["next"]) == "given (sm2-sm3) appId app-2"


def test_a_certificate_comes_for_the_key_that_waits_and_is_used(settings: Settings, tmp_path: Path) -> None:
    kind, ours = (
        ClientCertificate(settings.model_copy(update={"peering_client_id": "sln-demo"})),
        authority(tmp_path, "ours"),
    )
    assert generate(kind, Wish()) == "next" and client_files(settings) == ("", "")
    with pytest.raises(Refused, match="waits for its certificate"):
        activate(kind)
    request = kind.public(kind.slots().read()["next"])
    assert bring(kind, ours.sign(request), Wish()) == "current"
    held = kind.slots().read()
    assert list(held) == ["current"] and "CN=sln-demo" in kind.line(held["current"])
    assert client_files(settings) == (str(tmp_path / "peering" / "tls.pem"), "")
    ends = {end.kind: end for end in ends_of(settings)}
    assert (
        ends["tls"].ends_at is not None and ends["tls"].level(NOW) == 2 and "到期" in key_lines([ends["tls"]], NOW)[0]
    )
    rotate(kind, Wish())  # another key, for which there is no certificate yet
    assert client_files(settings)[0] and kind.slots().read()["current"] == held["current"]
    bring(kind, ours.sign(kind.public(kind.slots().read()["next"])), Wish())
    activate(kind)
    assert kind.slots().read()["former"] == held["current"]


def test_a_certificate_that_may_not_be_used_is_refused(settings: Settings, tmp_path: Path) -> None:
    kind, ours = ClientCertificate(settings), authority(tmp_path, "ours")
    other = Path(ours.issue("other")).read_bytes()
    weak = rsa.generate_private_key(65_537, 1_024).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    generate(kind, Wish())
    request = kind.public(kind.slots().read()["next"])
    certificate_alone = other[: other.index(b"-----BEGIN PRIVATE")]
    for content, key, words in (
        (ours.sign(request, begins=-2, ends=-1), None, "expired.*|已过期"),
        (ours.sign(request, begins=1, ends=2), None, "not valid yet"),
        (certificate_alone, None, "not of this private key"),
        (certificate_alone, weak, "too weak"),
        (Path(ours.issue("server", server=True)).read_bytes(), None, "not one of a client"),
        (
            Path(ours.issue("locked", passphrase=b"x")).read_bytes(),
            None,
            "cannot be read, or has a passphrase|no private",
        ),
        (b"nothing", None, "no certificate"),
    ):
        with pytest.raises(Refused, match=words) as refused:
            bring(kind, content, Wish(key=key))
        assert re.search("[一-鿿]", refused.value.message_zh)
    assert list(kind.slots().read()) == ["next"]
    assert bring(kind, other, Wish()) == "current"  # with its key in the same file
    with pytest.raises(Refused, match="BIAOJIE_PEERING_CERTIFICATE"):
        rotate(ClientCertificate(settings.model_copy(update={"peering_certificate": "x.pem"})), Wish())


def secret_openpgp(**more: object) -> str:
    return str(pysequoia.Tsk.generate("x", **{"cipher_suite": pysequoia.CipherSuite.Cv25519, **more}))  # type: ignore[arg-type]


def test_weak_ended_and_wrong_keys_are_refused(settings: Settings) -> None:
    weak_login = asyncssh.generate_private_key("ssh-rsa", key_size=1_024)
    agent = secret_openpgp()
    locked = Sm2PrivateKey.generate()
    other = Sm2PrivateKey.generate().public.point
    mixed = locked.der().replace(locked.public.point, other)
    pem = b"-----BEGIN PRIVATE KEY-----\n" + base64.b64encode(mixed) + b"\n-----END PRIVATE KEY-----\n"
    for name, content, words in (
        ("signing", base64.b64encode(b"\x01" * 32), "no random number"),
        ("signing", pem, "not a key of"),
        ("signing", b"short", "base64|not a key"),
        ("agent", agent.encode(), "secret key"),
        ("agent", b"no", "cannot be read"),
        ("openpgp", SecretKey(agent).certificate.encode(), "cannot be read|does not sign"),
        ("sftp", weak_login.export_private_key(), "too weak"),
        ("sftp-host", weak_login.export_public_key(), "too weak"),
        ("sftp-host", b"", "no key"),
    ):
        with pytest.raises(Refused, match=words) as refused:
            bring(KINDS[name](settings), content, Wish(app_id="a"))
        assert re.search("[一-鿿]", refused.value.message_zh) and KINDS[name](settings).slots().read() == {}
    ended = SecretKey(secret_openpgp(validity_seconds=60))
    with pytest.raises(Exception, match="ended at"):
        ended.refuse_unfit(NOW + timedelta(hours=1))
    with pytest.raises(Exception, match="ended at"):
        Certificate(ended.certificate).refuse_unfit(NOW + timedelta(hours=1))


def test_both_host_keys_hold_while_the_agent_changes_its_own(settings: Settings) -> None:
    kind = SftpHost(settings)
    first, second = fresh("sftp-host"), fresh("sftp-host")
    bring(kind, first, Wish())
    bring(kind, second, Wish())
    assert kind.in_use() == ",".join(one.decode().strip() for one in (first, second))
    activate(kind)
    assert kind.in_use() == second.decode().strip()


def test_what_a_former_key_signed_holds_for_good(settings: Settings, tmp_path: Path) -> None:
    kind, file = OpenPgp(settings), tmp_path / "part"
    file.write_bytes(b"a deposit")
    for _ in range(3):
        bring(kind, quick_key("node").encode(), Wish())
        if len(kind.slots().read()) > 1:
            activate(kind)
        count = len(list(tmp_path.glob("*.sig")))
        SecretKey(kind.in_use()).sign(file, tmp_path / f"{count}.sig")
    retire(kind)
    signers = Certificate(kind.public(kind.in_use()), OpenPgp.signers(settings))
    for signature in tmp_path.glob("*.sig"):
        signers.verify(file, signature)
    with pytest.raises(Exception, match="does not hold|not signed"):
        Certificate(kind.public(kind.in_use())).verify(file, tmp_path / "0.sig")


def test_what_cannot_be_read_and_what_ends_is_an_alarm(settings: Settings, tmp_path: Path) -> None:
    assert ends_of(settings) == []
    (tmp_path / "peering").mkdir()
    (tmp_path / "peering" / "escrow-key.asc").write_text("rubbish", "ascii")
    (end,) = ends_of(settings)
    assert end.level(NOW) == 2 and "无法读取" in key_lines([end], NOW)[0]
    levels = [End("tls", NOW + timedelta(days=days)).level(NOW) for days in (31, 29, 6, -1)]
    assert levels == [0, 1, 2, 2] and End("openpgp").level(NOW) == 0


async def test_the_command_prints_public_halves_only(
    settings: Settings, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def options(what: str, kind: str | None = None, **more: object) -> Namespace:
        usual = {"app_id": None, "file": None, "key_file": None, "keyid": None, "days": None}
        return Namespace(what=what, kind=kind, **{**usual, **more})

    secret = tmp_path / "secret.asc"
    secret.write_bytes(fresh("openpgp"))
    await keys(settings, options("generate", app_id="app-1"))
    await keys(settings, options("rotate"))
    await keys(settings, options("import", "openpgp", file=secret))
    for what, kind in (("show", None), ("show", "tls"), ("export", "openpgp"), ("export", None), ("activate", None)):
        await keys(settings, options(what, kind))
    told = capsys.readouterr().out
    held = Signing(settings).slots().read()
    assert "PRIVATE" not in told and "app-1" in told and "BEGIN PGP PUBLIC" in told and "former" not in told
    assert not any(re.search('"secret": "(.+?)"', text)[1] in told for text in held.values())  # type: ignore[index]
    with pytest.raises(Refused, match="needs --file"):
        await keys(settings, options("import", "agent"))
    with pytest.raises(Refused, match="no key of sftp-host"):
        await keys(settings, options("export", "sftp-host"))
