"""An OpenAPI 3.1 document as what a reader looks at: groups of calls with flat tables and examples. Pure.

Texts may be told in Chinese too, in extension members beside the English ones: `x-zh-summary`, `x-zh-description`,
`x-zh-name` (of tags), `x-zh-title`; a summary or a tag's name may also be English followed by Chinese. References are
followed inside the document only.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from node.schema_table import Row, resolve, rows, sample, schema_name, type_text

_BOTH = re.compile(r"(?P<en>[^\u3400-\u9fff]*[A-Za-z][^\u3400-\u9fff]*?)\s+(?P<zh>[\u3400-\u9fff].*)", re.DOTALL)
_FIRST = re.compile(r"[。；：]|[.;:](?=\s|$)")
METHODS = ("get", "head", "post", "put", "patch", "delete", "options", "trace")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    place: str  # path, query, header, cookie
    type: str
    required: bool
    about: str
    example: Any


@dataclass(frozen=True, slots=True)
class Body:
    """What goes over the wire in one media type. `schema` names a component that has its own table, else `rows` do."""

    media_type: str
    type: str
    schema: str
    rows: tuple[Row, ...]
    example: str


@dataclass(frozen=True, slots=True)
class Answer:
    status: str
    about: str
    headers: tuple[Parameter, ...]
    bodies: tuple[Body, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """One operation. `key` is needed, optional or open."""

    anchor: str
    method: str
    path: str
    summary: str
    about: str
    key: str
    deprecated: bool
    parameters: tuple[Parameter, ...]
    required_body: bool
    bodies: tuple[Body, ...]
    answers: tuple[Answer, ...]
    curl: str

    @property
    def heading(self) -> str:
        """The first part of the summary, for the contents and above the call; not in the middle of code, nor a topic alone."""
        for end in _FIRST.finditer(self.summary):
            head = self.summary[: end.start()]
            if head.count("`") % 2 == 0 and not (end[0] == ":" and " " not in head):
                return head
        return self.summary

    @property
    def more(self) -> str:
        """What the summary says beyond that."""
        return self.summary[len(self.heading) + 1 :].strip()


@dataclass(frozen=True, slots=True)
class Group:
    anchor: str
    name: str
    about: str
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    title: str
    version: str
    about: str
    groups: tuple[Group, ...]
    schemas: tuple[tuple[str, Body], ...]


def said(node: Json, member: str, language: str) -> str:
    """A text of the document in the reader's language, where it has it."""
    return str((language == "zh" and node.get(f"x-zh-{member}")) or node.get(member) or "")


def line(node: Json, member: str, language: str) -> str:
    """As `said`, for a summary or a name, which may be English followed by Chinese: `Resolving 解析`."""
    text = said(node, member, language)
    both = _BOTH.fullmatch(text)
    return both["zh" if language == "zh" else "en"].strip().rstrip(".。") if both else text


def reference(document: Json, language: str) -> Reference:
    """The whole document, in the order in which its tags and paths stand."""
    maker = _Maker(document, language)
    info = document.get("info", {})
    schemas = document.get("components", {}).get("schemas", {})
    return Reference(
        said(info, "title", language),
        str(info.get("version", "")),
        said(info, "description", language) or said(info, "summary", language),
        tuple(maker.groups()),
        tuple((name, maker.component(name)) for name in schemas),
    )


@dataclass(frozen=True, slots=True)
class _Maker:
    document: Json
    language: str

    def groups(self) -> Iterator[Group]:
        tags: dict[str, Json] = {tag["name"]: tag for tag in self.document.get("tags", [])}
        calls: dict[str, list[Call]] = {name: [] for name in tags}
        for path, item in self.document.get("paths", {}).items():
            for method in METHODS:
                if operation := item.get(method):
                    tag = (operation.get("tags") or [""])[0]
                    calls.setdefault(tag, []).append(self.call(path, method, item, operation))
        for name, members in calls.items():
            if members:
                tag = tags.get(name, {})
                title = line(tag or {"name": name}, "name", self.language) or name
                yield Group(f"tag-{_slug(name)}", title, said(tag, "description", self.language), tuple(members))

    def call(self, path: str, method: str, item: Json, operation: Json) -> Call:
        parameters = self.parameters(item.get("parameters", []), operation.get("parameters", []))
        body = resolve(self.document, operation.get("requestBody", {}))
        bodies = self.bodies(body)
        key = self.key(operation)
        return Call(
            _slug(operation.get("operationId") or f"{method}-{path}"),
            method.upper(),
            path,
            line(operation, "summary", self.language),
            said(operation, "description", self.language),
            key,
            bool(operation.get("deprecated")),
            parameters,
            bool(body.get("required")),
            bodies,
            tuple(self.answer(status, answer) for status, answer in operation.get("responses", {}).items()),
            _curl(method.upper(), path, parameters, bodies, key),
        )

    def parameters(self, shared: list[Json], own: list[Json]) -> tuple[Parameter, ...]:
        found: dict[tuple[str, str], Parameter] = {}
        for raw in [*shared, *own]:
            node = resolve(self.document, raw)
            place, name = str(node.get("in", "")), str(node.get("name", ""))
            found[place, name] = self.parameter(name, place, node)
        return tuple(found.values())

    def parameter(self, name: str, place: str, node: Json) -> Parameter:
        schema = resolve(self.document, node.get("schema", {}))
        about = said(node, "description", self.language) or said(schema, "description", self.language)
        example = _example(self.document, node)
        if example is None:
            example = schema.get("example", next(iter(schema.get("examples", [])), None))
        return Parameter(name, place, type_text(self.document, schema), bool(node.get("required")), about, example)

    def bodies(self, node: Json, *, by_name: bool = False) -> tuple[Body, ...]:
        return tuple(self.body(kind, media, by_name) for kind, media in node.get("content", {}).items())

    def body(self, media_type: str, media: Json, by_name: bool) -> Body:
        schema = media.get("schema", {})
        example = _example(self.document, media)
        named = schema_name(schema) if by_name else ""
        if example is None and not named:
            example = sample(self.document, schema)
        table = () if named else tuple(rows(self.document, schema, self.language))
        return Body(media_type, type_text(self.document, schema), named, table, _shown(example))

    def component(self, name: str) -> Body:
        return self.body("", {"schema": {"$ref": f"#/components/schemas/{name}"}}, by_name=False)

    def answer(self, status: str, raw: Json) -> Answer:
        """Errors share one schema: it is named there, and told once at the end of the page."""
        node = resolve(self.document, raw)
        headers = tuple(
            self.parameter(name, "header", resolve(self.document, header))
            for name, header in node.get("headers", {}).items()
        )
        bodies = self.bodies(node, by_name=not status.startswith("2"))
        return Answer(status, said(node, "description", self.language), headers, bodies)

    def key(self, operation: Json) -> str:
        ways = operation.get("security", self.document.get("security", []))
        if not ways or ways == [{}]:
            return "open"
        return "optional" if {} in ways else "needed"


def _example(document: Json, node: Json) -> Any:
    """`example`, or the first of the named `examples`, of a media type or a parameter."""
    if "example" in node:
        return node["example"]
    for named in (node.get("examples") or {}).values():
        return resolve(document, named).get("value")
    return None


def _shown(example: Any) -> str:
    if example is None or isinstance(example, str):
        return example or ""
    return orjson.dumps(example, option=orjson.OPT_INDENT_2).decode()


def _curl(method: str, path: str, parameters: tuple[Parameter, ...], bodies: tuple[Body, ...], key: str) -> str:
    """A line that can be pasted into a shell; `{name}` stays where the document gives no example."""
    query = []
    for parameter in parameters:
        if parameter.example is not None and parameter.place == "path":
            path = path.replace("{" + parameter.name + "}", quote(str(parameter.example), safe="/"))
        elif parameter.place == "query" and parameter.required:
            query.append(
                (parameter.name, "{" + parameter.name + "}" if parameter.example is None else parameter.example)
            )
    url = f'"$BASE{path}{"?" + urlencode(query, safe="{}") if query else ""}"'
    parts = [f"curl {'' if method == 'GET' else '-I ' if method == 'HEAD' else f'-X {method} '}{url}"]
    if key == "needed":
        parts.append('-H "Authorization: Bearer $KEY"')
    if bodies:
        parts.append(f"-H {shlex.quote(f'Content-Type: {bodies[0].media_type}')}")
        parts.append(f"-d {shlex.quote(bodies[0].example)}")
    return " \\\n  ".join(parts)


def _slug(text: str) -> str:
    return re.sub(r"[^\w.-]+", "-", text).strip("-") or "other"
