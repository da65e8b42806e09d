"""Prefixes whose own node is named by a service (HS_SERV): every door says so, and people are sent where its record says."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from core.handle.bodies import Resolve, Valued, decode_valued
from core.handle.codes import Code, Flag, Op
from core.handle.envelope import Envelope
from core.handle.header import Header
from core.handle.message import Message
from core.handle.site import site_from_json
from core.handle.wire_value import WireValue
from node.handle_client import HandleConnection, ask_over_udp, request
from node.handle_referrals import next_place, service_of
from tests.applicant import apply
from tests.harness import Node, at, until
from tests.integration.test_two_lanes import both

HOST, HTML = "127.0.0.1", {"Accept": "text/html"}
INTERFACES = [
    {"query": True, "admin": False, "protocol": "TCP", "port": 2641},
    {"query": True, "admin": False, "protocol": "HTTPS", "port": 443},
]
SITE = {"servers": [{"address": "203.0.113.7", "interfaces": INTERFACES}]}


async def serve(node: Node, service: str) -> None:
    told = await node.owner.put(f"/api/v1/prefixes/{node.prefix}/hosting", {"hosting": "own-node", "service": service})
    assert told.status == 200, told.body
    assert (told.json["hosting"], told.json["service"], told.json["site"]) == ("own-node", service, None)


async def publish(node: Node, service: str) -> None:
    value = {"index": 1, "type": "HS_SITE", "data": {"format": "site", "value": SITE}}
    made = await node.stranger.post("/api/v1/identifiers", {"identifier": service, "values": [value]})
    assert made.status == 201, made.body


async def test_json_and_batches_name_the_service(node: Node) -> None:
    service = f"{node.stranger_prefix}/resolution service"
    await serve(node, service)
    for name in (f"{node.prefix}/x", f"{node.prefix}.7/below"):
        answer = await node.anybody.get(f"/api/handles/{at(name)}")
        assert (answer.status, answer.json["responseCode"], answer.json["handle"]) == (300, 302, name)
        (value,) = answer.json["values"]
        assert (value["type"], value["data"]) == ("HS_SERV", {"format": "string", "value": service})
        await both(node, f"GET /api/handles/{at(name)}")
    (one,) = (await node.anybody.post("/api/v1/resolve", [f"{node.prefix}/x"])).json["items"]
    assert (one["status"], one["responseCode"]) == ("referred", 302)
    told = (await node.anybody.get(f"/api/handles/{node.prefix}/x?explain")).json["referral"]
    assert told == [{"prefix": node.prefix, "service": service, "site": None}]
    await publish(node, service)
    told = await node.anybody.get(f"/api/handles/{node.prefix}/x?info")
    assert (told.json["service"], told.json["site"]["servers"][0]["address"]) == (service, "203.0.113.7")
    refused = await node.anybody.get(f"/api/handles/{node.prefix}/x?doNotRefer")
    assert (refused.status, refused.json["responseCode"]) == (400, 301)


async def test_people_are_sent_to_the_site_of_the_service_where_it_is_known(node: Node) -> None:
    service = f"{node.stranger_prefix}/svc"
    await serve(node, service)
    page = await node.anybody.get(f"/{node.prefix}/x", headers=HTML)
    assert page.status == 300 and f'href="/{service}"' in page.body.decode()
    await publish(node, service)

    async def sent() -> bool:
        moved = await node.anybody.get(f"/{node.prefix}/x", headers=HTML)
        return (moved.status, moved.headers.get("Location")) == (302, f"https://203.0.113.7/{node.prefix}/x")

    await until(sent, 5)
    assert (await node.anybody.get(f"/{node.prefix}/x")).headers["Location"] == f"https://203.0.113.7/{node.prefix}/x"
    shown = await node.anybody.get(f"/{node.prefix}/x?noredirect", headers=HTML)
    assert "tcp://203.0.113.7:2641" in shown.body.decode()
    await serve(node, "20.500.1/elsewhere")  # nothing is known of it here
    elsewhere = await node.anybody.get(f"/{node.prefix}/x", headers=HTML)
    assert elsewhere.status == 300 and "20.500.1/elsewhere" in elsewhere.body.decode()


async def test_an_applicant_names_a_service_which_must_not_lie_below_the_prefix_that_it_is_given(node: Node) -> None:
    application = await apply(node, hosting="own-node", service="88.118.900/svc")
    await application.must("review")
    refused = await application.move("approve", prefix="88.118.900")
    assert (refused.status, refused.json["errors"][0]["path"]) == (422, "service")
    assert (await application.move("approve", prefix="88.118.901")).status == 200
    await application.until_state("active")
    held = (await node.operator.get("/api/v1/prefixes/88.118.901")).json
    assert (held["hosting"], held["service"], held["site"]) == ("own-node", "88.118.900/svc", None)
    told = await node.anybody.get("/api/handles/88.118.901/x")
    assert (told.status, told.json["responseCode"]) == (300, 302)


async def test_handle_clients_are_told_302_and_the_name(node: Node) -> None:
    service = f"{node.stranger_prefix}/svc"
    await serve(node, service)
    asked = request(Op.RESOLVE, Resolve(f"{node.prefix}/x").encode(), flags=int(Flag.PUBL))
    async with HandleConnection(HOST, node.settings.handle_port) as connection:
        [over_tcp] = await connection.ask(asked)
        unwanted = request(Op.RESOLVE, Resolve(f"{node.prefix}/x").encode(), flags=int(Flag.DNRF))
        assert (await connection.ask(unwanted))[0].header.code == Code.NOT_RESPONSIBLE
    for answer in (over_tcp, await ask_over_udp(HOST, node.settings.handle_port, asked)):
        assert answer.header.code == Code.SERVICE_REFERRAL
        said = decode_valued(answer.body)
        assert (said.handle, said.values) == (service, ())
        assert service_of(answer) == service and next_place(answer, udp=False) is None

    async def counted() -> bool:
        kinds = (await node.operator.get("/api/v1/usage?by=hour")).json["kinds"]
        return {(one["door"], one["outcome"]): one["resolutions"] for one in kinds} == {
            ("handle-tcp", "referred"): 1,
            ("handle-udp", "referred"): 1,
        }

    await until(counted, 10)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"hosting": "own-node"}, "site"),
        ({"hosting": "own-node", "service": "no slash"}, "service"),
        ({"hosting": "own-node", "service": 7}, "service"),
        ({"hosting": "own-node", "service": "20.500.1/s", "site": SITE}, "service"),
        ({"hosting": "here", "service": "20.500.1/s"}, "service"),
        ({"hosting": "own-node", "service": "{prefix}/s"}, "service"),
        ({"hosting": "own-node", "service": "{prefix}.1/s"}, "service"),
        ({"hosting": "own-node", "service": "0.na/{prefix}"}, "service"),
    ],
)
async def test_a_service_that_leads_nowhere_is_refused(node: Node, body: dict[str, Any], path: str) -> None:
    if isinstance(body.get("service"), str):
        body = body | {"service": body["service"].replace("{prefix}", node.prefix)}
    refused = await node.owner.put(f"/api/v1/prefixes/{node.prefix}/hosting", body)
    assert refused.status == 422
    assert {(error["path"], error["slug"]) for error in refused.json["errors"]} == {(path, "hosting-invalid")}


def test_a_referral_by_values_names_the_service_too() -> None:
    """Referrals and prefix records of other servers may have HS_SERV among their values."""
    for code, name in ((Code.SERVICE_REFERRAL, ""), (Code.PREFIX_REFERRAL, ""), (Code.SUCCESS, "0.NA/88.118.8")):
        for kind in ("HS_SERV", "HS_SERV.PREFIX"):
            values = (WireValue(1, "DESC", b"x"), WireValue(2, kind, b"0.SERV/7"))
            answer = Message(Envelope(), Header(Op.RESOLVE, code), Valued(name, values).encode())
            assert service_of(answer) == "0.SERV/7" and next_place(answer, udp=True) is None


async def test_a_site_that_a_handle_client_made_is_read_from_its_bytes(node: Node) -> None:
    """They may end with what JSON has no place for."""
    service, octets = f"{node.stranger_prefix}/svc", site_from_json(SITE).encode() + bytes(2)
    await serve(node, service)
    data = {"format": "base64", "value": base64.b64encode(octets).decode()}
    made = await node.stranger.post(
        "/api/v1/identifiers", {"identifier": service, "values": [{"index": 1, "type": "HS_SITE", "data": data}]}
    )
    assert made.status == 201, made.body
    told = await node.anybody.get(f"/api/handles/{node.prefix}/x?info")
    assert told.json["site"]["servers"][0]["address"] == "203.0.113.7"


@pytest.mark.parametrize("site", [{}, {"servers": 5}, {"servers": [{"interfaces": [{"query": True}]}]}])
async def test_a_service_whose_record_has_no_site_that_can_be_read_is_only_named(
    node: Node, site: dict[str, Any]
) -> None:
    service = f"{node.stranger_prefix}/svc"
    await serve(node, service)
    values = [{"index": 1, "type": "HS_SITE", "data": {"format": "site", "value": site}}]
    made = await node.stranger.post("/api/v1/identifiers", {"identifier": service, "values": values})
    assert made.status == 201, made.body
    page = await node.anybody.get(f"/{node.prefix}/x", headers=HTML)
    assert page.status == 300 and service in page.body.decode()
    told = await node.anybody.get(f"/api/handles/{node.prefix}/x?info")
    assert (told.status, told.json["service"], told.json["site"]) == (200, service, None)
