"""Reading the `values` of a request: every problem of a body is found, with its path, before anything is done. Pure."""

from __future__ import annotations

import base64
import binascii
from typing import Any, cast

import orjson

from core.errors import FieldProblem
from core.value_members import read_references, read_ttl, unknown_member
from core.values import (
    DEFAULT_PERMISSIONS,
    DEFAULT_TTL_SECONDS,
    FORMATS,
    LIST_FORMATS,
    MAX_DATA_BYTES,
    MAX_DATA_DEPTH,
    MAX_PACKED_BYTES,
    MAX_TYPE_BYTES,
    MAX_VALUES,
    PARTNER_READ,
    PUBLIC_READ,
    PUBLIC_WRITE,
    SECRET_PERMISSIONS,
    SECRET_TYPES,
    STRING_FORMATS,
    VISIBILITIES,
    HandleValue,
    shrunk,
)

_USUAL_VALUES, _USUAL_TEXT = (
    40,
    700,
)  # below every bound, were each character an escape: 40 x (760 x 6 + 30) < MAX_PACKED_BYTES
_MEMBERS = frozenset(("index", "type", "data", "ttl", "permissions", "visibility", "timestamp", "references"))


def parse_values(raw: Any, path: str, problems: list[FieldProblem]) -> list[HandleValue]:
    """Read the `values` member of a request. Appends every problem found; the result is whole only if none was added."""
    if not isinstance(raw, list) or not raw:
        problems.append(
            FieldProblem(path, "values-missing", "must be a list of at least one value", "必须是至少含一个值的数组")
        )
        return []
    if len(raw) > MAX_VALUES:
        problems.append(
            FieldProblem(path, "values-too-many", f"at most {MAX_VALUES} values", f"最多 {MAX_VALUES} 个值")
        )
        return []
    values: list[HandleValue] = []
    seen: set[int] = set()
    for position, item in enumerate(raw):
        value = _parse_value(item, f"{path}[{position}]", problems)
        if value is None:
            continue
        if value.index in seen:
            problems.append(
                FieldProblem(
                    f"{path}[{position}].index",
                    "index-twice",
                    f"index {value.index} is used twice",
                    f"索引 {value.index} 重复",
                )
            )
        seen.add(value.index)
        values.append(value)
    values.sort(key=lambda value: value.index)
    return values


def pack_usual(raw: Any) -> bytes | None:
    """The `values` of nearly every request, packed without a look back: short texts in order of index, with nothing
    special about them. None: read them one by one with `parse_values`."""
    if type(raw) is not list or not 0 < len(raw) <= _USUAL_VALUES:
        return None
    packed, last = [], 0
    for item in raw:
        if type(item) is not dict or len(item) != 3:
            return None
        index, kind, data = item.get("index"), item.get("type"), item.get("data")
        if type(index) is not int or not last < index < 2**32 or type(data) is not dict or len(data) != 2:
            return None
        if type(kind) is not str or not 0 < len(kind) <= 60 or not kind.isprintable() or kind in SECRET_TYPES:
            return None
        text = data.get("value")
        if data.get("format") != "string" or type(text) is not str or len(text) > _USUAL_TEXT:
            return None
        packed.append([index, kind, text])
        last = index
    return shrunk(orjson.dumps(packed))


def unpack_usual(packed: bytes) -> list[HandleValue]:
    """What `parse_values` would have read where `pack_usual` packed."""
    return [
        HandleValue(index, kind, text, "string", DEFAULT_TTL_SECONDS, DEFAULT_PERMISSIONS, None, None, (), True)
        for index, kind, text in orjson.loads(packed)
    ]


def check_size(packed: bytes, path: str, problems: list[FieldProblem]) -> None:
    if len(packed) > MAX_PACKED_BYTES:
        problems.append(
            FieldProblem(
                path,
                "values-too-large",
                f"the values take {len(packed)} bytes, at most {MAX_PACKED_BYTES} are allowed",
                f"全部值共 {len(packed)} 字节，最多 {MAX_PACKED_BYTES} 字节",
            )
        )


def _parse_value(item: Any, path: str, problems: list[FieldProblem]) -> HandleValue | None:
    if (usual := _usual_value(item)) is not None:
        return usual
    before = len(problems)
    if not isinstance(item, dict):
        problems.append(FieldProblem(path, "not-an-object", "must be an object", "必须是对象"))
        return None
    for unknown in item.keys() - _MEMBERS:
        problems.append(unknown_member(f"{path}.{unknown[:80]}", "a value", "值", _MEMBERS))
    index = _parse_index(item.get("index"), f"{path}.index", problems)
    kind = _parse_type(item.get("type"), f"{path}.type", problems)
    format_, data = _parse_data(item.get("data"), f"{path}.data", problems)
    ttl, expires_at = read_ttl(item.get("ttl"), f"{path}.ttl", problems)
    references = read_references(item.get("references"), f"{path}.references", problems)
    permissions = _parse_permissions(item.get("permissions"), kind, f"{path}.permissions", problems)
    permissions = _parse_visibility(item, kind, permissions, f"{path}.visibility", problems)
    if len(problems) > before:
        return None
    by_default = item.get("permissions") is None and item.get("visibility") is None
    return HandleValue(index, kind, data, format_, ttl, permissions, None, expires_at, references, by_default)


def _usual_value(item: Any) -> HandleValue | None:
    """A short text with nothing special about it, which is what nearly every value is: read in a third of the time.
    None: look closer."""
    if type(item) is not dict or len(item) != 3:
        return None
    index, kind, data = item.get("index"), item.get("type"), item.get("data")
    if type(index) is not int or not 0 < index < 2**32 or type(data) is not dict or len(data) != 2:
        return None
    if type(kind) is not str or not 0 < len(kind) <= 60 or not kind.isprintable() or kind in SECRET_TYPES:
        return None
    text = data.get("value")
    if data.get("format") != "string" or type(text) is not str or len(text) > MAX_DATA_BYTES // 4:
        return None
    return HandleValue(index, kind, text, "string", DEFAULT_TTL_SECONDS, DEFAULT_PERMISSIONS, None, None, (), True)


def _parse_index(raw: Any, path: str, problems: list[FieldProblem]) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool) and 0 < raw < 2**32:
        return raw
    problems.append(
        FieldProblem(
            path, "index-invalid", "must be a whole number from 1 to 4294967295", "必须是 1 到 4294967295 的整数"
        )
    )
    return 0


def _parse_type(raw: Any, path: str, problems: list[FieldProblem]) -> str:
    if isinstance(raw, str) and raw and raw.isprintable() and len(raw.encode()) <= MAX_TYPE_BYTES:
        return raw
    problems.append(
        FieldProblem(
            path,
            "type-invalid",
            f"must be printable text of 1 to {MAX_TYPE_BYTES} bytes, for instance URL",
            f"必须是 1 到 {MAX_TYPE_BYTES} 字节的可打印文本，例如 URL",
        )
    )
    return ""


def _parse_data(raw: Any, path: str, problems: list[FieldProblem]) -> tuple[str, Any]:
    if isinstance(raw, str):  # the Handle API lets clients send text bare
        raw = {"format": "string", "value": raw}
    if not isinstance(raw, dict) or "value" not in raw:
        problems.append(
            FieldProblem(
                path,
                "data-invalid",
                'must be {"format": "string", "value": "…"}',
                '必须是 {"format": "string", "value": "…"}',
            )
        )
        return "string", ""
    format_, data = raw.get("format", "string"), raw["value"]
    if not isinstance(format_, str) or format_ not in FORMATS:
        known = ", ".join(sorted(FORMATS))
        problems.append(
            FieldProblem(f"{path}.format", "format-unknown", f"must be one of {known}", f"必须是以下之一：{known}")
        )
        return "string", ""
    return format_, _checked_data(format_, data, f"{path}.value", problems)


def _checked_data(format_: str, data: Any, path: str, problems: list[FieldProblem]) -> Any:
    wanted, en, zh = (
        (str, "text", "文本") if format_ in STRING_FORMATS
        else (list, "a list", "数组") if format_ in LIST_FORMATS
        else (dict, "an object", "对象")
    )  # fmt: skip
    if not isinstance(data, wanted):
        problems.append(
            FieldProblem(
                path, "data-invalid", f"must be {en} for the format {format_}", f"格式为 {format_} 时必须是{zh}"
            )
        )
        return ""
    if not _shallow(data, MAX_DATA_DEPTH):
        problems.append(
            FieldProblem(
                path, "data-too-deep", f"is nested more than {MAX_DATA_DEPTH} deep", f"嵌套超过 {MAX_DATA_DEPTH} 层"
            )
        )
        return ""
    size = len(data.encode()) if isinstance(data, str) else len(orjson.dumps(data))
    if size > MAX_DATA_BYTES:
        problems.append(
            FieldProblem(
                path,
                "data-too-large",
                f"has {size} bytes, at most {MAX_DATA_BYTES} are allowed",
                f"为 {size} 字节，最多 {MAX_DATA_BYTES} 字节",
            )
        )
    elif format_ in ("base64", "hex") and not _decodes(format_, cast(str, data)):
        problems.append(FieldProblem(path, "data-invalid", f"is not valid {format_}", f"不是有效的 {format_}"))
    return data


def _shallow(data: Any, levels: int) -> bool:
    if not isinstance(data, dict | list):
        return True
    inner = data.values() if isinstance(data, dict) else data
    return levels > 0 and all(_shallow(one, levels - 1) for one in inner)


def _decodes(format_: str, data: str) -> bool:
    try:
        base64.b64decode(data, validate=True) if format_ == "base64" else bytes.fromhex(data)
    except (binascii.Error, ValueError):
        return False
    return True


def _parse_permissions(raw: Any, kind: str, path: str, problems: list[FieldProblem]) -> int:
    if raw is None:
        return SECRET_PERMISSIONS if kind in SECRET_TYPES else DEFAULT_PERMISSIONS
    if not (isinstance(raw, str) and len(raw) == 4 and set(raw) <= {"0", "1"}):
        problems.append(
            FieldProblem(
                path,
                "permissions-invalid",
                'must be four digits 0 or 1: admin read, admin write, public read, public write, as in "1110"',
                "必须是四位 0 或 1：管理读、管理写、公开读、公开写，例如“1110”",
            )
        )
        return DEFAULT_PERMISSIONS
    permissions = int(raw, 2)
    if kind in SECRET_TYPES and permissions & (PUBLIC_READ | PUBLIC_WRITE):
        problems.append(FieldProblem(path, "secret-public", f"{kind} must never be public", f"{kind} 不得公开"))
    return permissions


def _parse_visibility(
    item: dict[str, Any], kind: str, permissions: int, path: str, problems: list[FieldProblem]
) -> int:
    """The permissions by `visibility`, which may stand beside `permissions` when both say the same of public reading."""
    named = item.get("visibility")
    if named is None:
        return permissions
    wanted = VISIBILITIES.get(named) if isinstance(named, str) else None
    if wanted is None:
        known = ", ".join(VISIBILITIES)
        problems.append(FieldProblem(path, "visibility-unknown", f"must be one of {known}", f"必须是以下之一：{known}"))
        return permissions
    if kind in SECRET_TYPES and wanted != SECRET_PERMISSIONS:
        problems.append(FieldProblem(path, "secret-public", f"{kind} must be private", f"{kind} 必须为 private"))
    if item.get("permissions") is None:
        return wanted
    if (permissions ^ wanted) & PUBLIC_READ:
        problems.append(
            FieldProblem(
                path,
                "visibility-differs",
                "contradicts permissions; send one of them",
                "与 permissions 矛盾；请只发送其一",
            )
        )
    return permissions | (wanted & PARTNER_READ)
