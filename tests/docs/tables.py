"""The settings table of the READMEs, made from `core/settings`: `python -m tests.docs.tables` writes it into both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import SecretStr

from core.settings import Settings, variable
from tests.docs.readme import CHINESE, ENGLISH, between

MARK = "settings"
_HEADS = {ENGLISH: ("Variable", "Default", "Meaning"), CHINESE: ("变量", "默认值", "含义")}


def settings_table(path: Path) -> str:
    """The table in the language of that README."""
    rows = [_HEADS[path], ("---", "---", "---")]
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra
        assert isinstance(extra, dict), name
        meaning = extra["zh"] if path == CHINESE else field.description
        rows.append((f"`{variable(name)}`", _shown(field.default), str(meaning)))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows).replace("|  |", "| |")


def _shown(default: Any) -> str:
    text = default.get_secret_value() if isinstance(default, SecretStr) else str(default)
    return f"`{text}`" if text else ""


def write(path: Path) -> None:
    text = path.read_text("utf-8")
    old = f"<!-- {MARK} -->\n{between(path, MARK)}<!-- /{MARK} -->"
    assert old in text, path
    path.write_text(text.replace(old, f"<!-- {MARK} -->\n{settings_table(path)}<!-- /{MARK} -->"), "utf-8")


if __name__ == "__main__":
    for readme in (ENGLISH, CHINESE):
        write(readme)
