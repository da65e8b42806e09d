"""Data escrow from end to end: deposits, the box's agent and report service, restoration and reconciliation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from lxml import etree

from core.telemetry import ESCROW_AGE_SECONDS, ESCROW_ALARM, ESCROW_BYTES, ESCROW_FAILED, ESCROW_SECONDS
from node.escrow_command import status_lines
from sync.escrow.documents import parse, read_answer
from sync.escrow.keeper import Keeper, read_status, send_now
from sync.escrow.pgp import SecretKey
from sync.escrow.reading import schema
from sync.escrow.sending import Ends, NotTaken, check_address
from sync.reconcile.comparing import compare
from tests.escrow_stage import SLN, Stage, escrow_here, furnish, quick_key


@pytest.fixture
async def stage(database: str, session: aiohttp.ClientSession, tmp_path: Path) -> AsyncIterator[Stage]:
    async with escrow_here(database, tmp_path, session) as found:
        yield found


async def test_whoever_dies_between_two_steps_goes_on_without_a_gap_or_a_double(stage: Stage) -> None:
    keys = await furnish(stage.connection, 50)
    for _ in range(12):  # every step by a process of its own
        keeper = Keeper(
            stage.pool, stage.client, stage.keeper._packing, stage.keeper._pace, lambda: stage.now[0], lambda: 0.0
        )
        await stage.connection.execute("UPDATE escrow_state SET due_at = '-infinity'")
        await keeper.tick(stage.connection)
        await stage.agent.settled()
    assert await stage.deposits() == [("20261122001", 0, "FULL", "accepted", len(keys))]
    stage.next_day()
    await stage.register("88.118.7/A")
    await stage.connection.execute("UPDATE escrow_state SET due_at = '-infinity'")
    await stage.keeper.tick(stage.connection)
    assert (await stage.deposits())[-1][3] == "made"
    stage.keeper._tidy()  # the disk is lost, the row is not
    assert await stage.settle() == "accepted"
    assert (await stage.deposits())[1:] == [
        ("20261123001", 0, "DIFF", "refused", 1), ("20261123001", 1, "DIFF", "accepted", 1),
    ]  # fmt: skip
    assert (await compare(stage.connection, stage.client, SLN)).none


async def test_a_missed_day_and_a_refused_deposit_are_made_good(stage: Stage) -> None:
    await furnish(stage.connection, 20)
    assert await stage.settle() == "accepted"
    stage.next_day(2)  # nobody was there on Monday
    assert stage.agent.close_day(SLN, stage.now[0].date().replace(day=23)).code == 1000
    await stage.register("88.118.7/A")
    assert await stage.settle() == "accepted"
    assert (await stage.deposits())[-1][:3] == ("20261124001", 0, "FULL")
    stage.next_day()
    await stage.box.api.post("/_exam/escrow", {"sln": SLN, "forget": ["88.118.7/A"]})
    await stage.register("88.118.7/B")
    assert (
        await stage.settle() == "accepted"
    )  # the agent counts one less than the header says, and is told everything again
    assert [row[1:4] for row in (await stage.deposits())[-2:]] == [(0, "DIFF", "refused"), (1, "FULL", "accepted")]
    summary = await stage.box.api.get(f"/info/report/sln-escrow-repository/{SLN}", headers=stage.basic)
    assert (
        summary.status == 200 and b"Missing_Deposit_Diff" in summary.body and b'date="2026-11-25"' not in summary.body
    )
    assert schema().validate(parse(summary.body))


@pytest.mark.parametrize("how", ["altered", "short", "foreign", "unsigned", "part missing"])
async def test_what_is_altered_cut_short_or_signed_by_somebody_else_is_refused_and_sent_anew(
    stage: Stage, how: str
) -> None:
    await furnish(stage.connection, 20)
    await stage.keeper.tick(stage.connection)
    part = next(next(stage.keeper._packing.folder.iterdir()).glob("*.inde"))
    signature, content = part.with_suffix(".sig"), part.read_bytes()
    match how:
        case "altered":
            part.write_bytes(content[:-40] + bytes([content[-40] ^ 1]) + content[-39:])
        case "short":
            part.write_bytes(content[:-50] + bytes(50))
        case "foreign":
            SecretKey(quick_key("else")).sign(part, signature)
        case "unsigned":
            signature.write_bytes(bytes(signature.stat().st_size))
        case "part missing":
            stage.keeper._client.upload = without_part(stage.keeper._client.upload)  # type: ignore[method-assign]
    await stage.settle(4)
    first = (await stage.connection.fetch("SELECT state, code FROM escrow_deposit ORDER BY revision"))[0]
    assert tuple(first) == ("refused", 2001)
    assert await stage.settle() == "accepted"
    assert (await compare(stage.connection, stage.client, SLN)).compared == 20


def without_part(upload: Any) -> Any:
    """The first time the part is left behind."""
    left = [True]

    async def some(folder: Path, names: list[str]) -> None:
        await upload(folder, [name for name in names if not (left[0] and name.endswith(".inde"))])
        left[0] = False

    return some


async def test_the_doors_of_the_box_know_whom_they_serve_and_give_the_results_of_the_table(stage: Stage) -> None:
    await furnish(stage.connection, 5)
    assert await stage.settle() == "accepted"
    api, ours = stage.box.api, stage.basic
    report = f"/report/sln-escrow-report/{SLN}/20261122001"
    assert (await api.call("PUT", report, raw=b"<a/>")).status == 401
    assert (await api.call("PUT", report.replace(SLN, "88.119"), raw=b"<a/>", headers=ours)).status == 403
    assert (await api.call("PUT", f"/deposit/{SLN}/88.119_2026-11-22_full_R0.rep", raw=b"", headers=ours)).status == 403
    assert (await api.call("PUT", f"/deposit/{SLN}/..%2Fx", raw=b"", headers=ours)).status in (400, 404)
    listed = await api.get(f"/info/report/sln-escrow-report/{SLN}/2026-11-22", headers=ours)
    held = parse(listed.body)[0][1]
    for code, change in (
        (1000, (b"", b"")), (2001, (b"FULL", b"HALF")), (2003, (b"version>1<", b"version>2<")),
        (2201, (b"prefix>88.118<", b"prefix>88.119<")), (2202, (b"FULL", b"DIFF")),
    ):  # fmt: skip
        sent = etree.tostring(held).replace(*change) if change[0] else etree.tostring(held)
        answer = await api.call("PUT", report, raw=sent, headers=ours)
        assert (read_answer(answer.body).code, answer.status) == (code, 200 if code == 1000 else 400), answer.body
    said = await api.get(f"/info/report/escrow-agent-notification/{SLN}/2026-11-22", headers=ours)
    again = await api.call(
        "POST", f"/report/escrow-agent-notification/{SLN}", raw=etree.tostring(parse(said.body)[0][1]), headers=ours
    )
    assert read_answer(again.body).code == 2004  # it has passed already
    for body in ({}, {"ranges": [["", 1]]}, {"between": [1, None]}, {"keys": [1]}, []):
        assert (await api.post(f"/ops/v1/reconcile/{SLN}", body, headers=ours)).status in (400, 422)
    assert (await api.get(f"/info/report/sln-escrow-report/{SLN}/2026-11-21", headers=ours)).status == 404


async def test_escrow_waits_for_who_is_away_and_stops_where_it_is_not_wanted(stage: Stage) -> None:
    await furnish(stage.connection, 5)
    await stage.box.api.post("/_exam/escrow", {"sln": SLN, "enabled": False})
    assert await stage.settle() == "uploaded"
    status = await read_status(stage.connection)
    assert "2005" in status["stopped"]
    await stage.box.api.post("/_exam/escrow", {"sln": SLN, "enabled": True})
    assert await stage.settle() == "uploaded"  # nobody has seen to it
    await send_now(stage.connection)
    stage.agent.clerk()  # what the agent could not tell while the interface was disabled
    assert await stage.settle() == "accepted"
    stage.next_day()
    ends = stage.client._ends
    stage.client._ends = Ends("http://127.0.0.1:9", "http://127.0.0.1:9", ends.user, ends.password)
    assert await stage.settle(4) == "made"
    status = await read_status(stage.connection)
    assert status["stopped"] is None and "no answer" in status["last_error"]
    due = await stage.connection.fetchval("SELECT due_at FROM escrow_state")
    assert 60 <= (due - stage.now[0]).total_seconds() <= 3_600
    stage.client._ends = ends
    assert await stage.settle() == "accepted"
    lines = "\n".join(status_lines(await read_status(stage.connection)))
    assert "20261123001 R0 DIFF accepted" in lines
    stage.agent.documents._database.execute("DELETE FROM report")  # the top level has lost it
    await stage.connection.execute("UPDATE escrow_deposit SET state = 'sent' WHERE day = '2026-11-23'")
    assert await stage.settle() == "accepted"
    assert stage.agent.documents.rows("reports_of_day", SLN, "2026-11-23")


async def test_every_fault_on_the_way_is_overcome_by_deposits_and_told_by_reconciliation(stage: Stage) -> None:
    keys = await furnish(stage.connection, 50)
    faults = {"vanish": 2, "lose_answer": 2, "http_error": 4, "garbage": 2}
    stage.box.turn(**faults)
    assert await stage.settle(40) == "accepted", await stage.deposits()
    assert not any(getattr(stage.box.desk.dials, name) for name in faults)
    for fault in faults:
        stage.box.turn(**{fault: 1})
        with pytest.raises(NotTaken):
            await compare(stage.connection, stage.client, SLN)
    assert (await compare(stage.connection, stage.client, SLN)).compared >= len(keys)


async def test_a_day_without_an_accepted_deposit_raises_two_alarms_and_metrics_tell_how_escrow_stands(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    await furnish(stage.connection, 5)
    assert await stage.settle() == "accepted"
    stage.next_day()
    ends = stage.client._ends
    stage.client._ends = Ends("http://127.0.0.1:9", "http://127.0.0.1:9", ends.user, ends.password)
    failed = ESCROW_FAILED.labels().value
    for hour, level, said in ((6, 0, 0), (12, 1, 1), (13, 1, 1), (20, 2, 2), (23, 2, 2)):
        stage.now[0] = stage.now[0].replace(hour=hour)
        await stage.settle(2)
        assert ESCROW_ALARM.labels().value == level
        assert sum("尚未通过核验" in one.message for one in caplog.records) == said
    assert ESCROW_FAILED.labels().value > failed
    assert ESCROW_AGE_SECONDS.labels().value == (24 + 23) * 3_600 + 6 * 60
    stage.client._ends = ends
    assert await stage.settle() == "accepted"
    stage.now[0] += timedelta(seconds=10)
    await stage.keeper.tick(stage.connection)
    assert ESCROW_ALARM.labels().value == 0 and ESCROW_BYTES.labels().value > 500
    assert ESCROW_SECONDS.labels("make").value > 0 and ESCROW_SECONDS.labels("upload").value > 0
    await send_now(stage.connection)
    status = await read_status(stage.connection)  # by the real clock, which is elsewhere
    assert status["accepted_day"] == stage.now[0].date()
    assert "ALARM" in "\n".join(status_lines(status | {"alarm": 1}))


async def test_a_deposit_made_just_now_is_no_warning_until_it_should_have_been_accepted(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "sync.escrow.watching")
    ends = stage.client._ends
    stage.client._ends = Ends("http://127.0.0.1:9", "http://127.0.0.1:9", ends.user, ends.password)
    for hour, levels in ((17, ["INFO"]), (18, ["INFO"]), (19, ["INFO", "WARNING"]), (20, ["INFO", "WARNING", "ERROR"])):
        stage.now[0] = stage.now[0].replace(hour=hour)
        await stage.settle(2)  # the first one makes it
        assert [one.levelname for one in caplog.records if "尚未通过核验" in one.message] == levels


@pytest.mark.parametrize("url", ["sftp://agent/x", "http://agent/x", "https://u@agent", "agent"])
def test_deposits_go_over_https_only(url: str) -> None:
    with pytest.raises(ValueError, match=" "):
        check_address(url)
