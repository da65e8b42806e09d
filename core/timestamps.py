"""Times as every JSON answer writes them: RFC 3339, UTC with `Z`, whole seconds. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import overload


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
