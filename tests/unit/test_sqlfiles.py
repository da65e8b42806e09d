"""SQL files: read whole and by name, and kept to what the house allows on the live table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.sqlfiles import load_sql

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(
    path for room in ("core", "registry", "resolver", "sync", "node") for path in (ROOT / room / "sql").glob("*.sql")
)


# In a database that is being restored from deposits, and nowhere else.
RESTORING = ("restore_deletes", "empty_identifier_stage")


def statements(path: Path) -> dict[str, str]:
    return dict(load_sql(path.parents[1].name, path.name))


def without_comments(text: str) -> str:
    return re.sub(r"--[^\n]*", "", text)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parents[1].name}-{path.stem}")
def test_every_statement_of_a_file_is_found_by_its_name(path: Path) -> None:
    names = re.findall(r"^-- name: (\w+)$", path.read_text("utf-8"), re.MULTILINE)
    found = statements(path)
    assert list(found) == names and len(set(names)) == len(names)
    for name, text in found.items():
        assert re.search(r"\b(SELECT|INSERT|UPDATE|DELETE|CREATE|DROP|TRUNCATE|LOCK)\b", text), name
        assert "-- name:" not in text and ";" not in without_comments(text), name


def test_statements_cannot_be_changed_by_who_loads_them() -> None:
    with pytest.raises(TypeError):
        load_sql("core", "feed.sql")["snapshot"] = ""  # type: ignore[index]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parents[1].name}-{path.stem}")
def test_no_statement_counts_skips_deletes_or_scans_identifiers(path: Path) -> None:
    for name, text in statements(path).items():
        code = without_comments(text)
        assert not re.search(r"\bOFFSET\b", code, re.IGNORECASE), name
        if name in RESTORING:
            continue
        # A bulk job clears away its own scaffolding, an owner a draft, time the minutes of usage; nothing that anybody registered is ever deleted.
        assert not re.search(
            r"\b(DELETE FROM|TRUNCATE)\s+(?!bulk_|template_draft|usage_minute|quota_lease|takeover_nonce|standby_change|standby_snapshot)",
            code,
            re.IGNORECASE,
        ), name
        if re.search(r"\bFROM identifier\b|\bUPDATE identifier\b", code):
            assert name == "recount" or not re.search(r"\bcount\s*\(", code, re.IGNORECASE), (
                name
            )  # of the evidence alone
            assert re.search(r"WHERE (\w+\.)?key\b", code), f"{name} must name the key"


def test_no_python_file_of_the_rooms_hides_such_a_statement() -> None:
    for room in ("core", "registry", "resolver", "node"):
        for path in (ROOT / room).rglob("*.py"):
            text = path.read_text("utf-8")
            assert not re.search(r"count\(\*\)\s+FROM\s+identifier\b", text, re.IGNORECASE), path
            assert not re.search(r"\bOFFSET \$?\d|DELETE FROM identifier\b", text), path
