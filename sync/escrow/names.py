"""Names and dates of deposits: namespaces, ids, file names, which kind a day asks for (draft-wu-identifier-data-escrow §3). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

INDE = "urn:ietf:params:xml:ns:inde-1.0"
HEADER = "urn:ietf:params:xml:ns:indeHeader-1.0"
NODE = "urn:ietf:params:xml:ns:indeNode-1.0"
RECORD = "urn:x-idis-open:params:xml:ns:indeRecord-1.0"
HELD = "urn:x-biaojie:params:xml:ns:held-1.0"  # ours: rows of small tables, as they stand
REPORT = "urn:ietf:params:xml:ns:indeReport-1.0"
REPORTS = "urn:ietf:params:xml:ns:indeReports-1.0"
NOTIFICATION = "urn:ietf:params:xml:ns:indeNotification-1.0"
NOTIFICATIONS = "urn:ietf:params:xml:ns:indeNotifications-1.0"
ANSWER = "urn:ietf:params:xml:ns:indea-1.0"
SUMMARY = "urn:ietf:params:xml:ns:indeRReporting-1.0"
FULL, DIFF = "FULL", "DIFF"
COUNTED = (NODE, RECORD, HELD)

_SUNDAY = 6
_FILE = re.compile(
    r"(?P<sln>[^/_\s]{1,64})_(?P<day>\d{4}-\d\d-\d\d)_(?P<kind>full|diff)(?:_S(?P<part>[1-9]\d{0,4}))?"
    r"_R(?P<revision>\d{1,5})\.(?P<form>inde|sig|rep)"
)


@dataclass(frozen=True, slots=True)
class FileName:
    """`part` None for the written statement (`rep`), else from 1."""

    sln: str
    day: date
    kind: str
    revision: int
    form: str
    part: int | None = None

    def __str__(self) -> str:
        part = "" if self.part is None else f"_S{self.part}"
        return f"{self.sln}_{self.day.isoformat()}_{self.kind.lower()}{part}_R{self.revision}.{self.form}"


def read_file_name(text: str) -> FileName:
    """Raises ValueError."""
    found = _FILE.fullmatch(text)
    if found is None or (found["part"] is None) != (found["form"] == "rep"):
        raise ValueError(f"{text[:120]!r} is not the name of a file of a deposit")
    part = int(found["part"]) if found["part"] else None
    day = date.fromisoformat(found["day"])
    return FileName(found["sln"], day, found["kind"].upper(), int(found["revision"]), found["form"], part)


def deposit_id(day: date) -> str:
    return f"{day:%Y%m%d}001"


def watermark_of(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def deposit_day(now: datetime) -> date:
    """The day whose deposit is due: its watermark has passed."""
    return now.astimezone(UTC).date()


def is_sunday(day: date) -> bool:
    return day.weekday() == _SUNDAY


def deadline_of(day: date) -> datetime:
    """23:59 UTC of the same day."""
    return watermark_of(day) + timedelta(hours=23, minutes=59)


def utc_text(at: datetime) -> str:
    """xs:dateTime with Z; microseconds where there are some."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def read_utc(text: str) -> datetime:
    """Raises ValueError for what does not say Z."""
    if not text.endswith("Z"):
        raise ValueError(f"{text[:40]!r} is not a time in UTC")
    return datetime.fromisoformat(text)
