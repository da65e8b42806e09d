"""Enterprise prefixes at the top level in a box: check, create, and the life that its clerk leads them through.

| state        | approve | reject   | suspend   | resume | revoke  |
|--------------|---------|----------|-----------|--------|---------|
| 4 awaiting   | normal  | rejected |           |        |         |
| 1 normal     |         |          | suspended |        | revoked |
| 0 suspended  |         |          |           | normal | revoked |

Rejected prefixes can be created again, revoked ones never. Every move queues one message.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from sync.epp.commands import Command
from sync.epp.names import ENT, PREFIX
from sync.toplevel.answers import Refusal, Said
from sync.toplevel.enterprises import put, require_enterprise, require_own, shown
from sync.toplevel.store import Store, as_text

SUSPENDED, NORMAL, REVOKED, REJECTED, AWAITING = range(5)
NAMES = {SUSPENDED: "suspended", NORMAL: "normal", REVOKED: "revoked", REJECTED: "rejected", AWAITING: "awaiting"}
MOVES = {
    "approve": ({AWAITING: NORMAL}, "审核通过"),
    "reject": ({AWAITING: REJECTED}, "审核未通过"),
    "suspend": ({NORMAL: SUSPENDED}, "配合主管部门核查，暂停解析"),
    "resume": ({SUSPENDED: NORMAL}, "核查完毕，恢复解析"),
    "revoke": ({NORMAL: REVOKED, SUSPENDED: REVOKED}, "企业注销，前缀收回"),
}


class MoveImpossible(Exception):
    """There is no such prefix, or it is in another state: `state` None or its name."""

    def __init__(self, state: str | None) -> None:
        super().__init__(state or "unknown")
        self.state = state


def check(store: Store, account: Any, command: Command) -> Said:
    _require_below(account, command.values)
    held = store.one("prefix", prefix=command.values["prefix"].lower())
    if held is not None and held["state"] != REJECTED:
        raise Refusal(2302, PREFIX, "prefix", command.values["prefix"], "前缀已被占用")
    return Said(1000)


def create(
    store: Store, account: Any, command: Command, sv_trid: str, now: datetime, audit_at: float, pending_code: int
) -> Said:
    values = command.values
    _require_below(account, values)
    enterprise = require_enterprise(store, values["entId"])
    key = values["prefix"].lower()
    held = store.one("prefix", prefix=key)
    if held is not None and held["state"] == REVOKED:
        raise Refusal(2304, PREFIX, "prefix", values["prefix"], "前缀已收回，不再分配")
    if held is not None and held["state"] != REJECTED:
        raise Refusal(2302, PREFIX, "prefix", values["prefix"], "前缀已被占用")
    store.run(
        "put_prefix", prefix=key, shown=values["prefix"], app_id=account["app_id"], enterprise=enterprise["id"],
        state=AWAITING, cl_trid=command.cl_trid, sv_trid=sv_trid, created_at=as_text(now), audit_at=audit_at,
    )  # fmt: skip
    return Said(pending_code)


def move(store: Store, prefix: str, wish: str, words: str, now: datetime, times: int = 1) -> str:
    """In a transaction: the state after. `times`: how often its message is queued. Raises `MoveImpossible`."""
    held = store.one("prefix", prefix=prefix.lower())
    leads, usual = MOVES[wish]
    if held is None or held["state"] not in leads:
        raise MoveImpossible(NAMES[held["state"]] if held is not None else None)
    after, text = leads[held["state"]], words or usual
    store.run("move_prefix", prefix=held["prefix"], state=after, note=text)
    content = {
        "clTRID": held["cl_trid"], "svTRID": held["sv_trid"], "entId": shown(held["enterprise"]), "prefix": held["shown"],
        "state": str(after), "auditResult": "0" if wish == "reject" else "1", "auditResultMsg": text,
    }  # fmt: skip
    title = "企业前缀审核结果" if wish in ("approve", "reject") else "企业前缀状态变更"
    for _ in range(times):
        queue(store, held["app_id"], PREFIX, title, content, now)
    return NAMES[after]


def decide_update(store: Store, reference: int, *, accepted: bool, words: str, now: datetime) -> None:
    """A full update of an enterprise that waited for the clerk. Raises `MoveImpossible`."""
    held = store.one("enterprise", id=reference)
    if held is None or not held["pending"]:
        raise MoveImpossible(None)
    cl_trid, sv_trid = held["pending_trids"].split()
    put(store, reference, orjson.loads(held["pending"] if accepted else held["content"]))
    content = {
        "clTRID": cl_trid, "svTRID": sv_trid, "entId": shown(reference), "state": "1" if accepted else "3",
        "auditResult": "1" if accepted else "0",
        "auditResultMsg": words or ("变更审核通过" if accepted else "变更审核未通过"),
    }  # fmt: skip
    queue(store, held["app_id"], ENT, "企业信息变更审核结果", content, now)


def queue(store: Store, app_id: str, namespace: str, text: str, content: dict[str, Any], now: datetime) -> None:
    said = orjson.dumps(content).decode()
    store.run("queue_message", app_id=app_id, queued_at=as_text(now), namespace=namespace, text=text, content=said)


def _require_below(account: Any, values: dict[str, Any]) -> None:
    require_own(account, values["shrPrefix"])
    own, wanted = account["prefix"].lower() + ".", values["prefix"].lower()
    if not wanted.startswith(own):
        raise Refusal(2201, PREFIX, "prefix", values["prefix"], "前缀不属于本二级节点")
    if "." in wanted[len(own) :]:
        raise Refusal(2005, PREFIX, "prefix", values["prefix"], "企业前缀须为二级节点前缀下的一段")
