"""Where a prefix is answered: here, or at the enterprise's own node, told as an HS_SITE in the JSON form of Handle, or by the
name of a service: an identifier whose record has the HS_SITE, which several prefixes share (HS_SERV). Pure.

A site has servers, a server has an address (IPv4 or IPv6) and interfaces: protocol, port, and whether it answers queries,
takes administration, or both (RFC 3651 §3.2.2). Only what is bounded and known is kept.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any

import orjson

from core.access import Hosting
from core.errors import FieldProblem, IdentifierMalformed
from core.handle.administration import PREFIX_RECORDS
from core.handle.keys import key_from_json
from core.handle.malformed import Malformed
from core.identifier import fold_case, parse_identifier
from registry.fields import read_number, read_text

HOSTING_MEMBERS = frozenset(("hosting", "site", "service"))
PROTOCOLS = ("TCP", "UDP", "HTTP", "HTTPS")
MAX_SERVERS, MAX_INTERFACES, MAX_ATTRIBUTES, MAX_KEY_BYTES = 16, 8, 32, 4_096


@dataclass(frozen=True, slots=True)
class HostingWish:
    """`site` is an HS_SITE, or `{"service": identifier}`; None where it is answered here."""

    hosting: Hosting
    site: dict[str, Any] | None

    def as_members(self) -> dict[str, Any]:
        """As it was asked for; what was left out is null."""
        service = (self.site or {}).get("service")
        return {"hosting": self.hosting.value, "site": None if service else self.site, "service": service}


def site_of(members: dict[str, Any]) -> dict[str, Any] | None:
    """The site of what `HostingWish.as_members` gave."""
    return {"service": members["service"]} if members.get("service") else members.get("site")


def parse_hosting(body: dict[str, Any], path: str, problems: list[FieldProblem]) -> HostingWish | None:
    """`hosting` and, for an own node, `site` or `service`; None when problems were added."""
    before, hosting = len(problems), body.get("hosting")
    site = None
    if hosting not in tuple(Hosting):
        _wrong(
            problems, f"{path}hosting", f"must be one of {', '.join(Hosting)}", f"必须是以下之一：{'、'.join(Hosting)}"
        )
    elif hosting == Hosting.OWN_NODE:
        site = _site_or_service(body, path, problems)
    else:
        for member in ("site", "service"):
            if body.get(member) is not None:
                _wrong(problems, f"{path}{member}", "is for hosting own-node only", "仅 hosting 为 own-node 时填写")
    return HostingWish(Hosting(str(hosting)), site) if len(problems) == before else None


def _site_or_service(body: dict[str, Any], path: str, problems: list[FieldProblem]) -> dict[str, Any]:
    service = body.get("service")
    if service is None:
        return parse_site(body.get("site"), f"{path}site", problems)
    if body.get("site") is not None:
        _wrong(problems, f"{path}service", "goes in place of site, not beside it", "service 与 site 只能填写一项")
    try:
        return {"service": str(parse_identifier(service if isinstance(service, str) else ""))}
    except IdentifierMalformed as wrong:
        _wrong(problems, f"{path}service", f"must be an identifier: {wrong.en}", f"必须是标识：{wrong.zh}")
        return {}


def refuse_itself(service: str | None, prefix: str, problems: list[FieldProblem]) -> None:
    """Who asked for a service below the prefix (canonical) would be sent to ask for it again."""
    if not service:
        return
    named = parse_identifier(service)
    below = fold_case(named.suffix) if named.prefix_key == PREFIX_RECORDS else named.prefix_key
    if f"{below}.".startswith(f"{prefix}."):
        _wrong(problems, "service", f"must not lie below the prefix {prefix} itself", f"不能位于该前缀 {prefix} 之下")


def parse_site(raw: Any, path: str, problems: list[FieldProblem]) -> dict[str, Any]:
    """The site as it is kept; what is left out gets its usual value."""
    if not isinstance(raw, dict):
        _wrong(problems, path, "must be an HS_SITE as a JSON object", "必须是 JSON 对象形式的 HS_SITE")
        return {}
    listed = _list(raw.get("servers"), f"{path}.servers", MAX_SERVERS, problems)
    servers = [_server(one, f"{path}.servers[{place}]", place, problems) for place, one in enumerate(listed)]
    if len({server["serverId"] for server in servers}) < len(servers):
        _wrong(problems, f"{path}.servers", "must not repeat a serverId", "serverId 不能重复")
    serial = read_number(raw.get("serialNumber", 1), f"{path}.serialNumber", problems, least=0, most=65_535)
    return {
        "version": 1,
        "protocolVersion": "2.10",
        "serialNumber": serial,
        "primarySite": raw.get("primarySite") is not False,
        "multiPrimary": raw.get("multiPrimary") is True,
        "hashOption": read_number(raw.get("hashOption", 2), f"{path}.hashOption", problems, least=0, most=2),
        "attributes": _attributes(raw.get("attributes", []), f"{path}.attributes", problems),
        "servers": servers,
    }


def one_server_site(address: str, ports: dict[str, int]) -> dict[str, Any]:
    """The site of one machine: `ports` by protocol, all of them for queries and administration."""
    interfaces = [{"query": True, "admin": True, "protocol": name, "port": port} for name, port in ports.items()]
    return {"servers": [{"serverId": 1, "address": address, "interfaces": interfaces}]}


def _server(raw: Any, path: str, place: int, problems: list[FieldProblem]) -> dict[str, Any]:
    raw = raw if isinstance(raw, dict) else {}
    server: dict[str, Any] = {
        "serverId": read_number(raw.get("serverId", place + 1), f"{path}.serverId", problems, least=0, most=2**32 - 1),
        "address": _address(raw.get("address"), f"{path}.address", problems),
    }
    if (key := raw.get("publicKey")) is not None:
        if not _is_key(key):
            _wrong(problems, f"{path}.publicKey", "must be a public key as a JWK", "必须是 JWK 形式的公钥")
        server["publicKey"] = key
    listed = _list(raw.get("interfaces"), f"{path}.interfaces", MAX_INTERFACES, problems)
    server["interfaces"] = [
        _interface(one, f"{path}.interfaces[{number}]", problems) for number, one in enumerate(listed)
    ]
    return server


def _is_key(raw: Any) -> bool:
    """A JWK, or `{"format": "key", "value": JWK}` as the Handle HTTP API has it: Handle clients are told its bytes."""
    if not isinstance(raw, dict) or len(orjson.dumps(raw)) > MAX_KEY_BYTES:
        return False
    try:
        key_from_json(raw.get("value", raw))
    except Malformed:
        return False
    return True


def _interface(raw: Any, path: str, problems: list[FieldProblem]) -> dict[str, Any]:
    raw = raw if isinstance(raw, dict) else {}
    protocol = str(raw.get("protocol", "")).upper()
    if protocol not in PROTOCOLS:
        names = ", ".join(PROTOCOLS)
        _wrong(problems, f"{path}.protocol", f"must be one of {names}", f"必须是以下之一：{names}")
    query, admin = raw.get("query", True) is True, raw.get("admin", False) is True
    if not (query or admin):
        _wrong(problems, path, "must serve query or admin", "query 与 admin 至少一项为 true")
    port = read_number(raw.get("port"), f"{path}.port", problems, least=1, most=65_535)
    return {"query": query, "admin": admin, "protocol": protocol, "port": port}


def _address(raw: Any, path: str, problems: list[FieldProblem]) -> str:
    try:
        found = ipaddress.ip_address(raw if isinstance(raw, str) and len(raw) <= 45 else "")
        if not (found.is_unspecified or found.is_multicast):
            return str(found)
    except ValueError:
        pass
    _wrong(problems, path, "must be an IPv4 or IPv6 address of one machine", "必须是一台主机的 IPv4 或 IPv6 地址")
    return ""


def _attributes(raw: Any, path: str, problems: list[FieldProblem]) -> list[dict[str, str]]:
    if not isinstance(raw, list) or len(raw) > MAX_ATTRIBUTES:
        _wrong(problems, path, f"must be a list of at most {MAX_ATTRIBUTES}", f"必须是最多 {MAX_ATTRIBUTES} 项的数组")
        return []
    return [
        {
            member: read_text(one.get(member) if isinstance(one, dict) else None, f"{path}[{place}].{member}", 255, problems)
            for member in ("name", "value")
        }
        for place, one in enumerate(raw)
    ]  # fmt: skip


def _list(raw: Any, path: str, most: int, problems: list[FieldProblem]) -> list[Any]:
    if isinstance(raw, list) and 0 < len(raw) <= most:
        return raw
    _wrong(problems, path, f"must be a list of 1 to {most}", f"必须是 1 到 {most} 项的数组")
    return []


def _wrong(problems: list[FieldProblem], path: str, en: str, zh: str) -> None:
    problems.append(FieldProblem(path, "hosting-invalid", en, zh))
