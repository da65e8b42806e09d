"""Leases of ranges of suffixes."""

from __future__ import annotations

from node.openapi.parts import (
    TEXT,
    TIME,
    VALUE,
    WHOLE,
    Schema,
    json,
    list_,
    object_,
    operation,
    or_null,
    path_parameter,
    problem,
    query,
    ref,
    refusals,
    said,
)
from registry.leasing.wishes import MAX_COUNT, MAX_REPORTED
from registry.verbs.read_leases import STATES

_TAG = "Registering 注册"
_DENIED = refusals("Not your prefix, or it is suspended", "不是您的前缀，或前缀已暂停")
_UNKNOWN = {"404": problem("No such lease", "租约不存在")}
_ID: Schema = path_parameter("id", "Of the lease", "租约编号", WHOLE)
_RANGES = list_(TEXT) | said('Numbers: "17" or "1-500"', "编号：“17” 或 “1-500”")


def leases() -> Schema:
    return {
        "/api/v1/leases": {"post": _open(), "get": _list()},
        "/api/v1/leases/{id}": {
            "get": operation(
                "readLease",
                _TAG,
                "One lease with what is used and what is not. 查询租约及其使用情况。",
                {"200": json("The lease", "租约", _lease(whole=True))} | _DENIED | _UNKNOWN,
                parameters=[_ID],
                key=True,
            )
        },
        "/api/v1/leases/{id}/suffixes": {"get": _suffixes()},
        "/api/v1/leases/{id}:report": {"post": _report()},
        "/api/v1/leases/{id}:return": {
            "post": operation(
                "returnLease",
                _TAG,
                "End a lease; what was not reported goes back and is given out first. 归还租约，未报告的后缀优先再分配。",
                {"200": json("Ended", "已结束", _lease(whole=True))} | _DENIED | _UNKNOWN,
                parameters=[_ID],
                key=True,
            )
        },
    }


def _open() -> Schema:
    asked = {
        "prefix": TEXT,
        "pattern": TEXT
        | said(
            "As for minting, with {seq} once and no {uuid7}; {date} is today",
            "同生成规则，须恰含一个 {seq}；{date} 为当日",
        ),
        "count": {"type": "integer", "minimum": 1, "maximum": MAX_COUNT},
        "template": or_null(TEXT),
        "values": {"type": ["array", "null"], "items": ref("Value")}
        | said("Of each suffix that is reported without its own", "报告时未给出值的后缀采用这些值"),
        "until": TIME | said("At most 366 days from now", "最长 366 天"),
        "label": TEXT,
    }
    example = {
        "prefix": "88.118.8", "pattern": "L{seq:8}{check}", "count": MAX_COUNT, "values": [VALUE],
        "until": "2026-12-31T00:00:00+08:00", "label": "line 3",
    }  # fmt: skip
    answers = {
        "201": json("Leased", "已租用", _lease(whole=True)),
        "409": problem("Too many open leases, or the numbers are taken", "未结束的租约过多，或编号已被占用"),
        "422": problem("Everything wrong with the body", "请求体中的全部问题"),
    }
    summary = "Lease suffixes to print without a network. 租用一段后缀，供产线离线打印。"
    body = object_(asked, required=["prefix", "pattern", "count", "until", "label"], example=example)
    return operation("openLease", _TAG, summary, answers | _DENIED, body=body, key=True)


def _list() -> Schema:
    page = object_({"items": list_(_lease(whole=False)), "next": or_null(WHOLE)}, required=["items", "next"])
    return operation(
        "listLeases",
        _TAG,
        "Leases of a prefix, newest first. 列出前缀下的租约，最新在前。",
        {"200": json("A page", "一页", page), "400": problem("A parameter is wrong", "参数不正确")} | _DENIED,
        parameters=[
            query("prefix", TEXT, "Of which prefix", "所属前缀", required=True),
            query("state", {"enum": list(STATES)}, "Only in this state", "仅此状态"),
            query("before", WHOLE, "Continue before this id", "从此编号之前继续"),
            query("limit", WHOLE, "Most items", "最多返回条数"),
        ],
        key=True,
    )


def _suffixes() -> Schema:
    lines = {kind: {"schema": TEXT} for kind in ("text/plain", "text/csv")}
    return operation(
        "listSuffixes",
        _TAG,
        "All suffixes of a lease, one a line. 列出租约的全部后缀，每行一个。",
        {"200": said("Streamed", "流式返回") | {"content": lines}} | _DENIED | _UNKNOWN,
        parameters=[
            _ID,
            query("format", {"enum": ["text", "csv"]}, "csv: number, suffix, identifier", "csv：编号、后缀、标识"),
        ],
        key=True,
    )


def _report() -> Schema:
    item = {
        "number": {"type": ["integer", "string"]},
        "suffix": TEXT,
        "values": list_(ref("Value")),
    }
    used: Schema = {
        "type": "array",
        "maxItems": MAX_REPORTED,
        "items": {"anyOf": [WHOLE, TEXT, object_(item)]},
        **said('Numbers, "from-to", or objects with values of their own', "编号、“起-止”，或带有各自值的对象"),
    }
    counts = object_(dict.fromkeys(("created", "unchanged", "conflict", "invalid"), WHOLE))
    wrong = object_(
        {"number": WHOLE, "identifier": TEXT, "item": TEXT, "reason": {"type": "object"}}, required=["reason"]
    )
    answer = object_({"counts": counts, "problems": list_(wrong), "lease": _lease(whole=False)})
    final = {"type": "boolean", **said("The rest goes back", "其余归还")}
    return operation(
        "reportLease",
        _TAG,
        "What was used: each suffix becomes a registration. Sent twice, nothing changes. 报告已使用的后缀，逐个登记；重复提交无副作用。",
        {
            "200": json("What became of each; problems name theirs", "逐项结果；有问题的逐一列出", answer),
            "413": problem(f"More than {MAX_REPORTED} suffixes", f"超过 {MAX_REPORTED} 个后缀"),
            "422": problem("Not a report at all", "不是有效的报告"),
        }
        | _DENIED
        | _UNKNOWN,
        parameters=[_ID],
        body=object_({"used": used, "final": final}, example={"used": ["1-40", 42], "final": False}),
        key=True,
    )


def _lease(*, whole: bool) -> Schema:
    members: Schema = {
        "id": WHOLE,
        "prefix": TEXT,
        "pattern": TEXT,
        "label": TEXT,
        "state": {"enum": list(STATES)},
        "template": or_null(TEXT),
        "count": WHOLE,
        "used_count": WHOLE,
        "unused_count": WHOLE,
        "key_id": TEXT | said("Who leased them", "租用者的密钥编号"),
        "until": TIME,
        "created_at": TIME,
        "reported_at": or_null(TIME),
        "ended_at": or_null(TIME),
    }
    if whole:
        part = object_(
            {"text": TEXT, "number": WHOLE | said("Width, 0: as long as it is", "宽度，0 为不补零"), "check": TEXT}
        )
        members |= {
            "first": TEXT,
            "last": TEXT,
            "ranges": _RANGES,
            "formula": list_(part) | said("What a suffix is made of, in order", "后缀的构成，依次拼接"),
            "used": _RANGES,
            "unused": _RANGES,
        }
    return object_(members, required=["id", "state"])
