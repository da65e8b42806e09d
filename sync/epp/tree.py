"""XML read without trust and written without surprise, by shapes: which children, in which order, of which type. Pure.

A shape is a tuple of parts. What is read becomes a dict by element name: a text, a nested dict, or a list where an element
may stand several times. An element with attributes becomes a dict too, its text under `""`.
Reading trims values, compares namespaces and never prefixes, and tells which result code a breach has: 2001 for structure,
2003 for what is absent, 2005 for a value. Writing refuses (ValueError) what reading would.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lxml import etree

MOST_BYTES = 8 * 1024 * 1024
Rule = Callable[[str], str]  # the value as it is kept; raises ValueError with a Chinese sentence
Element = Any  # lxml's own


class Fault(Exception):
    """Why a document is refused: a result code, the element that offends, and a sentence in Chinese."""

    def __init__(self, code: int, name: str = "", value: str = "", zh: str = "", namespace: str = "") -> None:
        super().__init__(f"{code} {name} {zh}".strip())
        self.code, self.name, self.value, self.zh, self.namespace = code, name, value[:64], zh, namespace


@dataclass(frozen=True, slots=True)
class Part:
    """One child. `rule` judges its text, or `shape` its children; `most` None: any number. `also`: other names it comes
    under. `attributes`: name to (rule, what it is when absent)."""

    name: str
    rule: Rule | None = None
    shape: tuple[Part, ...] = ()
    least: int = 1
    most: int | None = 1
    also: tuple[str, ...] = ()
    attributes: tuple[tuple[str, Rule, str | None], ...] = ()

    @property
    def listed(self) -> bool:
        return self.most is None or self.most > 1


def read_document(content: bytes) -> Element:
    """The root. Raises `Fault` 2001: not well-formed, too large, a DTD, another encoding than UTF-8."""
    if len(content) > MOST_BYTES or b"\0" in content or b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise Fault(2001, zh="报文过大，或含有 DTD、实体")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise Fault(2001, zh="不是格式良好的 XML") from None
    info = root.getroottree().docinfo
    if info.doctype or (info.encoding or "UTF-8").upper() not in ("UTF-8", "UTF8", "US-ASCII"):
        raise Fault(2001, zh="须为 UTF-8 编码且不含 DTD")
    return root


def write_document(root: Element) -> bytes:
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))


def tag(namespace: str, name: str) -> str:
    return f"{{{namespace}}}{name}"


def name_of(element: Element) -> tuple[str, str]:
    """(namespace, name)."""
    found = etree.QName(element)
    return found.namespace or "", found.localname


def text_of(element: Element) -> str:
    """Of an element without children. Raises `Fault` 2001."""
    if len(element):
        raise Fault(2001, name_of(element)[1], zh="元素中不应有子元素")
    return (element.text or "").strip()


def read_parts(parent: Element, shape: tuple[Part, ...], namespace: str) -> dict[str, Any]:
    """Raises `Fault`."""
    if (parent.text or "").strip():
        raise Fault(2001, name_of(parent)[1], zh="元素中不应有文字")
    found: dict[str, Any] = {}
    place = 0
    for child in parent:
        where, name = name_of(child)
        while place < len(shape) and name not in (shape[place].name, *shape[place].also):
            place += 1
        if where != namespace or place == len(shape) or (child.tail or "").strip():
            known = any(name in (part.name, *part.also) for part in shape)
            raise Fault(2001, name, zh="元素顺序有误或重复" if known else "未知元素", namespace=where)
        part = shape[place]
        value = _read(child, part, namespace)
        if not part.listed:
            found[part.name], place = value, place + 1
        else:
            some = found.setdefault(part.name, [])
            some.append(value)
            if part.most is not None and len(some) > part.most:
                raise Fault(2001, name, zh="元素过多", namespace=where)
    for part in shape:
        if part.least and part.name not in found:
            raise Fault(2003, part.name, zh="缺少必填元素", namespace=namespace)
    return found


def _read(child: Element, part: Part, namespace: str) -> Any:
    if part.rule is None:
        return read_parts(child, part.shape, namespace)
    text = _judged(part.rule, text_of(child), part.name, namespace)
    if not part.attributes:
        return text
    told: dict[str, str] = {"": text}
    for name, rule, absent in part.attributes:
        given = child.get(name, absent)
        if given is not None:
            told[name] = _judged(rule, given.strip(), name, namespace)
    return told


def _judged(rule: Rule, text: str, name: str, namespace: str) -> str:
    try:
        return rule(text)
    except ValueError as wrong:
        raise Fault(2005, name, text, str(wrong), namespace) from None


def write_parts(parent: Element, values: Mapping[str, Any], shape: tuple[Part, ...], namespace: str) -> None:
    """Children in the order of the shape. Raises ValueError for what no reader would take."""
    if unknown := set(values) - {part.name for part in shape}:
        raise ValueError(f"{name_of(parent)[1]} has no {sorted(unknown)}")
    for part in shape:
        given = values.get(part.name)
        listed = given if part.listed else None if given is None else [given]
        if len(listed or ()) < part.least:
            raise ValueError(f"{part.name} is needed")
        for value in listed or ():
            _write(etree.SubElement(parent, tag(namespace, part.name)), value, part, namespace)


def _write(element: Element, value: Any, part: Part, namespace: str) -> None:
    if part.rule is None:
        write_parts(element, value, part.shape, namespace)
        return
    told = value if isinstance(value, dict) else {"": value}
    text = part.rule(told[""])
    element.text = text or None
    for name, rule, absent in part.attributes:
        if (given := told.get(name, absent)) is not None:
            element.set(name, rule(given))
