"""An HS_SITE in JSON form as the identifier mapping tells it (draft-chen-epp-identifier-mapping-01 §3). Pure."""

from __future__ import annotations

import ipaddress
from typing import Any

_PROTOCOLS = {"TCP": "tcp", "UDP": "udp", "HTTP": "http", "HTTPS": "http"}


def site_values(site: dict[str, Any], index: int = 1) -> dict[str, Any]:
    """A `siteInfo`. An interface for queries and administration becomes two."""
    return {
        "siteIndex": str(index),
        "protocolVersion": str(site.get("protocolVersion", "2.10")),
        "serviceInfo": [_server(server, place) for place, server in enumerate(site["servers"], 1)],
    }


def own_site(address: str, http_port: int) -> dict[str, Any]:
    """The site of this node: what it answers by HTTP."""
    interfaces = [{"protocol": "HTTP", "port": http_port, "query": True, "admin": False}]
    return {"servers": [{"serverId": 1, "address": address, "interfaces": interfaces}]}


def _server(server: dict[str, Any], place: int) -> dict[str, Any]:
    address = str(server["address"])
    kind = "v6" if ipaddress.ip_address(address).version == 6 else "v4"
    interfaces = [
        {"serviceType": service, "protocol": _PROTOCOLS[str(one["protocol"]).upper()], "port": str(one["port"])}
        for one in server["interfaces"]
        for service in ("query", "admin")
        if one.get(service)
    ]
    return {
        "serverID": str(server.get("serverId", place)),
        "addr": [{"": address, "ip": kind}],
        "serviceInterfaces": interfaces,
    }
