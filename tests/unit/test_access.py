"""Keys and roles: what opens which door, and what a wrong key is told."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from core.access import (
    Credential,
    Prefix,
    Principal,
    Role,
    bearer_key,
    check_secret,
    make_key,
    require_owner,
    require_role,
    require_writer,
)
from core.errors import CredentialMissing, CredentialWrong, PrefixNotYours, PrefixSuspended, RoleNotEnough

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY = make_key()
SECRET = KEY.text.split("_", 2)[2]
OURS = Prefix("88.118.8", "88.118.8", 1, "甲", False, False)
OPERATOR, OWNER, STRANGER = (
    Principal(1, Role.OPERATOR, None),
    Principal(2, Role.ENTERPRISE, 1),
    Principal(3, Role.ENTERPRISE, 2),
)
PARTNER, PARTNER_OF_OWNER = Principal(4, Role.PARTNER, None), Principal(5, Role.PARTNER, 1)


def credential(expires_at: datetime | None = None, revoked_at: datetime | None = None) -> Credential:
    return Credential(7, KEY.key_id, KEY.secret_digest, Role.ENTERPRISE, 1, expires_at, revoked_at)


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
)
def test_a_malformed_header_is_a_wrong_key(header: str) -> None:
    with pytest.raises(CredentialWrong):
        bearer_key(header)


def test_the_scheme_is_read_without_case() -> None:
    assert bearer_key(f"bEaReR  {KEY.text} ") == (KEY.key_id, SECRET)


def test_the_right_secret_gives_the_principal() -> None:
    assert check_secret(credential(), SECRET, NOW) == Principal(7, Role.ENTERPRISE, 1)
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


@pytest.mark.parametrize("who", [OPERATOR, OWNER])
def test_operator_and_owner_may_see_a_prefix(who: Principal) -> None:
    assert require_owner(who, OURS, "88.118.8") is OURS


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
        require_writer(who, suspended, "88.118.8")


def test_a_role_that_is_not_enough_is_told_which_is() -> None:
    require_role(OPERATOR, Role.OPERATOR)
    with pytest.raises(RoleNotEnough) as refused:
        require_role(PARTNER, Role.OPERATOR, Role.ENTERPRISE)
    assert refused.value.extra["needed_role"] == "operator, enterprise"
