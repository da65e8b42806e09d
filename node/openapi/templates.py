"""Data templates: their life, and their JSON Schema."""

from __future__ import annotations

from core.pattern import MAX_PATTERN
from core.template_item import DATA_TYPES, MAX_CHOICES, MAX_ITEMS, MAX_UNIT
from core.template_life import State
from core.values import VISIBILITIES
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
    path,
    problem,
    query,
    ref,
    refusals,
    said,
)
from registry.codes.industry import LEVELS
from registry.template_wish import CARRIERS, MAX_DESCRIPTION, MAX_VERSION
from registry.verbs.read import DEFAULT_PAGE, MAX_PAGE

_TAG = "Registering 注册"
_NAME = "88.118.8/META_component"
_ITEMS = [
    {"index": 2001, "type": "MODEL", "name_zh": "型号", "name_en": "Model", "required": True, "pattern": "[A-Z0-9-]+"},
    {"index": 2002, "type": "VOLTAGE", "name_zh": "电压", "name_en": "Voltage", "data_type": "number", "minimum": "0", "unit": "V"},
]  # fmt: skip
_LINE_REQUIRED = ["identifier", "state", "version", "name_zh", "name_en", "industry", "created_at"]


def template_schemas() -> Schema:
    length = or_null({"type": "integer", "minimum": 0}) | said("In characters", "按字符计")
    bound = {"type": ["string", "number", "null"]} | said(
        "Of a number or a full-date, as text", "数值或日期的界限，写作文本"
    )
    choice = object_({"code": TEXT, "zh": TEXT, "en": TEXT}, required=["code"])
    item = object_(
        {
            "index": {"type": "integer", "minimum": 2000},
            "type": TEXT,
            "name_zh": TEXT,
            "name_en": TEXT,
            "required": {"type": "boolean", "default": False},
            "enabled": {"type": "boolean", "default": True} | said("False: no new values", "为 false 时不再接受新值"),
            "data_type": {"enum": list(DATA_TYPES), "default": "string"}
            | said(
                "A file is sha256:<hex> <url> or sm3:<hex> <url>, a reference an identifier",
                "file 写作 sha256:<十六进制> <网址> 或 sm3:…；reference 为标识",
            ),
            "min_length": length,
            "max_length": length,
            "minimum": bound,
            "maximum": bound,
            "pattern": or_null({"type": "string", "maxLength": MAX_PATTERN})
            | said(
                "Regular expression for the whole value, without look-around and back-references",
                "匹配整个值的正则表达式，不支持环视与反向引用",
            ),
            "choices": {"type": "array", "maxItems": MAX_CHOICES, "items": {"anyOf": [choice, TEXT]}},
            "unit": or_null({"type": "string", "maxLength": MAX_UNIT}),
            "visibility": {"enum": list(VISIBILITIES), "default": "public"}
            | said(
                "Of values that do not say one, and the widest they may have", "值未注明时的可见范围，也是其最大范围"
            ),
        },
        required=["index", "type", "name_zh", "name_en"],
    )
    items = list_(item, MAX_ITEMS)
    shown = _shown()
    return {
        "TemplateWish": object_(
            {
                "identifier": TEXT | said("<prefix>/META_…", "<前缀>/META_…"),
                "state": {"enum": [State.DRAFT.value, State.PUBLISHED.value]}
                | said("published; of a copy, draft", "缺省为 published；复制时缺省为 draft"),
                "copy_of": or_null(TEXT) | said("A published template to copy", "要复制的已发布模板"),
                "items": items,
                **_about(),
            },
            required=["identifier"],
            example={"identifier": _NAME, "items": _ITEMS, "version": "1.0", "industry": "3979"},
        ),
        "TemplateChange": object_({"items": items, **_about()}, required=["items"], example={"items": _ITEMS}),
        "TemplateVersion": object_(
            {"identifier": or_null(TEXT) | said("Else the next free …_v2", "缺省取下一个可用的 …_v2"), **_about()},
            example={"version": "2.0"},
        ),
        "Template": object_(shown | {"items": items}, required=[*_LINE_REQUIRED, "items"]),
        "TemplateLine": object_(shown | {"item_count": WHOLE}, required=[*_LINE_REQUIRED, "item_count"]),
    }


def _about() -> Schema:
    """What may be said beside the items."""
    code = or_null(TEXT)
    return {
        "version": or_null({"type": "string", "maxLength": MAX_VERSION}) | said("Once in a prefix", "同一前缀内不重复"),
        "name_zh": or_null(TEXT),
        "name_en": or_null(TEXT),
        "description": or_null({"type": "string", "maxLength": MAX_DESCRIPTION}),
        "industry": {"anyOf": [TEXT, object_(dict.fromkeys((*LEVELS, "name"), code)), {"type": "null"}]}
        | said(
            "GB/T 4754-2017: one code of any level, or each level; completed upwards",
            "GB/T 4754-2017：任一级代码，或各级代码；自动补全上级",
        ),
        "carrier": {"enum": [*CARRIERS, None]} | said("1 active identifier carrier, 2 other", "1 主动标识载体，2 其他"),
    }


def _shown() -> Schema:
    """What every answer tells."""
    industry = object_(dict.fromkeys((*LEVELS, "name"), TEXT)) | {"type": ["object", "null"]}
    return {
        "identifier": TEXT,
        "state": {"enum": [state.value for state in State]},
        "version": or_null(TEXT),
        "name_zh": or_null(TEXT),
        "name_en": or_null(TEXT),
        "description": or_null(TEXT),
        "industry": industry,
        "carrier": {"enum": [*CARRIERS, None]},
        "previous": or_null(TEXT) | said("The template that this is the next version of", "上一版本的模板"),
        "copied_from": or_null(TEXT) | said("The template that this was copied from", "复制来源"),
        "created_at": TIME,
        "retired": object_({"at": TIME, "reason": or_null(TEXT)}),
    }


def templates() -> Schema:
    keyed = refusals("Not your prefix, suspended, or a key without the scope", "前缀不属于您、已被暂停，或密钥无此权限")
    wrong = {"422": problem("Everything wrong with the body, with field paths", "请求体中的全部问题，逐项指明字段路径")}
    missing = {"404": problem("No such template, or another's draft", "模板不存在，或为他人的草稿")}
    malformed = {"400": problem("Not an identifier", "不是有效的标识")}
    state = {"409": problem("Not in this state, see `state`", "当前状态不允许，见 state")}
    taken = {"409": problem("Exists with other content, or as a draft", "已存在且内容不同，或为草稿")}
    one = "/api/v1/templates/{identifier}"
    whole = ref("Template")
    parameters = [path() | {"example": _NAME}]
    return {
        "/api/v1/templates": {
            "get": _list(keyed),
            "post": operation(
                "createTemplate",
                _TAG,
                "Publish a data template, or make a draft or a copy. 发布数据模板，或建立草稿、复制模板。",
                {"201": json("Made", "已建立", whole), "200": json("There already", "此前已有", whole)}
                | keyed | wrong | taken,
                body=ref("TemplateWish"),
                key=True,
            ),
        },
        one: {
            "get": operation(
                "readTemplate",
                _TAG,
                "A template with its items; drafts for their owner. 读取模板；草稿仅所有者可见。",
                {"200": json("As it is", "当前内容", whole), "304": said("As the ETag says", "与 ETag 一致，未变化")}
                | keyed | missing | malformed,
                parameters=parameters,
                key=True,
            ),
            "put": operation(
                "changeDraft",
                _TAG,
                "Replace a draft; a published template never changes. 修改草稿；已发布的模板不可更改。",
                {"200": json("The draft", "草稿", whole)} | keyed | wrong | missing | malformed
                | {"409": problem("It is published", "该模板已发布")},
                body=ref("TemplateChange"),
                parameters=parameters,
                key=True,
            ),
            "delete": operation(
                "deleteDraft",
                _TAG,
                "Give a draft up. 删除草稿。",
                {"204": said("It is gone", "已删除")} | keyed | missing | malformed
                | {"409": problem("It is published", "该模板已发布")},
                parameters=parameters,
                key=True,
            ),
        },
        f"{one}:publish": {
            "post": operation(
                "publishDraft",
                _TAG,
                "Publish a draft: it resolves, and registrations may name it. 发布草稿，此后可解析、可引用。",
                {"200": json("Published", "已发布", whole)} | keyed | missing | malformed | state,
                parameters=parameters,
                key=True,
            )
        },
        f"{one}:retire": {
            "post": operation(
                "retireTemplate",
                _TAG,
                "Take no more registrations; it goes on resolving. 停用模板：不再接受新注册，仍可解析。",
                {"200": json("Retired", "已停用", whole)} | keyed | wrong | missing | malformed | state,
                body=object_(
                    {"reason": {"type": "string", "maxLength": 500}}, required=["reason"], example={"reason": "v2 取代"}
                ),
                parameters=parameters,
                key=True,
            )
        },
        f"{one}:new-version": {
            "post": operation(
                "newTemplateVersion",
                _TAG,
                "A draft of its next version. 建立新版本草稿。",
                {"201": json("The draft", "草稿", whole), "200": json("There already", "此前已有", whole)}
                | keyed | wrong | missing | malformed
                | {"409": problem("A draft has no next version, or the name is taken", "草稿没有新版本，或名称已占用")},
                body=ref("TemplateVersion"),
                parameters=parameters,
                key=True,
            )
        },
        f"{one}/schema": {"get": _schema(missing | malformed, parameters)},
    }  # fmt: skip


def _list(keyed: Schema) -> Schema:
    return operation(
        "listTemplates",
        _TAG,
        "Templates in order; drafts for their owner. 列出模板；草稿仅所有者可见。",
        {
            "200": json(
                "A page",
                "一页",
                object_({"items": list_(ref("TemplateLine")), "next": or_null(TEXT)}, required=["items", "next"]),
            ),
            "400": problem("A parameter is wrong", "参数不正确"),
        }
        | keyed,
        parameters=[
            query("prefix", TEXT, "Of this prefix, else of all", "前缀；缺省为全部"),
            query("state", {"enum": [state.value for state in State]}, "In this state only", "仅此状态"),
            query("after", TEXT, "Continue after this identifier: `next`", "从此标识之后继续，即 next"),
            query(
                "limit",
                {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": DEFAULT_PAGE},
                "Most templates",
                "最多返回的模板数",
            ),
        ],
        key=True,
    )


def _schema(refused: Schema, parameters: list[Schema]) -> Schema:
    shown = said(
        "JSON Schema 2020-12 of the body of POST /api/v1/identifiers",
        "POST /api/v1/identifiers 请求体的 JSON Schema 2020-12",
    )
    content = {"content": {"application/schema+json": {"schema": {"type": "object"}}}}
    return operation(
        "readTemplateSchema",
        _TAG,
        "What a registration with this template looks like, as JSON Schema. 以 JSON Schema 表示的注册请求体。",
        {"200": shown | content, "304": said("As the ETag says", "与 ETag 一致，未变化")} | refused,
        parameters=parameters,
    )
