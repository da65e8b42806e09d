"""Where an identifier is answered that is not answered here: the site of its enterprise's own node. Pure.

A prefix that is hosted elsewhere has an HS_SITE; so have the prefixes below it that this node knows nothing of. A site is
named in the Handle form (303, prefix referral, as reference servers do; HS_SITE.PREFIX), and people are sent to its HTTP
interface. Or it has the name of a service (302, service referral; HS_SERV), an identifier whose record has the HS_SITE: who is
referred asks for that first.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

from core.access import Prefix
from core.identifier import Identifier, web_path

SERVICE_REFERRAL, PREFIX_REFERRAL = 302, 303
SITE_TYPE, SERVICE_TYPE = "HS_SITE.PREFIX", "HS_SERV"
_TTL_SECONDS = 300  # a site that moved is found again soon
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Referred(Exception):
    """`identifier` is answered at the site of `prefix`; `site` is that of its service, where it has one and it is known."""

    def __init__(self, identifier: Identifier, prefix: Prefix, site: dict[str, Any] | None = None) -> None:
        super().__init__(str(identifier))
        self.identifier = identifier
        self.prefix = prefix
        self._site = site

    @property
    def service(self) -> str | None:
        return self.prefix.service

    @property
    def site(self) -> dict[str, Any]:
        """Without servers where only the name of a service is known."""
        own = None if self.service else self.prefix.site
        return self._site or own or {"servers": []}


def referral_answer(referred: Referred) -> dict[str, Any]:
    """The Handle JSON form of a referral (RFC 3652 §3.4: the values name the service to ask)."""
    code, kind, data = PREFIX_REFERRAL, SITE_TYPE, {"format": "site", "value": referred.site}
    if referred.service is not None:
        code, kind, data = SERVICE_REFERRAL, SERVICE_TYPE, {"format": "string", "value": referred.service}
    return {
        "responseCode": code,
        "handle": str(referred.identifier),
        "prefix": referred.prefix.shown,
        "values": [{"index": 1, "type": kind, "data": data, "ttl": _TTL_SECONDS}],
    }


def web_address(referred: Referred) -> str | None:
    """Where a browser finds the identifier: at the first interface that answers queries over HTTPS, or else HTTP."""
    base = site_address(referred.site)
    return f"{base}{web_path(str(referred.identifier))}" if base else None


def site_address(site: dict[str, Any]) -> str | None:
    """The first interface of a site that answers queries over HTTPS, or else HTTP. Bears with sites of any shape."""
    found: dict[str, str] = {}
    for server, interface in _interfaces(site):
        scheme = str(interface.get("protocol", "")).lower()
        if scheme in _DEFAULT_PORTS:
            try:
                there = f"{scheme}://{_host(str(server['address']))}{_port(scheme, int(interface['port']))}"
            except (KeyError, TypeError, ValueError):
                continue
            found.setdefault(scheme, there)
    return found.get("https") or found.get("http")


def _interfaces(site: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Those that answer queries, each with its server."""
    servers = site.get("servers")
    for server in servers if isinstance(servers, list) else ():
        listed = server.get("interfaces") if isinstance(server, dict) else None
        for interface in listed if isinstance(listed, list) else ():
            if isinstance(interface, dict) and interface.get("query"):
                yield server, interface


def endpoints(site: dict[str, Any]) -> list[str]:
    """The interfaces that answer queries, as people read them."""
    return [
        f"{str(interface['protocol']).lower()}://{_host(server['address'])}:{interface['port']}"
        for server in site.get("servers", ())
        for interface in server.get("interfaces", ())
        if interface.get("query")
    ]


def _host(address: str) -> str:
    return f"[{address}]" if ip_address(address).version == 6 else address


def _port(scheme: str, port: int) -> str:
    return "" if port == _DEFAULT_PORTS[scheme] else f":{port}"
