"""Greetings and responses: read from XML and written to it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lxml import etree

from sync.epp import shapes
from sync.epp.names import ENT, EPP, IDENTIFIER, OBJECTS, PREFIX, RESULTS, SHORT
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

_DATA: dict[tuple[str, str], tuple[Part, ...]] = {
    (ENT, "chkData"): shapes.ENT_ID_OR_NONE,
    (ENT, "creData"): shapes.ENT_ID_OR_NONE,
    (ENT, "resData"): shapes.ENT_AUDIT,
    (PREFIX, "resData"): shapes.PREFIX_AUDIT,
    (IDENTIFIER, "chkData"): shapes.IDENTIFIER_CHECKED,
    (IDENTIFIER, "infData"): shapes.IDENTIFIER_INFO,
}


@dataclass(frozen=True, slots=True)
class Greeting:
    server: str
    at: datetime
    languages: tuple[str, ...] = ("en", "zh")
    objects: tuple[str, ...] = OBJECTS


@dataclass(frozen=True, slots=True)
class Offence:
    """An element that was refused, and why; `language` of the reason."""

    namespace: str
    name: str
    value: str
    reason: str
    language: str = "zh"


@dataclass(frozen=True, slots=True)
class Queued:
    """`at` and `text` stand in a delivery, not in an acknowledgement."""

    count: int
    id: str
    at: datetime | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Data:
    """What `resData` holds. `values` None: it could not be read, `trouble` says why."""

    namespace: str
    name: str
    values: dict[str, Any] | None = field(hash=False)
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    code: int
    sv_trid: str
    cl_trid: str = ""
    message: str = ""
    offences: tuple[Offence, ...] = ()
    queue: Queued | None = None
    data: Data | None = None

    @property
    def reason(self) -> str:
        """For people: the offences' reasons, else the result's own sentence."""
        told = "；".join(f"{one.reason}（{one.name}）" if one.name else one.reason for one in self.offences)
        return told or self.message or RESULTS.get(self.code, str(self.code))


def write_reply(reply: Reply) -> bytes:
    """Raises ValueError for what no reader would take."""
    root = etree.Element(tag(EPP, "epp"), nsmap={None: EPP})
    response = etree.SubElement(root, tag(EPP, "response"))
    result = etree.SubElement(response, tag(EPP, "result"), code=str(reply.code))
    _add(result, "msg", reply.message or RESULTS[reply.code])
    for offence in reply.offences:
        _write_offence(result, offence)
    if reply.queue is not None:
        _write_queue(response, reply.queue)
    if reply.data is not None:
        data, values = reply.data, reply.data.values or {}
        holder = etree.SubElement(response, tag(EPP, "resData"))
        below = {SHORT[data.namespace]: data.namespace}
        element = etree.SubElement(holder, tag(data.namespace, data.name), nsmap=below)
        write_parts(element, values, _DATA[data.namespace, data.name], data.namespace)
    numbers = etree.SubElement(response, tag(EPP, "trID"))
    if reply.cl_trid:
        _add(numbers, "clTRID", reply.cl_trid)
    _add(numbers, "svTRID", reply.sv_trid)
    return write_document(root)


def _write_offence(result: Element, offence: Offence) -> None:
    extended = etree.SubElement(result, tag(EPP, "extValue"))
    below = {SHORT[offence.namespace]: offence.namespace} if offence.namespace in SHORT else None
    holder = etree.SubElement(extended, tag(EPP, "value"))
    where = offence.namespace or EPP
    value: Element = etree.SubElement(holder, tag(where, offence.name or "epp"), nsmap=below)
    value.text = offence.value or None
    _add(extended, "reason", offence.reason, lang=offence.language)


def _write_queue(response: Element, queue: Queued) -> None:
    element: Element = etree.SubElement(response, tag(EPP, "msgQ"), count=str(queue.count), id=queue.id)
    if queue.at is not None:
        _add(element, "qDate", write_time(queue.at))
    if queue.text is not None:
        _add(element, "msg", queue.text, lang="zh")


def _add(parent: Element, name: str, text: str, **attributes: str) -> None:
    element: Element = etree.SubElement(parent, tag(EPP, name), attributes)
    element.text = text


def write_greeting(greeting: Greeting) -> bytes:
    root = etree.Element(tag(EPP, "epp"), nsmap={None: EPP})
    element = etree.SubElement(root, tag(EPP, "greeting"))
    _add(element, "svID", greeting.server)
    _add(element, "svDate", write_time(greeting.at))
    menu = etree.SubElement(element, tag(EPP, "svcMenu"))
    for name, texts in (("version", ("1.0",)), ("lang", greeting.languages), ("objURI", greeting.objects)):
        for text in texts:
            _add(menu, name, text)
    policy = etree.SubElement(element, tag(EPP, "dcp"))
    etree.SubElement(etree.SubElement(policy, tag(EPP, "access")), tag(EPP, "all"))
    statement = etree.SubElement(policy, tag(EPP, "statement"))
    for name, flags in (("purpose", ("admin", "prov")), ("recipient", ("ours",)), ("retention", ("stated",))):
        holder = etree.SubElement(statement, tag(EPP, name))
        for flag in flags:
            etree.SubElement(holder, tag(EPP, flag))
    return write_document(root)


def read_reply(content: bytes) -> Reply | Greeting:
    """Tolerant of what does not matter; raises `Fault` for what is no EPP answer. Data that cannot be read does not take
    the rest of the reply along: it is told in `Data.trouble`."""
    root = read_document(content)
    if name_of(root) != (EPP, "epp") or len(root) != 1:
        raise Fault(2001, name_of(root)[1], zh="不是 EPP 报文")
    child = root[0]
    if name_of(child) == (EPP, "greeting"):
        return _read_greeting(child)
    if name_of(child) != (EPP, "response"):
        raise Fault(2001, name_of(child)[1], zh="不是 EPP 应答")
    result = child.find(tag(EPP, "result"))
    code = result.get("code", "") if result is not None else ""
    sv_trid = child.findtext(f"{tag(EPP, 'trID')}/{tag(EPP, 'svTRID')}", "").strip()
    if not (len(code) == 4 and code.isdigit() and code[0] in "12") or not 1 <= len(sv_trid) <= 64:
        raise Fault(2001, "result", zh="应答缺少结果码或 svTRID")
    return Reply(
        int(code),
        sv_trid,
        child.findtext(f"{tag(EPP, 'trID')}/{tag(EPP, 'clTRID')}", "").strip()[:64],
        (result.findtext(tag(EPP, "msg")) or "").strip()[:1_000],
        tuple(map(_read_offence, result.findall(tag(EPP, "extValue"))[:32])),
        _read_queue(child.find(tag(EPP, "msgQ"))),
        _read_data(child.find(tag(EPP, "resData"))),
    )


def _read_offence(extended: Element) -> Offence:
    holder = extended.find(tag(EPP, "value"))
    inner = holder[0] if holder is not None and len(holder) else None
    namespace, name = name_of(inner) if inner is not None else ("", "")
    text = (inner.text if inner is not None else holder.text if holder is not None else "") or ""
    reason = extended.find(tag(EPP, "reason"))
    told = ((reason.text if reason is not None else "") or "").strip()
    language = reason.get("lang", "en") if reason is not None else "en"
    return Offence(namespace, name[:64], text.strip()[:255], told[:500], language)


def _read_queue(element: Element | None) -> Queued | None:
    if element is None:
        return None
    count, number = element.get("count", "").strip(), element.get("id", "").strip()
    if not (count.isascii() and count.isdigit() and len(count) <= 19) or not 1 <= len(number) <= 64:
        raise Fault(2001, "msgQ", zh="消息队列缺少 count 或 id")
    date, text = element.findtext(tag(EPP, "qDate")), element.findtext(tag(EPP, "msg"))
    return Queued(int(count), number, read_time(date) if date else None, text.strip()[:1_000] if text else text)


def _read_data(holder: Element | None) -> Data | None:
    if holder is None or not len(holder):
        return None
    namespace, name = name_of(holder[0])
    shape = _DATA.get((namespace, name))
    if shape is None:
        return Data(namespace, name, None, "the kind of data is not known")
    try:
        return Data(namespace, name, read_parts(holder[0], shape, namespace))
    except Fault as fault:
        return Data(namespace, name, None, str(fault))


def _read_greeting(element: Element) -> Greeting:
    menu = element.find(tag(EPP, "svcMenu"))
    if menu is None:
        raise Fault(2001, "svcMenu", zh="问候缺少服务目录")

    def texts(name: str) -> tuple[str, ...]:
        return tuple(text_of(one) for one in menu.findall(tag(EPP, name))[:64])

    at = read_time(element.findtext(tag(EPP, "svDate"), "")) or datetime.fromtimestamp(0, UTC)
    return Greeting(element.findtext(tag(EPP, "svID"), "").strip()[:64], at, texts("lang"), texts("objURI"))


def read_time(text: str) -> datetime | None:
    """With any offset, as UTC; None for what is no time."""
    try:
        at = datetime.fromisoformat(text.strip())
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def write_time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
