"""The error tree: drawn as it is, every leaf complete in both languages, rendered as RFC 9457 says."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

import core.errors
from core.errors import BodyInvalid, FieldProblem, IdentifierMalformed, Problem, StoreUnavailable, all_problems
from core.problems import brief, document

LEAVES = list(all_problems())
HANDLE_CODES = {
    1,
    2,
    3,
    4,
    5,
    7,
    100,
    101,
    102,
    200,
    201,
    202,
    300,
    301,
    302,
    303,
    400,
    401,
    402,
    403,
    404,
    603,
    604,
    605,
}


def drawn(kind: type[Problem] = Problem, before: str = "") -> Iterator[tuple[str, int, str]]:
    """(name, status, slug of a leaf) in the order of the tree, with the lines in front of the name."""
    children = kind.__subclasses__()
    if kind is Problem:
        yield "Problem", 0, ""
    for position, child in enumerate(children):
        last = position == len(children) - 1
        name = before + ("└── " if last else "├── ") + child.__name__
        yield name, child.status, "" if child.__subclasses__() else child.slug
        yield from drawn(child, before + ("    " if last else "│   "))


def test_the_drawing_is_the_tree() -> None:
    text = (core.errors.__doc__ or "").partition("\n\n")[2].partition("\n\n")[0].splitlines()
    shown = []
    for line in text:
        found = re.fullmatch(r"([│├└─ ]*\w+)\s*(\d+)?\s*([a-z-]+)?", line.replace("status  slug", "").rstrip())
        assert found, line
        shown.append((found[1], int(found[2] or 0), found[3] or ""))
    assert shown == list(drawn())


def test_every_slug_is_used_once() -> None:
    slugs = [kind.slug for kind in LEAVES]
    assert len(slugs) == len(set(slugs))
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", slug) for slug in slugs), "slugs are parts of URLs"


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.slug)
def test_every_problem_says_what_it_is_and_the_way_out_in_both_languages(kind: type[Problem]) -> None:
    assert 400 <= kind.status < 600
    assert kind.handle_code in HANDLE_CODES, "Handle clients stop at codes that they do not know"
    for text in (kind.title_en, kind.remedy_en):
        assert text and text.isprintable() and not re.search("[\u4e00-\u9fff]", text)
    for text in (kind.title_zh, kind.remedy_zh):
        assert re.search("[\u4e00-\u9fff]", text)
    assert kind.retryable == (kind.status in (429, 503))


@pytest.mark.parametrize(
    "kind", [kind for kind in LEAVES if kind is not IdentifierMalformed], ids=lambda kind: kind.slug
)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_problem_is_a_whole_document(kind: type[Problem], language: str) -> None:
    shown = document(kind(), language=language, request_id="r")
    assert (shown["status"], shown["slug"], shown["type"]) == (kind.status, kind.slug, f"/errors/{kind.slug}")
    assert shown["title"] == shown[language]["title"] and shown["detail"] == shown[language]["detail"]
    assert all(shown[both][member] for both in ("zh", "en") for member in ("title", "detail", "remedy"))
    assert "errors" not in shown


def test_field_problems_and_extras_are_in_the_document_and_in_the_brief_form() -> None:
    problem = BodyInvalid(errors=(FieldProblem("values", "values-missing", "en", "zh"),), limit=5)
    for shown in (document(problem, language="en"), brief(problem)):
        assert shown["errors"] == [{"path": "values", "slug": "values-missing", "en": "en", "zh": "zh"}]
        assert shown["limit"] == 5


def test_a_lost_store_says_when_to_come_again() -> None:
    assert StoreUnavailable().headers == {"Retry-After": "1"}
    assert document(StoreUnavailable(), language="en")["retryable"] is True


def test_a_malformed_identifier_becomes_a_field_problem_with_its_reason() -> None:
    found = IdentifierMalformed("identifier-no-slash", "en", "zh").at("items[3].identifier")
    assert found == FieldProblem("items[3].identifier", "identifier-no-slash", "en", "zh")
