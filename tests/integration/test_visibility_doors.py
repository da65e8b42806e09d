"""Viewer × visibility × door, by the bytes: a word that a viewer must not see is in no answer, whatever the door.

Each value holds a word of its own. Doors that show the reader's own view show exactly the words that are the reader's; doors
for everybody (pages, what is told about an identifier, Handle messages without a proof) show no more than the public one to
anyone; doors of the owner show all or nothing.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import pytest

from core.handle.bodies import Resolve
from core.handle.codes import Flag, Op
from node.handle_client import ask as ask_handle
from node.handle_client import request
from tests.harness import Answer, Api, Node, at, text_value
from tests.integration.test_schemes import CASES, GTIN, grant, register

Asked = tuple[str, str, dict[str, str]]
Doors = dict[str, Asked]
WORDS = {"public": "wort-offen", "partners": "wort-partner", "private": "wort-geheim"}
SEES = {"anybody": {"public"}, "stranger": {"public"}, "partner": {"public"}, "granted": {"public", "partners"},
        "owner": set(WORDS), "auditor": set(WORDS), "operator": set(WORDS)}  # fmt: skip
NDJSON = {"Content-Type": "application/x-ndjson"}
HANDLE = {"Content-Type": "application/x-hdl-message"}
# Name: method, path (of the percent-encoded identifier), headers, and the body of a batch.
OWN_VIEW: Doors = {
    "handle json": ("GET", "/api/handles/{}", {}),
    "handle json, chosen": ("GET", "/api/handles/{}?index=1&index=2&index=3", {}),
    "handle json, by type": ("GET", "/api/handles/{}?type=OPEN&type=PARTNERS&type=PRIVATE", {}),
    "handle json, pretty": ("GET", "/api/handles/{}?pretty", {}),
    "negotiated json": ("GET", "/{}", {"Accept": "application/json"}),
    "batch": ("POST", "/api/v1/resolve", {"Content-Type": "application/json"}),
    "batch, chosen": ("POST", "/api/v1/resolve?index=1&index=2&index=3", {"Content-Type": "application/json"}),
    "lines": ("POST", "/api/v1/resolve", NDJSON),
}
FOR_EVERYBODY: Doors = {
    "public only": ("GET", "/api/handles/{}?publicOnly=true", {}),
    "batch, public only": ("POST", "/api/v1/resolve?publicOnly=true", {"Content-Type": "application/json"}),
    "page": ("GET", "/{}?noredirect", {"Accept": "text/html"}),
    "page, Chinese": ("GET", "/{}?lang=zh&noredirect", {"Accept": "text/html"}),
    "link set": ("GET", "/{}", {"Accept": "application/linkset+json"}),
    "info": ("GET", "/{}?info", {}),
    "explain": ("GET", "/{}?explain", {}),
    "head": ("HEAD", "/{}", {}),
    "redirect": ("GET", "/{}", {"Accept": "*/*"}),
    "registration data": ("GET", "/iiidap/identifier/{}", {}),
    "versions held": ("GET", "/api/v1/identifiers/{}/propagation", {}),
    "metrics": ("GET", "/metrics", {}),
    "handle message": ("POST", "/", HANDLE),
    "handle message, all values": ("POST", "/", HANDLE | {"X-Types": "all"}),
}
OWNERS_ONLY: Doors = {
    "record": ("GET", "/api/v1/identifiers/{}", {}),
    "history": ("GET", "/api/v1/history/{}", {}),
    "list": ("GET", "/api/v1/identifiers?prefix={prefix}&values=true", {}),
    "export, lines": ("GET", "/api/v1/export?prefix={prefix}", {}),
    "export, table": ("GET", "/api/v1/export?prefix={prefix}&format=csv", {}),
    "SNMS detail": ("GET", "/identityv2/data/detail?handle={}", {}),
    "SNMS query": ("GET", "/api/identityv2/query/data?handle={}", {}),
}
# GS1 Digital Link: what is shown are links, and those that a reader may see lead there.
LINKS: Doors = {
    "all links": ("GET", "/{path}?linkType=all", {}),
    "link set": ("GET", "/{path}?linkType=linkset", {"Accept": "text/html"}),
    "link set, by Accept": ("GET", "/{path}", {"Accept": "application/linkset+json"}),
    "links as JSON": ("GET", "/{path}", {"Accept": "application/json"}),
    "links of a lot": ("GET", "/{path}/10/LOT-1?linkType=all", {}),
}
NO_LINKS: Doors = {
    "default link": ("GET", "/{path}", {}),
    "default link, browser": ("GET", "/{path}", {"Accept": "text/html"}),
    "public link": ("GET", "/{path}?linkType=gs1:pip", {}),
    "private link, chosen": ("GET", "/{path}?linkType=gs1:certificationInfo", {}),
    "info": ("GET", "/{path}?info", {}),
    "explain": ("GET", "/{path}?explain&linkType=gs1:certificationInfo", {}),
    "resolver": ("GET", "/.well-known/gs1resolver", {}),
}


@dataclass(frozen=True)
class Words:
    """A registered identifier with three words, its prefix, and its address where that is one of GS1."""

    identifier: str
    prefix: str
    path: str = ""


async def viewers(node: Node, *identifiers: str) -> dict[str, Api]:
    granted = (await node.operator.post("/api/v1/keys", {"role": "partner", "label": "granted"})).json["key"]
    auditor = (await node.operator.post("/api/v1/keys", {"role": "auditor", "label": "auditor"})).json["key"]
    for identifier in identifiers:
        grant = {"identifier": identifier, "to": {"key_id": granted.split("_")[1]}}
        assert (await node.owner.post("/api/v1/grants", grant)).status == 201
    return {
        "anybody": node.anybody, "stranger": node.stranger, "partner": node.partner, "owner": node.owner,
        "operator": node.operator, "granted": node.anybody.with_key(granted), "auditor": node.anybody.with_key(auditor),
    }  # fmt: skip


async def ask(viewer: Api, door: Asked, words: Words) -> Answer:
    method, path, headers = door
    raw = {"application/json": f'["{words.identifier}"]', "application/x-ndjson": f'"{words.identifier}"'}.get(
        headers.get("Content-Type", "")
    )
    octets = raw.encode() if raw else None
    if (
        headers.get("Content-Type") == HANDLE["Content-Type"]
    ):  # once with the flag for public values alone, once without
        flags = 0 if "X-Types" in headers else int(Flag.PUBL)
        octets = request(Op.RESOLVE, Resolve(words.identifier).encode(), flags=flags).encode()
    there = path.format(at(words.identifier), prefix=at(words.prefix), path=words.path)
    return await viewer.call(method, there, headers=headers, raw=octets)


def words_in(octets: bytes) -> set[str]:
    return {visibility for visibility, word in WORDS.items() if word.encode() in octets}


def words_of(answer: Answer) -> set[str]:
    return words_in(answer.body + str(answer.headers).encode())


async def leaks(everybody: dict[str, Api], words: Words, own: Doors, open_to_all: Doors, owners: Doors) -> list[object]:
    """What is wrong: whom which door showed what. Twice, in both orders: what one was shown is never kept for another."""
    wrong: list[object] = []
    for viewer in (*everybody, *reversed(everybody)):
        for door, asked in (own | open_to_all | owners).items():
            answer = await ask(everybody[viewer], asked, words)
            seen = words_of(answer)
            if door in own:
                good = answer.status == 200 and seen == SEES[viewer]
            elif door in owners:
                good = seen == (set(WORDS) if viewer in ("owner", "auditor", "operator") else set())
            else:
                good = seen <= {"public"}
            if not good or answer.status >= 500:
                wrong.append((viewer, door, answer.status, seen))
            kept = answer.headers.get("Cache-Control", "")
            if seen - {"public"} and not kept.startswith(("private", "no-store")):
                wrong.append((viewer, door, "may be kept by a cache", kept))
    return wrong


@pytest.fixture
async def identifier(node: Node) -> str:
    name = f"{node.prefix}/three-words"
    values = [
        text_value(number, "OPEN" if kind == "public" else kind.upper(), word, visibility=kind)
        for number, (kind, word) in enumerate(WORDS.items(), 1)
    ]
    first = [value | {"data": {"format": "string", "value": f"{value['data']['value']}, once"}} for value in values]
    assert (await node.owner.post("/api/v1/identifiers", {"identifier": name, "values": first})).status == 201
    changed = [*values, text_value(4, "URL", "https://example.com/")]
    assert (await node.owner.put(f"/api/v1/identifiers/{at(name)}", {"values": changed})).status == 200
    return name


async def test_every_word_at_every_door(node: Node, identifier: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="core")
    everybody = await viewers(node, identifier)
    wrong = await leaks(everybody, Words(identifier, node.prefix), OWN_VIEW, FOR_EVERYBODY, OWNERS_ONLY)
    assert not wrong, "\n".join(map(repr, wrong))
    assert not any(word in caplog.text for word in WORDS.values())


@pytest.mark.parametrize("scheme", CASES)
async def test_every_word_of_an_identifier_of_another_scheme(node: Node, scheme: str) -> None:
    given = await grant(node, scheme, CASES[scheme][0])
    values = [text_value(number, kind.upper(), WORDS[kind], visibility=kind) for number, kind in enumerate(WORDS, 1)]
    name = await register(node, CASES[scheme][1], *values, text_value(4, "URL", "https://example.com/"))
    own = {door: asked for door, asked in OWN_VIEW.items() if scheme != "gs1" or door != "negotiated json"}
    own |= {"handle json": ("GET", "/api/handles/{}", {}), "handle json, by index": OWN_VIEW["handle json, chosen"]}
    own.pop("handle json, by type")
    owners = {door: OWNERS_ONLY[door] for door in ("record", "list")}
    wrong = await leaks(await viewers(node, name), Words(name, given["prefix"]), own, FOR_EVERYBODY, owners)
    assert not wrong, "\n".join(map(repr, wrong))


async def test_every_word_at_the_doors_of_gs1(node: Node) -> None:
    given = await grant(node, "gs1", "9506000")
    kinds = {"public": "gs1:pip", "partners": "gs1:hasRetailers", "private": "gs1:certificationInfo"}
    links = [
        text_value(number, kinds[kind], f"https://example.com/{word}", visibility=kind)
        for number, (kind, word) in enumerate(WORDS.items(), 1)
    ]
    links.append(text_value(9, "gs1:defaultLink", "https://example.com/"))
    name = await register(node, f"01/{GTIN}", *links)
    words = Words(name, given["prefix"], f"01/{GTIN}")
    everybody = await viewers(node, name)
    wrong = await leaks(everybody, words, LINKS, {}, {})
    for viewer, api in everybody.items():
        for door, asked in NO_LINKS.items():
            seen = words_of(await ask(api, asked, words))
            if not seen <= (SEES[viewer] if door == "private link, chosen" else {"public"}):
                wrong.append((viewer, door, seen))
    assert not wrong, "\n".join(map(repr, wrong))


@pytest.mark.parametrize("udp", [False, True])
async def test_every_word_in_handle_messages(node: Node, identifier: str, udp: bool) -> None:
    """Whoever has proved nothing: public values, however they are asked for; a challenge where more is wanted."""
    wishes = {"whole": Resolve(identifier), "by index": Resolve(identifier, (1, 2, 3)),
              "by type": Resolve(identifier, (), ("OPEN", "PARTNERS", "PRIVATE")),
              "private alone": Resolve(identifier, (2, 3)), "private type": Resolve(identifier, (), ("PRIVATE",))}  # fmt: skip
    for flags in (Flag.PUBL, Flag(0), Flag.PUBL | Flag.CERT, Flag.PUBL | Flag.RRDG, Flag.AUTH, Flag.RECU):
        for wish, body in wishes.items():
            asked = request(Op.RESOLVE, body.encode(), flags=int(flags))
            told = await ask_handle("127.0.0.1", node.settings.handle_port, asked, udp=udp)
            seen = words_in(told.encode())
            whole = flags & Flag.PUBL and not wish.startswith("private")
            assert seen == {"public"} if whole else seen <= {"public"}, (flags, wish, seen)


async def test_a_handle_message_over_http_does_show_what_is_public(node: Node, identifier: str) -> None:
    told = await ask(node.anybody, FOR_EVERYBODY["handle message"], Words(identifier, node.prefix))
    assert told.status == 200 and words_of(told) == {"public"}
    challenged = await ask(node.anybody, FOR_EVERYBODY["handle message, all values"], Words(identifier, node.prefix))
    assert challenged.status == 200 and not words_of(challenged), "who wants all of them has to say who they are"


async def test_the_page_does_show_what_is_public(node: Node, identifier: str) -> None:
    page = await ask(node.anybody, FOR_EVERYBODY["page"], Words(identifier, node.prefix))
    assert page.status == 200 and words_of(page) == {"public"}
