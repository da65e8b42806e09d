"""The shapes that several calls share."""

from __future__ import annotations

from core.errors import all_problems
from core.values import (
    FORMATS,
    MAX_REFERENCE_BYTES,
    MAX_REFERENCES,
    MAX_TTL_SECONDS,
    MAX_VALUES,
    VISIBILITIES,
)
from node.openapi.parts import (
    ITEM,
    TEXT,
    TIME,
    VALUE,
    WHOLE,
    Schema,
    list_,
    object_,
    or_null,
    ref,
    said,
)


def schemas() -> Schema:
    reference = object_(
        {
            "handle": {"type": "string", "minLength": 1, "maxLength": MAX_REFERENCE_BYTES},
            "index": {"type": "integer", "minimum": 0, "maximum": 2**32 - 1},
        },
        required=["handle", "index"],
    )
    value = object_(
        {
            "index": {"type": "integer", "minimum": 1, "maximum": 2**32 - 1}
            | said("Number of the value, once in a record", "值的索引，在一条记录内不重复"),
            "type": {"type": "string", "minLength": 1, "maxLength": 255}
            | said("What the value is, for instance URL or MODEL", "值的类型，例如 URL、MODEL"),
            "data": object_(
                {"format": {"enum": sorted(FORMATS), "default": "string"}, "value": {}}, required=["value"]
            ),
            "ttl": {
                "oneOf": [{"type": "integer", "minimum": 0, "maximum": MAX_TTL_SECONDS}, TIME],
                "default": 86_400,
                **said("Seconds for which others may keep it, or until when", "他方可缓存的秒数，或可缓存至何时"),
            },
            "permissions": {
                "type": "string",
                "pattern": "^[01]{4}$",
                "default": "1110",
                **said("admin read, admin write, public read, public write", "依次为管理读、管理写、公开读、公开写"),
            },
            "visibility": {
                "enum": list(VISIBILITIES),
                **said("Who sees it beside the owner; else by permissions", "所有者之外的可见范围；缺省按 permissions"),
            },
            "references": {"type": "array", "items": reference, "maxItems": MAX_REFERENCES}
            | said("Values of other records that it names", "该值引用的其他标识的值"),
            "timestamp": TIME | said("Last change; set by the node", "最近修改时间，由节点填写"),
        },
        required=["index", "type", "data"],
        example=VALUE,
    )
    values = list_(ref("Value"), MAX_VALUES)
    template = or_null(TEXT | said("Identifier of a published template", "已发布模板的标识"))
    withdrawn = object_(
        {
            "reason": or_null(TEXT | said("As the holder gave it", "持有者写明的原因")),
            "successor": or_null(TEXT | said("Identifier to use instead", "接替标识")),
            "at": TIME,
        }
    )
    both = object_({"title": TEXT, "detail": TEXT, "remedy": TEXT})
    field = object_({"path": TEXT, "slug": TEXT, "en": TEXT, "zh": TEXT}, required=["path", "slug", "en", "zh"])
    reason = object_({"slug": TEXT, "en": TEXT, "zh": TEXT, "errors": list_(ref("FieldProblem"))}, required=["slug"])
    code = WHOLE | said("As in the Handle protocol: 1 found, 100 none", "Handle 响应码：1 成功，100 不存在")
    handle = {"responseCode": code, "handle": TEXT, "values": list_(ref("Value"))}  # none where nothing fits
    return {
        "Value": value,
        "Registration": object_(
            {
                "identifier": {"type": "string", "maxLength": 255} | said("<prefix>/<suffix>", "<前缀>/<后缀>"),
                "values": values,
                "template": template,
            },
            required=["identifier", "values"],
            example=ITEM,
        ),
        "Revision": object_(
            {"values": values, "template": template, "identifier": TEXT},
            required=["values"],
            example={"values": [VALUE]},
        ),
        "Record": object_(
            {
                "identifier": TEXT | said("As first registered", "以首次注册时的写法为准"),
                "version": WHOLE | said("1 at first, one more with each change", "初始为 1，每次修改加 1"),
                "status": {"enum": ["active", "withdrawn"]}
                | said("Withdrawn ones resolve to 410", "已注销的标识解析时返回 410"),
                "template": template,
                "created_at": TIME,
                "changed_at": TIME,
                "values": values,
                "withdrawn": withdrawn,
            },
            required=["identifier", "version", "status", "created_at", "changed_at", "values"],
        ),
        "Verdicts": object_(
            {
                "counts": {"type": "object", "additionalProperties": WHOLE}
                | said("Items by verdict", "各种结果的条数"),
                "items": list_(
                    object_(
                        {
                            "identifier": or_null(TEXT),
                            "verdict": {"enum": ["created", "unchanged", "conflict", "invalid"]}
                            | said(
                                "New, there already, there with other content, refused",
                                "依次为：新注册、此前已注册、已存在且内容不同、未受理",
                            ),
                            "version": WHOLE,
                            "reason": reason,
                        },
                        required=["identifier", "verdict"],
                    )
                ),
            },
            required=["counts", "items"],
        ),
        "HandleAnswer": object_(handle, required=["responseCode", "handle", "values"]),
        "BatchAnswer": object_(
            {
                "identifier": TEXT,
                "status": {
                    "enum": [
                        "found",
                        "withdrawn",
                        "unknown",
                        "malformed",
                        "not-responsible",
                        "suspended",
                        "alias-loop",
                        "version-not-reached",
                        "referred",
                        "unavailable",
                    ]
                }
                | said(
                    "Unavailable: could not be read now, try again",
                    "依次为：已找到、已注销、未注册、格式不正确、不由本节点解析、前缀已暂停解析、别名循环、版本未达到要求、"
                    "由企业自有节点解析、暂时无法读取",
                ),
                **handle,
                "withdrawn": withdrawn,
                "problem": reason,
            },
            required=["identifier", "status", "responseCode"],
        ),
        "FieldProblem": field,
        "Problem": object_(
            {
                "type": TEXT,
                "title": TEXT,
                "status": WHOLE,
                "detail": TEXT,
                "slug": {"enum": sorted(kind.slug for kind in all_problems())}
                | said("Never changes", "固定不变的错误代号"),
                "zh": both,
                "en": both,
                "retryable": {"type": "boolean"}
                | said("Whether the same request can succeed later", "同样的请求稍后重发是否可能成功"),
                "errors": list_(ref("FieldProblem")) | said("All of them together", "全部字段问题"),
                "request_id": TEXT | said("As in X-Request-Id", "与 X-Request-Id 相同"),
            },
            required=["type", "title", "status", "detail", "slug", "zh", "en", "retryable"],
        ),
    }
