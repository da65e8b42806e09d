"""Viewer × visibility × door, by the bytes: a word that a viewer must not see is in no answer, whatever the door.

Each value holds a word of its own. Doors that show the reader's own view show exactly the words that are the reader's; doors
for everybody (page, link set, what is told about an identifier) show no more than the public one to anyone.
"""

from __future__ import annotations

import logging

import pytest

from core.handle.bodies import Resolve
from core.handle.codes import Flag, Op
from node.handle_client import request
from tests.harness import Answer, Api, Node, at, text_value

WORDS = {"public": "wort-offen", "partners": "wort-partner", "private": "wort-geheim"}
SEES = {"anybody": {"public"}, "stranger": {"public"}, "partner": {"public"}, "granted": {"public", "partners"},
        "owner": set(WORDS), "auditor": set(WORDS), "operator": set(WORDS)}  # fmt: skip
NDJSON = {"Content-Type": "application/x-ndjson"}
HANDLE = {"Content-Type": "application/x-hdl-message"}
# Name: method, path (of the percent-encoded identifier), headers, and the body of a batch.
OWN_VIEW = {
    "handle json": ("GET", "/api/handles/{}", {}),
    "handle json, chosen": ("GET", "/api/handles/{}?index=1&index=2&index=3", {}),
    "handle json, by type": ("GET", "/api/handles/{}?type=OPEN&type=PARTNERS&type=PRIVATE", {}),
    "handle json, pretty": ("GET", "/api/handles/{}?pretty", {}),
    "negotiated json": ("GET", "/{}", {"Accept": "application/json"}),
    "batch": ("POST", "/api/v1/resolve", {"Content-Type": "application/json"}),
    "lines": ("POST", "/api/v1/resolve", NDJSON),
}
FOR_EVERYBODY = {
    "public only": ("GET", "/api/handles/{}?publicOnly=true", {}),
    "page": ("GET", "/{}?noredirect", {"Accept": "text/html"}),
    "page, Chinese": ("GET", "/{}?lang=zh&noredirect", {"Accept": "text/html"}),
    "link set": ("GET", "/{}", {"Accept": "application/linkset+json"}),
    "info": ("GET", "/{}?info", {}),
    "explain": ("GET", "/{}?explain", {}),
    "head": ("HEAD", "/{}", {}),
    "not modified": ("GET", "/api/handles/{}", {"If-None-Match": "*"}),
    "redirect": ("GET", "/{}", {"Accept": "*/*"}),
    "registration data": ("GET", "/iiidap/identifier/{}", {}),
    "versions held": ("GET", "/api/v1/identifiers/{}/propagation", {}),
    "metrics": ("GET", "/metrics", {}),
    "handle message": ("POST", "/", HANDLE),
    "handle message, all values": ("POST", "/", HANDLE | {"X-Types": "all"}),
}
OWNERS_ONLY = {
    "record": ("GET", "/api/v1/identifiers/{}", {}),
    "history": ("GET", "/api/v1/history/{}", {}),
}


async def viewers(node: Node, identifier: str) -> dict[str, Api]:
    granted = (await node.operator.post("/api/v1/keys", {"role": "partner", "label": "granted"})).json["key"]
    auditor = (await node.operator.post("/api/v1/keys", {"role": "auditor", "label": "auditor"})).json["key"]
    grant = {"identifier": identifier, "to": {"key_id": granted.split("_")[1]}}
    assert (await node.owner.post("/api/v1/grants", grant)).status == 201
    return {
        "anybody": node.anybody, "stranger": node.stranger, "partner": node.partner, "owner": node.owner,
        "operator": node.operator, "granted": node.anybody.with_key(granted), "auditor": node.anybody.with_key(auditor),
    }  # fmt: skip


async def ask(viewer: Api, door: tuple[str, str, dict[str, str]], identifier: str) -> Answer:
    method, path, headers = door
    raw = {"application/json": f'["{identifier}"]', "application/x-ndjson": f'"{identifier}"'}.get(
        headers.get("Content-Type", "")
    )
    octets = raw.encode() if raw else None
    if (
        headers.get("Content-Type") == HANDLE["Content-Type"]
    ):  # once with the flag for public values alone, once without
        flags = 0 if "X-Types" in headers else int(Flag.PUBL)
        octets = request(Op.RESOLVE, Resolve(identifier).encode(), flags=flags).encode()
    return await viewer.call(method, path.format(at(identifier)), headers=headers, raw=octets)


def words_in(answer: Answer) -> set[str]:
    told = answer.body + str(answer.headers).encode()
    return {visibility for visibility, word in WORDS.items() if word.encode() in told}


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
    wrong = []
    everybody = await viewers(node, identifier)
    for order in (list(everybody), list(reversed(everybody))):  # what one was shown is never kept for another
        for viewer in order:
            for door, asked in (OWN_VIEW | FOR_EVERYBODY | OWNERS_ONLY).items():
                answer = await ask(everybody[viewer], asked, identifier)
                words = words_in(answer)
                assert answer.status < 500, (viewer, door, answer.body)
                if door in OWN_VIEW:
                    good = answer.status == 200 and words == SEES[viewer]
                elif door in OWNERS_ONLY:
                    good = words == (SEES[viewer] if answer.status == 200 else set()) and (
                        (answer.status == 200) == (viewer in ("owner", "auditor", "operator"))
                    )
                else:
                    good = words <= {"public"}
                if not good:
                    wrong.append((viewer, door, answer.status, words))
                if words - {"public"} and not answer.headers.get("Cache-Control", "").startswith(
                    ("private", "no-store")
                ):
                    wrong.append((viewer, door, "may be kept by a cache", answer.headers.get("Cache-Control")))
    assert not wrong, "\n".join(map(repr, wrong))
    assert not any(word in caplog.text for word in WORDS.values())


async def test_a_handle_message_over_http_does_show_what_is_public(node: Node, identifier: str) -> None:
    told = await ask(node.anybody, FOR_EVERYBODY["handle message"], identifier)
    assert told.status == 200 and words_in(told) == {"public"}
    challenged = await ask(node.anybody, FOR_EVERYBODY["handle message, all values"], identifier)
    assert challenged.status == 200 and not words_in(challenged), "who wants all of them has to say who they are"


async def test_the_page_does_show_what_is_public(node: Node, identifier: str) -> None:
    page = await ask(node.anybody, FOR_EVERYBODY["page"], identifier)
    assert page.status == 200 and words_in(page) == {"public"}
