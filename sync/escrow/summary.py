"""The summary of a node's escrow as the report service gives it (indeRReporting-1.0). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from xml.sax.saxutils import escape

from sync.escrow.documents import FAILED, MISSING
from sync.escrow.names import HEADER, SUMMARY, is_sunday, utc_text, watermark_of


def write_summary(
    sln: str, created: date, last_full: date | None, verdicts: Iterable[tuple[str, str, str | None, int | None]], now: datetime
) -> bytes:  # fmt: skip
    """`verdicts`: (day, status, …), newest first; the last word on each day counts."""
    latest: dict[str, str] = {}
    for day, status, *_ in verdicts:
        latest.setdefault(day, status)
    issues = "".join(
        f'<s:issue date="{day}" description="{"Missing" if status == MISSING else "Invalid"}_Deposit_'
        f'{"Full" if is_sunday(date.fromisoformat(day)) else "Diff"}"/>'
        for day, status in sorted(latest.items())
        if status in (MISSING, FAILED)
    )
    state = f"<s:status>unsatisfactory</s:status><s:issues>{issues}</s:issues>" if issues else "<s:status>ok</s:status>"
    full = f"<s:lastFullDate>{last_full.isoformat()}</s:lastFullDate>" if last_full is not None else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<s:summary xmlns:s="{SUMMARY}" xmlns:h="{HEADER}">'
        f"<h:prefix>{escape(sln)}</h:prefix><s:creationDate>{utc_text(watermark_of(created))}</s:creationDate>"
        f"<s:depositSchedule>Daily</s:depositSchedule>{full}<s:statusReports><s:statusReport><s:type>DEA_Notification</s:type>"
        f"<s:enabled>true</s:enabled>{state}</s:statusReport></s:statusReports><s:timestamp>{utc_text(now)}</s:timestamp>"
        "</s:summary>"
    ).encode()
