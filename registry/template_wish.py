"""What a request says of a template: bodies into definitions, all problems at once. Pure.

`facts` is what a template says beside its items, under the names that the SNMS door has used from the beginning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from core.errors import BodyInvalid, FieldProblem, IdentifierMalformed
from core.identifier import Identifier, parse_identifier
from core.template_intake import parse_items
from core.template_item import MAX_NAME, TemplateItem
from core.template_life import State
from registry.codes.industry import LEVELS, find
from registry.fields import read_text

SUFFIX_START = "META_"
SCHEMA_PATH = "/schema"
MAX_VERSION, MAX_DESCRIPTION = 128, 500
CARRIERS = (1, 2)  # active identifier carrier, other (SNMS API)
INDUSTRY = dict(zip(LEVELS, ("industryCategory", "industrySpecific", "industryTrade", "industrySubclass"), strict=True))
LINEAGE = ("previous", "copied_from")
ABOUT = frozenset(("version", "name_zh", "name_en", "description", "industry", "carrier"))
MEMBERS = ABOUT | {"identifier", "items", "state", "copy_of"}
CHANGE_MEMBERS = ABOUT | {"items"}
VERSION_MEMBERS = ABOUT | {"identifier"}
Problems = list[FieldProblem]


@dataclass(frozen=True, slots=True)
class Definition:
    """All that a template says. `facts` has only what was given."""

    items: tuple[TemplateItem, ...]
    version: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def facts_text(self) -> str:
        return orjson.dumps(dict(self.facts), option=orjson.OPT_SORT_KEYS).decode()


@dataclass(frozen=True, slots=True)
class Wish:
    """A template to make: a definition, or another template to copy under what is said here of itself."""

    identifier: Identifier
    definition: Definition
    state: State
    copy_of: Identifier | None


def parse_wish(body: dict[str, Any]) -> Wish:
    """The body of `POST /api/v1/templates`. Raises `BodyInvalid`."""
    problems: Problems = []
    identifier = parse_name(body.get("identifier"), problems)
    copy_of = _named(body["copy_of"], "copy_of", problems) if body.get("copy_of") is not None else None
    copies = body.get("copy_of") is not None
    state = body.get("state", State.DRAFT if copies else State.PUBLISHED)
    if state not in (State.DRAFT, State.PUBLISHED):
        problems.append(
            FieldProblem("state", "state-unknown", "must be draft or published", "必须是 draft 或 published")
        )
    if copies and body.get("items") is not None:
        en, zh = "cannot stand beside copy_of: change the draft", "不能与 copy_of 同时出现；请修改草稿"
        problems.append(FieldProblem("items", "items-beside-copy", en, zh))
    items = () if copies else parse_items(body.get("items"), problems)
    definition = parse_about(body, items, problems)
    if identifier is None or problems:
        raise BodyInvalid(errors=tuple(problems))
    return Wish(identifier, definition, State(state), copy_of)


def parse_change(body: dict[str, Any]) -> Definition:
    """The body of `PUT`: the whole draft anew. Raises `BodyInvalid`."""
    problems: Problems = []
    definition = parse_about(body, parse_items(body.get("items"), problems), problems)
    if problems:
        raise BodyInvalid(errors=tuple(problems))
    return definition


def parse_about(body: dict[str, Any], items: tuple[TemplateItem, ...], problems: Problems) -> Definition:
    """What is said beside the items; what is missing or null says nothing."""
    said = {name: body[name] for name in ABOUT if body.get(name) is not None}
    facts: dict[str, Any] = {
        name: read_text(said[name], name, MAX_NAME, problems) for name in ("name_zh", "name_en") if name in said
    }
    version = read_text(said["version"], "version", MAX_VERSION, problems) if "version" in said else None
    if "description" in said:
        facts["description"] = read_description(said["description"], problems)
    if "industry" in said:
        facts |= _industry(said["industry"], problems)
    if "carrier" in said:
        if type(said["carrier"]) is not int or said["carrier"] not in CARRIERS:
            en, zh = "must be 1 (active identifier carrier) or 2 (other)", "必须是 1（主动标识载体）或 2（其他）"
            problems.append(FieldProblem("carrier", "carrier-unknown", en, zh))
        facts["type"] = said["carrier"]
    return Definition(items, version, facts)


def read_description(raw: Any, problems: Problems) -> str:
    if isinstance(raw, str) and len(raw) <= MAX_DESCRIPTION and "\0" not in raw:
        return raw
    en, zh = f"must be text of at most {MAX_DESCRIPTION} characters", f"必须是最多 {MAX_DESCRIPTION} 个字符的文本"
    problems.append(FieldProblem("description", "text-invalid", en, zh))
    return ""


def parse_name(raw: Any, problems: Problems) -> Identifier | None:
    """The identifier of a new template."""
    try:
        if not isinstance(raw, str):
            raise IdentifierMalformed(
                "identifier-missing", "must be text such as 88.118.8/META_part", "必须是文本，例如 88.118.8/META_part"
            )
        identifier = parse_identifier(raw)
        if not identifier.suffix.startswith(SUFFIX_START) or identifier.suffix.endswith(SCHEMA_PATH):
            raise IdentifierMalformed(
                "template-name",
                f"the suffix of a template starts with {SUFFIX_START} and does not end in {SCHEMA_PATH}",
                f"模板标识的后缀以 {SUFFIX_START} 开头，且不以 {SCHEMA_PATH} 结尾",
            )
    except IdentifierMalformed as wrong:
        problems.append(wrong.at("identifier"))
        return None
    return identifier


def check_levels(codes: Mapping[str, Any], paths: Mapping[str, str], problems: Problems) -> dict[str, str]:
    """Codes of GB/T 4754 by level: each in the list, on its level, and under the one above. Gives all levels from the
    category down to the deepest that was named; `paths` is what a problem calls each level."""
    known = {level: find(code) if isinstance(code, str) else None for level, code in codes.items()}
    for level, industry in known.items():
        if industry is None or industry.level != level:
            en = f"{str(codes[level])[:20]} is no {level} of GB/T 4754-2017"
            zh = f"{str(codes[level])[:20]} 不是 GB/T 4754-2017 中的{_LEVELS_ZH[level]}代码"
            problems.append(FieldProblem(paths[level], "industry-invalid", en, zh))
            return {}
    deepest = next((known[level] for level in reversed(LEVELS) if level in known), None)
    if deepest is None:
        return {}
    for level, code in codes.items():
        if deepest.whole[level] != code:
            en = f"{deepest.code} ({deepest.name}) lies under {deepest.whole[level]}, not under {code}"
            zh = f"{deepest.code}（{deepest.name}）属于 {deepest.whole[level]}，而不是 {code}"
            problems.append(FieldProblem(paths[level], "industry-differs", en, zh))
    return deepest.whole


_LEVELS_ZH = {"category": "门类", "division": "大类", "group": "中类", "class": "小类"}


def _industry(raw: Any, problems: Problems) -> dict[str, str]:
    """One code of any level, or an object of levels; either is completed upwards."""
    codes: dict[str, Any]
    if isinstance(raw, str):
        found = find(raw)
        codes = {found.level if found else LEVELS[0]: raw}
        paths = dict.fromkeys(LEVELS, "industry")
    elif isinstance(raw, dict) and raw and raw.keys() <= {*LEVELS, "name"}:
        codes = {level: raw[level] for level in LEVELS if raw.get(level) is not None}
        paths = {level: f"industry.{level}" for level in LEVELS}
    else:
        en = f"must be a code of GB/T 4754-2017, or an object of {', '.join(LEVELS)}"
        zh = f"必须是 GB/T 4754-2017 代码，或由 {'、'.join(LEVELS)} 组成的对象"
        problems.append(FieldProblem("industry", "industry-invalid", en, zh))
        return {}
    return {INDUSTRY[level]: code for level, code in check_levels(codes, paths, problems).items()}


def _named(raw: Any, path: str, problems: Problems) -> Identifier | None:
    try:
        if not isinstance(raw, str):
            raise IdentifierMalformed("identifier-missing", "must be text", "必须是文本")
        return parse_identifier(raw)
    except IdentifierMalformed as wrong:
        problems.append(wrong.at(path))
        return None
