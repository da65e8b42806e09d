"""Tables, headings and names in the READMEs are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.figures import read_rows
from core.settings import Settings, variable
from node.compose import make_app
from tests.docs.readme import CHINESE, ENGLISH, between, headings, section
from tests.docs.tables import settings_table
from tests.harness import ROOT, settings_for

BOTH = pytest.mark.parametrize("readme", [ENGLISH, CHINESE], ids=lambda path: path.name)
_HAN = re.compile("[\u4e00-\u9fff]")


@BOTH
def test_settings_table_is_that_of_the_code(readme: Path) -> None:
    assert between(readme, "settings") == settings_table(readme), "write it anew: python -m tests.docs.tables"


def test_every_setting_has_a_meaning_in_both_languages() -> None:
    for name, field in Settings.model_fields.items():
        extra = field.json_schema_extra
        assert field.description, name
        assert not _HAN.search(field.description), name
        assert isinstance(extra, dict) and _HAN.search(str(extra["zh"])), name


@BOTH
def test_variables_that_are_named_exist(readme: Path) -> None:
    known = {variable(name) for name in Settings.model_fields} | {"BIAOJIE_CONFIG"}
    named = set(re.findall(r"BIAOJIE_[A-Z0-9_]*[A-Z0-9]", readme.read_text("utf-8")))
    assert named == known


@BOTH
def test_calls_table_is_that_of_the_routes(readme: Path) -> None:
    number = [title for level, title in headings(ENGLISH) if level == 2].index("Calls")
    told = re.findall(r"`(GET|POST|PUT|DELETE|PATCH) (/[^`]*)`", section(readme, number))
    app = make_app(settings_for("postgresql://nobody@nowhere/x", "redis://nowhere"), 0)
    served = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.method not in ("HEAD", "OPTIONS")
    }
    assert len(told) == len(set(told))
    assert set(told) == served, f"not in the table: {served - set(told)}; not served: {set(told) - served}"


@BOTH
def test_make_targets_that_are_named_exist(readme: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`|PORT=\S+ \S+ )make ([a-z-]+)", readme.read_text("utf-8"), re.MULTILINE))
    assert {"run", "test", "check"} <= named
    assert named <= targets, f"the Makefile has no {named - targets}"


@BOTH
def test_files_that_are_linked_exist(readme: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", readme.read_text("utf-8"))
    missing = [link for link in links if "://" not in link and not (ROOT / link).exists()]
    assert not missing


@BOTH
def test_places_that_are_linked_exist(readme: Path) -> None:
    anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for _, title in headings(readme)}
    assert set(re.findall(r"\]\(#([^)]+)\)", readme.read_text("utf-8"))) <= anchors


@pytest.mark.parametrize(("language", "readme"), [("en", ENGLISH), ("zh", CHINESE)])
def test_figures_name_what_was_measured_and_the_command(language: str, readme: Path) -> None:
    """`make results` writes them, of the newest runs."""
    rows = [line.split(" | ") for line in between(readme, "figures").splitlines()[2:]]
    assert [(row[0], row[-1]) for row in rows] == [(f"| {row[language]}", f"`{row['by']}` |") for row in read_rows()]
    assert all(any(letter.isdigit() for letter in row[1]) for row in rows)


def test_both_readmes_have_the_same_headings() -> None:
    assert [level for level, _ in headings(ENGLISH)] == [level for level, _ in headings(CHINESE)]
    assert all(_HAN.search(title) for _, title in headings(CHINESE))


def test_both_readmes_have_tables_of_the_same_length() -> None:
    english, chinese = (re.sub(r"[^|\n]+", "", path.read_text("utf-8")) for path in (ENGLISH, CHINESE))
    assert re.findall(r"^\|+$", english, re.MULTILINE) == re.findall(r"^\|+$", chinese, re.MULTILINE)
