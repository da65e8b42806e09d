"""What the report service finds in reports and notifications: every numbered result, in the order of §8.5. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sync.escrow.documents import FAILED, MISSING, PASSED, VERSION, Finding, Notification, Report
from sync.escrow.names import DIFF, NODE, is_sunday

_GRACE = timedelta(minutes=5)
MESSAGES = {
    1000: "No ERRORs were found and the {what} has been accepted by TLN.",
    2001: "The request did not validate against the schema.",
    2002: "A date of the {what} is in the future.",
    2003: "The version is not supported.",
    2004: "The id of the report is not that of the URL.",
    2005: "The interface is disabled for this prefix.",
    2006: "A date of the {what} lies before the prefix was created.",
    2007: "The repDate is not the date of the watermark.",
    2201: "The prefix of the header is not that of the URL.",
    2202: "Report regarding a differential deposit received for a Sunday (watermark).",
    2203: "The header names no prefix.",
    2204: "Two counts of the header have one uri.",
    2205: "This report has been notified already.",
    2206: "A DVPN without the count of nodes.",
    2207: "A DVPN or DVFN was received, but there is no report element in the notification.",
    2208: "A DRFN was received, but a report element exists in the notification.",
}
_PASSED_ALREADY = "A DVPN exists for this repDate."
REPORT, NOTIFICATION = "report", "notification"


@dataclass(frozen=True, slots=True)
class Known:
    """What the service knows of a prefix when it judges. `passed`: days that have a DVPN; `notified`: (id, revision)."""

    sln: str
    created: date
    now: datetime
    enabled: bool = True
    passed: frozenset[date] = frozenset()
    notified: frozenset[tuple[str, int]] = frozenset()


def finding(code: int, what: str, description: str = "") -> Finding:
    return Finding(code, MESSAGES[code].format(what=what), description)


def judge_report(report: Report, id_: str | None, known: Known) -> Finding:
    """`id_` of the URL; None: there is none to compare. The schema (2001) has been seen to."""
    for code, wrong, description in _of_report(report, id_, known):
        if wrong():
            return finding(code, REPORT, description)
    return finding(1000, REPORT)


_Check = tuple[int, Callable[[], bool], str]


def _of_report(report: Report, id_: str | None, known: Known) -> tuple[_Check, ...]:
    day = report.watermark.date()
    return (
        (2005, lambda: not known.enabled, "接口已停用"),
        (2003, lambda: report.version != VERSION, f"版本应为 {VERSION}"),
        (2004, lambda: id_ is not None and report.id != id_, f"报告编号 {report.id} 与地址不一致"),
        (2203, lambda: not report.sln, "头部缺少前缀"),
        (2201, lambda: report.sln != known.sln, f"头部前缀 {report.sln} 与地址不一致"),
        (2204, lambda: report.repeated, "同一 uri 出现两次计数"),
        (2002, lambda: report.created_at > known.now + _GRACE or report.watermark > known.now, "日期晚于当前时间"),
        (2006, lambda: min(report.created_at.date(), day) < known.created, "日期早于前缀开通日"),
        (2202, lambda: report.kind == DIFF and is_sunday(day), f"{day.isoformat()} 为星期日，须提交全量"),
    )


def judge_notification(said: Notification, known: Known) -> Finding:
    """The schema has been seen to, but for what it cannot say of `results` and dates (2001)."""
    report = said.report
    checks: list[_Check] = [
        (2001, lambda: (bool(said.findings)) != (said.status == FAILED), "仅 DVFN 应含 results"),
        (
            2001,
            lambda: said.status == MISSING and (said.received_at or said.verified_at) is not None,
            "DRFN 不应含日期",
        ),
        (2005, lambda: not known.enabled, "接口已停用"),
        (2003, lambda: said.version != VERSION, f"版本应为 {VERSION}"),
        (2208, lambda: said.status == MISSING and report is not None, ""),
        (2207, lambda: said.status != MISSING and report is None, ""),
        (2002, lambda: said.day > known.now.date(), "repDate 晚于当前日期"),
        (2006, lambda: said.day < known.created, "repDate 早于前缀开通日"),
    ]
    if report is not None:
        checks += _of_report(report, None, known)
        checks += [
            (2007, lambda: said.day != report.watermark.date(), ""),
            (2004, lambda: said.day in known.passed, _PASSED_ALREADY),
            (2205, lambda: (report.id, report.revision) in known.notified, ""),
            (2206, lambda: said.status == PASSED and NODE not in report.counts, ""),
        ]
    elif said.status == MISSING:
        checks.append((2004, lambda: said.day in known.passed, _PASSED_ALREADY))
    for code, wrong, description in checks:
        if wrong():
            found = finding(code, NOTIFICATION, description)
            return Finding(code, _PASSED_ALREADY, "") if description == _PASSED_ALREADY else found
    return finding(1000, NOTIFICATION)
