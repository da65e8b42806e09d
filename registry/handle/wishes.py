"""What a `PUT` or `DELETE` of a Handle client asks: parameters, and the values of the body in all forms that clients send."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from core.errors import BodyInvalid, BodyNotJson, FieldProblem, IdentifierMalformed, ParameterInvalid
from core.identifier import fold_case
from core.value_intake import check_size, parse_values
from core.values import MAX_VALUES, HandleValue, pack
from registry.handle.names import parse_name

_ANY_INDEX = "various"
_FALSE = frozenset(("false", "0", "no"))


@dataclass(frozen=True, slots=True)
class Writing:
    """`indexes` None: the whole record; empty: whichever the body has; else exactly these."""

    indexes: frozenset[int] | None
    overwrite: bool
    mint: bool


def writing_of(request: web.Request) -> Writing:
    """Raises `BodyNotJson` for another content type, `ParameterInvalid`."""
    if request.content_type != "application/json":
        raise BodyNotJson("Send Content-Type: application/json", "请设置 Content-Type: application/json")
    listed = request.query.getall("index", [])
    various = _ANY_INDEX in listed
    indexes = frozenset[int]() if various else indexes_of(request) if listed else None
    overwrite = request.query.get("overwrite", "true").lower() not in _FALSE
    mint = "mintNewSuffix" in request.query and request.query["mintNewSuffix"].lower() not in _FALSE
    return Writing(indexes, overwrite, mint)


def indexes_of(request: web.Request) -> frozenset[int]:
    """The parameters `index`, one for each or several in one. Raises `ParameterInvalid`."""
    texts = [part for text in request.query.getall("index", []) for part in text.split(",")]
    if len(texts) <= MAX_VALUES and all(_is_index(text) for text in texts):
        return frozenset(map(int, texts))
    en, zh = "must be whole numbers from 1 to 4294967295", "必须是 1 到 4294967295 的整数"
    raise ParameterInvalid(errors=(FieldProblem("index", "index-invalid", en, zh),))


def read_values(body: Any, handle: str, wish: Writing) -> list[HandleValue]:
    """`{"values": […]}`, `[…]` or one value; a `handle` in it is that of the address. Raises `BodyInvalid`."""
    problems: list[FieldProblem] = []
    raw = body
    if isinstance(body, dict) and "index" not in body:
        raw = body.get("values")
        _same_handle(body.get("handle"), handle, wish, problems)
    elif isinstance(body, dict):
        raw = [body]
    values = parse_values(raw, "values", problems)
    check_size(pack(values), "values", problems)
    sent = {value.index for value in values}
    if not problems and wish.indexes and sent != wish.indexes:
        en, zh = "must have exactly the indexes of the address", "索引必须与地址中的 index 一致"
        problems.append(FieldProblem("values", "index-differs", en, zh))
    if problems:
        raise BodyInvalid(errors=tuple(problems))
    return values


def _same_handle(named: Any, handle: str, wish: Writing, problems: list[FieldProblem]) -> None:
    if named is None or wish.mint:
        return
    try:
        same = isinstance(named, str) and fold_case(str(parse_name(named))) == fold_case(handle)
    except IdentifierMalformed:
        same = False
    if not same:
        en, zh = f"is not {handle}", f"与地址中的 {handle} 不一致"
        problems.append(FieldProblem("handle", "handle-differs", en, zh))


def _is_index(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 10 and 0 < int(text) < 2**32
