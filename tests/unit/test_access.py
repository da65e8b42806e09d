"""Keys and roles: what opens which door, and what a wrong key is told."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from core.access import (
    OF_ENTERPRISE,
    ROLE_SCOPES,
    Credential,
    Prefix,
    Principal,
    Role,
    Scope,
    bearer_key,
    check_secret,
    in_order,
    make_key,
    make_secret,
    require_owner,
    require_role,
    require_scope,
    require_writer,
)
from core.addresses import parse_networks
from core.errors import (
    CredentialMissing,
    CredentialWrong,
    PrefixNotYours,
    PrefixSuspended,
    RoleNotEnough,
    ScopeNotEnough,
    SourceNotAllowed,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY = make_key()
SECRET = KEY.text.split("_", 2)[2]
OURS = Prefix("88.118.8", "88.118.8", 1, "甲", False, False)


def principal(role: Role, enterprise: int | None = None, *scopes: Scope) -> Principal:
    """With all scopes of the role, or with those that are given."""
    return Principal(7, role, enterprise, frozenset(scopes) or ROLE_SCOPES[role])


OPERATOR, AUDITOR = principal(Role.OPERATOR), principal(Role.AUDITOR)
OWNER, WRITER, STRANGER = principal(Role.ENTERPRISE, 1), principal(Role.WRITER, 1), principal(Role.ENTERPRISE, 2)
PARTNER, PARTNER_OF_OWNER = principal(Role.PARTNER), principal(Role.PARTNER, 1)


def credential(expires_at: datetime | None = None, revoked_at: datetime | None = None) -> Credential:
    return Credential(KEY.key_id, KEY.secret_digest, OWNER, expires_at, revoked_at)


def test_a_new_key_is_random_and_kept_only_as_a_digest() -> None:
    other = make_key()
    assert other.text != KEY.text and other.key_id != KEY.key_id
    assert bearer_key(f"Bearer {KEY.text}") == (KEY.key_id, SECRET)
    assert KEY.secret_digest == hashlib.sha256(SECRET.encode()).digest()
    assert len(SECRET) == 43, "256 bits"


@pytest.mark.parametrize("header", [None, ""])
def test_no_key_is_missing_and_is_told_how_to_send_one(header: str | None) -> None:
    with pytest.raises(CredentialMissing) as refused:
        bearer_key(header)
    assert refused.value.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer ", f"Basic {KEY.text}", KEY.text, f"Bearer {KEY.text}x", f"Bearer {KEY.text[:-1]}"]
    + [f"Bearer {KEY.text} {KEY.text}", f"Bearer {KEY.text.upper()}", "Bearer bj_é_é", f"Bearer\t{KEY.text}"],
    ids=range(10),  # keys are random, names of tests are not
)
def test_a_malformed_header_is_a_wrong_key(header: str) -> None:
    with pytest.raises(CredentialWrong):
        bearer_key(header)


def test_the_scheme_is_read_without_case() -> None:
    assert bearer_key(f"bEaReR  {KEY.text} ") == (KEY.key_id, SECRET)


def test_the_right_secret_gives_the_principal() -> None:
    assert check_secret(credential(), SECRET, NOW) == OWNER
    assert check_secret(credential(expires_at=NOW + timedelta(seconds=1)), SECRET, NOW).key == 7


@pytest.mark.parametrize(
    ("held", "secret"),
    [
        (None, SECRET),
        (credential(), SECRET[:-1] + ("A" if SECRET[-1] != "A" else "B")),
        (credential(expires_at=NOW), SECRET),
        (credential(expires_at=NOW - timedelta(days=1)), SECRET),
        (credential(revoked_at=NOW + timedelta(days=1)), SECRET),
    ],
    ids=range(5),
)
def test_unknown_wrong_expired_and_revoked_keys_open_nothing(held: Credential | None, secret: str) -> None:
    with pytest.raises(CredentialWrong) as refused:
        check_secret(held, secret, NOW)
    assert "invalid_token" in refused.value.headers["WWW-Authenticate"]
    assert SECRET not in str(refused.value.__dict__)


def test_who_must_not_know_is_told_the_same_for_unknown_and_wrong_keys() -> None:
    answers = []
    for held, secret in (
        (None, SECRET),
        (credential(revoked_at=NOW), "x" * 43),
        (credential(expires_at=NOW), "y" * 43),
    ):
        with pytest.raises(CredentialWrong) as refused:
            check_secret(held, secret, NOW)
        answers.append(refused.value.en)
    assert len(set(answers)) == 1, "revoked or expired may only be said to who has the secret"


OLD = make_secret(KEY.key_id)
OLD_SECRET = OLD.text.split("_", 2)[2]
ROTATED = replace(credential(), former_digest=OLD.secret_digest, former_until=NOW + timedelta(seconds=1))


def test_after_a_rotation_both_secrets_are_good_until_the_overlap_ends() -> None:
    assert OLD.text.startswith(f"bj_{KEY.key_id}_")
    assert check_secret(ROTATED, SECRET, NOW) == check_secret(ROTATED, OLD_SECRET, NOW) == OWNER
    with pytest.raises(CredentialWrong, match="rotated"):
        check_secret(ROTATED, OLD_SECRET, NOW + timedelta(seconds=1))
    assert check_secret(ROTATED, SECRET, NOW + timedelta(days=1)) == OWNER


def test_a_secret_that_was_never_there_opens_nothing() -> None:
    for held in (ROTATED, replace(ROTATED, former_digest=None), replace(ROTATED, former_until=None)):
        with pytest.raises(CredentialWrong):
            check_secret(held, "x" * 43, NOW)
    with pytest.raises(CredentialWrong):
        check_secret(replace(ROTATED, former_until=None), OLD_SECRET, NOW)


@pytest.mark.parametrize("source", [None, "", "192.0.2.1", "2001:db8::1"])
def test_a_key_is_not_accepted_from_elsewhere_nor_from_nowhere(source: str | None) -> None:
    guarded = replace(ROTATED, networks=parse_networks("10.0.0.0/8,2001:db9::/32"))
    for secret in (SECRET, OLD_SECRET):
        assert check_secret(guarded, secret, NOW, "10.1.1.1") == OWNER
        with pytest.raises(SourceNotAllowed) as refused:
            check_secret(guarded, secret, NOW, source)
        assert refused.value.extra["source"] == source
    with pytest.raises(CredentialWrong):  # who has not the secret does not learn of the list
        check_secret(guarded, "x" * 43, NOW, source)


@pytest.mark.parametrize("who", [OPERATOR, AUDITOR, OWNER, WRITER])
def test_who_owns_or_looks_after_a_prefix_may_see_it(who: Principal) -> None:
    assert require_owner(who, OURS, "88.118.8") is OURS


@pytest.mark.parametrize(
    ("role", "has"),
    [
        (Role.OPERATOR, {"register", "revise", "withdraw", "read-private", "manage"}),
        (Role.AUDITOR, {"read-private"}),
        (Role.ENTERPRISE, {"register", "revise", "withdraw", "read-private", "manage"}),
        (Role.WRITER, {"register", "revise", "withdraw", "read-private"}),
        (Role.PARTNER, set()),
    ],
)
def test_what_a_role_has_is_what_it_may(role: Role, has: set[str]) -> None:
    who = principal(role, 1 if role in OF_ENTERPRISE else None)
    assert set(in_order(who.scopes)) == has
    for scope in Scope:
        if scope in has:
            require_scope(who, scope)
            assert require_writer(who, OURS, "88.118.8", scope) is OURS
        elif role is Role.PARTNER:
            with pytest.raises(PrefixNotYours):
                require_writer(who, OURS, "88.118.8", scope)
        else:
            with pytest.raises(RoleNotEnough):
                require_writer(who, OURS, "88.118.8", scope)


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.ENTERPRISE])
@pytest.mark.parametrize("scope", list(Scope))
def test_a_narrowed_key_may_one_thing_and_is_told_what_it_lacks(role: Role, scope: Scope) -> None:
    who = principal(role, 1 if role is Role.ENTERPRISE else None, scope)
    assert require_owner(who, OURS, "88.118.8", scope) is OURS
    for other in set(Scope) - {scope}:
        with pytest.raises(ScopeNotEnough) as refused:
            require_owner(who, OURS, "88.118.8", other)
        assert refused.value.extra == {"needed_scope": other, "scopes": [scope]}
        with pytest.raises(ScopeNotEnough):
            require_role(who, role, scope=other)


def test_an_auditor_who_would_change_is_told_of_its_role_even_where_there_is_nothing() -> None:
    for prefix in (OURS, None):
        with pytest.raises(RoleNotEnough) as refused:
            require_writer(AUDITOR, prefix, "88.118.8", Scope.REGISTER)
        assert refused.value.extra["needed_role"] == "operator, enterprise, writer"


@pytest.mark.parametrize("who", [STRANGER, PARTNER, PARTNER_OF_OWNER])
def test_nobody_else_may_and_cannot_tell_a_free_prefix_from_a_foreign_one(who: Principal) -> None:
    with pytest.raises(PrefixNotYours) as foreign:
        require_owner(who, OURS, "88.118.8")
    with pytest.raises(PrefixNotYours) as free:
        require_owner(who, None, "88.118.8")
    assert foreign.value.en == free.value.en


def test_an_operator_is_told_that_a_prefix_is_free() -> None:
    with pytest.raises(PrefixNotYours, match="No enterprise"):
        require_owner(OPERATOR, None, "88.118.77")


@pytest.mark.parametrize("who", [OPERATOR, OWNER])
def test_a_suspended_prefix_is_read_but_not_written(who: Principal) -> None:
    suspended = Prefix("88.118.8", "88.118.8", 1, "甲", False, True)
    assert require_owner(who, suspended, "88.118.8") is suspended
    with pytest.raises(PrefixSuspended):
        require_writer(who, suspended, "88.118.8", Scope.REGISTER)


def test_a_role_that_is_not_enough_is_told_which_is() -> None:
    require_role(OPERATOR, Role.OPERATOR)
    with pytest.raises(RoleNotEnough) as refused:
        require_role(PARTNER, Role.OPERATOR, Role.ENTERPRISE)
    assert refused.value.extra["needed_role"] == "operator, enterprise"
