"""What may be asked of a key: nothing beyond its role, nothing that the giver does not have."""

from __future__ import annotations

from typing import Any

import pytest

from core.access import ROLE_SCOPES, Principal, Role, Scope
from core.errors import FieldProblem
from registry.keys import held_scopes, kept_scopes, parse_change, parse_key, read_networks

OPERATOR = Principal(1, Role.OPERATOR, None, ROLE_SCOPES[Role.OPERATOR])
OWNER = Principal(2, Role.ENTERPRISE, 8, ROLE_SCOPES[Role.ENTERPRISE])
NARROW = Principal(3, Role.ENTERPRISE, 8, frozenset((Scope.MANAGE, Scope.REGISTER)))


def wrong(giver: Principal, **body: Any) -> list[tuple[str, str]]:
    problems: list[FieldProblem] = []
    assert parse_key(body, giver, problems) is None
    return [(one.path, one.slug) for one in problems]


def scopes_of(giver: Principal, **body: Any) -> frozenset[Scope]:
    problems: list[FieldProblem] = []
    wish = parse_key(body, giver, problems)
    assert wish is not None and not problems, problems
    return wish.scopes


@pytest.mark.parametrize("role", list(Role))
def test_all_of_the_role_is_what_is_given_where_nothing_is_asked(role: Role) -> None:
    more = {} if role in (Role.OPERATOR, Role.AUDITOR) else {"enterprise_id": 8}
    assert scopes_of(OPERATOR, role=role.value, **more) == ROLE_SCOPES[role]


def test_a_giver_gives_no_more_than_it_has() -> None:
    assert scopes_of(NARROW, role="enterprise") == NARROW.scopes
    assert scopes_of(NARROW, role="writer") == {Scope.REGISTER}
    assert scopes_of(NARROW, role="writer", scopes=[]) == frozenset()
    assert wrong(NARROW, role="writer", scopes=["register", "revise"]) == [("scopes[1]", "scope-not-yours")]


def test_every_wrong_scope_and_network_is_named() -> None:
    found = wrong(
        OWNER, role="writer", scopes=["register", "manage", "fly", 5], allowed_sources=["10.0.0.0/8", "x", 5, "10.0.0.1/8"]
    )  # fmt: skip
    assert found == [
        ("scopes[1]", "scope-beyond-role"),
        ("scopes[2]", "scope-unknown"),
        ("scopes[3]", "scope-unknown"),
        ("allowed_sources[1]", "network-invalid"),
        ("allowed_sources[2]", "network-invalid"),
        ("allowed_sources[3]", "network-invalid"),
    ]
    assert wrong(OWNER, role="partner", scopes="read-private") == [("scopes", "list-invalid")]
    assert wrong(OWNER, role="partner", scopes=["register"] * 6) == [("scopes", "list-invalid")]
    assert wrong(OWNER, role="partner", allowed_sources=["10.0.0.0/8"] * 33) == [("allowed_sources", "list-invalid")]


def test_an_enterprise_need_not_name_itself_and_a_node_key_has_none() -> None:
    problems: list[FieldProblem] = []
    made = parse_key({"role": "writer"}, OWNER, problems)
    assert made is not None and made.enterprise_id == 8
    assert wrong(OPERATOR, role="writer") == [("enterprise_id", "number-invalid")]
    assert wrong(OPERATOR, role="auditor", enterprise_id=8) == [("enterprise_id", "enterprise-unwanted")]


def test_a_change_keeps_what_the_key_has_and_adds_what_the_giver_has() -> None:
    problems: list[FieldProblem] = []
    held = frozenset((Scope.REVISE,))
    kept = parse_change({"scopes": ["revise", "register"]}, Role.WRITER, held, NARROW, problems)
    assert kept is not None and kept.scopes == held | {Scope.REGISTER} and kept.networks is None
    whole = parse_change({"scopes": None}, Role.WRITER, held, NARROW, problems)
    assert whole is not None and whole.scopes == held | {Scope.REGISTER}
    assert parse_change({"scopes": ["withdraw"]}, Role.WRITER, held, NARROW, problems) is None
    assert parse_change({}, Role.WRITER, held, NARROW, problems) is None
    assert [one.slug for one in problems] == ["scope-not-yours", "nothing-asked"]


def test_null_takes_an_end_and_an_allow_list_away() -> None:
    problems: list[FieldProblem] = []
    change = parse_change(
        {"expires_in_seconds": None, "allowed_sources": None}, Role.WRITER, frozenset(), OWNER, problems
    )
    assert change is not None
    assert (change.expires, change.seconds, change.networks, change.label, change.scopes) == (
        True,
        None,
        (),
        None,
        None,
    )


@pytest.mark.parametrize("role", list(Role))
def test_scopes_come_back_from_the_table_as_they_went_in(role: Role) -> None:
    for scopes in (ROLE_SCOPES[role], frozenset(list(ROLE_SCOPES[role])[:1]), frozenset[Scope]()):
        assert held_scopes({"role": role.value, "scopes": kept_scopes(role, scopes)}) == scopes


def test_the_same_network_twice_is_one() -> None:
    assert len(read_networks(["10.0.0.0/8", " 10.0.0.0/8", "::/0"], [])) == 2
