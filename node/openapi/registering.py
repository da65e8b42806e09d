"""What the holder of a prefix may call."""

from __future__ import annotations

from node.openapi.parts import (
    ITEM,
    TEXT,
    Schema,
    json,
    list_,
    object_,
    operation,
    or_null,
    path,
    problem,
    query,
    ref,
)
from registry.doors import MAX_BATCH as MAX_ITEMS
from registry.verbs.read import DEFAULT_PAGE, MAX_PAGE


def registering() -> Schema:
    record = ref("Record")
    denied = {"401": problem("No key, or a wrong one"), "403": problem("Not your prefix")}
    wrong = denied | {"422": problem("Everything wrong with the body, with field paths")}
    conflict = {"409": problem("Exists with other content (with the difference), or was withdrawn")}
    changed = wrong | {"404": problem("Not registered"), "412": problem("Changed since: If-Match does not hold")}
    matching = {"name": "If-Match", "in": "header", "schema": TEXT, "description": "The ETag that was read"}
    return {
        "/api/v1/identifiers": {
            "post": operation(
                "register",
                "Registering 注册",
                "Register one identifier. The same content again is 200. 注册一个标识；相同内容重复提交返回 200。",
                {"201": json("Registered", record), "200": json("Registered before", record)} | wrong | conflict,
                body=ref("Registration"),
                key=True,
            ),
            "get": operation(
                "list",
                "Registering 注册",
                "List a prefix in order of key, page by page. 按标识顺序分页列出一个前缀下的标识。",
                {"200": json("A page", object_({"items": list_(record), "next": or_null(TEXT)}))}
                | denied
                | {"400": problem("A parameter is wrong")},
                parameters=[
                    query("prefix", TEXT, "Whose identifiers", required=True),
                    query("after", TEXT, "Continue after this identifier: `next` of the page before"),
                    query(
                        "limit",
                        {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": DEFAULT_PAGE},
                        "Most items",
                    ),
                ],
                key=True,
            ),
        },
        "/api/v1/identifiers:batch": {
            "post": operation(
                "registerBatch",
                "Registering 注册",
                f"Register up to {MAX_ITEMS} identifiers: one verdict each; bad items never cost good ones. "
                "批量注册，逐项给出结果；个别错误不影响其他项。",
                {"200": json("Verdicts", ref("Verdicts"))}
                | denied
                | {"413": problem("Too many items"), "422": problem("Not such a list")},
                body=object_({"items": list_(ref("Registration"), MAX_ITEMS)}, example={"items": [ITEM]}),
                key=True,
            )
        },
        "/api/v1/identifiers/{identifier}": {
            "get": operation(
                "read",
                "Registering 注册",
                "The record as its owner sees it. 读取标识的完整记录。",
                {"200": json("The record", record), "304": {"description": "Not changed since If-None-Match"}}
                | denied
                | {"404": problem("Not registered")},
                parameters=[path()],
                key=True,
            ),
            "put": operation(
                "revise",
                "Registering 注册",
                "Give it new values; what it said before is kept. 更新标识的值，历史予以保留。",
                {"200": json("The new version", record)} | changed | conflict,
                body=ref("Revision"),
                parameters=[path(), matching],
                key=True,
            ),
        },
        "/api/v1/identifiers/{identifier}/withdraw": {
            "post": operation(
                "withdraw",
                "Registering 注册",
                "Withdraw it: from now on it answers 410 with the reason and the successor. "
                "注销标识：此后解析返回 410，并说明原因与接替标识。",
                {"200": json("Withdrawn", record)} | changed | conflict,
                body=object_(
                    {"reason": {"type": "string", "maxLength": 500}, "successor": or_null(TEXT)},
                    required=["reason"],
                    example={"reason": "recalled 召回", "successor": "88.118.8/JXDY2106024"},
                ),
                parameters=[path(), matching],
                key=True,
            )
        },
        "/api/v1/templates": {
            "post": operation(
                "publishTemplate",
                "Registering 注册",
                "Publish a data template; registrations that name it are checked by it. 发布数据模板，引用它的注册按其校验。",
                {"201": json("Published", ref("Template")), "200": json("Published before", ref("Template"))}
                | wrong
                | {"409": problem("Exists with other content")},
                body=ref("Template"),
                key=True,
            )
        },
    }
