"""Deposits over SFTP, with a real client and a real server: to the verdict, and through everything that can go wrong."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncssh
import pytest

from core.settings import Settings
from node.console import Refused
from node.escrow import client_of, keeper_of, sftp_line
from node.escrow_sftp import upload_of
from sync.escrow.sending import NotTaken, check_upload
from sync.escrow.sending import Refused as RefusedThere
from sync.escrow.sftp import Place, SftpUpload, new_key, public_line, read_key, read_place
from sync.reconcile.comparing import compare
from sync.toplevel.escrow_doors import AGENT
from sync.toplevel.sftp_door import Inbox, SftpDoor, host_key
from tests.escrow_stage import SLN, escrow_here, furnish
from tests.harness import free_port
from tests.top_level_box import Box, box_here

MEGABYTE = 1024 * 1024
PART, STATEMENT = f"{SLN}_2026-11-22_full_S1_R0.inde", f"{SLN}_2026-11-22_full_R0.rep"


@dataclass
class Agent:
    """The box's door, and the settings of a node that goes there."""

    box: Box
    settings: Settings
    inbox: Path

    @property
    def upload(self) -> SftpUpload:
        return upload_of(self.settings)


@asynccontextmanager
async def sftp_here(box: Box, settings: Settings, directory: Path) -> AsyncIterator[Agent]:
    key = host_key(directory / "toplevel")
    agent = box.app[AGENT]
    door = SftpDoor(box.desk.store, agent, key)
    port = await door.open("127.0.0.1", 0)
    changed = settings.model_copy(
        update={
            "escrow_agent_url": f"sftp://127.0.0.1:{port}/", "escrow_report_url": box.api.base_url, "escrow_user": "sln-demo",
            "escrow_sftp_host_keys": public_line(key, "box"), "node_prefix": SLN,
        }
    )  # fmt: skip
    try:
        yield Agent(box, changed, agent.folder(SLN))
    finally:
        await door.close()


@pytest.fixture
async def agent(session: aiohttp.ClientSession, tmp_path: Path) -> AsyncIterator[Agent]:
    async with box_here(tmp_path, session) as box, sftp_here(box, box.settings, tmp_path) as found:
        with box.app[AGENT].documents.transaction():
            box.app[AGENT].documents.put_fact(SLN, "sftp_key", sftp_line(found.settings))
        yield found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A part of five blocks and a bit, and a statement; of no real deposit."""
    made = tmp_path / "deposit"
    made.mkdir()
    (made / PART).write_bytes(bytes(itertools.islice(itertools.cycle(range(251)), 9 * MEGABYTE + 17)))
    (made / STATEMENT).write_bytes(b"<report/>")
    return made


def lone(agent: Agent, **changed: Any) -> SftpUpload:
    return upload_of(agent.settings.model_copy(update=changed))


async def test_deposits_by_sftp_come_to_their_verdict(
    database: str, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with (
        escrow_here(database, tmp_path, session) as stage,
        sftp_here(stage.box, stage.settings, tmp_path) as agent,
    ):
        await furnish(stage.connection, 200)
        client = client_of(agent.settings)
        try:
            now = stage.now
            stage.keeper = await keeper_of(agent.settings, stage.pool, client, now=lambda: now[0], jitter=lambda: 0.0)
            assert await stage.settle() == "accepted"
            stage.next_day()
            await stage.register("88.118.7/LATER")
            assert await stage.settle() == "accepted"
            assert [row[1:4] for row in await stage.deposits()] == [(0, "FULL", "accepted"), (0, "DIFF", "accepted")]
            assert (await compare(stage.connection, client, SLN)).none
        finally:
            await client.close()
        names = [path.name for path in agent.inbox.iterdir()]
        assert len(names) == 6 and not [name for name in names if name.endswith(".part")]
        assert {path.stat().st_mode & 0o777 for path in agent.inbox.iterdir()} == {0o600}


async def test_an_upload_that_breaks_off_goes_on_where_it_stood(
    agent: Agent, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Inbox.write

    def cut(self: Inbox, file: Any, offset: int, data: bytes) -> Any:
        if offset >= 8 * MEGABYTE:
            self.connection.abort()
        return write(self, file, offset, data)

    monkeypatch.setattr(Inbox, "write", cut)
    with pytest.raises(NotTaken):
        await agent.upload.upload(folder, [STATEMENT, PART])
    assert [path.name for path in agent.inbox.iterdir()] == [f"{PART}.part"]
    assert (agent.inbox / f"{PART}.part").stat().st_size >= 8 * MEGABYTE
    written: list[int] = []

    def noted(self: Inbox, file: Any, offset: int, data: bytes) -> Any:
        written.append(offset)
        return write(self, file, offset, data)

    monkeypatch.setattr(Inbox, "write", noted)
    await agent.upload.upload(folder, [STATEMENT, PART])
    assert (
        sorted(written)[0] == 0 and sorted(written)[1] >= 4 * MEGABYTE
    )  # the statement from its beginning, the part not
    assert (agent.inbox / PART).read_bytes() == (folder / PART).read_bytes()
    written.clear()
    await agent.upload.upload(folder, [STATEMENT, PART])  # the answer was lost: nothing is sent twice
    assert written == []


@pytest.mark.parametrize("knows", [True, False])
async def test_what_stands_there_broken_is_replaced_also_where_the_server_cannot_do_it_in_one_step(
    agent: Agent, folder: Path, monkeypatch: pytest.MonkeyPatch, knows: bool
) -> None:
    def unknown(self: Inbox, oldpath: bytes, newpath: bytes) -> None:
        raise asyncssh.SFTPOpUnsupported("posix-rename@openssh.com")

    if not knows:
        monkeypatch.setattr(Inbox, "posix_rename", unknown)
    (agent.inbox / PART).write_bytes(b"half")
    (agent.inbox / f"{PART}.part").write_bytes(bytes(20 * MEGABYTE))  # longer than what is to come
    await agent.upload.upload(folder, [PART])
    assert (agent.inbox / PART).read_bytes() == (folder / PART).read_bytes()
    assert [path.name for path in agent.inbox.iterdir()] == [PART]


async def test_another_host_key_another_login_and_another_place_are_for_a_person(agent: Agent, folder: Path) -> None:
    foreign = read_key(new_key())
    for changed, words in (
        ({"escrow_sftp_host_keys": public_line(foreign, "")}, "not the pinned one"),
        ({"escrow_user": "sln-other"}, "is refused"),
        ({"escrow_agent_url": f"{agent.settings.escrow_agent_url}elsewhere"}, "elsewhere"),
    ):
        with pytest.raises(RefusedThere, match=words):
            await lone(agent, **changed).upload(folder, [PART])
    stranger = folder / "stranger"
    stranger.write_text(new_key(), "ascii")
    with pytest.raises(RefusedThere, match="is refused"):
        await lone(agent, escrow_sftp_key=str(stranger)).upload(folder, [PART])
    agent.box.desk.store.run("enable_account", app_id=account(agent)["app_id"], enabled=0)
    with pytest.raises(RefusedThere, match="is refused"):
        await agent.upload.upload(folder, [PART])
    assert list(agent.inbox.iterdir()) == []


async def test_who_is_away_silent_or_full_is_tried_again(
    agent: Agent, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NotTaken):
        await lone(agent, escrow_agent_url=f"sftp://127.0.0.1:{free_port()}").upload(folder, [PART])
    silent = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    with pytest.raises(NotTaken):
        await lone(agent, escrow_agent_url=f"sftp://127.0.0.1:{port}", peering_timeout_seconds=0.2).upload(
            folder, [PART]
        )
    silent.close()

    def full(self: Inbox, file: Any, offset: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Inbox, "write", full)
    with pytest.raises(NotTaken, match="No space"):
        await agent.upload.upload(folder, [PART])


async def test_a_login_sees_nothing_but_its_own_deposits(agent: Agent) -> None:
    place = read_place(agent.settings.escrow_agent_url)
    key = read_key((Path(agent.settings.data_dir) / "peering" / "escrow-sftp-key").read_text("ascii"))
    (agent.inbox / PART).write_bytes(b"x")
    async with asyncssh.connect(
        place.host, place.port, username="sln-demo", client_keys=[key], known_hosts=None, config=None
    ) as connection:
        async with connection.start_sftp_client() as files:
            assert (await files.stat(PART)).size == 1
            for forbidden in (
                files.stat("/../escrow-agent.asc"), files.open("/etc/passwd"), files.open(PART, "wb"), files.mkdir("/x"),
                files.open("88.119_2026-11-22_full_R0.rep.part", "wb"), files.symlink("/etc/passwd", PART),
                files.symlink("/etc", f"{PART}.part"),
            ):  # fmt: skip
                with pytest.raises(asyncssh.SFTPPermissionDenied):
                    await forbidden
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.create_process("id")
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.open_connection("127.0.0.1", 22)


def test_addresses_and_settings_say_what_is_missing(tmp_path: Path) -> None:
    assert read_place("sftp://agent/~/in%20box") == Place("agent", 22, "in box")
    assert (read_place("sftp://agent:2222/a/b").path("x"), read_place("sftp://agent").path("x")) == ("/a/b/x", "x")
    for url in ("sftp://u@agent/x", "sftp:///x", "scp://agent/x", "ftp://agent/x"):
        with pytest.raises(ValueError, match="[一-鿿]"):
            check_upload(url)
    settings = Settings(escrow_agent_url="sftp://agent", data_dir=tmp_path, node_prefix=SLN)
    for update, name in (
        ({}, "ESCROW_REPORT_URL"),
        ({"escrow_report_url": "https://top"}, "ESCROW_SFTP_HOST_KEYS"),
        ({"escrow_report_url": "https://top", "escrow_sftp_host_keys": "ssh-ed25519 AAAA"}, "ESCROW_SFTP_HOST_KEYS"),
        ({"escrow_report_url": "sftp://top"}, "ESCROW_REPORT_URL"),
        ({"escrow_report_url": "https://top", "escrow_sftp_key": str(tmp_path / "none")}, "none"),
    ):
        with pytest.raises(Refused, match=name):
            client_of(settings.model_copy(update=update))
    assert (tmp_path / "peering" / "escrow-sftp-key").stat().st_mode & 0o777 == 0o600


def account(agent: Agent) -> Any:
    return agent.box.desk.store.one("account_of_client", client="sln-demo")
