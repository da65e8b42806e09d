"""Reading query parameters of lists: times, choices, bounded texts. Pure; every problem names its parameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from core.errors import FieldProblem

MAX_TEXT = 300


class Parameters:
    """Takes parameters one by one and keeps what is wrong with them in `problems`."""

    def __init__(self, query: Mapping[str, str]) -> None:
        self._query = query
        self.problems: list[FieldProblem] = []

    def text(self, name: str, most: int = MAX_TEXT) -> str | None:
        """As sent; None when it is missing or empty."""
        found = self._query.get(name) or None
        if found is not None and len(found) > most:
            self.wrong(name, "text-too-long", f"has more than {most} characters", f"超过 {most} 个字符")
            return None
        return found

    def time(self, name: str) -> datetime | None:
        """ISO 8601 with a zone; a date alone is midnight in UTC."""
        text = self.text(name, 40)
        if text is None:
            return None
        try:
            found = datetime.fromisoformat(text.replace(" ", "+"))  # a + of a zone that was not percent-encoded
            found = found if found.tzinfo or "T" in text else found.replace(tzinfo=UTC)
            if found.tzinfo:
                return found.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        en = "must be a time with its zone, such as 2026-03-01T08:00:00+08:00"
        self.wrong(name, "time-invalid", en, "必须是带时区的时间，例如 2026-03-01T08:00:00+08:00")
        return None

    def one_of(self, name: str, choices: Sequence[str], usual: str | None = None) -> str | None:
        text = self.text(name)
        if text is None or text in choices:
            return text or usual
        known = ", ".join(choices)
        self.wrong(name, "choice-unknown", f"must be one of {known}", f"必须是以下之一：{known}")
        return usual

    def number(self, name: str, most: int = 2**31 - 1) -> int | None:
        text = self.text(name)
        if text is None:
            return None
        if text.isascii() and text.isdigit() and len(text) <= 12 and 0 < int(text) <= most:
            return int(text)
        en, zh = f"must be a whole number from 1 to {most}", f"必须是 1 到 {most} 的整数"
        self.wrong(name, "number-invalid", en, zh)
        return None

    def wrong(self, name: str, slug: str, en: str, zh: str) -> None:
        self.problems.append(FieldProblem(name, slug, en, zh))
