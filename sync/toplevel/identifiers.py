"""The identifier mapping at the top level in a box (draft-chen-epp-identifier-mapping-01 §3): a prefix with its site is a route.

A change applies `rem`, then `add`, then `chg`, all or nothing; nothing is deleted: `delete` sets `pendingDelete`.
"""

from __future__ import annotations

from typing import Any

import orjson

from sync.epp.commands import Command
from sync.epp.names import IDENTIFIER
from sync.epp.shapes import CLIENT_STATUSES
from sync.toplevel.answers import Refusal, Said, data
from sync.toplevel.store import Store

_LISTS = {"administrator": ("administratorList", "adminIndex"), "siteInfo": ("siteList", "siteIndex")}


def execute(store: Store, account: Any, command: Command) -> Said:
    name = command.values["name"]
    if command.verb == "check":
        return Said(
            1000, data=data(IDENTIFIER, "chkData", cd=[_availability(store, one) for one in dict.fromkeys(name)])
        )
    _require_own(account, name)
    held = store.one("identifier", name=name)
    if command.verb == "create":
        if held is not None:
            raise Refusal(2302, IDENTIFIER, "name", name, "标识已存在")
        _keep(store, account, {**command.values, "status": [{"": "", "s": "ok"}]})
        return Said(1000)
    if held is None:
        raise Refusal(2303, IDENTIFIER, "name", name, "标识不存在")
    content = orjson.loads(held["content"])
    if command.verb == "info":
        return Said(1000, data=data(IDENTIFIER, "infData", **content))
    _require_allowed(content, command)
    if command.verb == "delete":
        _keep(store, account, content | {"status": [{"": "", "s": "pendingDelete"}]})
        return Said(1001)
    _keep(store, account, changed(content, command.values))
    return Said(1000)


def changed(content: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """The content after an update. Raises `Refusal`, and then nothing is changed."""
    after = orjson.loads(orjson.dumps(content))
    removed, added, replaced = (values.get(part, {}) for part in ("rem", "add", "chg"))
    for simple in ("contact", "url"):
        kept = [one for one in after.get(simple, []) if one not in removed.get(simple, [])]
        after[simple] = kept + [one for one in added.get(simple, []) if one not in kept]
    for part, (listed, index) in _LISTS.items():
        _change_list(after, part, listed, index, removed.get(index, []), added.get(part, []), replaced.get(part, []))
    if "status" in replaced:
        after["status"] = _status(after["status"], replaced["status"])
    return {name: value for name, value in after.items() if value}


def _change_list(
    after: dict[str, Any], part: str, listed: str, index: str, removed: list[str], added: list[Any], replaced: list[Any]
) -> None:
    had = {one[index]: one for one in after.get(listed, {}).get(part, [])}
    before = bool(had)
    for number in removed:
        if had.pop(number, None) is None:
            raise Refusal(2303, IDENTIFIER, index, number, "该序号不存在")
    for one in added:
        if one[index] in had:
            raise Refusal(2302, IDENTIFIER, index, one[index], "该序号已存在")
        had[one[index]] = one
    for one in replaced:
        if one[index] not in had:
            raise Refusal(2303, IDENTIFIER, index, one[index], "该序号不存在")
        had[one[index]] = one
    if before and not had:
        raise Refusal(2306, IDENTIFIER, index, "", "不能移除最后一项")
    if had:
        after[listed] = {part: list(had.values())}


def _status(held: list[dict[str, str]], wish: dict[str, str]) -> list[dict[str, str]]:
    """A client sets and clears its own only; `ok` clears them."""
    word = wish["s"]
    kept = [one for one in held if one["s"] not in (*CLIENT_STATUSES, "ok")]
    if word == "ok":
        return kept if any(one["s"] != "linked" for one in kept) else [*kept, {"": "", "s": "ok"}]
    if word not in CLIENT_STATUSES:
        raise Refusal(2201, IDENTIFIER, "status", word, "该状态不能由二级节点设置")
    mine = [one for one in held if one["s"] in CLIENT_STATUSES and one["s"] != word]
    return [*kept, *mine, wish]


def _require_allowed(content: dict[str, Any], command: Command) -> None:
    words = {one["s"] for one in content["status"]}
    kind = "Delete" if command.verb == "delete" else "Update"
    if f"server{kind}Prohibited" in words or "pendingDelete" in words:
        raise Refusal(2304, IDENTIFIER, "status", "", "当前状态不允许该操作")
    lifts = command.values.get("chg", {}).get("status", {}).get("s") == "ok"
    if f"client{kind}Prohibited" in words and not lifts:
        raise Refusal(2304, IDENTIFIER, "status", "", "当前状态不允许该操作")


def _require_own(account: Any, name: str) -> None:
    own = account["prefix"].lower()
    if name.lower() != own and not name.lower().startswith((own + ".", own + "/")):
        raise Refusal(2201, IDENTIFIER, "name", name, "标识不属于本二级节点")


def _availability(store: Store, name: str) -> dict[str, Any]:
    if store.one("identifier", name=name) is None:
        return {"name": {"": name, "avail": "true"}}
    return {"name": {"": name, "avail": "false"}, "reason": {"": "标识已存在", "lang": "zh"}}


def _keep(store: Store, account: Any, content: dict[str, Any]) -> None:
    text = orjson.dumps(content).decode()
    store.run("put_identifier", name=content["name"], app_id=account["app_id"], content=text)
