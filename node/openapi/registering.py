"""What the holder of a prefix may call."""

from __future__ import annotations

from node.openapi.keeping import filters
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
    refusals,
    said,
)
from registry.doors import MAX_BATCH as MAX_ITEMS
from registry.verbs.read import DEFAULT_PAGE, MAX_PAGE


def registering() -> Schema:
    record = ref("Record")
    denied = refusals("Not your prefix", "无权使用该前缀")
    wrong = denied | {
        "422": problem("Everything wrong with the body, with field paths", "请求体中的全部问题，逐项指明字段路径")
    }
    conflict = {
        "409": problem(
            "Exists with other content (with the difference), or was withdrawn", "已存在且内容不同（附差异），或已注销"
        )
    }
    changed = wrong | {
        "404": problem("Not registered", "未注册"),
        "412": problem("Changed since: If-Match does not hold", "读取之后已被修改，If-Match 不成立"),
    }
    matching = {
        "name": "If-Match",
        "in": "header",
        "schema": TEXT,
        **said("The ETag that was read", "读取时得到的 ETag"),
    }
    return {
        "/api/v1/identifiers": {
            "post": operation(
                "register",
                "Registering 注册",
                "Register one identifier. The same content again is 200. 注册一个标识；相同内容重复提交返回 200。",
                {
                    "201": json("Registered", "已注册", record),
                    "200": json("Registered before", "此前已以相同内容注册", record),
                }
                | wrong
                | conflict,
                body=ref("Registration"),
                key=True,
            ),
            "get": operation(
                "list",
                "Registering 注册",
                "List a prefix in order of key, page by page; with a filter a page may be empty while `next` goes on. "
                "按标识顺序分页列出一个前缀下的标识；使用筛选条件时，只要 `next` 不为空就可继续，单页可能为空。",
                {"200": json("A page", "一页结果", object_({"items": list_(record), "next": or_null(TEXT)}))}
                | denied
                | {
                    "400": problem("A parameter is wrong", "参数有误"),
                    "409": problem("The value index is still being filled", "值索引尚在建立中"),
                },
                parameters=[
                    query(
                        "prefix",
                        TEXT,
                        "Whose identifiers; there unless `transferred` is",
                        "要列出的前缀；使用 `transferred` 时不填",
                    ),
                    query(
                        "after",
                        TEXT,
                        "Continue after this identifier: `next` of the page before",
                        "从该标识之后继续，取上一页的 `next`",
                    ),
                    query(
                        "limit",
                        {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": DEFAULT_PAGE},
                        "Most items",
                        "每页最多条数",
                    ),
                    *filters(),
                ],
                key=True,
            ),
        },
        "/api/v1/identifiers:batch": {
            "post": operation(
                "registerBatch",
                "Registering 注册",
                f"Register up to {MAX_ITEMS} identifiers: one verdict each; bad items never cost good ones. "
                f"批量注册，一次最多 {MAX_ITEMS} 项，逐项给出结果；个别错误不影响其他项。",
                {"200": json("Verdicts", "逐项结果", ref("Verdicts"))}
                | denied
                | {
                    "413": problem("Too many items", "条目过多"),
                    "422": problem("Not such a list", "不是符合要求的列表"),
                },
                body=object_({"items": list_(ref("Registration"), MAX_ITEMS)}, example={"items": [ITEM]}),
                key=True,
            )
        },
        "/api/v1/identifiers/{identifier}": {
            "get": operation(
                "read",
                "Registering 注册",
                "The record as its owner sees it. 读取标识的完整记录。",
                {
                    "200": json("The record", "完整记录", record),
                    "304": said("Not changed since If-None-Match", "与 If-None-Match 所示版本相同，未修改"),
                }
                | denied
                | {"400": problem("Malformed (102)", "格式不正确（102）"), "404": problem("Not registered", "未注册")},
                parameters=[path()],
                key=True,
            ),
            "put": operation(
                "revise",
                "Registering 注册",
                "Give it new values; what it said before is kept. 更新标识的值，历史予以保留。",
                {"200": json("The new version", "新版本", record)} | changed | conflict,
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
                {"200": json("Withdrawn", "已注销", record)} | changed | conflict,
                body=object_(
                    {"reason": {"type": "string", "maxLength": 500}, "successor": or_null(TEXT)},
                    required=["reason"],
                    example={"reason": "recalled 召回", "successor": "88.118.8/JXDY2106024"},
                ),
                parameters=[path(), matching],
                key=True,
            )
        },
    }
