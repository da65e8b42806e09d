"""Enterprises at the top level in a box: check, create, update in full and in part."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson

from sync.epp.commands import Command
from sync.epp.names import ENT
from sync.toplevel.answers import Refusal, Said, data
from sync.toplevel.store import Store

_IMAGES = ("entCrtImg", "idImg")


def check(store: Store, account: Any, command: Command) -> Said:
    values = command.values
    if values["shrUserId"] != account["user"]:
        raise Refusal(2201, ENT, "shrUserId", values["shrUserId"], "不是本账号的用户")
    found = store.one("enterprise_of_code", credit_code=values["entCrtCode"])
    if found is None:
        raise Refusal(2303, ENT, "entCrtCode", values["entCrtCode"], "该证照尚未登记")
    return Said(1000, data=data(ENT, "chkData", entId=shown(found["id"])))


def create(store: Store, account: Any, command: Command) -> Said:
    values = command.values
    require_own(account, values["shrPrefix"])
    if store.one("enterprise_of_code", credit_code=values["entCrCode"]) is not None:
        raise Refusal(2302, ENT, "entCrCode", values["entCrCode"], "统一社会信用代码已登记")
    kept = without_images({name: value for name, value in values.items() if name != "shrPrefix"})
    number = store.value(
        "create_enterprise", app_id=account["app_id"], credit_code=values["entCrCode"], name=values["entNameCn"],
        content=orjson.dumps(kept).decode(),
    )  # fmt: skip
    return Said(1000, data=data(ENT, "creData", entId=shown(number)))


def update(store: Store, account: Any, command: Command, sv_trid: str, *, audited: bool) -> Said:
    """`audited`: a full update waits for the clerk; what was before stays in force meanwhile."""
    values = command.values
    if "shrPrefix" in values:
        require_own(account, values["shrPrefix"])
    elif values["shrUserId"] != account["user"]:
        raise Refusal(2201, ENT, "shrUserId", values["shrUserId"], "不是本账号的用户")
    held = require_enterprise(store, values["entId"])
    if held["app_id"] != account["app_id"]:
        raise Refusal(2201, ENT, "entId", values["entId"], "企业由其他二级节点登记")
    if held["pending"]:
        raise Refusal(2304, ENT, "entId", values["entId"], "上一次变更仍在审核")
    full = values.get("chgAll")
    content = without_images(full) if full else orjson.loads(held["content"]) | without_images(values["chg"])
    other = store.one("enterprise_of_code", credit_code=content["entCrCode"])
    if other is not None and other["id"] != held["id"]:
        raise Refusal(2302, ENT, "entCrCode", content["entCrCode"], "统一社会信用代码已登记")
    if full and audited:
        text = orjson.dumps(content).decode()
        store.run("hold_change", id=held["id"], pending=text, trids=f"{command.cl_trid} {sv_trid}")
        return Said(1001)
    put(store, held["id"], content)
    return Said(1000)


def put(store: Store, number: int, content: dict[str, Any]) -> None:
    text = orjson.dumps(content).decode()
    store.run("change_enterprise", id=number, credit_code=content["entCrCode"], name=content["entNameCn"], content=text)


def require_enterprise(store: Store, reference: str) -> Any:
    """Its row. Raises `Refusal` 2303."""
    held = store.one("enterprise", id=int(reference)) if reference.isascii() and reference.isdigit() else None
    if held is None:
        raise Refusal(2303, ENT, "entId", reference, "企业不存在")
    return held


def require_own(account: Any, prefix: str) -> None:
    if prefix.lower() != account["prefix"].lower():
        raise Refusal(2201, ENT, "shrPrefix", prefix, "不是本账号的前缀")


def shown(number: int) -> str:
    """As the top level writes it: leading zeros are part of it."""
    return f"{number:08d}"


def without_images(values: dict[str, Any]) -> dict[str, Any]:
    """Digests in the place of images: the box has no use for them."""
    return {
        name: without_images(value)
        if isinstance(value, dict)
        else f"sha-256:{hashlib.sha256(value.encode()).hexdigest()}"
        if name in _IMAGES
        else value
        for name, value in values.items()
    }
