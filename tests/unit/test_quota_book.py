"""Which limits hold: the rows, else the defaults of the settings, and none for keys of the node itself."""

from __future__ import annotations

from typing import Any

from core.access import Role
from core.errors import FieldProblem
from core.quota import Allowance, Kind, Limits, Rate, Subject
from core.quota_book import Defaults, QuotaBook
from core.settings import load_settings
from registry.quotas.wishes import parse_limits

ENTERPRISE, KEY = Subject(Kind.ENTERPRISE, 8), Subject(Kind.KEY, 7)


def row(subject: Subject, **limits: int) -> dict[str, Any]:
    named = {name: limits.get(name) for name in Limits.__dataclass_fields__}
    return {"kind": subject.kind.value, "id": subject.number} | named


def test_without_rows_and_defaults_nobody_is_limited() -> None:
    book = QuotaBook()
    assert book.rates(7, Role.ENTERPRISE, 8) == () == book.allowances(7, 8)
    assert not book.limits_registrations


def test_defaults_hold_for_enterprises_and_their_keys() -> None:
    settings = load_settings(
        key_requests_per_second=5, enterprise_requests_per_second=9, enterprise_registrations_per_day=100
    )
    book = QuotaBook(settings.quota_defaults)
    assert book.rates(7, Role.WRITER, 8) == (Rate(KEY, 5, 5), Rate(ENTERPRISE, 9, 9))
    assert book.rates(1, Role.PARTNER, None) == (Rate(Subject(Kind.KEY, 1), 5, 5),)
    assert book.rates(1, Role.OPERATOR, None) == () == book.rates(1, Role.AUDITOR, None)
    assert book.allowances(7, 8) == (Allowance(ENTERPRISE, 100, None),)


def test_a_row_of_ones_own_takes_the_place_of_the_default_as_a_whole() -> None:
    book = QuotaBook(Defaults(Limits(9, None, 100, None), Limits(5)))
    assert book.apply([row(ENTERPRISE), row(KEY, requests_per_second=3, burst=6, registrations_total=50)]) == {
        ENTERPRISE, KEY,
    }  # fmt: skip
    assert book.rates(7, Role.WRITER, 8) == (Rate(KEY, 3, 6),)
    assert book.allowances(7, 8) == (Allowance(KEY, None, 50),)
    assert book.allowances(6, 9) == (Allowance(Subject(Kind.ENTERPRISE, 9), 100, None),)


def test_a_limit_that_is_lifted_is_gone() -> None:
    book = QuotaBook()
    book.apply([row(KEY, registrations_per_day=0)])
    assert book.limits_registrations and book.allowances(7, 8) == (Allowance(KEY, 0, None),), "0 is a limit"
    book.apply([row(KEY)])
    assert not book.limits_registrations and book.allowances(7, 8) == ()


def test_every_wrong_member_is_named_and_null_is_unlimited() -> None:
    problems: list[FieldProblem] = []
    assert parse_limits({"requests_per_second": True, "registrations_total": -1, "burst": 10**7}, problems) is None
    assert {problem.path for problem in problems} == {"requests_per_second", "registrations_total", "burst"}
    assert parse_limits({"registrations_total": None, "registrations_per_day": 0}, []) == Limits(
        registrations_per_day=0
    )
