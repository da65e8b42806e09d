"""The shapes that several calls share."""

from __future__ import annotations

from core.errors import all_problems
from core.values import FORMATS, MAX_TTL_SECONDS, MAX_VALUES, VISIBILITIES
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
    value = object_(
        {
            "index": {"type": "integer", "minimum": 1, "maximum": 2**32 - 1},
            "type": {"type": "string", "minLength": 1, "maxLength": 255},
            "data": object_(
                {"format": {"enum": sorted(FORMATS), "default": "string"}, "value": {}}, required=["value"]
            ),
            "ttl": {"type": "integer", "minimum": 0, "maximum": MAX_TTL_SECONDS, "default": 86_400},
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
            "timestamp": TIME | said("Last change; set by the node", "最近修改时间，由节点填写"),
        },
        required=["index", "type", "data"],
        example=VALUE,
    )
    values = list_(ref("Value"), MAX_VALUES)
    template = or_null(TEXT | said("Identifier of a published template", "已发布模板的标识"))
    withdrawn = object_({"reason": or_null(TEXT), "successor": or_null(TEXT), "at": TIME})
    both = object_({"title": TEXT, "detail": TEXT, "remedy": TEXT})
    field = object_({"path": TEXT, "slug": TEXT, "en": TEXT, "zh": TEXT}, required=["path", "slug", "en", "zh"])
    reason = object_({"slug": TEXT, "en": TEXT, "zh": TEXT, "errors": list_(ref("FieldProblem"))}, required=["slug"])
    handle = {"responseCode": WHOLE, "handle": TEXT, "values": list_(ref("Value"))}  # none where nothing fits
    return {
        "Value": value,
        "Registration": object_(
            {"identifier": {"type": "string", "maxLength": 255}, "values": values, "template": template},
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
                "identifier": TEXT,
                "version": WHOLE,
                "status": {"enum": ["active", "withdrawn"]},
                "template": template,
                "created_at": TIME,
                "changed_at": TIME,
                "values": values,
                "withdrawn": withdrawn,
            },
            required=["identifier", "version", "status", "created_at", "changed_at", "values"],
        ),
        "Template": object_(
            {
                "identifier": TEXT | said("<prefix>/META_…", "<前缀>/META_…"),
                "items": list_(
                    object_(
                        {
                            "index": {"type": "integer", "minimum": 2000},
                            "type": TEXT,
                            "name_zh": TEXT,
                            "name_en": TEXT,
                            "required": {"type": "boolean", "default": False},
                        },
                        required=["index", "type", "name_zh", "name_en"],
                    )
                ),
            },
            required=["identifier", "items"],
            example={
                "identifier": "88.118.8/META_component",
                "items": [{"index": 2001, "type": "MODEL", "name_zh": "型号", "name_en": "Model", "required": True}],
            },
        ),
        "Verdicts": object_(
            {
                "counts": {"type": "object", "additionalProperties": WHOLE},
                "items": list_(
                    object_(
                        {
                            "identifier": or_null(TEXT),
                            "verdict": {"enum": ["created", "unchanged", "conflict", "invalid"]},
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
                "status": {"enum": ["found", "withdrawn", "unknown", "malformed", "not-responsible", "unavailable"]},
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
                "slug": {"enum": sorted(kind.slug for kind in all_problems())},
                "zh": both,
                "en": both,
                "retryable": {"type": "boolean"},
                "errors": list_(ref("FieldProblem")),
                "request_id": TEXT,
            },
            required=["type", "title", "status", "detail", "slug", "zh", "en", "retryable"],
        ),
    }
