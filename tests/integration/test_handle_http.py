"""Handle messages over HTTP: answered and counted as over TCP, by challenge too; what is no message is bad HTTP."""

from __future__ import annotations

import pytest

from core.handle.bodies import Login, Named, Resolve, Valued, decode_names, decode_valued
from core.handle.codes import Code, Flag, Op
from core.handle.message import Message, read_message
from core.handle.wire_value import WireValue
from node.handle_client import request
from tests.handle_caller import SECRET, administer
from tests.handle_wire_caller import answer_to, by_secret
from tests.harness import Answer, Node, text_value, until

TYPE = "application/x-hdl-message"


async def sent(node: Node, body: bytes, kind: str = TYPE) -> Answer:
    return await node.anybody.call("POST", "/", raw=body, headers={"Content-Type": kind, "Accept": TYPE})


async def ask(node: Node, message: Message) -> list[Message]:
    answer = await sent(node, message.encode())
    assert (answer.status, answer.headers["Content-Type"]) == (200, TYPE)
    answers, rest = [], answer.body
    while rest:
        size = 20 + int.from_bytes(rest[16:20])
        answers.append(read_message(rest[:size]))
        rest = rest[size:]
    return answers


@pytest.fixture
async def admin(node: Node) -> str:
    name = f"301:0.NA/{node.prefix}"
    await administer(node.settings, name)
    return name


async def administered(node: Node, asked: Message, admin: str) -> list[Message]:
    [challenged] = await ask(node, asked)
    return await ask(node, answer_to(challenged, admin, by_secret(SECRET, 0x13)))


async def test_a_record_is_resolved_and_counted_at_a_door_of_its_own(node: Node) -> None:
    name = f"{node.prefix}/over-http"
    values = [text_value(1, "URL", "https://example.org/"), text_value(2, "NOTE", "x", permissions="1100")]
    assert (await node.owner.post("/api/v1/identifiers", {"identifier": name, "values": values})).status == 201
    for _ in range(2):
        [found] = await ask(node, request(Op.RESOLVE, Resolve(name).encode(), flags=int(Flag.PUBL)))
        assert [one.index for one in decode_valued(found.body).values] == [1], "what is not public stays so"
    [missing] = await ask(node, request(Op.RESOLVE, Resolve(f"{node.prefix}/no").encode()))
    assert missing.header.code == Code.HANDLE_NOT_FOUND
    [site] = await ask(node, request(Op.SITE_INFO, Named("/").encode()))
    assert site.header.code == Code.SUCCESS

    async def counted() -> bool:
        usage = (await node.operator.get("/api/v1/usage?by=hour")).json
        kinds = {(one["door"], one["outcome"]): one["resolutions"] for one in usage["kinds"]}
        return kinds == {("handle-http", "found"): 2, ("handle-http", "unknown"): 1}

    await until(counted, 10)


async def test_administration_by_challenge_and_lists_in_several_messages(node: Node, admin: str) -> None:
    for number in range(52):
        name = f"{node.prefix}/h{number:02}"
        made = request(Op.CREATE, Valued(name, (WireValue(1, "URL", b"https://a.cn/"),)).encode())
        assert (await administered(node, made, admin))[-1].header.code == Code.SUCCESS
    listed = await administered(node, request(Op.LIST, Named(f"0.NA/{node.prefix}").encode()), admin)
    assert [len(decode_names(one.body)) for one in listed] == [50, 2]
    [login] = await ask(node, request(Op.LOGIN, Login(f"0.NA/{node.prefix}", 301).encode()))
    assert login.header.code == Code.UNSUPPORTED, "there is no connection that it could belong to"


async def test_what_is_no_message_is_told_in_http(node: Node) -> None:
    whole = request(Op.RESOLVE, Resolve("0").encode()).encode()
    for body, kind in (
        (b"", TYPE),
        (whole[:-1], TYPE),
        (whole + b"\0", TYPE),
        (b"\xff" * 40, TYPE),
        (whole, "text/plain"),
    ):
        refused = await sent(node, body, kind)
        assert (refused.status, refused.json["slug"]) == (400, "handle-message-malformed")
    assert (await sent(node, bytes(300_000))).status == 413
    assert (await node.anybody.call("OPTIONS", "/")).headers["Access-Control-Allow-Methods"]
    [broken] = await ask(node, request(Op.RESOLVE, b"\xff\xff\xff\xff"))
    assert broken.header.code == Code.PROTOCOL_ERROR
