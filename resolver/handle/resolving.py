"""Resolution for Handle clients (RFC 3652 §3.2): the same look-up, the same rules of what is seen, the same count as every
door.

Names without a slash are those of prefixes; the name `0`, which clients send to keep a connection, is not found. The
record of a prefix is `0.NA/<prefix>`; it says which site answers: this one, or that of the enterprise's own node, whose prefix is
recorded here all the same. Who asks for what lies below such a prefix is referred.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import replace

from core.errors import IdentifierMalformed, NotResponsible
from core.handle.administration import Administrator
from core.handle.bodies import Resolve
from core.handle.codes import REFERRED_FROM, Code, Flag
from core.handle.malformed import Malformed
from core.handle.meaning import sent_values
from core.handle.message import Message
from core.handle.reader import string, text
from core.handle.site import site_from_json
from core.handle.wire_value import WireValue, encode_values
from core.identifier import Identifier, fold_case, parse_identifier
from core.record import Record
from core.value_intake import parse_values
from core.values import ADMIN_READ, PUBLIC_READ, HandleValue, pack
from resolver.answers import chosen
from resolver.handle.room import Caller, HandleRoom, Said, refusal
from resolver.memory import Entry, WireAnswer
from resolver.recursion import filtered
from resolver.referral import SERVICE_TYPE, Referred
from resolver.usage.tally import Door, Outcome

HEARTBEAT = "0"
ROOT = "0.NA/"
_REFERRAL_TTL = 300
_SITE_TTL = 86_400
_MOST_RECURSION = 10  # servers that asked onwards before this one
_MOST_READY_BYTES = 8 * 1024  # of an answer: a worker gathers all for which requests came at once
# What makes an answer one for this reader, this moment or this request.
NOT_READY = int(Flag.AUTH | Flag.CERT | Flag.ENCR | Flag.RRDG | Flag.TRUSTED | Flag.TRUSTY)


async def resolve(
    room: HandleRoom, caller: Caller, message: Message, request: Resolve, administrator: Administrator | None
) -> Said | None:
    """None where a challenge is due: there are values that only an administrator may see.

    Raises `Malformed`, and the problems of the look-up: `IdentifierMalformed`, `PrefixNotAnswering`, `StoreUnavailable`.
    """
    if request.handle == HEARTBEAT:
        return refusal(Code.HANDLE_NOT_FOUND)
    plain = "/" not in request.handle and ":" not in request.handle
    name = ROOT + request.handle if plain else request.handle
    of_prefix = name[: len(ROOT)].upper() == ROOT
    try:
        if of_prefix:
            return await _prefix_record(room, caller, message, request, name, administrator)
        key = room.resolver.key(parse_identifier(name))
    except Referred as referred:
        return _referral(room, caller, message, referred, of_prefix=of_prefix)
    except NotResponsible:
        if not message.header.flags & Flag.RECU or room.resolver.recursion is None:
            raise
        if message.header.recursion >= _MOST_RECURSION:
            return refusal(Code.RECURSION_TOO_DEEP)
        return await _onwards(room, request, parse_identifier(name))
    entry = await _found(room, key, message)
    count(room, caller.door, caller.probe, key, entry)
    if entry is None:
        return refusal(Code.HANDLE_NOT_FOUND)
    return await _told(room, message, request, entry, administrator)


async def _found(room: HandleRoom, key: str, message: Message) -> Entry | None:
    if message.header.flags & Flag.AUTH:
        return await room.resolver.lookup.find_newer(key, 0)
    return await room.resolver.lookup.find(key)


async def _told(
    room: HandleRoom, message: Message, request: Resolve, entry: Entry, administrator: Administrator | None
) -> Said | None:
    said = said_to_anybody(
        room, request, entry, public_only=bool(message.header.flags & Flag.PUBL), kept_as=_kept_as(message)
    )
    if administrator is not None and (said is None or said.code == Code.NOT_ALLOWED):
        shown = await room.administration.sees(administrator, entry.record)
        if shown is None:
            return refusal(Code.NOT_ALLOWED)
        said = _values_said(request, entry, chosen(shown, request.types, request.indexes))
    if said is not None and said.code == Code.SUCCESS and message.header.flags & Flag.TRUSTED and room.trusting:
        return replace(said, trusty=await room.trusting.vouches(entry.record, said.body))
    return said


def said_to_anybody(
    room: HandleRoom, request: Resolve, entry: Entry, *, public_only: bool, kept_as: bytes = b""
) -> Said | None:
    """What a record says to who has not proved who they are; None where a challenge is due. `kept_as` is under what the answer
    lies ready from now on: the end of the request, from the length of its body on."""
    record = entry.record
    if record.withdrawn:
        return refusal(Code.HANDLE_NOT_FOUND, _withdrawn(record))
    values = chosen(record.values, request.types, request.indexes)
    if public_only:
        values = [value for value in values if value.public]
    elif not all(value.public for value in values):
        closed = any(not value.permissions & (ADMIN_READ | PUBLIC_READ) for value in values)
        return refusal(Code.NOT_ALLOWED) if closed else None
    said = _values_said(request, entry, values)
    if kept_as and values:
        _keep(room, kept_as, entry, said.body, public_only)
    return said


def _values_said(request: Resolve, entry: Entry, values: Sequence[HandleValue]) -> Said:
    if not values:
        return refusal(Code.VALUES_NOT_FOUND)
    return Said(Code.SUCCESS, text(request.handle) + sent_values(values, int(entry.record.created_at.timestamp())))


def _kept_as(message: Message) -> bytes:
    if message.header.flags & NOT_READY or message.credential:
        return b""
    return string(message.body) + bytes(4)


def _keep(room: HandleRoom, asked: bytes, entry: Entry, body: bytes, public_only: bool) -> None:
    """The answer lies ready for whoever asks the same."""
    if entry.record.key.startswith(ROOT) or len(body) > _MOST_READY_BYTES:
        return  # where the record of a prefix is answered its key does not say
    lookup = room.resolver.lookup
    tail = len(body).to_bytes(4) + body + bytes(4)
    lengths = bytes(4) + (20 + len(tail)).to_bytes(4)
    lookup.memory.keep_wire(WireAnswer(entry, asked, lengths, tail, lookup.wire_until(entry)), public_only)


def _withdrawn(record: Record) -> str:
    said = f"Withdrawn: {record.reason or ''}".rstrip(": ")
    return f"{said} / 已注销：{record.reason or ''}" + (f" → {record.successor}" if record.successor else "")


async def _prefix_record(
    room: HandleRoom, caller: Caller, message: Message, request: Resolve, name: str, administrator: Administrator | None
) -> Said | None:
    """Raises `NotResponsible`, `PrefixNotAnswering`, `Referred`, `IdentifierMalformed`."""
    prefix_text = name[len(ROOT) :]
    probe = parse_identifier(f"{prefix_text}/0")  # as a name below it is: the same law of where it is answered
    if str(probe) != f"{prefix_text}/0":
        raise IdentifierMalformed("identifier-bad-character", f"{name} is no prefix", f"{name} 不是前缀")
    site = _site_of(room, probe)
    key = ROOT + fold_case(prefix_text)
    entry = await _found(room, key, message)
    count(room, caller.door, caller.probe, key, entry, probe.prefix_key)
    if entry is not None:
        return await _told(room, message, request, _with_site(entry, site), administrator)
    if room.resolver.directory.prefix(probe.prefix_key) is None and probe.prefix_key != room.resolver.node_prefix:
        return refusal(Code.HANDLE_NOT_FOUND)
    values = chosen([site], request.types, request.indexes)
    if not values:
        return refusal(Code.VALUES_NOT_FOUND)
    return Said(Code.SUCCESS, text(request.handle) + sent_values(values, int(time.time())))


def _site_of(room: HandleRoom, below: Identifier) -> HandleValue:
    """Where what lies below a prefix is answered: a site, or a service that names one. Raises `NotResponsible`,
    `PrefixNotAnswering`, and `Referred` for a prefix that lies itself below one that is answered elsewhere."""
    try:
        room.resolver.key(below)
    except Referred as referred:
        if referred.prefix.key != below.prefix_key:
            raise
        if referred.service is not None:
            return HandleValue(1, SERVICE_TYPE, referred.service, ttl_seconds=_REFERRAL_TTL)
        return HandleValue(1, "HS_SITE", referred.site, "site", _REFERRAL_TTL)
    return HandleValue(1, "HS_SITE", room.identity.site_json, "site", _SITE_TTL)


def _with_site(entry: Entry, site: HandleValue) -> Entry:
    """A prefix record that names no site or service: clients look there for the server to ask."""
    record = entry.record
    if record.withdrawn or any(value.type in ("HS_SITE", SERVICE_TYPE) for value in record.values):
        return entry
    taken = {value.index for value in record.values}
    index = next(number for number in itertools.count(1) if number not in taken)
    values = sorted([*record.values, replace(site, index=index)], key=lambda value: value.index)
    return Entry(replace(record, packed=pack(values)), entry.stored_at, entry.origin)


def _referral(room: HandleRoom, caller: Caller, message: Message, referred: Referred, *, of_prefix: bool) -> Said:
    """The site of the enterprise's own node (303) or the name of its service (302; 303 too where the record of a prefix is asked
    for, as deployed servers say it), or that this node is not responsible where no referral is wanted."""
    resolver = room.resolver
    if message.header.flags & Flag.DNRF:
        return refusal(Code.NOT_RESPONSIBLE, "answered by the own node of its enterprise / 由企业自有节点解析")
    knows_302_alone = message.envelope.spoken[1] < REFERRED_FROM
    ending = "" if knows_302_alone else ".PREFIX"
    if referred.service is None:
        try:
            kind, data = "HS_SITE", site_from_json(referred.site).encode()
        except Malformed:
            return refusal(Code.NOT_RESPONSIBLE)
    else:
        kind, data = SERVICE_TYPE, referred.service.encode()
    resolver.tally.add(referred.prefix.key, caller.door, Outcome.REFERRED, caller.probe)
    if referred.service is not None and (knows_302_alone or not of_prefix):
        return Said(Code.SERVICE_REFERRAL, text(referred.service) + encode_values(()))
    value = WireValue(1, kind + ending, data, int(time.time()), ttl=_REFERRAL_TTL)
    return Said(Code.PREFIX_REFERRAL, text("") + encode_values((value,)))


async def _onwards(room: HandleRoom, request: Resolve, identifier: Identifier) -> Said:
    """What another node says of a foreign identifier; no resolution of this one. Raises `IdentifierUnknown`, `RecursionFailed`."""
    assert room.resolver.recursion is not None  # asked before
    found = await room.resolver.recursion.resolve(identifier)
    said = filtered(found.body or {}, request.types, frozenset(request.indexes))
    values = parse_values(said["values"], "values", [])
    if not values:
        return refusal(Code.VALUES_NOT_FOUND)
    return Said(Code.SUCCESS, text(request.handle) + sent_values(values, int(time.time())))


def count(room: HandleRoom, door: Door, probe: bool, key: str, entry: Entry | None, prefix: str | None = None) -> None:
    """One answered look-up, as `Resolver.count`; the record of a prefix counts as that prefix's."""
    resolver = room.resolver
    outcome = Outcome.UNKNOWN if entry is None else Outcome.WITHDRAWN if entry.record.withdrawn else Outcome.FOUND
    prefix = prefix or key.partition("/")[0]
    if entry is None and resolver.directory.prefix(prefix) is None:
        prefix = ""
    resolver.tally.add(prefix, door, outcome, probe)
