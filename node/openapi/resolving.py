"""What anybody may call."""

from __future__ import annotations

from node.openapi.parts import (
    EXAMPLE,
    TEXT,
    WHOLE,
    Schema,
    json,
    list_,
    object_,
    operation,
    path,
    problem,
    query,
    ref,
    said,
)
from resolver.doors import MAX_BATCH as MAX_RESOLVE


def resolving() -> Schema:
    answer, gone = ref("HandleAnswer"), problem("Withdrawn: the reason and the successor", "已注销，附原因与接替标识")
    missing, foreign = (
        problem("Not registered (responseCode 100)", "未注册（responseCode 100）"),
        problem("Malformed (102), or not served here (301)", "格式不正确（102），或不由本节点解析（301）"),
    )
    found = {
        "200": json("Found", "已找到", answer),
        "304": said("Not changed since If-None-Match", "与 If-None-Match 所示版本相同，未修改"),
        "401": problem("A key was sent, and is wrong", "附带的密钥不正确"),
    }
    return {
        "/api/handles/{identifier}": {
            "get": operation(
                "resolve",
                "Resolving 解析",
                "Resolve one identifier, in the Handle.Net JSON form. 解析一个标识（Handle.Net JSON）。",
                found | {"400": foreign, "404": missing, "410": gone},
                parameters=[
                    path(),
                    query(
                        "type",
                        {"type": "array", "items": TEXT},
                        "Only values of these types; `T.` takes subtypes too",
                        "仅返回这些类型的值；写作 `T.` 时包含其子类型",
                    ),
                    query(
                        "index",
                        {"type": "array", "items": WHOLE},
                        "Or with these indexes; with types, a union",
                        "返回这些索引的值；与 `type` 同用时取并集",
                    ),
                ],
            )
        },
        "/{identifier}": {
            "get": operation(
                "open",
                "Resolving 解析",
                "What a scanned code opens: a page for a person, JSON for a program, a redirect where there is a URL value. "
                "扫码打开的地址：浏览器得到页面，程序得到 JSON，含 URL 值时重定向。",
                found
                | {
                    "302": said("To the URL value", "重定向到 URL 值")
                    | {"headers": {"Location": {"schema": TEXT, **said("The URL value", "URL 值")}}},
                    "400": foreign,
                    "404": missing,
                    "410": gone,
                },
                parameters=[
                    path(),
                    query(
                        "noredirect",
                        TEXT,
                        "Present: show the record instead of redirecting",
                        "带上此参数时显示记录，不重定向",
                    ),
                ],
            )
        },
        "/api/v1/resolve": {
            "post": operation(
                "resolveMany",
                "Resolving 解析",
                f"Resolve up to {MAX_RESOLVE} identifiers: one answer each, in order. "
                f"批量解析，一次最多 {MAX_RESOLVE} 个，按顺序逐一应答。",
                {
                    "200": json("Answers", "逐项应答", object_({"items": list_(ref("BatchAnswer"))})),
                    "401": found["401"],
                    "422": problem("Not such a list", "不是符合要求的列表"),
                },
                body=object_(
                    {"identifiers": list_(TEXT, MAX_RESOLVE)}, example={"identifiers": [EXAMPLE, "88.118.8/unknown"]}
                ),
            )
        },
    }
