"""Escrow's samples are read and written again as they are meant, and every numbered result is given for its own fault."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sync.escrow.documents import (
    DocumentInvalid,
    Finding,
    Notification,
    Report,
    parse,
    read_answer,
    read_notification,
    read_notifications,
    read_report,
    write_answer,
    write_notification,
    write_notifications,
    write_report,
    write_reports,
)
from sync.escrow.names import HELD, NODE, RECORD, FileName, deposit_id, read_file_name
from sync.escrow.reading import DepositInvalid, read_deposit, schema
from sync.escrow.summary import write_summary
from sync.toplevel.escrow_codes import MESSAGES, Known, judge_notification, judge_report

SAMPLES = Path(__file__).parent / "samples" / "escrow"
FILES = sorted(SAMPLES.glob("*.xml"))


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.xml").read_bytes()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_samples_are_valid(path: Path) -> None:
    assert schema().validate(parse(path.read_bytes())), schema().error_log


@pytest.mark.parametrize("name", ["report-full", "report-diff", "report-full-resend"])
def test_reports_come_back_as_they_were_read(name: str) -> None:
    report = read_report(sample(name))
    assert read_report(write_report(report)) == report and schema().validate(parse(write_report(report)))


@pytest.mark.parametrize("name", ["notification-DVPN", "notification-DVFN", "notification-DRFN"])
def test_notifications_come_back_as_they_were_read(name: str) -> None:
    said = read_notification(sample(name))
    assert read_notification(write_notification(said)) == said
    listed = write_notifications([(datetime(2026, 11, 25, tzinfo=UTC), write_notification(said))])
    assert read_notifications(listed) == [said]


def test_answers_lists_and_summaries_are_valid() -> None:
    for name in ("response-1000", "response-2001", "response-2202", "notification-response-2208"):
        found = read_answer(sample(name))
        assert read_answer(write_answer(found)) == found
    assert schema().validate(parse(write_reports([(datetime(2026, 11, 22, tzinfo=UTC), sample("report-full"))])))
    verdicts = [("2026-11-24", "DRFN", None, None), ("2026-11-22", "DVPN", "1", 0)]
    summary = write_summary(
        "88.608", date(2024, 3, 1), date(2026, 11, 22), verdicts, datetime(2026, 11, 25, tzinfo=UTC)
    )
    assert schema().validate(parse(summary)) and b"Missing_Deposit_Diff" in summary


def test_file_names_are_those_of_the_draft() -> None:
    for line in (SAMPLES / "file-names.txt").read_text().split():
        assert str(read_file_name(line)) == line
    assert read_file_name("88.608_2026-11-22_full_S2_R0.sig") == FileName(
        "88.608", date(2026, 11, 22), "FULL", 0, "sig", 2
    )
    assert deposit_id(date(2026, 11, 22)) == "20261122001"
    for wrong in (
        "88.608_2026-11-22_full_R0.inde",
        "88.608_2026-11-22_full_S0_R0.inde",
        "../a_2026-11-22_full_R0.rep",
        "a",
    ):
        with pytest.raises(ValueError):  # noqa: PT011  (the name alone is judged)
            read_file_name(wrong)


@pytest.mark.parametrize(
    "document",
    [
        b"", b"<a/>", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", sample("deposit-full-2026-11-22")[:-200],
        sample("deposit-full-2026-11-22").replace(b'type="FULL"', b'type="HALF"'),
        sample("deposit-full-2026-11-22").replace(b"?>", b"?><!DOCTYPE deposit>", 1),
    ],
)  # fmt: skip
def test_what_is_no_deposit_ends_the_reading(document: bytes) -> None:
    with pytest.raises(DepositInvalid):
        list(read_deposit(io.BytesIO(document)))


NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
KNOWN = Known("88.608", date(2024, 3, 1), NOW)
REPORT = read_report(sample("report-diff"))
PASSED = read_notification(sample("notification-DVPN"))
FAILED = read_notification(sample("notification-DVFN"))
MISSING = read_notification(sample("notification-DRFN"))
_SUNDAY = datetime(2026, 11, 22, tzinfo=UTC)

REPORTS: list[tuple[int, dict[str, Any], dict[str, Any]]] = [
    (1000, {}, {}),
    (2002, {"created_at": NOW + timedelta(minutes=6)}, {}),
    (2002, {"watermark": NOW + timedelta(days=1)}, {}),
    (2003, {"version": "2"}, {}),
    (2004, {"id": "20261124001"}, {}),
    (2005, {}, {"enabled": False}),
    (2006, {}, {"created": date(2026, 11, 24)}),
    (2201, {"sln": "88.609"}, {}),
    (2202, {"watermark": _SUNDAY}, {}),
    (2203, {"sln": None}, {}),
    (2204, {"repeated": True}, {}),
    (1000, {"kind": "FULL", "watermark": _SUNDAY}, {}),
]


@pytest.mark.parametrize(("code", "change", "known"), REPORTS)
def test_every_result_of_a_report(code: int, change: dict[str, Any], known: dict[str, Any]) -> None:
    assert judge_report(replace(REPORT, **change), REPORT.id, replace(KNOWN, **known)).code == code


def _report(**change: Any) -> Report:
    assert PASSED.report is not None
    return replace(PASSED.report, **change)


NOTIFICATIONS: list[tuple[int, Notification, dict[str, Any]]] = [
    (1000, PASSED, {}),
    (1000, FAILED, {}),
    (1000, MISSING, {}),
    (2001, replace(PASSED, findings=(Finding(2004, "x"),)), {}),
    (2001, replace(FAILED, findings=()), {}),
    (2001, replace(MISSING, received_at=NOW), {}),
    (2002, replace(MISSING, day=date(2026, 11, 25)), {}),
    (2002, replace(PASSED, report=_report(watermark=NOW + timedelta(days=1))), {}),
    (2003, replace(PASSED, version="2"), {}),
    (2004, PASSED, {"passed": frozenset([PASSED.day])}),
    (2005, PASSED, {"enabled": False}),
    (2006, MISSING, {"created": date(2026, 11, 25)}),
    (2007, replace(PASSED, day=date(2026, 11, 23)), {}),
    (2201, replace(PASSED, report=_report(sln="88.609")), {}),
    (2202, replace(PASSED, report=_report(kind="DIFF")), {}),
    (2203, replace(PASSED, report=_report(sln=None)), {}),
    (2204, replace(PASSED, report=_report(repeated=True)), {}),
    (2205, PASSED, {"notified": frozenset([("20261122001", 0)])}),
    (2206, replace(PASSED, report=_report(counts={RECORD: 3, HELD: 1})), {}),
    (2207, replace(PASSED, report=None), {}),
    (2208, replace(MISSING, report=_report()), {}),
]


@pytest.mark.parametrize(("code", "said", "known"), NOTIFICATIONS)
def test_every_result_of_a_notification(code: int, said: Notification, known: dict[str, Any]) -> None:
    assert judge_notification(said, replace(KNOWN, **known)).code == code


def test_every_code_of_the_table_is_provoked() -> None:
    provoked = {code for code, *_ in REPORTS} | {code for code, *_ in NOTIFICATIONS}
    assert provoked | {2001} == set(MESSAGES)
    with pytest.raises(DocumentInvalid):
        read_report(sample("report-full").replace(b"<indeReport:resend>0", b"<indeReport:resend>x"))
    assert NODE in PASSED.report.counts if PASSED.report else False
