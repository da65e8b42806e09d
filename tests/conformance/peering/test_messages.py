"""Every sample of EPP is read and written back the same; what is written is valid by the schemas."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from sync.epp.commands import Command, CommandFault, Hello, read_command, write_command, write_hello
from sync.epp.frames import frame
from sync.epp.names import ENT, IDENTIFIER, PREFIX
from sync.epp.replies import Greeting, read_reply, write_greeting, write_reply
from sync.epp.tree import Fault

HERE = Path(__file__).parent
SCHEMA = etree.XMLSchema(etree.parse(HERE / "xsd" / "all.xsd"))
SAMPLES = sorted((HERE / "samples" / "epp").glob("*.xml"))
TOLERATED = sorted((HERE / "samples" / "tolerated").glob("*.xml"))


def through(content: bytes) -> bytes:
    """Read, and written again."""
    if b"<response>" in content or b"<greeting>" in content:
        reply = read_reply(content)
        return write_greeting(reply) if isinstance(reply, Greeting) else write_reply(reply)
    command = read_command(content)
    return write_hello() if isinstance(command, Hello) else write_command(command)


def canonical(content: bytes) -> bytes:
    return bytes(etree.tostring(etree.fromstring(content, etree.XMLParser(remove_blank_text=True)), method="c14n"))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_goes_through_unchanged_and_valid(path: Path) -> None:
    content = path.read_bytes()
    written = through(content)
    assert canonical(written) == canonical(content)
    assert SCHEMA.validate(etree.fromstring(written)), SCHEMA.error_log


@pytest.mark.parametrize("path", TOLERATED, ids=lambda path: path.stem)
def test_what_the_drafts_say_otherwise_is_read_and_written_right(path: Path) -> None:
    content = path.read_bytes()
    if b"<response>" in content:
        reply = read_reply(content)
        assert not isinstance(reply, Greeting) and reply.data is not None and reply.data.values is not None
        if reply.queue is not None and reply.queue.at is not None:
            assert reply.queue.at.isoformat() == "2026-11-22T02:15:09.393000+00:00"
        return
    command = read_command(content)
    assert isinstance(command, Command) and command.namespace in ("", ENT, PREFIX, IDENTIFIER)
    if "keyed-by-prefix" not in path.stem:
        assert SCHEMA.validate(etree.fromstring(write_command(command))), SCHEMA.error_log


def test_a_data_unit_has_the_length_of_the_sample() -> None:
    assert frame((HERE / "samples" / "epp" / "30-poll-req.xml").read_bytes())[:4].hex() == "000000b9"


CREATE = (HERE / "samples" / "epp" / "24-prefix-create.xml").read_bytes()
ENTERPRISE = (HERE / "samples" / "epp" / "20-ent-create.xml").read_bytes()
UPDATE = (HERE / "samples" / "epp" / "42-ent-update-chg.xml").read_bytes()


@pytest.mark.parametrize(
    ("content", "code", "echoed"),
    [
        (b"not xml", 2001, ""),
        (b'<!DOCTYPE epp [<!ENTITY a "b">]>' + CREATE.split(b"?>", 1)[1], 2001, ""),
        (CREATE.decode().replace("UTF-8", "UTF-16").encode("utf-16"), 2001, ""),
        (CREATE.replace(b"epp-1.0", b"epp-2.0"), 2001, ""),
        (CREATE.replace(b"create", b"erase"), 2000, "sln608-20261122-000024"),
        (CREATE.replace(b"<prefix:entId>00058210</prefix:entId>", b""), 2003, "sln608-20261122-000024"),
        (CREATE.replace(b"<prefix:prefix>88.608.0042<", b"<prefix:prefix>88608/2<"), 2005, "sln608-20261122-000024"),
        (CREATE.replace(b"<prefix:entId>", b"<prefix:more/><prefix:entId>"), 2001, "sln608-20261122-000024"),
        (CREATE.replace(b"idis-entprefix-1.0", b"domain-1.0"), 2307, "sln608-20261122-000024"),
        (CREATE.replace(b"create", b"delete"), 2101, "sln608-20261122-000024"),
        (CREATE.replace(b"<clTRID>sln608-20261122-000024</clTRID>", b""), 2003, ""),
        (CREATE.replace(b"sln608-20261122-000024", b"x"), 2005, ""),
        (ENTERPRISE.replace(b"91320594MA1DEM429J", b"9132059"), 2005, "sln608-20261122-000020"),
        (ENTERPRISE.replace(b"<ent:entType>4</ent:entType>", b"") + b"", 2003, "sln608-20261122-000020"),
        (UPDATE.replace(b"entAddrCn", b"entNameCn"), 2001, "sln608-20261122-000042"),
    ],
)  # fmt: skip
def test_a_breach_has_its_code_and_its_number(content: bytes, code: int, echoed: str) -> None:
    with pytest.raises(CommandFault) as raised:
        read_command(content)
    assert (raised.value.fault.code, raised.value.cl_trid) == (code, echoed)


@pytest.mark.parametrize(
    "values",
    [
        {"shrPrefix": "88.608", "entId": "1"},
        {"shrPrefix": "88.608", "entId": "1", "prefix": "88.608.1", "more": "x"},
        {"shrPrefix": "88.608", "entId": "1" * 65, "prefix": "88.608.1"},
        {"shrPrefix": "88.608", "entId": "\x01", "prefix": "88.608.1"},
    ],
)
def test_nothing_off_the_schema_is_ever_written(values: dict[str, str]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (each has a sentence of its own)
        write_command(Command("create", PREFIX, values, "sln608-1"))


def test_a_reply_that_cannot_be_read_says_so_and_its_data_alone_does_not_spoil_it() -> None:
    with pytest.raises(Fault):
        read_reply(b"<html/>")
    strange = (
        (HERE / "samples" / "epp" / "31-poll-reply-approved.xml").read_bytes().replace(b"prefix:state", b"prefix:mood")
    )
    reply = read_reply(strange)
    assert not isinstance(reply, Greeting) and reply.queue is not None and reply.queue.id == "700001"
    assert reply.data is not None and reply.data.values is None and reply.data.trouble
