"""Commands: what is asked, read from XML with all checks and written to it. Pure.

A command is its verb, the namespace of its object (empty for login, logout and poll) and the values of its shape. A document
is judged in this order: well-formed, root, structure, verb, object, values; whoever answers names the first breach.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from sync.epp import shapes
from sync.epp.names import ENT, EPP, IDENTIFIER, OLD_PREFIX, PREFIX, SHORT
from sync.epp.tree import (
    Element,
    Fault,
    Part,
    name_of,
    read_document,
    read_parts,
    tag,
    text_of,
    write_document,
    write_parts,
)

VERBS = ("check", "info", "create", "update", "delete", "renew", "transfer", "poll", "login", "logout")
TRANSFORMS = frozenset(("create", "update", "delete"))  # and acknowledging
_SHAPES: dict[tuple[str, str], tuple[Part, ...]] = {
    ("check", ENT): shapes.ENT_CHECK,
    ("create", ENT): shapes.ENT_CREATE,
    ("update", ENT): shapes.ENT_UPDATE,
    ("check", PREFIX): shapes.PREFIX_CHECK,
    ("create", PREFIX): shapes.PREFIX_CREATE,
    ("create", OLD_PREFIX): shapes.PREFIX_CREATE,
    ("check", IDENTIFIER): shapes.NAMES,
    ("info", IDENTIFIER): shapes.ONE_NAME,
    ("create", IDENTIFIER): shapes.IDENTIFIER_CREATE,
    ("update", IDENTIFIER): shapes.IDENTIFIER_UPDATE,
    ("delete", IDENTIFIER): shapes.ONE_NAME,
}
_KNOWN_OBJECTS = frozenset((ENT, PREFIX, OLD_PREFIX, IDENTIFIER))
_REGIONS = ("entProvinceCode", "entCityCode", "entCountyCode")


@dataclass(frozen=True, slots=True)
class Hello:
    """Asks for the greeting."""


@dataclass(frozen=True, slots=True)
class Command:
    """`values`: by element name. Of poll `op` and, for an acknowledgement, `msgID`."""

    verb: str
    namespace: str
    values: dict[str, Any] = field(hash=False)
    cl_trid: str

    @property
    def transforms(self) -> bool:
        """Whether it is done once under its clTRID, and answered alike when it comes again."""
        return self.verb in TRANSFORMS or (self.verb == "poll" and self.values["op"] == "ack")


class CommandFault(Exception):
    """A refusal of what could at least be numbered: `cl_trid` is what to echo, empty where there was none."""

    def __init__(self, fault: Fault, cl_trid: str) -> None:
        super().__init__(str(fault))
        self.fault, self.cl_trid = fault, cl_trid


def write_command(command: Command) -> bytes:
    """Raises ValueError for what no reader would take: nothing off the schema is ever sent."""
    root = etree.Element(tag(EPP, "epp"), nsmap={None: EPP})
    parent = etree.SubElement(root, tag(EPP, "command"))
    element = etree.SubElement(parent, tag(EPP, command.verb))
    if command.verb == "poll":
        for name, value in command.values.items():
            element.set(name, value)
    elif command.verb == "login":
        write_parts(element, command.values, shapes.LOGIN, EPP)
    elif command.verb != "logout":
        shape = _SHAPES[command.verb, command.namespace]
        below = {SHORT[command.namespace]: command.namespace}
        named = etree.SubElement(element, tag(command.namespace, command.verb), nsmap=below)
        write_parts(named, command.values, shape, command.namespace)
        _judge(command.verb, command.namespace, command.values)
    etree.SubElement(parent, tag(EPP, "clTRID")).text = shapes.TRID(command.cl_trid)
    return write_document(root)


def write_hello() -> bytes:
    root = etree.Element(tag(EPP, "epp"), nsmap={None: EPP})
    etree.SubElement(root, tag(EPP, "hello"))
    return write_document(root)


def read_command(content: bytes) -> Command | Hello:
    """Raises `CommandFault`."""
    cl_trid = ""
    try:
        root = read_document(content)
        cl_trid = _cl_trid(root)
        return _read(root, cl_trid)
    except Fault as fault:
        raise CommandFault(fault, cl_trid) from None


def _cl_trid(root: Element) -> str:
    found = root.find(f"{tag(EPP, 'command')}/{tag(EPP, 'clTRID')}")
    try:
        return shapes.TRID((found.text or "").strip()) if found is not None else ""
    except ValueError:
        return ""


def _read(root: Element, cl_trid: str) -> Command | Hello:
    if name_of(root) != (EPP, "epp") or len(root) != 1:
        raise Fault(2001, name_of(root)[1], zh="根元素应为 epp，且只含一个子元素")
    child = root[0]
    if name_of(child) == (EPP, "hello"):
        return Hello()
    if name_of(child) != (EPP, "command") or not len(child):
        raise Fault(2001, name_of(child)[1], zh="应为 hello 或 command")
    namespace, verb = name_of(child[0])
    if namespace != EPP or verb in ("extension", "clTRID"):
        raise Fault(2001, verb, zh="command 的首个子元素应为命令")
    if verb not in VERBS:
        raise Fault(2000, verb, zh="未知命令")
    after = [name_of(element) for element in child[1:]]
    if not cl_trid:
        fault = 2005 if (EPP, "clTRID") in after else 2003
        raise Fault(fault, "clTRID", zh="clTRID 必填，3 至 64 个字符", namespace=EPP)
    if after not in ([(EPP, "clTRID")], [(EPP, "extension"), (EPP, "clTRID")]):
        raise Fault(2001, "command", zh="元素顺序有误")
    return _read_verb(child[0], verb, cl_trid)


def _read_verb(element: Element, verb: str, cl_trid: str) -> Command:
    if verb == "poll":
        return Command(verb, "", _poll(element), cl_trid)
    if verb == "login":
        return Command(verb, "", read_parts(element, shapes.LOGIN, EPP), cl_trid)
    if verb == "logout":
        if text_of(element):
            raise Fault(2001, verb, zh="logout 应为空")
        return Command(verb, "", {}, cl_trid)
    if len(element) != 1:
        raise Fault(2001, verb, zh="命令应只含一个对象")
    namespace, name = name_of(element[0])
    if namespace not in _KNOWN_OBJECTS:
        raise Fault(2307, name, zh="不支持的对象", namespace=namespace)
    shape = _SHAPES.get((verb, namespace))
    if shape is None:
        raise Fault(2101, verb, zh="该对象不支持此命令")
    if name != verb:
        raise Fault(2001, name, zh="对象元素与命令不一致", namespace=namespace)
    values = read_parts(element[0], shape, namespace)
    try:
        _judge(verb, namespace, values)
    except ValueError as wrong:
        raise Fault(2003 if "必填" in str(wrong) else 2001, name, zh=str(wrong), namespace=namespace) from None
    return Command(verb, PREFIX if namespace == OLD_PREFIX else namespace, values, cl_trid)


def _poll(element: Element) -> dict[str, str]:
    text_of(element)
    operation, message = element.get("op"), (element.get("msgID") or "").strip()
    if operation not in ("req", "ack"):
        raise Fault(2003 if operation is None else 2005, "op", operation or "", "op 应为 req 或 ack", EPP)
    if operation == "req":
        return {"op": "req"}
    if not message:
        raise Fault(2003, "msgID", zh="确认消息时 msgID 必填", namespace=EPP)
    return {"op": "ack", "msgID": message}


def _judge(verb: str, namespace: str, values: dict[str, Any]) -> None:
    """What no single part shows. Raises ValueError."""
    if verb != "update":
        return
    if namespace == IDENTIFIER:
        changes = [values[name] for name in ("add", "rem", "chg") if name in values]
        if not changes or not all(changes):
            raise ValueError("add、rem、chg 至少一项必填，且不能为空")
        return
    if ("shrPrefix" in values) == ("shrUserId" in values):
        raise ValueError("shrPrefix 与 shrUserId 必填其一")
    if ("chgAll" in values) == ("chg" in values):
        raise ValueError("chgAll 与 chg 必填其一")
    changed = values.get("chg", {"entAddrCn": ""})
    if not changed or sum(name in changed for name in _REGIONS) not in (0, 3):
        raise ValueError("chg 至少含一项，三级行政区划须同时变更")
