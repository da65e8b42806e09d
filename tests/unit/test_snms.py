"""The parts of the SNMS door that need no servers: the hash of the day, sentences, the limit on logins."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from core.errors import (
    BodyInvalid,
    CredentialMissing,
    CredentialWrong,
    FieldProblem,
    IdentifierConflict,
    IdentifierUnknown,
    InternalError,
    LoginWrong,
    Problem,
    QuotaExhausted,
    StoreUnavailable,
    all_problems,
)
from core.template import Template, TemplateItem, check_values
from core.values import HandleValue
from registry.snms.attempts import KEYS_HELD, NAME, SOURCE, Attempts
from registry.snms.envelope import failure, missing, sentence
from registry.snms.login import login_days, login_hash
from tests.snms_caller import GUIDE


def test_the_hash_of_the_day_is_that_of_the_guide() -> None:
    vector = GUIDE["login_v1"]
    assert login_hash(hashlib.sha256(vector["secret"].encode()).digest(), vector["day"]) == vector["password"]


@pytest.mark.parametrize(
    ("now", "days"),
    [
        (datetime(2026, 11, 22, 12, 0, tzinfo=UTC), ["2026-11-22"]),
        (datetime(2026, 11, 22, 15, 57, tzinfo=UTC), ["2026-11-22", "2026-11-23"]),
        (datetime(2026, 11, 22, 20, 0, tzinfo=UTC), ["2026-11-22", "2026-11-23"]),
        (datetime(2026, 11, 23, 0, 2, tzinfo=UTC), ["2026-11-22", "2026-11-23"]),
    ],
)
def test_today_is_that_of_china_or_of_utc(now: datetime, days: list[str]) -> None:
    assert login_days(now) == days


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (IdentifierConflict(), "标识已存在"),
        (IdentifierUnknown("x", "y"), "标识不存在"),
        (LoginWrong(), "用户名/密码错误！"),
        (CredentialMissing(), "没有登录，需要验证"),
        (CredentialWrong(), "没有登录，需要验证"),
        (InternalError(), "系统繁忙"),
        (StoreUnavailable(), "系统繁忙"),
        (BodyInvalid(errors=(missing("handle"), missing("value"))), "缺少必要的请求参数: handle"),
        (BodyInvalid("en", "中文"), "中文"),
    ],
)
def test_sentences_are_those_that_callers_match_on(problem: Problem, words: str) -> None:
    assert sentence(problem) == words


def test_an_index_that_the_template_has_not_is_told_as_in_the_guide() -> None:
    """The words come from `core.template`, which must go on naming the index."""
    template = Template(1, "K", "88.118.8/META_1.0", (TemplateItem(2000, "name", "名称", "name", False),))
    problems: list[FieldProblem] = []
    check_values(template, [HandleValue(1000, "name", "x")], "values", problems)
    assert sentence(BodyInvalid(errors=tuple(problems))) == GUIDE["replies"]["index"]["message"]


@pytest.mark.parametrize(
    "kind", [kind for kind in all_problems() if kind.__init__ is Problem.__init__], ids=lambda kind: kind.slug
)
def test_every_problem_has_an_envelope(kind: type[Problem]) -> None:
    envelope = failure(kind())
    assert envelope["status"] in (-1, -2, -3, -4) and envelope["error"] == kind.slug
    assert envelope["data"] is None and envelope["message"]
    wanted = {401: -1, 403: -3, 500: -4, 503: -4, 507: -4}.get(kind.status, -2)
    assert envelope["status"] == (-2 if kind in (LoginWrong, QuotaExhausted) else wanted)


def test_failed_attempts_are_paid_off_with_time() -> None:
    attempts = Attempts()
    assert [attempts.take("me", "10.0.0.1", 100.0) for _ in range(NAME.burst)] == [0.0] * NAME.burst
    wait = attempts.take("me", "10.0.0.1", 100.0)
    assert wait == NAME.period_seconds
    assert attempts.take("me", "10.0.0.1", 100.0) == wait, "a refused one is not charged"
    assert attempts.take("me", "10.0.0.2", 100.0) == attempts.take("you", "10.0.0.1", 100.0) == 0.0
    assert attempts.take("me", "10.0.0.1", 100.0 + wait) == 0.0
    assert attempts.take("me", "10.0.0.1", 100.0 + wait) == NAME.period_seconds


def test_attempts_that_succeed_cost_nothing() -> None:
    attempts = Attempts()
    for number in range(5 * SOURCE.burst):
        assert attempts.take("me", "here", float(number) / 100) == 0.0
        attempts.give_back("me", "here", float(number) / 100)


def test_a_source_that_tries_many_names_is_slowed_down() -> None:
    attempts = Attempts()
    refused = [attempts.take(f"name {n}", "here", 0.0) > 0 for n in range(SOURCE.burst + 10)]
    assert sum(refused) == 10


def test_memory_for_attempts_is_bounded() -> None:
    attempts = Attempts()
    for number in range(3 * KEYS_HELD):
        attempts.take("name", f"source {number}", 0.0)
    assert len(attempts) <= KEYS_HELD
