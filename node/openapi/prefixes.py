"""The life of prefixes, where they are hosted, and the enterprises that have them."""

from __future__ import annotations

from node.openapi.parts import (
    TEXT,
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

_TAG = "Onboarding 接入"
_DENIED = refusals("Not yours, or role or scope is not enough", "不属于您，或角色、权限范围不足")
_BODY_PROBLEMS = {
    "422": problem("Everything wrong with the body, with field paths", "请求体中的全部问题，逐项指明字段路径")
}
_UNKNOWN = {"404": problem("No such prefix", "前缀不存在")}
_SITE = {
    "servers": [
        {
            "serverId": 1,
            "address": "2001:db8::8",
            "interfaces": [{"query": True, "admin": False, "protocol": "TCP", "port": 2641}],
        }
    ]
}
_HOSTING: Schema = {"enum": ["here", "own-node"]}


def prefix_schemas() -> Schema:
    return {
        "Prefix": object_(
            {
                "prefix": TEXT,
                "enterprise_id": WHOLE,
                "enterprise": TEXT,
                "suffix_case_sensitive": {"type": "boolean"},
                "state": {"enum": ["awaiting", "submitted", "active", "suspended", "rejected", "revoked"]}
                | said(
                    "Reserved, at the top level, usable, suspended, rejected by the top level, revoked",
                    "依次为：已预留、顶级节点审核中、可用、已暂停、顶级节点驳回、已注销",
                ),
                "reason": or_null(TEXT) | said("Why it is not active", "不可用的原因"),
                "answering": {"type": "boolean"} | said("Whether it is resolved", "是否提供解析"),
                "foreign": {"type": "boolean"} | said("Beside the node's own prefix", "不在本节点前缀之下"),
                "parent": or_null(TEXT) | said("Suspended with it", "上级前缀，随其暂停"),
                "hosting": _HOSTING,
                "site": {"type": ["object", "null"]} | said("HS_SITE of the own node", "企业自有节点的 HS_SITE"),
                "service": or_null(TEXT)
                | said(
                    "The service (HS_SERV) that names the site in its place", "代替站点信息的解析服务标识（HS_SERV）"
                ),
            },
            required=["prefix", "enterprise_id", "state", "hosting"],
        )
    }


def prefixes() -> Schema:
    one = "/api/v1/prefixes/{prefix}"
    return {
        "/api/v1/prefixes": {"get": _list()},
        one: {"get": _read()},
        f"{one}:suspend": {"post": _hold("suspendPrefix", True)},
        f"{one}:resume": {"post": _hold("resumePrefix", False)},
        f"{one}/hosting": {"put": _host()},
    } | {
        f"/api/v1/enterprises/{{id}}:{move}": {"post": _enterprise(move, words)}
        for move, words in (
            ("suspend", "Suspend an enterprise with all its prefixes and keys; it may go on reading. 暂停企业及其全部前缀与密钥。"),
            ("resume", "Let it go on. 恢复企业。"),
            ("revoke", "End its prefixes and keys for good. 注销企业，其前缀与密钥不再恢复。"),
        )
    }  # fmt: skip


def suspension() -> Schema:
    return object_(
        {
            "reason": {"type": "string", "maxLength": 500},
            "stop_answering": {
                "type": "boolean",
                "default": False,
                **said("Whether resolving stops too", "是否同时停止解析"),
            },
        },
        required=["reason"],
        example={"reason": "年审未通过"},
    )


def _list() -> Schema:
    page = object_({"items": list_(ref("Prefix")), "next": or_null(TEXT)}, required=["items", "next"])
    return operation(
        "listPrefixes",
        _TAG,
        "Prefixes in order: an enterprise's own; for operators and auditors all. 列出前缀。",
        {"200": json("A page; `next` goes on", "一页；用 `next` 继续", page)}
        | _DENIED
        | {
            "400": problem("A parameter is not valid", "参数不正确"),
            "404": problem("Another enterprise's", "不是您的企业"),
        },
        parameters=[
            query("enterprise_id", WHOLE, "Only prefixes of this enterprise", "仅列出该企业的前缀"),
            query("after", TEXT, "`next` of the page before", "上一页的 `next`"),
            query("limit", {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}, "Page size", "每页数量"),
        ],
        key=True,
    )


def _read() -> Schema:
    return operation(
        "readPrefix",
        _TAG,
        "How a prefix stands. 查询前缀的状态。",
        {"200": json("The prefix", "前缀", ref("Prefix")), "400": problem("Not a prefix", "不是有效的前缀")}
        | _DENIED
        | _UNKNOWN,
        parameters=[_path("prefix")],
        key=True,
    )


def _hold(name: str, suspends: bool) -> Schema:
    words = (
        "Suspend a prefix and what was delegated below it: nothing is written; it resolves on unless told otherwise. "
        "暂停前缀及其下放的前缀：不可写入，默认继续解析。"
        if suspends
        else "Let a prefix go on. 恢复前缀。"
    )
    return operation(
        name,
        _TAG,
        words,
        {"200": json("As it stands then", "当前状态", ref("Prefix")), "400": problem("Not a prefix", "不是有效的前缀")}
        | _DENIED
        | _UNKNOWN
        | (_BODY_PROBLEMS if suspends else {}),
        parameters=[_path("prefix")],
        body=suspension() if suspends else None,
        key=True,
    )


def _host() -> Schema:
    return operation(
        "hostPrefix",
        _TAG,
        "Where a prefix is answered, once the top level has approved it: here, or at the enterprise's own node. "
        "设置前缀由本节点托管，或由企业自有节点提供服务。",
        {"200": json("As it stands then", "当前状态", ref("Prefix"))}
        | _DENIED
        | _BODY_PROBLEMS
        | {"409": problem("Not approved yet", "尚未审核通过")},
        parameters=[_path("prefix")],
        body=object_(
            {
                "hosting": _HOSTING,
                "site": {"type": ["object", "null"], **said("HS_SITE as JSON", "JSON 形式的 HS_SITE")},
                "service": or_null(TEXT)
                | said(
                    "In place of the site: an identifier whose record has the HS_SITE",
                    "代替 site：其记录含 HS_SITE 的标识",
                ),
            },
            required=["hosting"],
            example={"hosting": "own-node", "site": _SITE},
        ),
        key=True,
    )


def _enterprise(move: str, words: str) -> Schema:
    shown = object_(
        {
            "id": WHOLE,
            "name": TEXT,
            "credit_code": or_null(TEXT),
            "state": {"enum": ["active", "suspended", "revoked"]},
            "reason": or_null(TEXT),
            "stop_answering": {"type": "boolean"},
            "prefixes": WHOLE,
        }
    )
    return operation(
        f"{move}Enterprise",
        _TAG,
        words,
        {"200": json("As it stands then", "当前状态", shown)}
        | _DENIED
        | {
            "404": problem("No such enterprise", "企业不存在"),
            "409": problem("Not in a state for that", "当前状态不允许"),
        }
        | ({} if move == "resume" else _BODY_PROBLEMS),
        parameters=[_path("id")],
        body=None if move == "resume" else suspension(),
        key=True,
    )


def _path(name: str) -> Schema:
    words = ("The prefix", "前缀") if name == "prefix" else ("Number of the enterprise", "企业编号")
    return path_parameter(name, *words)
