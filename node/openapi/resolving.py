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
)
from resolver.doors import MAX_BATCH as MAX_RESOLVE


def resolving() -> Schema:
    answer, gone = ref("HandleAnswer"), problem("Withdrawn: the reason and the successor")
    missing, foreign = (
        problem("Not registered (responseCode 100)"),
        problem("Malformed (102), or not served here (301)"),
    )
    found = {"200": json("Found", answer), "304": {"description": "Not changed since If-None-Match"}}
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
                        "type", {"type": "array", "items": TEXT}, "Only values of these types; `T.` takes subtypes too"
                    ),
                    query("index", {"type": "array", "items": WHOLE}, "Or with these indexes; with types, a union"),
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
                    "302": {"description": "To the URL value", "headers": {"Location": {"schema": TEXT}}},
                    "400": foreign,
                    "404": missing,
                    "410": gone,
                },
                parameters=[path(), query("noredirect", TEXT, "Present: show the record instead of redirecting")],
            )
        },
        "/api/v1/resolve": {
            "post": operation(
                "resolveMany",
                "Resolving 解析",
                f"Resolve up to {MAX_RESOLVE} identifiers: one answer each, in order. 批量解析，按顺序逐一应答。",
                {
                    "200": json("Answers", object_({"items": list_(ref("BatchAnswer"))})),
                    "422": problem("Not such a list"),
                },
                body=object_(
                    {"identifiers": list_(TEXT, MAX_RESOLVE)}, example={"identifiers": [EXAMPLE, "88.118.8/unknown"]}
                ),
            )
        },
    }
