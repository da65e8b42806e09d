"""What the node keeps and gives back: filters of lists, reverse index, audit, counters, exports."""

from __future__ import annotations

from node.openapi.parts import (
    TEXT,
    TIME,
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
    refusals,
    said,
)
from registry.audit_doors import DEFAULT_PAGE, MAX_PAGE
from registry.export.formats import ENCODINGS, FORMATS, MEDIA_TYPES, NAMES
from registry.list_filter import STATUSES
from registry.verbs.count import STEPS
from registry.verbs.export import WHAT
from registry.verbs.index_values import MAX_TYPES

_TAG = "Registering 注册"
_DENIED = refusals()
_WRONG = {"400": problem("A parameter is wrong", "参数有误")}
_PREFIX: Schema = path_parameter("prefix", "A prefix, such as 88.118.8", "前缀，例如 88.118.8")


def filters() -> list[Schema]:
    """Further parameters of the list of identifiers."""
    return [
        query("template", TEXT, "Only of this data template", "只列出该模板的标识"),
        query("status", {"enum": list(STATUSES)}, "Only active or only withdrawn ones", "只列出有效或已注销的"),
        query("created_since", TIME, "Registered at this time or later", "该时间起注册的"),
        query("created_before", TIME, "Registered before this time", "该时间前注册的"),
        query("changed_since", TIME, "Last changed (or registered) at this time or later", "该时间起最后变更（或注册）的"),
        query("changed_before", TIME, "Last changed (or registered) before this time", "该时间前最后变更（或注册）的"),
        query("suffix_from", TEXT, "Suffixes from this one on, in order of key", "后缀从此开始，按键的顺序"),
        query("suffix_to", TEXT, "Suffixes up to this one, itself included", "后缀到此为止（含）"),
        query("suffix_starts", TEXT, "Suffixes that start so", "以此开头的后缀"),
        query("value_type", TEXT, "With `value`: type of the value, one of the prefix's value index", "与 `value` 合用：值的类型，须已建立值索引"),
        query("value", TEXT, "Exactly this text", "与该文本完全相同的值"),
        query("transferred", {"enum": ["true"]}, "In place of `prefix`: what was transferred to you from prefixes of others", "代替 `prefix`：列出他人前缀下转让给您的标识"),
        query("enterprise", WHOLE, "With `transferred`, for operators and auditors: to whom", "与 `transferred` 合用，供运营方与审计方：受让企业"),
    ]  # fmt: skip


def keeping() -> Schema:
    return {
        "/api/v1/prefixes/{prefix}/value-index": _value_index(),
        "/api/v1/audit": {"get": _audit()},
        "/api/v1/audit/head": {"get": _head()},
        "/api/v1/counts": {"get": _counts()},
        "/api/v1/export": {"get": _export()},
    }


def _value_index() -> Schema:
    types = {"type": "array", "items": TEXT, "maxItems": MAX_TYPES}
    wish = object_({"types": types}, required=["types"], example={"types": ["SERIAL"]})
    shown = object_(
        {
            "prefix": TEXT,
            "types": list_(TEXT),
            "state": {"enum": ["building", "ready"]} | said("ready: can be searched", "ready 表示可以查询"),
            "asked_at": or_null(TIME),
            "ready_at": or_null(TIME),
        }
    )
    answers = {"200": json("The index", "索引", shown)} | _DENIED | _WRONG
    return {
        "get": operation(
            "readValueIndex", _TAG, "Which types are found by their value, and whether the index is filled. 查看值索引及其状态。",
            answers, parameters=[_PREFIX], key=True,
        ),
        "put": operation(
            "wishValueIndex", _TAG,
            f"Choose at most {MAX_TYPES} types to be found by their exact value; what is registered already is filled in meanwhile. "
            f"选择最多 {MAX_TYPES} 个值类型建立索引，已注册的标识在后台补入。",
            answers | {"422": problem("The body has problems", "请求内容有误")}, parameters=[_PREFIX], body=wish, key=True,
        ),
    }  # fmt: skip


def _audit() -> Schema:
    entry = object_(
        {
            "id": WHOLE,
            "at": TIME,
            "by": {"anyOf": [object_({"key_id": TEXT, "label": TEXT}), {"type": "null"}]}
            | said("null: the node itself", "null 表示节点自身"),
            "action": TEXT,
            "object": TEXT,
            "identifiers": WHOLE | said("How many were registered or changed", "注册或变更的标识数"),
            "source": or_null(TEXT),
            "request_id": or_null(TEXT),
        }
    )
    return operation(
        "listAudit", "Operation 运维",
        "Who did what, newest first: all of it for operators and auditors, an enterprise's administrator what its keys did. "
        "A page may be empty while `next` goes on. 按时间倒序查询审计日志；企业管理员只能查询本企业密钥的操作。只要 `next` 不为空就可继续，单页可能为空。",
        {"200": json("A page", "一页", object_({"items": list_(entry), "next": or_null(TEXT)}))} | _DENIED | _WRONG,
        parameters=[
            query("from", TIME, "At this time or later", "起始时间"),
            query("to", TIME, "Before this time", "结束时间"),
            query("actor", TEXT, "key_id of who did it", "操作者的 key_id"),
            query("action", TEXT, "Such as register or withdraw", "操作，例如 register、withdraw"),
            query("object", TEXT, "What it was done to, exactly", "操作对象（完全一致）"),
            query("before", TEXT, "`next` of the page before", "上一页的 `next`"),
            query(
                "limit", {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": DEFAULT_PAGE}, "Most items", "每页最多条数",
            ),
        ],
        key=True,
    )  # fmt: skip


def _head() -> Schema:
    head = object_({"seal": WHOLE, "hash": or_null(TEXT), "sealed_at": or_null(TIME)})
    return operation(
        "auditHead", "Operation 运维",
        "The newest seal of the audit; kept elsewhere, it shows whether the end was cut. 审计链的最新封条，另行保存可用于发现链尾被截断。",
        {"200": json("The head", "链头", head)} | _DENIED, key=True,
    )  # fmt: skip


def _counts() -> Schema:
    item = object_({"since": TIME, "enterprise_id": WHOLE, "registered": WHOLE})
    answer = object_({"from": TIME, "to": TIME, "by": {"enum": list(STEPS)}, "registered": WHOLE, "items": list_(item)})
    return operation(
        "count", "Operation 运维",
        "Registrations by enterprise and hour or day (Beijing time), from counters kept with the rows. 按企业与小时或日（北京时间）统计注册量。",
        {"200": json("Counts", "统计", answer)} | _DENIED | _WRONG,
        parameters=[
            query("enterprise", WHOLE, "Else all that the key may see", "缺省为密钥可见的全部企业"),
            query("prefix", TEXT, "Only under this prefix", "只统计该前缀"),
            query("from", TIME, "Rounded down to the hour; else a day before `to`", "向下取整到小时；缺省为 `to` 前一日"),
            query("to", TIME, "Else now", "缺省为当前时间"),
            query("by", {"enum": list(STEPS)}, "hour: 31 days at most; day: 366", "hour 最多 31 天，day 最多 366 天"),
        ],
        key=True,
    )  # fmt: skip


def _export() -> Schema:
    file: Schema = said(
        "A file, chunked: broken off, its last chunk is missing", "文件（分块传输）；若中断则缺少最后一块"
    )
    content: Schema = {
        kind: {"schema": TEXT if kind != MEDIA_TYPES["parquet"] else {}} for kind in MEDIA_TYPES.values()
    }
    busy = problem("Two exports are running on this worker: Retry-After", "该进程已有两个导出，请按 Retry-After 重试")
    return operation(
        "export", _TAG,
        "The whole prefix as it is at one moment; a bulk job takes it back without a difference. With `template` a CSV for people. "
        "以一致快照导出整个前缀，可由批量任务无差异地导入；指定 `template` 的 CSV 按模板项分列。",
        {"200": file | {"content": content}, "503": busy} | _DENIED | _WRONG,
        parameters=[
            query("prefix", TEXT, "Whose identifiers", "要导出的前缀", required=True),
            query("format", {"enum": list(FORMATS)}, "ndjson where nothing is said", "缺省为 ndjson"),
            query("template", TEXT, "Only of this template; as CSV a column an item", "只导出该模板；CSV 按模板项分列"),
            query("names", {"enum": list(NAMES)}, "Names of those columns", "列名语言"),
            query("encoding", {"enum": list(ENCODINGS)}, "Of a CSV", "CSV 的编码"),
            query(
                "what", {"enum": list(WHAT)},
                "templates: bodies for POST /api/v1/templates, those of retired ones with `state` and `reason` beside",
                "templates：用于 POST /api/v1/templates 的请求体，已停用模板另附 `state` 与 `reason`",
            ),
        ],
        key=True,
    )  # fmt: skip
