"""Bulk jobs: what the holder of a prefix sends as a file."""

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
    ref,
    refusals,
    said,
)
from registry.bulk.jobs import ENDED, OPEN
from registry.bulk.receive import FORMATS

_TAG = "Registering 注册"
_PATH: Schema = path_parameter("id", "Number of the job", "任务编号", WHOLE)
_BINARY: Schema = {"type": "string", "format": "binary"}
_KINDS = ("text/csv", "application/x-ndjson", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")


def bulk_schemas() -> Schema:
    number = or_null({"type": "number"})
    text = object_({"slug": TEXT, "en": TEXT, "zh": TEXT}, required=["slug", "en", "zh"])
    return {
        "BulkJob": object_(
            {
                "id": WHOLE,
                "prefix": TEXT,
                "template": or_null(TEXT),
                "format": {"enum": list(FORMATS)},
                "file": object_({"name": or_null(TEXT), "bytes": WHOLE, "sha256": TEXT}),
                "auto": {"type": "boolean"},
                "state": {"enum": [*OPEN, *ENDED]},
                "rows": WHOLE | said("Rows of the file, without header and blank lines", "文件行数，不含标题行与空行"),
                "created": WHOLE | said("Registered so far", "已新增"),
                "unchanged": WHOLE | said("Said what is registered already", "与已注册内容相同"),
                "changed": WHOLE | said("Got a new version", "已更新为新版本"),
                "refused": WHOLE | said("Not merged: see the verdicts", "被拒绝，原因见逐行结果"),
                "progress": {"type": "number"}
                | said("Of planning, then of merging, 0 to 1", "生成计划、随后合并的进度，0 到 1"),
                "seconds_left": number | said("Estimated", "预计剩余秒数"),
                "created_at": TIME,
                "planned_at": or_null(TIME),
                "merging_at": or_null(TIME),
                "finished_at": or_null(TIME),
                "plan": {"type": ["object", "null"]}
                | said(
                    "new, same, changed, withdrawn, refused, beyond_quota, samples, columns, encoding, estimated_seconds",
                    "新增、相同、变更、已注销、拒绝及超出配额的数量，样例，列对应关系，编码，预计秒数",
                ),
                "problem": {"anyOf": [text, {"type": "null"}]}
                | said("Why it failed or was paused", "失败或暂停的原因"),
            },
            required=["id", "prefix", "state", "rows", "created", "unchanged", "changed", "refused"],
        )
    }


def bulk() -> Schema:
    job = ref("BulkJob")
    denied = refusals("Not your prefix", "不是您的前缀")
    known = denied | {"404": problem("No such job", "任务不存在")}
    moved = known | {"409": problem("Not possible in this state", "当前状态不允许")}
    stored = {"description": "A file", "x-zh-description": "文件"}
    steps = {
        "confirm": "Merge what was planned. 确认计划，开始合并。",
        "cancel": "End it; what is merged stays. 取消任务，已合并的保留。",
        "pause": "Stop at the next chunk. 在下一个数据块处暂停。",
        "resume": "Go on where it was paused. 从暂停处继续。",
    }
    found: Schema = {
        "/api/v1/bulk-jobs": {"post": _receive(denied, job), "get": _list(denied, job)},
        "/api/v1/bulk-jobs/{id}": {
            "get": operation(
                "readBulkJob", _TAG, "One job: state, counts, plan. 查询批量任务的状态、数量与计划。",
                {"200": json("The job", "任务", job)} | known, parameters=[_PATH], key=True,
            )
        },
        "/api/v1/bulk-jobs/{id}/verdicts": {
            "get": operation(
                "readBulkVerdicts", _TAG,
                "Row number, identifier, column, slug and reason of every refused row, as CSV or NDJSON. 逐行列出被拒绝的原因。",
                {"200": stored | {"content": {"text/csv": {"schema": TEXT}, "application/x-ndjson": {"schema": TEXT}}}}
                | known | {"409": problem("The file lies on another machine", "结果文件在另一台机器上")},
                parameters=[_PATH, query("all", {"enum": ["1", "true"]}, "Every row, not only refused ones", "列出全部行")],
                key=True,
            )
        },
        "/api/v1/bulk-jobs/{id}/events": {
            "get": operation(
                "followBulkJob", _TAG, "Server-sent events: the job whenever it changes, until it ends. 以事件流持续返回任务进度。",
                {"200": stored | {"content": {"text/event-stream": {"schema": TEXT}}}} | known, parameters=[_PATH], key=True,
            )
        },
    }  # fmt: skip
    for step, summary in steps.items():
        found[f"/api/v1/bulk-jobs/{{id}}/{step}"] = {
            "post": operation(
                f"{step}BulkJob",
                _TAG,
                summary,
                {"200": json("The job", "任务", job)} | moved,
                parameters=[_PATH],
                key=True,
            )
        }
    return found


def _receive(denied: Schema, job: Schema) -> Schema:
    made = operation(
        "createBulkJob",
        _TAG,
        "Register the rows of a file, millions of them. The same file again is the same job. "
        "批量注册文件中的标识，可达数千万行；同一文件重复提交为同一任务。",
        {
            "202": json("Received", "已接收", job),
            "200": json("Received before", "此前已接收", job),
            "400": problem("A parameter is wrong", "参数有误"),
            "413": problem("The file is too large", "文件过大"),
            "422": problem("The form has no file", "表单中没有文件"),
            "507": problem("No room on the disk", "磁盘空间不足"),
        }
        | denied,
        parameters=[
            query("prefix", TEXT, "Whose identifiers", "所属前缀", required=True),
            query("template", TEXT, "Data template: its names are the columns", "数据模板，其名称即列名"),
            query(
                "format",
                {"enum": list(FORMATS)},
                "Else by Content-Type, name and content",
                "缺省按类型、文件名与内容判断",
            ),
            query("auto", {"enum": ["0", "1", "false", "true"]}, "Confirm by itself", "自动确认"),
            query(
                "mapping",
                TEXT,
                "JSON: column name → item type; kept for the template",
                "JSON：列名 → 模板项类型，按模板保存",
            ),
            query("file_name", TEXT, "Shown in lists", "列表中显示的文件名"),
        ],
        key=True,
    )
    content: Schema = {kind: {"schema": _BINARY} for kind in _KINDS}
    content["multipart/form-data"] = {"schema": object_({"file": _BINARY}, required=["file"])}
    made["requestBody"] = {"required": True, "content": content}
    return made


def _list(denied: Schema, job: Schema) -> Schema:
    return operation(
        "listBulkJobs",
        _TAG,
        "Jobs of a prefix, newest first. 按时间倒序列出前缀下的批量任务。",
        {"200": json("A page", "一页", object_({"items": list_(job), "next": or_null(WHOLE)}))}
        | denied
        | {"400": problem("A parameter is wrong", "参数有误")},
        parameters=[
            query("prefix", TEXT, "Whose jobs", "所属前缀", required=True),
            query(
                "before",
                WHOLE,
                "Continue before this job: `next` of the page before",
                "从该任务之前继续：上一页的 `next`",
            ),
            query("limit", WHOLE, "Most items", "最多条数"),
            query("sha256", TEXT, "Only jobs of this file", "只列出该文件的任务"),
        ],
        key=True,
    )
