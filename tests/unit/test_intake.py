"""Bodies of requests into wishes: all problems together, nothing believed that a client may not say."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import FieldProblem
from core.identifier import parse_identifier
from registry.intake import parse_registration, parse_revision, parse_withdrawal

HERE = parse_identifier("88.118.8/Part-1")
VALUES = [{"index": 1, "type": "URL", "data": "x"}]
Found = tuple[Any, list[tuple[str, str]]]


def registration(body: Any, path: str = "") -> Found:
    problems: list[FieldProblem] = []
    return parse_registration(body, path, problems), [(problem.path, problem.slug) for problem in problems]


def revision(body: Any, case_sensitive: bool = False) -> Found:
    problems: list[FieldProblem] = []
    return parse_revision(body, HERE, case_sensitive, problems), [(problem.path, problem.slug) for problem in problems]


def withdrawal(body: Any, case_sensitive: bool = False) -> Found:
    problems: list[FieldProblem] = []
    return parse_withdrawal(body, HERE, case_sensitive, problems), [(one.path, one.slug) for one in problems]


def test_a_registration_is_identifier_values_and_template() -> None:
    wish, problems = registration({"identifier": str(HERE), "values": VALUES, "template": "88.118.8/META_x"})
    assert not problems
    assert (str(wish.identifier), str(wish.template), wish.packed) == (str(HERE), "88.118.8/META_x", b'[[1,"URL","x"]]')


def test_what_was_read_may_be_sent_back_and_is_not_believed() -> None:
    read = {"version": 9, "status": "withdrawn", "created_at": "x", "changed_at": "y", "withdrawn": {"reason": "z"}}
    wish, problems = registration({"identifier": str(HERE), "values": VALUES, "template": None} | read)
    assert not problems and wish.template is None


@pytest.mark.parametrize("body", [None, [], "x", 5, True])
def test_a_body_that_is_no_object_is_one_problem(body: Any) -> None:
    assert registration(body) == (None, [("", "not-an-object")])
    assert registration(body, "items[3].") == (None, [("items[3]", "not-an-object")])
    assert revision(body) == (None, [("", "not-an-object")])
    assert withdrawal(body) == (None, [("", "not-an-object")])


def test_all_problems_of_a_registration_come_together_with_their_paths() -> None:
    wish, problems = registration({"identifier": "x", "values": [{}], "template": 5, "colour": 1}, "items[7].")
    assert wish is None
    assert problems == [
        ("items[7].colour", "member-unknown"),
        ("items[7].identifier", "identifier-no-slash"),
        ("items[7].values[0].index", "index-invalid"),
        ("items[7].values[0].type", "type-invalid"),
        ("items[7].values[0].data", "data-invalid"),
        ("items[7].template", "identifier-missing"),
    ]


def test_values_that_are_too_large_together_are_refused() -> None:
    values = [{"index": n, "type": "A", "data": "x" * 60_000} for n in range(1, 5)]
    assert registration({"identifier": str(HERE), "values": values})[1] == [("values", "values-too-large")]
    assert revision({"values": values})[1] == [("values", "values-too-large")]


def test_a_revision_tells_no_template_from_none() -> None:
    assert revision({"values": VALUES})[0].names_template is False
    cleared = revision({"values": VALUES, "template": None})[0]
    assert cleared.names_template is True and cleared.template is None


def test_a_revision_is_of_the_identifier_in_the_address() -> None:
    assert revision({"identifier": "88.118.8/PART-1", "values": VALUES})[1] == []
    assert revision({"identifier": "88.118.8/Part-2", "values": VALUES})[1] == [("identifier", "identifier-differs")]
    assert revision({"identifier": None, "values": VALUES})[1] == [("identifier", "identifier-missing")]
    assert revision({"identifier": "88.118.8/PART-1", "values": VALUES}, case_sensitive=True)[1] == [
        ("identifier", "identifier-differs")
    ]


@pytest.mark.parametrize("reason", [None, "", "   ", "x" * 501, "a\nb", 5, "\u202e"])
def test_a_withdrawal_needs_a_printable_reason(reason: Any) -> None:
    assert withdrawal({"reason": reason}) == (None, [("reason", "reason-missing")])


def test_a_withdrawal_has_a_trimmed_reason_and_perhaps_a_successor() -> None:
    assert withdrawal({"reason": " 召回 "})[0].reason == "召回"
    assert withdrawal({"reason": "x", "successor": "88.118.9/N"})[0].successor == "88.118.9/N"
    assert withdrawal({"reason": "x", "successor": None})[0].successor is None


def test_a_successor_is_a_well_formed_other_identifier() -> None:
    assert withdrawal({"reason": "x", "successor": "nope"})[1] == [("successor", "identifier-no-slash")]
    assert withdrawal({"reason": "x", "successor": "88.118.8/PART-1"})[1] == [("successor", "successor-itself")]
    assert withdrawal({"reason": "", "successor": 5, "more": 1})[1] == [
        ("more", "member-unknown"),
        ("reason", "reason-missing"),
        ("successor", "identifier-missing"),
    ]


def test_where_case_counts_the_other_case_is_another_identifier() -> None:
    assert withdrawal({"reason": "x", "successor": "88.118.8/PART-1"}, case_sensitive=True)[1] == []
    assert withdrawal({"reason": "x", "successor": "88.118.8/Part-1"}, case_sensitive=True)[1] == [
        ("successor", "successor-itself")
    ]
