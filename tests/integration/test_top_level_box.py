"""The top-level node in a box as strangers and examiners meet it: what it refuses, its dials, its page, its memory."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from node.peering_keys import current_key, generate
from node.toplevel_runner import prepare
from sync.epp.commands import Command, write_command
from sync.epp.names import ENT, IDENTIFIER, PREFIX
from sync.epp.replies import Reply, read_reply
from sync.signing.keys import Ed25519Signer, decode, load_signer, new_secret, new_seed
from sync.signing.request import signed_request
from sync.toplevel.accounts import Account, open_account
from sync.toplevel.desk import Desk
from sync.toplevel.store import Store
from tests.harness import settings_for
from tests.top_level_box import Box, box_here


@pytest.fixture
async def box(session: aiohttp.ClientSession, tmp_path: Path) -> AsyncIterator[Box]:
    async with box_here(tmp_path, session) as found:
        yield found


def signer_of(box: Box) -> tuple[str, Ed25519Signer]:
    key = current_key(box.settings.data_dir)
    return key.app_id, Ed25519Signer(key.keyid, decode(key.secret))


POLL = write_command(Command("poll", "", {"op": "req"}, "sln88118-1"))


def signed(box: Box, body: bytes = POLL, **more: Any) -> dict[str, str]:
    app_id, signer = signer_of(box)
    return signed_request(
        more.get("signer", signer), more.get("app_id", app_id), "POST", "/epp", body,
        request_id="r-1", nonce=secrets.token_hex(8), now=int(more.get("now", time.time())),
    )  # fmt: skip


async def post(box: Box, headers: dict[str, str], body: bytes = POLL) -> tuple[int, str, bytes]:
    async with box.api.session.post(URL(box.api.base_url + "/epp"), data=body, headers=headers) as answer:
        return answer.status, answer.headers.get("WWW-Authenticate", ""), await answer.read()


async def test_unsigned_altered_replayed_stale_and_foreign_requests_are_refused_and_nothing_is_done(box: Box) -> None:
    stranger = Ed25519Signer("stranger", decode(new_seed()))
    good = signed(box)
    unsigned = {name: value for name, value in good.items() if not name.startswith("Signature")}
    cases: list[tuple[str, dict[str, str], bytes]] = [
        ("malformed", unsigned, POLL),
        ("digest-wrong", signed(box), POLL.replace(b"req", b"ack")),
        ("signature-wrong", signed(box) | {"Idis-Request-Id": "r-2"}, POLL),
        ("time-outside", signed(box, now=time.time() - 400), POLL),
        ("time-outside", signed(box, now=time.time() + 400), POLL),
        ("key-unknown", signed(box, signer=stranger), POLL),
        ("key-unknown", signed(box, app_id="another"), POLL),
    ]
    for reason, headers, body in cases:
        assert await post(box, headers, body) == (401, "Signature", reason.encode())
    assert box.desk.store.value("next_log") == 1
    assert (await post(box, good))[0] == 200
    assert await post(box, good) == (401, "Signature", b"nonce-seen")
    assert (await post(box, signed(box) | {"Content-Type": "application/json"}))[0] == 415


async def test_a_closed_account_is_told_403_and_an_open_one_goes_on(box: Box) -> None:
    app_id, _ = signer_of(box)
    for enabled, status in ((False, 403), (True, 200)):
        assert (await box.api.post(f"/_exam/accounts/{app_id}", {"enabled": enabled})).status == 200
        assert (await post(box, signed(box)))[0] == status


def said(box: Box, verb: str, namespace: str, values: dict[str, Any], cl_trid: str) -> Reply:
    account = box.desk.store.one("account_of_client", client="sln-demo")
    reply = read_reply(box.desk.answer(account, write_command(Command(verb, namespace, values, cl_trid))).document)
    assert isinstance(reply, Reply)
    return reply


async def test_prefixes_of_others_and_reused_numbers_are_refused(box: Box) -> None:
    wish = {"shrPrefix": "88.118", "entId": "00000001", "prefix": "88.118.7"}
    assert said(box, "create", PREFIX, wish, "t-01").code == 2303
    assert said(box, "create", PREFIX, wish | {"shrPrefix": "88.119"}, "t-02").code == 2201
    assert said(box, "create", PREFIX, wish | {"prefix": "88.119.7"}, "t-03").code == 2201
    assert said(box, "create", PREFIX, wish | {"prefix": "88.118.7.8"}, "t-04").code == 2005
    again = said(box, "create", PREFIX, wish, "t-01")
    assert (again.code, again.sv_trid) == (2303, "bms-8800000001")  # the answer of before
    assert said(box, "create", PREFIX, wish | {"prefix": "88.118.9"}, "t-01").code == 2002
    assert said(box, "check", ENT, {"shrUserId": "other", "entCrtType": "1", "entCrtCode": "x"}, "t-05").code == 2201
    assert said(box, "poll", "", {"op": "ack", "msgID": "1"}, "t-06").code == 2303


async def test_a_route_is_created_changed_all_or_nothing_and_not_deleted(box: Box) -> None:
    site = {
        "siteIndex": "1", "protocolVersion": "2.10",
        "serviceInfo": [{"serverID": "1", "addr": [{"": "203.0.113.1", "ip": "v4"}]}],
    }  # fmt: skip
    create = {"name": "88.118.7", "type": "handle", "siteList": {"siteInfo": [site]}}
    codes = [
        said(box, "create", IDENTIFIER, create, "r-01").code,
        said(box, "create", IDENTIFIER, create, "r-02").code,
        said(box, "create", IDENTIFIER, create | {"name": "88.119.7"}, "r-03").code,
        said(box, "update", IDENTIFIER, {"name": "88.118.7", "rem": {"siteIndex": ["1"]}}, "r-04").code,
        said(box, "update", IDENTIFIER, {"name": "88.118.7", "rem": {"siteIndex": ["9"]}}, "r-05").code,
        said(box, "update", IDENTIFIER, {"name": "88.118.7", "add": {"siteInfo": [site]}}, "r-06").code,
        said(box, "update", IDENTIFIER, {"name": "88.118.7", "chg": {"siteInfo": [site | {"protocolVersion": "2.11"}]}}, "r-07").code,
        said(box, "update", IDENTIFIER, {"name": "88.118.7", "chg": {"status": {"": "", "s": "serverHold"}}}, "r-08").code,
        said(box, "update", IDENTIFIER, {"name": "88.118.7", "chg": {"status": {"": "", "s": "clientUpdateProhibited"}}}, "r-09").code,
        said(box, "update", IDENTIFIER, {"name": "88.118.7", "rem": {"url": ["x"]}}, "r-10").code,
        said(box, "update", IDENTIFIER, {"name": "88.118.7", "chg": {"status": {"": "", "s": "ok"}}}, "r-11").code,
    ]  # fmt: skip
    assert codes == [1000, 2302, 2201, 2306, 2303, 2302, 1000, 2201, 1000, 2304, 1000]
    found = said(box, "info", IDENTIFIER, {"name": "88.118.7"}, "r-12").data
    assert found is not None and found.values is not None
    assert found.values["siteList"]["siteInfo"][0]["protocolVersion"] == "2.11" and found.values["status"] == [
        {"": "", "s": "ok"}
    ]
    assert said(box, "delete", IDENTIFIER, {"name": "88.118.7"}, "r-13").code == 1001
    assert said(box, "delete", IDENTIFIER, {"name": "88.118.7"}, "r-14").code == 2304


async def test_dials_are_turned_by_api_and_by_page_and_outlive_a_restart(box: Box) -> None:
    wrong = await box.api.put("/_exam/dials", {"vanish": -2, "nope": 1, "audit": "maybe", "rules": [{}]})
    assert wrong.status == 422
    assert [one["path"] for one in wrong.json["errors"]] == ["vanish", "nope", "audit", "rules[0]"]
    turned = await box.api.put(
        "/_exam/dials", {"slow_milliseconds": 5, "rules": [{"match": "88.118.4*", "result": "reject"}]}
    )
    assert turned.json["slow_milliseconds"] == 5 and turned.json["rules"][0]["result"] == "reject"
    form = aiohttp.FormData({"audit": "hold", "garbage": "-1", "pending_code": "1000"})
    async with box.api.session.post(URL(box.api.base_url + "/?lang=zh"), data=form, allow_redirects=True) as answer:
        page = await answer.text()
    assert answer.status == 200 and "国家顶级节点（仿真）" in page and 'value="-1"' in page
    again = Desk(box.desk.store)
    assert (again.dials.audit, again.dials.garbage, again.dials.pending_code) == ("hold", -1, 1000)
    assert again.dials.rules[0].match == "88.118.4*"
    for origin in ("https://evil.example", "null"):
        refused = await box.api.put("/_exam/dials", {"vanish": 1}, headers={"Origin": origin})
        assert refused.status == 404 and box.desk.dials.vanish == 0
    for host in (
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "",
    ):  # a name that was made to lead here
        for path in ("/_exam/state", "/", "/watch"):
            assert (await box.api.get(path, headers={"Host": host})).status == 404, (host, path)
    for host in ("localhost", "localhost:8", "127.0.0.1", "[::1]:8", "192.0.2.7"):
        assert (await box.api.get("/_exam/state", headers={"Host": host})).status == 200, host


def test_the_password_of_an_account_is_a_secret_that_stays(tmp_path: Path) -> None:
    settings = settings_for("postgresql://nowhere/none", "redis://nowhere", data_dir=tmp_path)
    first, again = prepare(settings), prepare(settings)
    keyid = current_key(tmp_path).keyid
    assert first.password == again.password and len(first.password) == 16 and not keyid.startswith(first.password)
    files = list((tmp_path / "toplevel").iterdir())
    assert files and all(path.stat().st_mode & 0o077 == 0 for path in files)


async def test_what_cannot_be_decided_is_said(box: Box) -> None:
    for body, path in (({"prefix": "88.118.7", "result": "approve"}, "prefix"), ({"result": "praise"}, "result")):
        answer = await box.api.post("/_exam/audit", body)
        assert (answer.status, answer.json["errors"][0]["path"]) == (422, path)
    state = (await box.api.get("/_exam/state")).json
    assert state["accounts"][0]["prefix"] == "88.118" and state["prefixes"] == []
    assert (await box.api.get("/?lang=en")).status == 200


async def test_requests_signed_by_sm2_are_taken_where_the_account_has_such_a_key(box: Box, tmp_path: Path) -> None:
    key = generate(tmp_path / "another", "app-sm2", "sm2-sm3")
    account = Account(key.app_id, "88.77", "u", "client-sm2", "secret", key.keyid, key.algorithm, key.public)
    open_account(box.desk.store, account)
    for secret, status in ((key.secret, 200), (new_secret("sm2-sm3"), 401)):
        signer = load_signer(key.algorithm, key.keyid, secret)
        assert (await post(box, signed(box, signer=signer, app_id=key.app_id)))[0] == status


def test_a_box_prepared_again_keeps_its_port_its_key_and_its_numbers(tmp_path: Path) -> None:
    settings = settings_for("postgresql://nowhere/none", "redis://nowhere", data_dir=tmp_path)
    first = prepare(settings)
    assert prepare(settings) == first
    store = Store(tmp_path / "toplevel" / "toplevel.sqlite")
    account = Account("a", "88.1", "u", "client-1", "secret", "k", "ed25519", current_key(tmp_path).public)
    open_account(store, account)
    with store.transaction():
        numbers = [
            store.value("create_enterprise", app_id="a", credit_code=str(n), name="x", content="{}") for n in range(2)
        ]
    store.close()
    assert numbers == [58_210, 58_211]
    assert (tmp_path / "toplevel" / "toplevel.sqlite").stat().st_mode & 0o777 == 0o600
