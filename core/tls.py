"""Whether a request came over TLS, and whose certificate came with it: from our own listener, or from a proxy that is trusted."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from urllib.parse import unquote

from aiohttp import web
from cryptography import x509
from cryptography.x509.oid import NameOID

from core.addresses import Network, is_within

MAX_CERTIFICATE = 16_384
_FORWARDING = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP", "Via")


def is_confidential(request: web.Request, trusted: Sequence[Network]) -> bool:
    """Over TLS to us, or to a trusted proxy that says so; or on this machine, with no proxy between."""
    if is_over_tls(request, trusted):
        return True
    if trusted and is_within(request.remote, trusted):
        return False
    return _is_loopback(request.remote) and not any(name in request.headers for name in _FORWARDING)


def is_over_tls(request: web.Request, trusted: Sequence[Network]) -> bool:
    """To us, or to a trusted proxy that says so. It adds its word behind what the client sent, so the last one counts."""
    if request.secure:
        return True
    if not (trusted and is_within(request.remote, trusted)):
        return False
    said = ",".join(request.headers.getall("X-Forwarded-Proto", [""]))
    return said.rpartition(",")[2].strip().lower() == "https"


def client_certificate(request: web.Request, header: str, trusted: Sequence[Network]) -> x509.Certificate | None:
    """The certificate that the client showed in its handshake. `header` is where a trusted proxy puts it, as PEM,
    percent-encoded or not (nginx: `$ssl_client_escaped_cert`); from anybody else the header is nothing."""
    connection = request.get_extra_info("ssl_object")
    der = connection.getpeercert(binary_form=True) if connection is not None else None
    try:
        if der:
            return x509.load_der_x509_certificate(der)
        sent = request.headers.get(header, "") if header else ""
        if sent and len(sent) <= MAX_CERTIFICATE and trusted and is_within(request.remote, trusted):
            return x509.load_pem_x509_certificate(unquote(sent).encode("ascii", "replace"))
    except ValueError:
        return None
    return None


def certificate_names(certificate: x509.Certificate) -> list[str]:
    """What the subject calls itself: UID, then CN."""
    found = [certificate.subject.get_attributes_for_oid(oid) for oid in (NameOID.USER_ID, NameOID.COMMON_NAME)]
    return [str(attribute.value) for attributes in found for attribute in attributes]


def _is_loopback(address: str | None) -> bool:
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback
