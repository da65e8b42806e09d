"""An enterprise that applies, for the tests of onboarding: a whole application, and the steps that lead to `active`."""

from __future__ import annotations

from typing import Any

from registry.credit_code import is_credit_code
from tests.harness import Answer, Node, until

PNG = b"\x89PNG\r\n\x1a\n" + b"picture of a business licence"
CODE = "91110108589104047H"
PERSONAL = {
    "contact.name": "张三丰",
    "contact.email": "zhangsan@admin.com",
    "contact.mobile": "13965757203",
    "contact.id_number": "11010519491231002X",
    "legal_person.name": "王五",
    "legal_person.id_number": "440524188001010014",
}
WHOLE: dict[str, Any] = {
    "name": "北京泰尔英福网络科技有限责任公司",
    "credit_code": CODE,
    "nature": 1,
    "region": "110108",
    "industry": "6513",
    "address": "苏家坨中关村科技园翠湖云中心 21 号楼",
    "contact": {
        "name": "张三丰",
        "email": "zhangsan@admin.com",
        "mobile": "13965757203",
        "id_number": "11010519491231002x",
    },
    "legal_person": {"name": "王五", "id_number": "440524188001010014"},
    "hosting": "here",
}


def credit_code(number: int) -> str:
    """Another valid code for each number."""
    beginning = f"91110108{number:09d}"
    return next(code for last in "0123456789ABCDEFGHJKLMNPQRTUWXY" if is_credit_code(code := beginning + last))


SITE = {
    "servers": [
        {
            "serverId": 1,
            "address": "2031:0:1f1f::100:11a0:addf",
            "interfaces": [{"query": True, "admin": False, "protocol": "TCP", "port": 2641}],
        }
    ]
}


class Application:
    """One application, as its applicant (`applicant`) and an operator (`operator`) hold it."""

    def __init__(self, node: Node, made: Any) -> None:
        self.node, self.number, self.token = node, made["id"], made["token"]
        self.path = f"/api/v1/applications/{self.number}"
        self.applicant = node.anybody.with_key(self.token)

    async def move(self, move: str, reason: str | None = None, **more: Any) -> Answer:
        """By whoever makes this move."""
        api = self.applicant if move in ("submit", "withdraw", "first-key") else self.node.operator
        body = more | ({"reason": reason} if reason else {})
        return await api.post(f"{self.path}:{move}", body or None)

    async def must(self, *moves: str) -> None:
        for move in moves:
            done = await self.move(move, "r" if move in ("return", "reject") else None)
            assert done.status == 200, (move, done.body)

    async def state(self) -> str:
        found = await self.applicant.get(self.path)
        assert found.status == 200, found.body
        return str(found.json["state"])

    async def image(self, kind: str = "business-licence", content: bytes = PNG) -> Answer:
        return await self.applicant.call("PUT", f"{self.path}/images/{kind}", raw=content)

    async def until_state(self, state: str) -> None:
        async def reached() -> bool:
            return await self.state() == state

        await until(reached, 10)


async def apply(node: Node, **more: Any) -> Application:
    """A new application, submitted unless `state` says otherwise, with its licence."""
    made = await node.anybody.post("/api/v1/applications", WHOLE | more)
    assert made.status == 201, made.body
    application = Application(node, made.json)
    assert (await application.image()).status == 200
    return application


async def taken_aboard(node: Node, **more: Any) -> Application:
    """One that the operator and the top level have approved."""
    application = await apply(node, **more)
    await application.must("review", "approve")
    await application.until_state("active")
    return application
