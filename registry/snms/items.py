"""Identifiers in the SNMS form: into what the registry's verbs read, and back. Pure.

An item is `{"handle", "templateVersion", "value": [{"index", "type", "data": {"format", "value"}, "auth"}]}`. Callers are
imperfect: unknown members are ignored, an index may be a string of digits. Lengths are in characters, as in the guide.
"""

from __future__ import annotations

from typing import Any

from core.errors import BodyInvalid, FieldProblem
from core.identifier import fold_case
from core.record import Record
from core.template import Template
from core.values import MAX_VALUES
from registry.snms.envelope import missing

MAX_HANDLE, MAX_VERSION, MAX_TYPE, MAX_VALUE = 255, 128, 128, 255
RESERVED_INDEX = 1001
TEMPLATE_START = "META_"


def template_identifier(prefix: str, version: str) -> str:
    """Where the template `version` of a prefix is kept: it is an identifier of that prefix, and resolves."""
    return f"{prefix}/{TEMPLATE_START}{version}"


def registration(raw: Any) -> dict[str, Any]:
    """An item as the body of a registration. Raises `BodyInvalid` with everything that is wrong with it.

    Without `templateVersion` there is no template that the values are held against; the member is then left out, so that
    an update keeps the template which the identifier has.
    """
    if not isinstance(raw, dict):
        raise BodyInvalid(errors=(FieldProblem("", "not-an-object", "must be an object", "必须是对象"),))
    problems: list[FieldProblem] = []
    identifier = _text(raw, "handle", "handle", MAX_HANDLE, problems)
    version = raw.get("templateVersion")
    if version is not None and version != "":
        version = _text(raw, "templateVersion", "templateVersion", MAX_VERSION, problems)
    values = _values(raw.get("value"), problems)
    if problems:
        raise BodyInvalid(errors=tuple(problems))
    body: dict[str, Any] = {"identifier": identifier, "values": values}
    if version:
        body["template"] = template_identifier(identifier.partition("/")[0], version)
    return body


def handle_of(raw: Any) -> str | None:
    """The handle that an item or a member of a list names, as it was sent."""
    named = raw.get("handle") if isinstance(raw, dict) else raw
    return named if isinstance(named, str) else None


def named_handle(raw: Any) -> str:
    """The handle in `{"handle": …}`. Raises `BodyInvalid`."""
    problems: list[FieldProblem] = []
    handle = _text(raw if isinstance(raw, dict) else {}, "handle", "handle", MAX_HANDLE, problems)
    if problems:
        raise BodyInvalid(errors=tuple(problems))
    return handle


def detail(record: Record, template: Template | None) -> dict[str, Any]:
    """A record as `GET /identityv2/data/detail` shows it to its owner."""
    return {
        "code": "200",
        "prefix": _prefix_of(record),
        "handle": record.identifier,
        "templateVersion": version_of(template) if template else "",
        "value": [
            {
                "index": value.index,
                "type": value.type,
                "auth": "",
                "data": {"format": value.format, "value": value.data},
            }
            for value in record.values
        ],
    }


def version_of(template: Template) -> str:
    return template.identifier.partition("/")[2].removeprefix(TEMPLATE_START)


def _values(raw: Any, problems: list[FieldProblem]) -> list[dict[str, Any]]:
    if raw is None or raw == []:
        problems.append(missing("value"))
        return []
    if not isinstance(raw, list) or len(raw) > MAX_VALUES:
        problems.append(
            FieldProblem(
                "value", "list-invalid", f"must be a list of at most {MAX_VALUES}", f"必须是最多 {MAX_VALUES} 项的数组"
            )
        )
        return []
    return [_value(one, f"value[{position}]", problems) for position, one in enumerate(raw)]


def _value(raw: Any, path: str, problems: list[FieldProblem]) -> dict[str, Any]:
    if not isinstance(raw, dict):
        problems.append(FieldProblem(path, "not-an-object", "must be an object", "必须是对象"))
        return {}
    index = _index(raw.get("index"), f"{path}.index", problems)
    kind = _text(raw, "type", f"{path}.type", MAX_TYPE, problems)
    data = raw.get("data")
    if not isinstance(data, dict):
        problems.append(missing(f"{path}.data"))
        return {}
    if data.get("format", "string") != "string":
        problems.append(FieldProblem(f"{path}.data.format", "format-unknown", "must be string", "目前只支持 string"))
    text = _text(data, "value", f"{path}.data.value", MAX_VALUE, problems, empty=True)
    return {"index": index, "type": kind, "data": {"format": "string", "value": text}}


def _index(raw: Any, path: str, problems: list[FieldProblem]) -> int:
    if isinstance(raw, str) and raw.isascii() and raw.isdigit() and len(raw) <= 10:
        raw = int(raw)
    if raw is None:
        problems.append(missing(path))
    elif type(raw) is not int or not 0 < raw < 2**32:
        problems.append(FieldProblem(path, "index-invalid", "must be a positive whole number", "必须是正整数"))
    elif raw == RESERVED_INDEX:
        problems.append(
            FieldProblem(path, "index-reserved", f"{raw} is reserved", f"非法操作，索引{raw}为预留索引，不能使用")
        )
    else:
        return raw
    return 0


def _text(
    raw: dict[str, Any], name: str, path: str, most: int, problems: list[FieldProblem], *, empty: bool = False
) -> str:
    text = raw.get(name)
    if text is None or (text == "" and not empty):
        problems.append(missing(path))
    elif not isinstance(text, str) or len(text) > most:
        problems.append(
            FieldProblem(
                path, "text-invalid", f"must be text of at most {most} characters", f"必须是最多 {most} 个字符的文本"
            )
        )
    else:
        return text
    return ""


def _prefix_of(record: Record) -> str:
    """As it was spelled; an identifier of another scheme does not spell its prefix."""
    spelled, key = (text.partition("/")[0] for text in (record.identifier, record.key))
    return spelled if fold_case(spelled) == key else key
