"""Templates in the SNMS form, versions 3 and 5: into what the registry keeps, and back. Pure.

Version 3 knows neither `idIndex` (indexes are given from 2000 on, in order) nor `state` (every item is enabled). Rules that
this form does not know (data types, ranges, patterns, who sees a value) stay as they are when a template is changed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import orjson

from core.data_types import LENGTH, RULES
from core.errors import BodyInvalid, FieldProblem, IdentifierMalformed
from core.identifier import Identifier, parse_identifier
from core.pattern import MAX_MATCHED
from core.template import Template
from core.template_intake import parse_items
from core.template_item import FIRST_INDEX, TemplateItem
from registry.snms.envelope import missing
from registry.snms.items import MAX_VERSION, template_identifier, version_of
from registry.template_wish import CARRIERS, INDUSTRY, check_levels, read_description

MAX_PREFIX = 64
_SHAPES = {
    "industryCategory": re.compile("[A-T]"),
    "industrySpecific": re.compile(r"\d{2}", re.ASCII),
    "industryTrade": re.compile(r"\d{3}", re.ASCII),
    "industrySubclass": re.compile(r"\d{4}", re.ASCII),
}
_ITEM_PATH = re.compile(r"(items\[\d+\]\.)(\w+)")
_ITEM_WORDS = {
    "name_zh": "name",
    "name_en": "idType",
    "type": "idType",
    "index": "idIndex",
    "enabled": "state",
    "min_length": "metadata.minLength",
    "max_length": "metadata.maxLength",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a template should say. `facts` has only what was sent."""

    identifier: Identifier
    facts: dict[str, Any]
    items: tuple[TemplateItem, ...]

    def facts_text(self, held: str | None = None) -> str:
        """The facts as JSON text; those that were not sent stay as they are."""
        return orjson.dumps((orjson.loads(held) if held else {}) | self.facts, option=orjson.OPT_SORT_KEYS).decode()


def parse_template(raw: Any, *, numbered: bool, old: Template | None = None) -> Wish:
    """A template to create, or changes to `old`. `numbered`: version 5. Raises `BodyInvalid` with all problems."""
    body = raw if isinstance(raw, dict) else {}
    problems: list[FieldProblem] = []
    identifier = template_named(body, problems)
    facts = _facts(body, problems)
    sent = body.get("items")
    if sent is None or sent == []:
        sent = []
        if old is None:
            problems.append(missing("items"))
    taken = {item.type: item.index for item in old.items} if old else {}
    shaped = _numbered(sent, taken, numbered, problems) if isinstance(sent, list) else sent
    items = parse_items(shaped, problems) if sent else ()
    _refuse_repeated_names(items, problems)
    if identifier is None or problems:
        raise BodyInvalid(errors=tuple(map(_in_their_words, problems)))
    return Wish(identifier, facts, items)


def template_named(body: Any, problems: list[FieldProblem]) -> Identifier | None:
    """The template that `prefix` and `version` name, in a body or among the parameters."""
    named = {}
    for name, most in (("prefix", MAX_PREFIX), ("version", MAX_VERSION)):
        text = body.get(name)
        if text is None or text == "":
            problems.append(missing(name))
        elif not isinstance(text, str) or len(text) > most:
            en, zh = f"must be text of at most {most} characters", f"必须是最多 {most} 个字符的文本"
            problems.append(FieldProblem(name, "text-invalid", en, zh))
        else:
            named[name] = text
    if len(named) < 2:
        return None
    try:
        return parse_identifier(template_identifier(named["prefix"], named["version"]))
    except IdentifierMalformed as wrong:
        problems.append(wrong.at("version"))
        return None


def merged(old: Template, wish: Wish) -> tuple[TemplateItem, ...]:
    """The items after a change: those sent in place of those with the same index and type, the others as they were.

    Raises `BodyInvalid` where an index or a type would stand twice.
    """
    items = {(item.index, item.type): item for item in old.items}
    items |= {(item.index, item.type): _named_as_before(items, item) for item in wish.items}
    problems: list[FieldProblem] = []
    for position, member in ((0, "idIndex"), (1, "idType")):
        used = [key[position] for key in items]
        for again in sorted({str(one) for one in used if used.count(one) > 1}):
            en, zh = f"{member} {again} is another item's", f"{member} {again} 已被其他属性使用，不可更改"
            problems.append(FieldProblem("items", "item-differs", en, zh))
    whole = tuple(sorted(items.values(), key=lambda item: item.index))
    _refuse_repeated_names(whole, problems)
    if problems:
        raise BodyInvalid(errors=tuple(problems))
    return whole


def shown(template: Template, *, numbered: bool) -> dict[str, Any]:
    """A template as the SNMS form has it."""
    facts = orjson.loads(template.facts) if template.facts else {}
    industry = {name: facts.get(name, "") for name in INDUSTRY.values()}
    return {
        "id": template.id,
        "prefix": template.identifier.partition("/")[0],
        "name": "",
        "version": version_of(template),
        **industry,
        "type": facts.get("type", 2),
        "description": facts.get("description", ""),
        "handle": template.identifier,
        "items": [_item_shown(item, numbered) for item in template.items],
    }


def _item_shown(item: TemplateItem, numbered: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "name": item.name_zh,
        "idType": item.type,
        "required": item.required,
        "metadata": {"type": "string", "minLength": item.min_length, "maxLength": item.max_length},
    }
    return told | ({"idIndex": item.index, "state": int(item.enabled)} if numbered else {})


def _facts(body: dict[str, Any], problems: list[FieldProblem]) -> dict[str, Any]:
    facts: dict[str, Any] = _industry(body, problems)
    kind, description = body.get("type"), body.get("description")
    if kind is not None:
        kind = _whole(kind)
        if kind not in CARRIERS:
            en, zh = "must be 1 (active identifier carrier) or 2 (other)", "必须是 1（主动标识载体）或 2（其他）"
            problems.append(FieldProblem("type", "type-invalid", en, zh))
        facts["type"] = kind
    if description is not None:
        facts["description"] = read_description(description, problems)
    return facts


def _industry(body: dict[str, Any], problems: list[FieldProblem]) -> dict[str, Any]:
    """Codes of GB/T 4754: each of its shape, in the list, and under the one above. Kept as they were sent."""
    sent = {name: body[name] for name in _SHAPES if body.get(name) not in (None, "")}
    before = len(problems)
    for name, code in sent.items():
        shape = _SHAPES[name]
        if not isinstance(code, str) or not shape.fullmatch(code):
            en, zh = (
                f"must have the shape {shape.pattern} (GB/T 4754)",
                f"格式不正确，应符合 {shape.pattern}（GB/T 4754）",
            )
            problems.append(FieldProblem(name, "industry-invalid", en, zh))
    if len(problems) == before:
        check_levels({level: sent[name] for level, name in INDUSTRY.items() if name in sent}, INDUSTRY, problems)
    return sent


def _numbered(sent: list[Any], taken: dict[str, int], numbered: bool, problems: list[FieldProblem]) -> list[Any]:
    """The items in the form of `core.template`, those without an index numbered: as the item of that type, else free."""
    shaped = [_item(raw, f"items[{at}]", numbered, problems) for at, raw in enumerate(sent)]
    used = {item["index"] for item in shaped if isinstance(item, dict) and type(item["index"]) is int}
    used |= set(taken.values())
    free = FIRST_INDEX
    for item in shaped:
        if isinstance(item, dict) and item["index"] is None:
            kind = item["type"]
            if isinstance(kind, str) and kind in taken:
                item["index"] = taken[kind]
                continue
            while free in used:
                free += 1
            item["index"] = free
            used.add(free)
    return shaped


def _item(raw: Any, path: str, numbered: bool, problems: list[FieldProblem]) -> Any:
    if not isinstance(raw, dict):
        return raw
    for name in ("name", "idType"):
        if raw.get(name) in (None, ""):
            problems.append(missing(f"{path}.{name}"))
    metadata = raw.get("metadata")
    limits: dict[str, Any] = metadata if isinstance(metadata, dict) else {}
    if limits.get("type", "string") != "string":
        en, zh = "must be string", "目前只支持 string"
        problems.append(FieldProblem(f"{path}.metadata.type", "format-unknown", en, zh))
    index, state = _whole(raw.get("idIndex")), _whole(raw.get("state"))
    return {
        "index": index if numbered else None,
        "type": raw.get("idType"),
        "name_zh": raw.get("name"),
        "name_en": raw.get("idType"),
        "required": False if raw.get("required") is None else raw["required"],
        "enabled": _enabled(state) if numbered else True,
        "min_length": _whole(limits.get("minLength")),
        "max_length": _whole(limits.get("maxLength")),
    }


def _whole(raw: Any) -> Any:
    """Numbers may come as strings of digits, and be left out as empty ones."""
    if raw == "":
        return None
    return int(raw) if isinstance(raw, str) and raw.isascii() and raw.isdigit() and len(raw) <= 10 else raw


def _enabled(state: Any) -> Any:
    """0 disabled, 1 enabled, which is the usual; anything else is left for the check of the whole item."""
    if state is None or (isinstance(state, int) and state in (0, 1)):
        return state is None or bool(state)
    return state


def _named_as_before(held: dict[tuple[int, str], TemplateItem], item: TemplateItem) -> TemplateItem:
    """An English name and rules that the REST door gave are not ones that this door knows; they stay."""
    before = held.get((item.index, item.type))
    if before is None:
        return item
    known = {name: getattr(item, name) for name in ("name_zh", "required", "enabled")}
    if RULES[before.data_type] >= LENGTH:
        known |= {"min_length": item.min_length, "max_length": item.max_length}
    if before.pattern is not None and (item.max_length is None or item.max_length > MAX_MATCHED):
        known["max_length"] = before.max_length
    return replace(before, **known)


def _refuse_repeated_names(items: tuple[TemplateItem, ...], problems: list[FieldProblem]) -> None:
    names = [item.name_zh for item in items]
    for again in sorted({name for name in names if names.count(name) > 1}):
        problems.append(FieldProblem("items", "name-twice", f"the name {again} is used twice", f"名称 {again} 重复"))


def _in_their_words(problem: FieldProblem) -> FieldProblem:
    """Paths name the members that were sent."""
    found = _ITEM_PATH.fullmatch(problem.path)
    return replace(problem, path=f"{found[1]}{_ITEM_WORDS.get(found[2], found[2])}") if found else problem
