"""Times as every JSON answer writes them: RFC 3339, UTC with `Z`, whole seconds; and read. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import overload

_WHOLE_SECONDS = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.0{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)


@overload
def rfc3339(when: datetime) -> str: ...
@overload
def rfc3339(when: None) -> None: ...
@overload
def rfc3339(when: datetime | None) -> str | None: ...
def rfc3339(when: datetime | None) -> str | None:
    """`2026-11-22T03:21:22Z`, parts of a second cut off; None stays None. `when` knows its zone."""
    if when is None:
        return None
    if when.tzinfo is not UTC:
        when = when.astimezone(UTC)
    return when.replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def unix_seconds(text: str) -> int | None:
    """Of an RFC 3339 time with its zone and without parts of a second; None for anything else."""
    try:
        return int(datetime.fromisoformat(text).timestamp()) if _WHOLE_SECONDS.fullmatch(text) else None
    except ValueError:
        return None
