"""Applications: what is taken and refused, what is kept secret, and how one becomes an enterprise with a prefix."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import asyncpg
import pytest
from pydantic import SecretStr

from registry.applications.expiry import expire_some
from tests.applicant import CODE, PERSONAL, PNG, SITE, WHOLE, Application, apply, taken_aboard
from tests.conftest import Servers
from tests.harness import Api, Node, free_port, item, settings_for, take_aboard, worker_here

ALL = "/api/v1/applications"


async def audited(database: str, action: str) -> list[Any]:
    connection = await asyncpg.connect(database)
    try:
        return list(await connection.fetch("SELECT object, actor FROM audit WHERE action = $1 ORDER BY id", action))
    finally:
        await connection.close()


async def test_an_enterprise_comes_aboard_and_registers(node: Node) -> None:
    application = await apply(node, prefix="88.118.7001")
    assert await application.state() == "submitted"
    await application.must("review", "approve")
    await application.until_state("active")
    seen = (await application.applicant.get(application.path)).json
    assert (seen["prefix"], seen["first_key"], seen["moves"]) == ("88.118.7001", "ready", [])
    assert seen["form"]["region_name"].startswith("北京市") and seen["form"]["industry_name"]
    assert [(one["move"], one["actor"], one["from"], one["to"]) for one in seen["history"]] == [
        ("apply", "applicant", None, "draft"),
        ("submit", "applicant", "draft", "submitted"),
        ("review", "operator", "submitted", "in-review"),
        ("approve", "operator", "in-review", "approved"),
        ("hand-over", "node", "approved", "pending"),
        ("accept", "top-level", "pending", "active"),
    ]
    key = await application.move("first-key")
    assert (key.status, key.json["role"]) == (201, "enterprise")
    made = await node.anybody.with_key(key.json["key"]).post("/api/v1/identifiers", item("88.118.7001/x"))
    assert made.status == 201
    again = await application.move("first-key")
    assert (again.status, again.json["slug"]) == (409, "first-key-taken")
    assert key.json["key"] not in str(seen)


async def test_without_a_wish_the_next_free_prefix_is_reserved_and_not_usable_before_the_top_level_says_so(
    node: Node, database: str
) -> None:
    connection = await asyncpg.connect(database)
    await connection.execute("SELECT pg_advisory_lock($1)", 0x6269616F746F706C)  # the courier waits
    application = await apply(node)
    await application.must("review", "approve")
    view = (await node.operator.get(application.path)).json
    assert (view["state"], view["prefix"]) == ("approved", "88.118.10")
    assert [task["kind"] for task in view["top_level"]] == ["enterprise", "prefix"]
    refused = await node.operator.post("/api/v1/identifiers", item("88.118.10/x"))
    assert (refused.status, refused.json["slug"]) == (409, "prefix-pending")
    for path, body in (("hosting", {"hosting": "here"}),):
        early = await node.operator.put(f"/api/v1/prefixes/88.118.10/{path}", body)
        assert (early.status, early.json["slug"]) == (409, "prefix-pending")
    assert (await application.move("first-key")).json["slug"] == "application-state"
    await connection.close()
    await application.until_state("active")
    assert (await node.operator.post("/api/v1/identifiers", item("88.118.10/x"))).status == 201


@pytest.mark.parametrize(
    ("change", "paths"),
    [
        ({"name": None}, ["name"]),
        ({"credit_code": CODE[:-1] + "A"}, ["credit_code"]),
        ({"nature": 6}, ["nature"]),
        ({"nature": True}, ["nature"]),
        ({"region": "110199"}, ["region"]),
        ({"industry": "9999"}, ["industry"]),
        ({"address": ""}, ["address"]),
        ({"prefix": "88.119.1"}, ["prefix"]),
        ({"prefix": "88.118.1.2"}, ["prefix"]),
        ({"prefix": "88.118.8"}, ["prefix"]),
        ({"hosting": "moon"}, ["hosting"]),
        ({"hosting": "own-node"}, ["site"]),
        ({"hosting": None, "service": "20.500.1/s"}, ["service"]),
        ({"hosting": "own-node", "site": SITE, "service": "20.500.1/s"}, ["service"]),
        ({"hosting": "own-node", "service": "no slash"}, ["service"]),
        ({"hosting": "own-node", "service": "88.118.900/s", "prefix": "88.118.900"}, ["service"]),
        ({"contact": {"name": "a", "email": "x", "mobile": "abc", "id_number": "110105194912310021"}},
         ["contact.email", "contact.mobile", "contact.id_number"]),
        ({"legal_person": {"name": "a", "salary": 5}}, ["legal_person.salary", "legal_person.id_number"]),
        ({"legal_person": None, "region": 5}, ["region", "legal_person.name", "legal_person.id_number"]),
        ({"state": "active"}, ["state"]),
    ],
)  # fmt: skip
async def test_everything_wrong_is_told_at_once_and_personal_data_is_not_repeated(
    node: Node, change: dict[str, Any], paths: list[str]
) -> None:
    answer = await node.anybody.post(ALL, WHOLE | change)
    assert (answer.status, [one["path"] for one in answer.json["errors"]]) == (422, paths)
    assert not any(text.encode() in answer.body for text in PERSONAL.values() if len(text) > 3)


async def test_hosting_is_taken_back_whole_and_replaced_whole(node: Node) -> None:
    draft = await apply(node, state="draft", hosting="own-node", site=SITE)

    async def changed(**members: Any) -> tuple[Any, ...]:
        form = (await draft.applicant.call("PATCH", draft.path, members)).json["form"]
        return tuple(form.get(name) for name in ("hosting", "site", "service"))

    service = "20.500.1/service"
    assert await changed(hosting="own-node", site=None, service=service) == ("own-node", None, service)
    assert await changed(name="乙") == ("own-node", None, service)
    assert await changed(hosting="here", service=None) == ("here", None, None)
    await changed(hosting="own-node", service=service)
    assert await changed(hosting=None) == (None, None, None)
    await changed(hosting="own-node", service=service)
    assert await changed(service=None) == (None, None, None)


async def test_a_draft_has_gaps_that_are_named_when_it_is_submitted(node: Node) -> None:
    made = await node.anybody.post(ALL, {"name": "甲", "credit_code": CODE, "state": "draft"})
    assert (made.status, made.json["state"]) == (201, "draft")
    draft = Application(node, made.json)
    refused = await draft.move("submit")
    assert refused.status == 422 and len(refused.json["errors"]) == 9
    more = {name: value for name, value in WHOLE.items() if name not in ("name", "credit_code")}
    changed = await draft.applicant.call("PATCH", draft.path, more)
    assert changed.status == 200 and changed.json["personal"]["contact"]["mobile"] == "139****7203"
    taken_back = await draft.applicant.call("PATCH", draft.path, {"contact": {"id_number": None}, "hosting": None})
    assert "id_number" not in taken_back.json["personal"]["contact"] and "hosting" not in taken_back.json["form"]
    fixed = await draft.applicant.call("PATCH", draft.path, {"credit_code": "914403001922038216", "name": None})
    assert sorted(one["path"] for one in fixed.json["errors"]) == ["credit_code", "name"]
    await draft.must("submit")
    closed = await draft.applicant.call("PATCH", draft.path, {"nature": 2})
    assert (closed.status, closed.json["slug"]) == (409, "application-state")
    await draft.must("review", "return")
    assert (await draft.applicant.call("PATCH", draft.path, {"nature": 2})).json["form"]["nature"] == 2


async def test_personal_data_is_sealed_masked_and_looked_at_only_with_an_entry(node: Node, database: str) -> None:
    application = await apply(node)
    connection = await asyncpg.connect(database)
    for table in ("application", "application_move", "personal_datum", "application_image", "audit"):
        rows = await connection.fetch(
            f"SELECT t::text, encode(convert_to(t::text, 'UTF8'), 'hex') AS hex FROM {table} t"
        )
        for secret in (*PERSONAL.values(), PNG[8:].decode()):
            assert not any(secret in row["t"] or secret.encode().hex() in row["t"] for row in rows), (table, secret)
    auditor = await node.operator.post("/api/v1/keys", {"role": "auditor"})
    everybody = (application.applicant, node.operator, node.anybody.with_key(auditor.json["key"]))
    for api in everybody:
        seen = await api.get(application.path)
        assert seen.json["personal"]["contact"] == {
            "email": "z***@admin.com", "id_number": "1****************X", "mobile": "139****7203", "name": "张**",
        }  # fmt: skip
        assert not any(text.encode() in seen.body for text in PERSONAL.values())
    for api in (everybody[0], everybody[2], node.owner):
        assert (await api.get(application.path + "/personal-data")).json["slug"] == "role-not-enough"
        assert (await api.get(application.path + "/images/business-licence")).json["slug"] == "role-not-enough"
    assert await audited(database, "view-personal-data") == []
    one = await node.operator.get(application.path + "/personal-data?fields=contact.mobile")
    assert one.json["personal"] == {"contact.mobile": "13965757203"}
    assert (await node.operator.get(application.path + "/personal-data")).json["personal"] == PERSONAL
    image = await node.operator.get(application.path + "/images/business-licence")
    assert (image.body, image.headers["Content-Type"], image.headers["X-Content-Type-Options"]) == (
        PNG,
        "image/png",
        "nosniff",
    )
    assert image.headers["Content-Disposition"].startswith("attachment")
    looks = await audited(database, "view-personal-data")
    number = application.number
    assert [row["object"] for row in looks] == [
        f"application {number}: contact.mobile", f"application {number}: all", f"application {number}: business-licence",
    ]  # fmt: skip
    assert all(row["actor"] for row in looks)
    await connection.execute(
        "ALTER TABLE audit ADD CONSTRAINT no_more CHECK (action <> 'view-personal-data') NOT VALID"
    )
    unseen = await node.operator.get(application.path + "/personal-data")
    assert unseen.status == 500 and not any(text.encode() in unseen.body for text in PERSONAL.values())
    await connection.close()


async def test_what_is_sealed_opens_at_its_own_place_only(node: Node, database: str) -> None:
    one, two = await apply(node), await apply(node)
    connection = await asyncpg.connect(database)
    await connection.execute(
        "UPDATE personal_datum d SET sealed = o.sealed FROM personal_datum o"
        " WHERE d.application_id = $1 AND o.application_id = $2 AND d.field = o.field",
        one.number, two.number,
    )  # fmt: skip
    await connection.close()
    answer = await node.operator.get(one.path + "/personal-data")
    assert (answer.status, answer.json["slug"]) == (503, "personal-data-locked")


@pytest.mark.parametrize(
    ("kind", "content", "status"),
    [
        ("business-licence", b"\xff\xd8\xff\xe0jpeg", 200),
        ("legal-person-id-front", b"%PDF-1.7\n", 200),
        ("contact-id-back", PNG, 200),
        ("passport", PNG, 400),
        ("business-licence", b"<html><script>", 422),
        ("business-licence", b"", 422),
        ("business-licence", PNG + b"\0" * (4 * 1024 * 1024 - len(PNG)), 200),
        ("business-licence", PNG + b"\0" * (4 * 1024 * 1024 - len(PNG) + 1), 413),
    ],
)
async def test_images_are_what_they_are_by_content(node: Node, kind: str, content: bytes, status: int) -> None:
    application = await apply(node, state="draft")
    assert (await application.image(kind, content)).status == status


async def test_an_application_needs_its_images_to_be_approved(node: Node) -> None:
    made = await node.anybody.post(ALL, WHOLE)
    application = Application(node, made.json)
    await application.must("review")
    refused = await application.move("approve")
    assert (refused.status, refused.json["slug"], refused.json["missing"]) == (
        409,
        "images-missing",
        ["business-licence"],
    )
    assert (await application.image()).json["slug"] == "application-state"
    await application.must("return")
    assert (await application.image()).status == 200
    await application.must("submit", "review", "approve")


async def test_a_token_opens_its_own_application_only(node: Node) -> None:
    one, two = await apply(node), await apply(node)
    for path in (two.path, two.path + "/personal-data", "/api/v1/applications/999"):
        answer = await one.applicant.get(path)
        assert answer.status in (403, 404)
    assert (await one.applicant.post(two.path + ":withdraw")).json["slug"] == "application-unknown"
    forged = one.token[:-1] + ("A" if one.token[-1] != "A" else "B")
    for token in (forged, one.token.replace(f"_{one.number}_", f"_{two.number}_"), "ba_1_x", "ba_"):
        answer = await node.anybody.with_key(token).get(one.path)
        assert (answer.status, answer.json["slug"]) == (401, "credential-wrong")
    for path in ("/api/v1/keys", "/api/v1/prefixes", ALL):
        assert (await one.applicant.get(path)).status == 401


async def test_open_applications_of_a_credit_code_are_bounded(node: Node) -> None:
    opened = [await apply(node) for _ in range(5)]
    answer = await node.anybody.post(ALL, WHOLE)
    assert (answer.status, answer.json["slug"]) == (429, "applications-too-many") and answer.headers["Retry-After"]
    await opened[0].must("withdraw")
    assert (await node.anybody.post(ALL, WHOLE)).status == 201


async def test_drafts_of_strangers_keep_nobody_out(node: Node) -> None:
    drafts = [await apply(node, state="draft") for _ in range(6)]
    opened = [await apply(node) for _ in range(4)]
    await drafts[0].must("submit")
    refused = await drafts[1].move("submit")
    assert (refused.status, refused.json["slug"]) == (429, "applications-too-many") and refused.headers["Retry-After"]
    assert await drafts[1].state() == "draft"
    await opened[0].must("review", "return")
    assert (await drafts[1].move("submit")).status == 429, "one that was returned keeps its place"
    await opened[0].must("submit", "review", "reject")
    await drafts[1].must("submit")


async def test_of_many_who_submit_at_once_so_many_do(node: Node) -> None:
    drafts = [await apply(node, state="draft") for _ in range(8)]
    statuses = await asyncio.gather(*(draft.move("submit") for draft in drafts))
    assert sorted(answer.status for answer in statuses) == [200] * 5 + [429] * 3


async def test_what_waits_for_its_applicant_too_long_ends(node: Node, database: str) -> None:
    """Whatever an applicant does counts as a touch, an image too; what waits for an operator waits."""
    draft, returned, submitted = await apply(node, state="draft"), await apply(node), await apply(node)
    touched = await apply(node, state="draft")
    await returned.must("review", "return")
    one, other = await asyncpg.connect(database), await asyncpg.connect(database)
    await one.execute("UPDATE application SET changed_at = now() - interval '31 days'")
    assert (await touched.image("authorisation-letter")).status == 200
    assert await expire_some(one, 32) == 0
    assert sum(await asyncio.gather(expire_some(one, 30), expire_some(other, 30))) == 2
    assert await expire_some(one, 30) == 0
    await one.close()
    await other.close()
    states = [await application.state() for application in (draft, returned, submitted, touched)]
    assert states == ["expired", "expired", "submitted", "draft"]
    seen = (await draft.applicant.get(draft.path)).json
    assert seen["moves"] == [] and seen["history"][-1] | {"at": ""} == {
        "at": "", "actor": "node", "move": "expire", "from": "draft", "to": "expired",
        "reason": "untouched for 30 days 超过 30 天未办理",
    }  # fmt: skip
    refused = await draft.move("submit")
    assert (refused.status, refused.json["slug"], refused.json["state"]) == (409, "application-state", "expired")
    objects = {f"application {application.number}" for application in (draft, returned)}
    assert {row["object"] for row in await audited(database, "expire-application")} == objects
    listed = await node.operator.get(f"{ALL}?state=expired")
    assert len(listed.json["items"]) == 2


async def test_a_worker_ends_what_was_abandoned(node: Node, database: str) -> None:
    abandoned = await apply(node, state="draft")
    connection = await asyncpg.connect(database)
    await connection.execute("UPDATE application SET changed_at = now() - interval '2 days'")
    await connection.close()
    settings = node.settings.model_copy(update={"http_port": free_port(), "application_idle_days": 1})
    async with worker_here(settings, 1):
        await abandoned.until_state("expired")


async def test_an_address_brings_so_many_an_hour(
    database: str, servers: Servers, session: aiohttp.ClientSession, scratch: Any
) -> None:
    settings = settings_for(database, servers.redis_url, data_dir=scratch, applications_per_hour=2)
    async with worker_here(settings) as base_url:
        anybody = Api(base_url, session)
        statuses = [(await anybody.post(ALL, {})).status for _ in range(4)]
        assert statuses == [422, 422, 429, 429]


async def test_without_a_key_nothing_is_kept_in_plain_text(
    database: str, servers: Servers, session: aiohttp.ClientSession, scratch: Any
) -> None:
    settings = settings_for(database, servers.redis_url, data_dir=scratch, personal_data_key=SecretStr(""))
    async with worker_here(settings) as base_url:
        node = await take_aboard(settings, Api(base_url, session))
        answer = await node.anybody.post(ALL, WHOLE)
        assert (answer.status, answer.json["slug"]) == (503, "personal-data-locked") and answer.headers["Retry-After"]
        assert (await node.owner.post("/api/v1/identifiers", item(f"{node.prefix}/x"))).status == 201


async def test_the_list_pages_newest_first_by_state(node: Node) -> None:
    made = [await apply(node, credit_code=code) for code in (CODE, "914403001922038216", CODE)]
    await made[1].must("review")
    page = await node.operator.get(f"{ALL}?limit=2")
    assert [one["id"] for one in page.json["items"]] == [made[2].number, made[1].number]
    rest = await node.operator.get(f"{ALL}?limit=2&before={page.json['next']}")
    assert [one["id"] for one in rest.json["items"]] == [made[0].number]
    found = await node.operator.get(f"{ALL}?state=in-review")
    assert [one["id"] for one in found.json["items"]] == [made[1].number]
    assert (await node.operator.get(f"{ALL}?state=x")).status == 400


async def test_a_further_application_gives_nobody_a_key_to_an_enterprise_that_is_here(node: Node) -> None:
    first = await taken_aboard(node)
    second = await taken_aboard(node)
    views = [(await one.applicant.get(one.path)).json for one in (first, second)]
    assert views[0]["enterprise_id"] == views[1]["enterprise_id"] and views[0]["prefix"] != views[1]["prefix"]
    assert (await second.move("first-key")).json["slug"] == "first-key-taken"
    other = await apply(node, name=WHOLE["name"], credit_code="914403001922038216")
    await other.must("review")
    assert (await other.move("approve")).json["slug"] == "enterprise-taken"


async def test_a_wanted_prefix_that_was_given_meanwhile_can_be_replaced(node: Node) -> None:
    application = await apply(node, prefix="88.118.500")
    await node.operator.post("/api/v1/prefixes", {"enterprise_id": 2, "prefix": "88.118.500"})
    await application.must("review")
    assert (await application.move("approve")).json["slug"] == "prefix-taken"
    assert (await application.move("approve", prefix="88.118.501")).json["prefix"] == "88.118.501"
