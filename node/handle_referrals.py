"""Where a Handle client goes on that was referred: to a site, or first to the service that names one (RFC 3652 §3.4). Pure."""

from __future__ import annotations

from core.handle.bodies import decode_valued
from core.handle.codes import Code
from core.handle.malformed import Malformed
from core.handle.message import Message
from core.handle.site import PROTOCOLS, QUERY, address_text, decode_site
from core.handle.wire_value import WireValue

REFERRALS = (Code.SERVICE_REFERRAL, Code.PREFIX_REFERRAL)
_SERVICE_TYPES = ("HS_SERV", "HS_SERV.PREFIX")
Place = tuple[str, int, str]  # host, port, tcp or udp


def next_place(answer: Message, *, udp: bool) -> Place | None:
    """The first server that answers queries of the sites that a referral or a record has, by the transport that is wanted if it
    has it. Raises `Malformed`."""
    if answer.header.code not in (Code.SUCCESS, *REFERRALS):
        return None
    found = decode_valued(answer.body)
    if answer.header.code in REFERRALS and found.handle:  # which is then to be looked up
        return None
    places: list[Place] = []
    for value in found.values:
        if value.type.startswith("HS_SITE"):
            places += _places(value)
    wanted = "udp" if udp else "tcp"
    return next((place for place in places if place[2] == wanted), places[0] if places else None)


def service_of(answer: Message) -> str | None:
    """The identifier whose record has the sites, where the answer has none itself. Raises `Malformed`."""
    if answer.header.code not in (Code.SUCCESS, *REFERRALS):
        return None
    found = decode_valued(answer.body)
    if answer.header.code in REFERRALS and found.handle:
        return found.handle
    named = next((value.data for value in found.values if value.type in _SERVICE_TYPES), b"")
    return named.decode("utf-8", "replace") or None


def _places(value: WireValue) -> list[Place]:
    try:
        servers = decode_site(value.data).servers
        return [
            (address_text(server.address), one.port, PROTOCOLS[one.protocol].lower())
            for server in servers
            for one in server.interfaces
            if one.serves & QUERY and one.protocol < len(PROTOCOLS) and PROTOCOLS[one.protocol] in ("TCP", "UDP")
        ]
    except Malformed:
        return []
