"""The small documents of escrow: reports, notifications, answers (draft-wu-identifier-data-escrow-interface §4, 8). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from xml.sax.saxutils import escape

from lxml import etree

from sync.escrow.names import ANSWER, HEADER, NOTIFICATION, NOTIFICATIONS, REPORT, REPORTS, read_utc, utc_text
from sync.escrow.reading import schema
from sync.escrow.writing import write_header

VERSION = "1"
SPECIFICATION = "draft-industrial-internet-identifier-data-escrow-03"
MAPPING = "draft-second-level-node-objects-mapping-00"
PASSED, FAILED, MISSING = "DVPN", "DVFN", "DRFN"
MOST_BYTES = 1024 * 1024
_DECLARED = '<?xml version="1.0" encoding="UTF-8"?>\n'


class DocumentInvalid(Exception):
    """Not well-formed, or not as the schema says (2001)."""


@dataclass(frozen=True, slots=True)
class Report:
    """`counts` in order; `repeated`: a namespace was counted twice. `sln` None: the header names no prefix."""

    id: str
    kind: str
    revision: int
    created_at: datetime
    watermark: datetime
    sln: str | None
    counts: Mapping[str, int]
    version: str = VERSION
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """A result: its code, the sentence of the draft, and what is wrong in our own words."""

    code: int
    message: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class Notification:
    agent: str
    day: date
    status: str
    received_at: datetime | None = None
    verified_at: datetime | None = None
    last_full: date | None = None
    findings: tuple[Finding, ...] = ()
    report: Report | None = None
    version: str = VERSION


def write_report(report: Report) -> bytes:
    return (_DECLARED + _report(report)).encode()


def _report(report: Report) -> str:
    return (
        f'<r:report xmlns:r="{REPORT}" xmlns:h="{HEADER}"><r:id>{escape(report.id)}</r:id><r:version>{report.version}</r:version>'
        f"<r:indeSpecEscrow>{SPECIFICATION}</r:indeSpecEscrow><r:indeSpecMapping>{MAPPING}</r:indeSpecMapping>"
        f"<r:resend>{report.revision}</r:resend><r:crDate>{utc_text(report.created_at)}</r:crDate>"
        f"<r:kind>{report.kind}</r:kind><r:watermark>{utc_text(report.watermark)}</r:watermark>"
        f"{write_header(report.sln or '', report.counts)}</r:report>"
    )


def write_notification(said: Notification) -> bytes:
    return (_DECLARED + _notification(said)).encode()


def _notification(said: Notification) -> str:
    results = "".join(_result(one, "a:") for one in said.findings)
    times = (("reDate", said.received_at), ("vaDate", said.verified_at))
    parts = [f"<n:results>{results}</n:results>"] if results else []
    parts += [f"<n:{tag}>{utc_text(at)}</n:{tag}>" for tag, at in times if at is not None]
    if said.last_full is not None:
        parts.append(f"<n:lastFullDate>{said.last_full.isoformat()}</n:lastFullDate>")
    if said.report is not None:
        parts.append(_report(said.report))
    return (
        f'<n:notification xmlns:n="{NOTIFICATION}" xmlns:a="{ANSWER}"><n:deaName>{escape(said.agent)}</n:deaName>'
        f"<n:version>{said.version}</n:version><n:repDate>{said.day.isoformat()}</n:repDate>"
        f"<n:status>{said.status}</n:status>{''.join(parts)}</n:notification>"
    )


def _result(one: Finding, prefix: str = "") -> str:
    return (
        f'<{prefix}result code="{one.code}"><{prefix}msg>{escape(one.message)}</{prefix}msg>'
        f"<{prefix}description>{escape(one.description)}</{prefix}description></{prefix}result>"
    )


def write_answer(one: Finding) -> bytes:
    return f'{_DECLARED}<response xmlns="{ANSWER}">{_result(one)}</response>'.encode()


def write_reports(received: list[tuple[datetime, bytes]]) -> bytes:
    return _listed(REPORTS, "reports", "receivedReport", received)


def write_notifications(received: list[tuple[datetime, bytes]]) -> bytes:
    return _listed(NOTIFICATIONS, "notifications", "receivedNotification", received)


def _listed(namespace: str, name: str, each: str, received: list[tuple[datetime, bytes]]) -> bytes:
    """Documents as they were received, in an envelope that says when."""
    root = etree.Element(f"{{{namespace}}}{name}", nsmap={"l": namespace})
    for at, document in received:
        one = etree.SubElement(root, f"{{{namespace}}}{each}")
        etree.SubElement(one, f"{{{namespace}}}received").text = utc_text(at)
        one.append(parse(document))
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def parse(document: bytes) -> Any:
    """The root. Raises `DocumentInvalid` for a DTD, and for anything that is not XML."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(document[: MOST_BYTES + 1], parser)
    except etree.XMLSyntaxError as wrong:
        raise DocumentInvalid(str(wrong)[:200]) from None
    if root.getroottree().docinfo.doctype:
        raise DocumentInvalid("a document type is not allowed")
    return root


def _valid(document: bytes, tag: str) -> Any:
    root = parse(document)
    if root.tag != tag:
        raise DocumentInvalid(f"{tag} was expected")
    rules = schema()
    if not rules.validate(root):
        last = rules.error_log.last_error
        raise DocumentInvalid(
            f"line {last.line}: {last.message}"[:200] if last is not None else "not as the schema says"
        )
    return root


def read_report(document: bytes) -> Report:
    """Raises `DocumentInvalid`."""
    return _read_report(_valid(document, f"{{{REPORT}}}report"))


def _read_report(root: Any) -> Report:
    said = {etree.QName(child).localname: (child.text or "").strip() for child in root}
    header = root[-1]
    prefix, counts, repeated = None, {}, False
    for child in header:
        if etree.QName(child).localname == "prefix":
            prefix = (child.text or "").strip()
        else:
            repeated = repeated or child.get("uri") in counts
            counts[child.get("uri")] = int(child.text)
    try:
        times = read_utc(said["crDate"]), read_utc(said["watermark"])
    except ValueError as wrong:
        raise DocumentInvalid(str(wrong)) from None
    return Report(said["id"], said["kind"], int(said["resend"]), *times, prefix, counts, said["version"], repeated)


def read_notification(document: bytes) -> Notification:
    """Raises `DocumentInvalid`."""
    return _read_notification(_valid(document, f"{{{NOTIFICATION}}}notification"))


def read_notifications(document: bytes) -> list[Notification]:
    """Of a list, oldest first. Raises `DocumentInvalid`."""
    root = _valid(document, f"{{{NOTIFICATIONS}}}notifications")
    return [_read_notification(one[1]) for one in root]


def _read_notification(root: Any) -> Notification:
    said = {etree.QName(child).localname: child for child in root}

    def text(name: str) -> str:
        return (said[name].text or "").strip()

    try:
        received, verified = (read_utc(text(name)) if name in said else None for name in ("reDate", "vaDate"))
        last = date.fromisoformat(text("lastFullDate")) if "lastFullDate" in said else None
        day = date.fromisoformat(text("repDate"))
    except ValueError as wrong:
        raise DocumentInvalid(str(wrong)) from None
    findings = tuple(
        Finding(int(one.get("code")), one[0].text or "", (one[1].text or "") if len(one) > 1 else "")
        for one in said.get("results", ())
    )
    report = _read_report(said["report"]) if "report" in said else None
    return Notification(
        text("deaName"), day, text("status"), received, verified, last, findings, report, text("version")
    )


def read_answer(document: bytes) -> Finding:
    """Raises `DocumentInvalid`."""
    root = _valid(document, f"{{{ANSWER}}}response")
    return Finding(int(root[0].get("code")), root[0][0].text or "", (root[0][1].text or "") if len(root[0]) > 1 else "")
