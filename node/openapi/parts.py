"""Pieces that the description is made of: schemas, parameters, answers, operations.

Every text is given in English and in Chinese; `x-zh-description` stands beside `description` (see `node.reference`).
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

EXAMPLE = "88.118.8/JXDY2106023"
VALUE = {"index": 2001, "type": "MODEL", "data": {"format": "string", "value": "BAV99,215"}}
ITEM = {"identifier": EXAMPLE, "values": [VALUE]}
TIME: Schema = {"type": "string", "format": "date-time"}
TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}


def said(en: str, zh: str) -> Schema:
    """A description in both languages."""
    return {"description": en, "x-zh-description": zh}


def operation(
    name: str,
    tag: str,
    summary: str,
    responses: Schema,
    *,
    parameters: list[Schema] | None = None,
    body: Schema | None = None,
    key: bool = False,
) -> Schema:
    made: Schema = {
        "operationId": name,
        "tags": [tag],
        "summary": summary,
        "responses": dict(sorted(responses.items())),
    }
    if parameters:
        made["parameters"] = parameters
    if body:
        made["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
        made["responses"]["400"] = problem("The body is not JSON", "请求体不是 JSON") | made["responses"].get("400", {})
        made["responses"]["408"] = made["responses"].get("408") or problem("The body did not come", "请求体未按时到达")
        made["responses"]["413"] = made["responses"].get("413") or problem("The body is too large", "请求体过大")
    made["responses"]["503"] = made["responses"].get("503") or problem(
        "PostgreSQL cannot be reached: Retry-After", "数据库无法访问，请按 Retry-After 重试"
    )
    if key:
        made["security"] = [{"key": []}]
        made["responses"]["429"] = made["responses"].get("429") or problem(
            "More requests per second than the quota allows: Retry-After, RateLimit-*",
            "超过每秒请求配额，请按 Retry-After 重试",
        )
    return made


def object_(properties: Schema, *, required: list[str] | None = None, example: Any = None) -> Schema:
    made: Schema = {"type": "object", "properties": properties}
    if required:
        made["required"] = required
    if example is not None:
        made["examples"] = [example]
    return made


def list_(items: Schema, most: int | None = None) -> Schema:
    return {"type": "array", "items": items} | ({"minItems": 1, "maxItems": most} if most else {})


def or_null(schema: Schema) -> Schema:
    return schema | {"type": [schema["type"], "null"]}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def json(en: str, zh: str, schema: Schema) -> Schema:
    return said(en, zh) | {"content": {"application/json": {"schema": schema}}}


def problem(en: str, zh: str) -> Schema:
    return said(en, zh) | {"content": {"application/problem+json": {"schema": ref("Problem")}}}


def refusals(en: str = "Not for your key", zh: str = "您的密钥没有此权限") -> Schema:
    """What a door that needs a key answers without the right one; the words are of 403."""
    return {"401": problem("No key, or a wrong one", "没有密钥，或密钥不正确"), "403": problem(en, zh)}


def path() -> Schema:
    """The identifier in an address."""
    words = ("Percent-encoded; `/` may stay as it is", "须做百分号编码，其中的 `/` 可保持原样")
    return path_parameter("identifier", *words, example=EXAMPLE)


def path_parameter(name: str, en: str, zh: str, schema: Schema = TEXT, *, example: str | None = None) -> Schema:
    made = {"name": name, "in": "path", "required": True, "schema": schema, **said(en, zh)}
    return made if example is None else made | {"example": example}


def query(name: str, schema: Schema, en: str, zh: str, *, required: bool = False) -> Schema:
    return {"name": name, "in": "query", "required": required, "schema": schema, **said(en, zh)}
