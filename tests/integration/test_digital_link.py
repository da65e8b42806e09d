"""The GS1 Digital Link resolver, linksets of Handle-form identifiers, several locations, aliases: each status that there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson
import pytest

from tests.conftest import Servers
from tests.harness import Api, Node, settings_for, text_value, worker_here
from tests.integration.test_schemes import GTIN, grant, register
from tests.integration.test_usage import counted

VOC = "https://ref.gs1.org/voc/"
JSON, CHROME = {"Accept": "application/json"}, {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
LINKSET = {"Accept": "application/linkset+json"}


def link(index: int, kind: str, href: str, **more: Any) -> dict[str, Any]:
    return text_value(index, kind, orjson.dumps({"href": href, **more}).decode())


@pytest.fixture
async def shop(node: Node) -> Node:
    """A GTIN with links of several languages and forms, a lot with one of its own, a serial without any."""
    await grant(node, "gs1", "9506000")
    await register(
        node, f"01/{GTIN}",
        text_value(1, "gs1:defaultLink", "https://example.com/bottle"),
        link(2, "gs1:pip", "https://example.com/en", title="Bottle", type="text/html", hreflang=["en"]),
        link(3, "gs1:pip", "https://example.com/zh", title="瓶", type="text/html", hreflang=["zh"]),
        link(4, "gs1:certificationInfo", "https://example.com/a?x=1", title="A"),
        link(5, "gs1:certificationInfo", "https://example.com/b", title="B"),
        text_value(6, "gs1:hasRetailers", "https://example.com/secret", permissions="1100"),
    )  # fmt: skip
    await register(node, f"01/{GTIN}/10/L1", link(1, "gs1:traceability", "https://example.com/trace#top"))
    await register(node, f"01/{GTIN}/10/L1/21/S1", text_value(1, "NOTE", "n"))
    return node


async def get(node: Node, path: str, **headers: str) -> Any:
    answer = await node.anybody.get(path, headers=headers)
    assert answer.headers["Access-Control-Allow-Origin"] == "*", path
    return answer


@pytest.mark.parametrize("path", [f"/01/{GTIN}", "/01/9506000134352", f"/01/{GTIN}/", f"/01/{GTIN}/10/L1/21/S1"])
@pytest.mark.parametrize("accept", ["*/*", CHROME["Accept"]])
async def test_without_a_wish_one_is_sent_to_the_default_link_of_the_nearest_level(
    shop: Node, path: str, accept: str
) -> None:
    answer = await get(shop, f"{path}?17=271231", Accept=accept)
    assert (answer.status, answer.headers["Location"]) == (307, "https://example.com/bottle?17=271231")
    assert answer.headers["Link"].endswith('?linkType=linkset>; rel="linkset"; type="application/linkset+json"')


@pytest.mark.parametrize(
    ("query", "language", "status", "location"),
    [
        ("gs1:pip", "zh-CN,zh;q=0.9,en;q=0.5", 307, "https://example.com/zh?linkType=gs1:pip"),
        ("gs1%3Apip", "en", 307, "https://example.com/en?linkType=gs1%3Apip"),
        (quote(VOC + "pip", safe=""), "en", 307, f"https://example.com/en?linkType={quote(VOC + 'pip', safe='')}"),
        ("gs1:pip", "", 300, None),
        ("gs1:certificationInfo", "en", 300, None),
        ("gs1:traceability", "en", 404, None),
        ("gs1:hasRetailers", "en", 404, None),  # private
    ],
)
async def test_a_link_type_leads_to_one_link_to_a_choice_or_nowhere(
    shop: Node, query: str, language: str, status: int, location: str | None
) -> None:
    answer = await get(shop, f"/01/{GTIN}?linkType={query}", **{"Accept-Language": language, "Accept": "*/*"})
    assert (answer.status, answer.headers.get("Location")) == (status, location)
    if status == 300:
        assert len(answer.json["links"]) == 2


async def test_a_lot_has_its_own_links_and_those_above_it(shop: Node) -> None:
    below = f"/01/{GTIN}/10/L1/21/S1"
    answer = await get(shop, f"{below}?linkType=gs1:traceability")
    assert answer.headers["Location"] == "https://example.com/trace?linkType=gs1:traceability#top"
    answer = await get(shop, f"{below}?linkType=gs1:pip", **{"Accept-Language": "zh"})
    assert answer.headers["Location"].startswith("https://example.com/zh")
    assert (await get(shop, f"/01/{GTIN}/10/unknown")).headers["Location"] == "https://example.com/bottle"


@pytest.mark.parametrize(
    ("query", "headers", "kind"),
    [
        ("?linkType=linkset", {}, "application/linkset+json"),
        ("?linkType=all", CHROME, "application/linkset+json"),
        ("", LINKSET, "application/linkset+json"),
        ("", JSON, "application/json; charset=utf-8"),
    ],
)
async def test_the_linkset_has_every_level_and_full_relation_names(
    shop: Node, query: str, headers: dict[str, str], kind: str
) -> None:
    answer = await get(shop, f"/01/{GTIN}/10/L1{query}", **headers)
    assert (answer.status, answer.headers["Content-Type"]) == (200, kind)
    assert "Accept" in answer.headers["Vary"] and 'rel="http://www.w3.org/ns/json-ld#context"' in answer.headers["Link"]
    lot, item = answer.json["linkset"]
    assert lot["anchor"] == f"https://id.gs1.org/01/{GTIN}/10/L1"
    assert item[VOC + "defaultLink"] == [{"href": "https://example.com/bottle", "title": item["description"]}]
    assert [one["hreflang"] for one in item[VOC + "pip"]] == [["en"], ["zh"]]
    assert VOC + "hasRetailers" not in item


async def test_there_is_exactly_one_default_link(node: Node) -> None:
    """Whatever the record says: two would be two answers to one question."""
    await grant(node, "gs1", "9506000")
    defaults = [text_value(index, "gs1:defaultLink", f"https://example.com/{index}") for index in (1, 2)]
    await register(node, f"01/{GTIN}", *defaults)
    [told] = (await get(node, f"/01/{GTIN}?linkType=linkset")).json["linkset"]
    assert [one["href"] for one in told[VOC + "defaultLink"]] == ["https://example.com/1"]


@pytest.mark.parametrize(
    ("path", "headers", "status", "slug"),
    [
        ("/01/09506000134353", {}, 400, "identifier-malformed"),
        (f"/01/{GTIN}/21/S/10/L", {}, 400, "identifier-malformed"),
        (f"/01/{GTIN}/10", {}, 400, "identifier-malformed"),
        (f"/01/{GTIN}/10/%zz", {}, 400, "identifier-malformed"),
        ("/01/09506000134369", {}, 404, "identifier-unknown"),
        ("/01/00012345600012", {}, 404, "identifier-unknown"),  # nobody's company prefix
        (f"/01/{GTIN}?linkType=gs1:pip", {"Accept": "image/png"}, 406, "link-not-acceptable"),
        (f"/01/{GTIN}?linkType=", {}, 400, "parameter-invalid"),
    ],
)
async def test_what_cannot_be_served_is_said_plainly(
    shop: Node, path: str, headers: dict[str, str], status: int, slug: str
) -> None:
    answer = await get(shop, path, **headers)
    assert (answer.status, answer.json["type"]) == (status, f"/errors/{slug}")
    if not headers:  # for people a page, which other sites may read too
        page = await get(shop, path, **CHROME)
        assert (page.status, page.headers["Content-Type"]) == (status, "text/html; charset=utf-8")


async def test_a_withdrawn_serial_is_gone_and_does_not_lead_to_its_lot(shop: Node) -> None:
    path = f"01/{GTIN}/10/L1/21/S1"
    done = await shop.owner.post(f"/api/v1/identifiers/{path}/withdraw", {"reason": "scrapped"})
    if done.status == 404:
        done = await shop.owner.post(f"/api/v1/identifiers/{path}:withdraw", {"reason": "scrapped"})
    assert done.status == 200, done.body
    assert (await get(shop, f"/{path}")).status == 410


@pytest.mark.parametrize("accept", ["*/*", "application/json", CHROME["Accept"]])
async def test_what_is_told_about_a_key_is_told_of_the_level_that_answers(shop: Node, accept: str) -> None:
    lot = f"https://id.gs1.org/01/{GTIN}/10/L1"
    for path, identifier in (
        (f"/01/{GTIN}/10/L1/21/none", lot),
        (f"/01/{GTIN}/10/none", f"https://id.gs1.org/01/{GTIN}"),
    ):
        told = (await get(shop, f"{path}?info", Accept=accept)).json
        assert told["identifier"] == identifier and told["held_by"] == told["registered_by"]
        told = (await get(shop, f"{path}?explain", Accept=accept)).json
        assert (told["identifier"], told["answered_by"], told["representation"]["rule"]) == (
            identifier,
            "memory",
            "links",
        )
    said = await counted(shop, 4)
    assert [(kind["door"], kind["outcome"]) for kind in said["kinds"]] == [("gs1", "found")]


async def test_a_withdrawn_level_is_told_about_and_none_is_unknown(shop: Node) -> None:
    path = f"01/{GTIN}/10/L1"
    assert (await shop.operator.post(f"/api/v1/identifiers/{path}/withdraw", {"reason": "scrapped"})).status == 200
    told = (await get(shop, f"/{path}?info")).json
    assert (told["status"], told["withdrawn"]["reason"]) == ("withdrawn", "scrapped")
    assert (await get(shop, f"/{path}?explain")).json["version"] == 2
    assert (await get(shop, "/01/09506000134369?info")).status == 404


async def test_nothing_older_than_asked_for_is_answered(shop: Node) -> None:
    """The version is of the level that answers."""
    path = f"/01/{GTIN}/10/L1"
    assert (await get(shop, f"{path}?min_version=1")).status == 307
    for door in (path, f"{path}/21/none", f"{path}/21/none?linkType=linkset"):
        behind = await get(shop, door, **{"If-Version-At-Least": "2"})
        assert (behind.status, behind.json["slug"], behind.json["version"]) == (412, "version-not-reached", 1)


async def test_the_resolver_says_what_it_can_do(shop: Node) -> None:
    told = (await get(shop, "/.well-known/gs1resolver")).json
    assert told["resolverRoot"] == shop.anybody.base_url.rstrip("/")
    assert {"01", "00", "414", "8004"} <= set(told["supportedPrimaryKeys"])
    assert told["supportedLinkType"] == [{"namespace": VOC, "prefix": "gs1:"}]


async def test_head_and_options_are_answered_as_get_is(shop: Node) -> None:
    head = await shop.anybody.call("HEAD", f"/01/{GTIN}")
    assert (head.status, head.headers["Location"]) == (307, "https://example.com/bottle")
    options = await shop.anybody.call("OPTIONS", f"/01/{GTIN}")
    assert options.status == 204 and "HEAD" in options.headers["Access-Control-Allow-Methods"]


async def test_a_handle_form_identifier_has_links_too(node: Node) -> None:
    identifier = await register(
        node, f"{node.prefix}/linked",
        text_value(1, "URL", "https://example.com/it"),
        link(2, "gs1:pip", "https://example.com/pip", type="text/html"),
    )  # fmt: skip
    told = await get(node, f"/{identifier}", **LINKSET)
    assert told.json["linkset"][0][VOC + "pip"] == [
        {"href": "https://example.com/pip", "title": identifier, "type": "text/html"}
    ]
    sent = await get(node, f"/{identifier}?linkType=gs1:pip")
    assert (sent.status, sent.headers["Location"]) == (307, "https://example.com/pip?linkType=gs1:pip")
    assert (await get(node, f"/{identifier}?linkType=gs1:recipe")).status == 404


async def test_one_of_several_locations_is_chosen_by_attribute_then_by_weight(node: Node) -> None:
    places = (
        '<locations><location href="https://a.example/" weight="0" country="cn"/>'
        '<location href="https://b.example/" weight="1"/></locations>'
    )
    identifier = await register(
        node, f"{node.prefix}/places", text_value(1, "10320/loc", places), text_value(2, "URL", "https://c.example/")
    )
    assert (await get(node, f"/{identifier}")).headers["Location"] == "https://b.example/"
    assert (await get(node, f"/{identifier}?locatt=country:cn")).headers["Location"] == "https://a.example/"


async def test_an_alias_leads_to_what_it_stands_for_and_says_so(shop: Node) -> None:
    target = f"https://id.gs1.org/01/{GTIN}"
    alias = await register(shop, f"{shop.prefix}/alias", text_value(1, "HS_ALIAS", f"01/{GTIN}"))
    for path in (f"/api/handles/{alias}", f"/{alias}?noredirect"):
        for _ in range(2):
            answer = await get(shop, path, **JSON)
            assert (answer.status, answer.json["handle"]) == (200, target)
            assert answer.headers["Link"].endswith(f'</01/{GTIN}>; rel="canonical"')
    links = await get(shop, f"/{alias}", **LINKSET)
    assert links.json["linkset"][0]["anchor"] == target, "wherever it was asked for"
    told = await get(shop, f"/api/handles/{alias}?explain")
    assert (told.json["identifier"], told.json["aliases"]) == (target, [alias])
    itself = await get(shop, f"/api/handles/{alias}?ignore_aliases=true")
    assert [value["type"] for value in itself.json["values"]] == ["HS_ALIAS"]
    batch = await shop.anybody.post("/api/v1/resolve", [alias])
    assert batch.json["items"][0]["handle"] == target
    assert (await get(shop, f"/{alias}", Accept=CHROME["Accept"])).status in (200, 302)


async def test_an_alias_that_was_turned_is_not_taken_for_what_it_was(node: Node) -> None:
    """Both records have the version 1, so that alone tells nothing apart."""
    names = [await register(node, f"{node.prefix}/{name}", text_value(1, "NOTE", name)) for name in ("one", "other")]
    alias = await register(node, f"{node.prefix}/alias", text_value(1, "HS_ALIAS", names[0]))
    await grant(node, "gs1", "9506000")
    key = (await register(node, f"01/{GTIN}", text_value(1, "HS_ALIAS", names[0]))).removeprefix("https://id.gs1.org/")
    doors = (f"/api/handles/{alias}", f"/{alias}", f"/{key}")  # the last without a link: the record is the answer
    held = [(await get(node, door)).headers["ETag"] for door in doors]
    for door, tag in zip(doors, held, strict=True):
        assert (await get(node, door, **{"If-None-Match": tag})).status == 304
        assert (await get(node, door, **{"If-None-Match": '"1"'})).status == 200, "the tag of the record itself"
    for turned in (quote(alias, safe=""), key):
        values = [text_value(1, "HS_ALIAS", names[1])]
        assert (await node.operator.put(f"/api/v1/identifiers/{turned}", {"values": values})).status == 200
    for door, tag in zip(doors, held, strict=True):
        again = await get(node, door, **{"If-None-Match": tag})
        assert (again.status, again.json["handle"]) == (200, names[1])


async def test_the_resolver_names_its_public_address_where_it_has_one(
    database: str, servers: Servers, session: aiohttp.ClientSession, scratch: Path
) -> None:
    settings = settings_for(database, servers.redis_url, data_dir=scratch, base_url="https://id.example.com")
    async with worker_here(settings) as base_url:
        answer = await Api(base_url, session).get("/.well-known/gs1resolver", headers={"Host": "evil.example"})
        assert answer.status == 200, answer.body
        assert answer.json["resolverRoot"] == "https://id.example.com"


async def test_aliases_that_do_not_end_are_refused(node: Node) -> None:
    one, other = f"{node.prefix}/one", f"{node.prefix}/other"
    await register(node, one, text_value(1, "HS_ALIAS", other))
    await register(node, other, text_value(1, "HS_ALIAS", one))
    answer = await get(node, f"/api/handles/{one}")
    assert (answer.status, answer.json["type"]) == (508, "/errors/alias-loop")
    batch = await node.anybody.post("/api/v1/resolve", [one])
    assert batch.json["items"][0]["status"] == "alias-loop"


async def test_a_private_alias_is_not_followed(node: Node) -> None:
    alias = await register(
        node, f"{node.prefix}/private", text_value(1, "HS_ALIAS", f"{node.prefix}/x", permissions="1100")
    )
    answer = await get(node, f"/api/handles/{alias}")
    assert (answer.status, answer.json["handle"], answer.json["values"]) == (200, alias, [])


async def test_a_look_up_of_several_levels_is_one_resolution(shop: Node) -> None:
    for path in (f"/01/{GTIN}/10/L1/21/S1", f"/01/{GTIN}/10/none", "/01/09506000134369"):
        await get(shop, path)
    said = await counted(shop, 3)
    kinds = {(kind["door"], kind["outcome"]): kind["resolutions"] for kind in said["kinds"]}
    assert kinds == {("gs1", "found"): 2, ("gs1", "unknown"): 1}
