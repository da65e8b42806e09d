"""Who gets in at the SNMS door, and for how long."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import jwt
import pytest

from core.errors import CredentialWrong
from core.web import now
from registry.snms.signing import SigningKeys
from registry.snms.tokens import day_of, make_token, read_token
from tests.harness import Api, Node, settings_for, until, worker_here
from tests.snms_caller import GUIDE, log_in, mes, without_slug

_NOT_LOGGED_IN = {"status": -1, "message": "没有登录，需要验证", "data": None}


def hashed(password: str, day: str) -> str:
    return hashlib.sha256((hashlib.sha256(password.encode()).hexdigest() + day).encode()).hexdigest()


async def test_logging_in_gives_a_token_of_24_hours(node: Node) -> None:
    caller = await mes(node)
    envelope = await log_in(node, caller.identity, caller.password)
    assert (envelope["status"], envelope["message"], set(envelope["data"])) == (1, "success", {"token"})
    claims = jwt.decode(envelope["data"]["token"], options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 86_400
    assert caller.password not in envelope["data"]["token"]
    shouted = await log_in(node, caller.identity.upper(), caller.password)
    assert shouted["status"] == 1, "names compare as identifiers do"


async def test_wrong_user_and_wrong_password_look_the_same(node: Node) -> None:
    caller = await mes(node)
    told = [
        await log_in(node, username, password)
        for username, password in (
            (caller.identity, "123456"),
            (f"{node.prefix}/App_other", caller.password),
            ("admin", caller.password),
            (node.owner.key or "", "x"),
        )
        if len(username) <= 50
    ]
    assert all(without_slug(one) == GUIDE["replies"]["login_wrong"] and one["error"] == "login-wrong" for one in told)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "缺少必要的请求参数: username"),
        ({"username": "a/b"}, "缺少必要的请求参数: password"),
        ({"username": "x" * 51, "password": "y"}, "username: 必须是最多 50 个字符的文本"),
        ({"username": 5, "password": "y" * 65}, "username: 必须是最多 50 个字符的文本；另有 1 处问题"),
        ([], "缺少必要的请求参数: username"),
    ],
)
async def test_what_is_no_login_is_told_why(node: Node, body: Any, message: str) -> None:
    answer = await node.anybody.post("/identity/token", body)
    assert answer.status == 200
    assert answer.json == {"status": -2, "message": message, "data": None, "error": "body-invalid"}


async def test_the_hash_of_the_day_logs_in_until_it_is_switched_off(node: Node, servers: Any) -> None:
    caller, today = await mes(node), f"{datetime.now(UTC):%Y-%m-%d}"
    body = {"username": caller.identity, "password": hashed(caller.password, today)}
    answer = await node.anybody.post("/identity/token/v1", body)
    assert answer.json["status"] == 1 and answer.json["data"]["token"].count(".") == 2
    upper = await node.anybody.post("/identity/token/v1", body | {"password": body["password"].upper()})
    assert upper.json["status"] == 1
    for wrong in (hashed(caller.password, "2019-08-15"), caller.password, hashed("other", today)):
        refused = await node.anybody.post("/identity/token/v1", body | {"password": wrong})
        assert refused.json["error"] == "login-wrong"
    settings = settings_for(
        node.settings.database_url.get_secret_value(), servers.redis_url, data_dir=node.settings.data_dir,
        snms_login_v1=False,
    )  # fmt: skip
    async with worker_here(settings, 1) as base_url:
        other = Api(base_url, node.anybody.session)
        refused = await other.post("/identity/token/v1", body)
        assert (refused.status, refused.json["status"], refused.json["error"]) == (200, -3, "login-switched-off")
        plain = await other.post("/identity/token", {"username": caller.identity, "password": caller.password})
        assert plain.json["status"] == 1


async def test_tokens_that_are_none_are_refused(node: Node) -> None:
    caller = await mes(node)
    token = caller.api.key or ""
    claims = jwt.decode(token, options={"verify_signature": False})
    kid = jwt.get_unverified_header(token)["kid"]
    header, payload, signature = token.split(".")
    forged = [
        jwt.encode(claims, None, algorithm="none", headers={"kid": kid}),
        jwt.encode(claims, "0" * 32, algorithm="HS256", headers={"kid": kid}),
        jwt.encode(claims, "0" * 32, algorithm="HS256", headers={"kid": "2019-08-15"}),
        jwt.encode(claims, "0" * 32, algorithm="HS256"),
        f"{header}.{payload}.",
        f"{header}.{payload}.{signature[:-4]}AAAA",
        "x", "eyJ", "a.b.c", "." * 3_000,
    ]  # fmt: skip
    for one in forged:
        answer = await node.anybody.with_key(one).get(f"/identityv2/data/detail?handle={node.prefix}/x")
        assert (answer.status, answer.json) == (200, _NOT_LOGGED_IN | {"error": "credential-wrong"}), one
    nothing = await node.anybody.get(f"/identityv2/data/detail?handle={node.prefix}/x")
    assert (nothing.status, nothing.json) == (200, _NOT_LOGGED_IN | {"error": "credential-missing"})


async def test_a_bare_token_and_a_key_are_taken_too(node: Node) -> None:
    caller = await mes(node)
    path = f"/identityv2/data/detail?handle={node.prefix}/x"
    for sent in (caller.api.key, f"bearer  {caller.api.key}", node.owner.key, f"Bearer {node.owner.key}"):
        answer = await node.anybody.get(path, headers={"Authorization": sent or ""})
        assert answer.json["error"] == "identifier-unknown", sent
    wrong = await node.anybody.get(path, headers={"Authorization": "bj_0123456789abcdef_" + "A" * 43})
    assert wrong.json["status"] == -1


async def test_keys_rotate_daily_and_old_ones_verify_until_their_tokens_expire(node: Node) -> None:
    pool = await asyncpg.create_pool(node.settings.database_url.get_secret_value(), min_size=1, max_size=2)
    try:
        first, second = SigningKeys(pool), SigningKeys(pool)
        today = now()
        token = make_token(await first.current(today), "0" * 16, "n", today)
        assert (await second.current(today)).secret == (await first.current(today)).secret, "workers share it"
        later = today + timedelta(hours=23, minutes=59)
        assert read_token(token, await second.of_day(day_of(token), later), later) == "0" * 16
        tomorrow = today + timedelta(days=1, minutes=1)
        fresh = await second.current(tomorrow)
        assert fresh.day != day_of(token) and fresh.secret != (await second.of_day(day_of(token), tomorrow)).secret  # type: ignore[union-attr]
        with pytest.raises(CredentialWrong):
            read_token(token, await second.of_day(day_of(token), tomorrow), tomorrow)
        assert await first.of_day(day_of(token), today + timedelta(days=3)) is None
        await second.current(today + timedelta(days=10))
        kept = await pool.fetch("SELECT secret FROM snms_signing_key ORDER BY day")
        assert [len(row["secret"]) for row in kept] == [0, 0, 32], "what no token needs is emptied"
        assert await SigningKeys(pool).of_day(day_of(token), today) is None
    finally:
        await pool.close()


async def test_a_revoked_identity_is_out_on_every_worker(node: Node, servers: Any) -> None:
    caller = await mes(node)
    path = f"/identityv2/data/detail?handle={node.prefix}/x"
    async with worker_here(settings_for(node.settings.database_url.get_secret_value(), servers.redis_url), 1) as url:
        elsewhere = Api(url, node.anybody.session, caller.api.key)
        assert (await elsewhere.get(path)).json["error"] == "identifier-unknown", "a token is good on all"
        assert (await node.stranger.call("DELETE", f"/api/v1/app-identities/{caller.key_id}")).status == 403
        gone = await node.owner.call("DELETE", f"/api/v1/app-identities/{caller.key_id}")
        assert (gone.status, gone.json["identity"]) == (200, caller.identity)
        assert (await caller.api.get(path)).json["status"] == -1, "at once where it was revoked"

        async def out() -> bool:
            return (await elsewhere.get(path)).json["status"] == -1

        assert await until(out, 2) < 1.5
    assert (await log_in(node, caller.identity, caller.password))["error"] == "login-wrong"


async def test_identities_are_made_once_and_renewed_when_asked(node: Node) -> None:
    caller = await mes(node)
    wish = {"identity": caller.identity.upper()}
    taken = await node.owner.post("/api/v1/app-identities", wish)
    assert (taken.status, taken.json["slug"]) == (409, "app-identity-taken")
    assert "password" not in taken.json and caller.password.encode() not in taken.body
    renewed = await node.operator.post("/api/v1/app-identities", wish | {"renew": True})
    assert renewed.status == 200 and renewed.headers["Cache-Control"] == "no-store"
    assert (await log_in(node, caller.identity, caller.password))["error"] == "login-wrong"
    assert (await caller.api.get(f"/identityv2/data/detail?handle={node.prefix}/x")).json["status"] == -1
    assert (await log_in(node, caller.identity, renewed.json["password"]))["status"] == 1
    assert (await node.stranger.post("/api/v1/app-identities", wish)).status == 403
    for wrong in ({}, {"identity": 5}, {"identity": "no-slash"}, wish | {"label": ""}, wish | {"renew": "yes"},
                  {"identity": f"{node.prefix}/{'x' * 50}"}):  # fmt: skip
        assert (await node.owner.post("/api/v1/app-identities", wrong)).status == 422, wrong
    for unknown in ("none", "0" * 16):
        assert (await node.owner.call("DELETE", f"/api/v1/app-identities/{unknown}")).status == 404


async def test_failed_logins_are_slowed_down_and_only_those(node: Node) -> None:
    caller, other = await mes(node), await mes(node, "App_erp")
    for _ in range(25):
        assert (await log_in(node, caller.identity, caller.password))["status"] == 1
    told = await asyncio.gather(*(log_in(node, caller.identity, f"guess {n}") for n in range(30)))
    assert {one["error"] for one in told} == {"login-wrong", "login-too-frequent"}
    assert sum(one["error"] == "login-wrong" for one in told) == 20
    body = {"username": caller.identity, "password": caller.password}
    refused = await node.anybody.post("/identity/token", body)
    assert (refused.status, refused.json["status"], refused.json["error"]) == (200, -2, "login-too-frequent")
    assert 0 < int(refused.headers["Retry-After"]) <= 6
    assert (await log_in(node, other.identity, other.password))["status"] == 1, "somebody else is not held up"


async def test_secrets_are_shown_by_nothing(node: Node) -> None:
    caller = await mes(node)
    connection = await asyncpg.connect(node.settings.database_url.get_secret_value())
    held = await connection.fetchval("SELECT password_digest FROM app_identity")
    audit = str(await connection.fetch("SELECT * FROM audit"))
    await connection.close()
    assert held == hashlib.sha256(caller.password.encode()).digest()
    assert caller.password not in audit and held.hex() not in audit
