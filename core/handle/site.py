"""The data of HS_SITE: the servers of a service, their addresses, keys and interfaces (RFC 3651 §3.2.2)."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass
from typing import Any

from core.handle.keys import key_as_json, key_from_json
from core.handle.malformed import Malformed
from core.handle.reader import Reader, counted, string, text, u16, u32

PRIMARY, MULTI_PRIMARY = 0x80, 0x40
ADMIN, QUERY, BOTH = 1, 2, 3
PROTOCOLS = ("UDP", "TCP", "HTTP", "HTTPS")
HASH_WHOLE = 2
_ADDRESS_BYTES, _IPV4_PAD = 16, bytes(12)
_LEAST_SERVER_BYTES, _LEAST_ATTRIBUTE_BYTES, _INTERFACE_BYTES = 28, 8, 6


@dataclass(frozen=True, slots=True)
class Interface:
    """`serves` is 0, ADMIN, QUERY or BOTH; `protocol` counts as in PROTOCOLS."""

    serves: int
    protocol: int
    port: int

    def encode(self) -> bytes:
        return bytes((self.serves, self.protocol)) + u32(self.port)


@dataclass(frozen=True, slots=True)
class Server:
    """`address` has 16 bytes, IPv4 in the last four; `key` are the bytes of an HS_PUBKEY, perhaps none."""

    id: int
    address: bytes
    key: bytes
    interfaces: tuple[Interface, ...]

    def encode(self) -> bytes:
        listed = counted([one.encode() for one in self.interfaces])
        return u32(self.id) + self.address + string(self.key) + listed


@dataclass(frozen=True, slots=True)
class Site:
    """`trailing` are bytes behind what the standard knows, kept as they came."""

    major: int
    minor: int
    serial: int
    flags: int
    hash: int
    servers: tuple[Server, ...]
    attributes: tuple[tuple[str, str], ...] = ()
    filter: str = ""
    format: int = 1
    trailing: bytes = b""

    def encode(self) -> bytes:
        head = u16(self.format) + bytes((self.major, self.minor)) + u16(self.serial) + bytes((self.flags, self.hash))
        attributes = counted([text(name) + text(value) for name, value in self.attributes])
        servers = counted([server.encode() for server in self.servers])
        return head + text(self.filter) + attributes + servers + self.trailing


def decode_site(data: bytes) -> Site:
    """Raises `Malformed`."""
    reader = Reader(data)
    format_, major, minor, serial = reader.u16(), reader.u8(), reader.u8(), reader.u16()
    flags, hash_, filter_ = reader.u8(), reader.u8(), reader.text()
    attributes = reader.items(lambda: (reader.text(), reader.text()), _LEAST_ATTRIBUTE_BYTES)
    servers = reader.items(lambda: _read_server(reader), _LEAST_SERVER_BYTES)
    return Site(major, minor, serial, flags, hash_, servers, attributes, filter_, format_, reader.rest())


def _read_server(reader: Reader) -> Server:
    number, address, key = reader.u32(), reader.octets(_ADDRESS_BYTES), reader.string()
    return Server(number, address, key, reader.items(lambda: _read_interface(reader), _INTERFACE_BYTES))


def _read_interface(reader: Reader) -> Interface:
    return Interface(reader.u8(), reader.u8(), reader.u32())


def address_bytes(address: str) -> bytes:
    """Raises `ValueError` for what is no IP address."""
    packed = ipaddress.ip_address(address).packed
    return packed if len(packed) == _ADDRESS_BYTES else _IPV4_PAD + packed


def address_text(address: bytes) -> str:
    if address.startswith(_IPV4_PAD) and address[12:] not in (b"\0\0\0\0", b"\0\0\0\1"):  # `::` and `::1` are IPv6
        return str(ipaddress.IPv4Address(address[12:]))
    return str(ipaddress.IPv6Address(address))


def site_as_json(site: Site) -> dict[str, Any]:
    """The form of the Handle HTTP API."""
    return {
        "version": site.format,
        "protocolVersion": f"{site.major}.{site.minor}",
        "serialNumber": site.serial,
        "primarySite": bool(site.flags & PRIMARY),
        "multiPrimary": bool(site.flags & MULTI_PRIMARY),
        "hashOption": site.hash,
        "attributes": [{"name": name, "value": value} for name, value in site.attributes],
        "servers": [_server_as_json(server) for server in site.servers],
    }


def _server_as_json(server: Server) -> dict[str, Any]:
    said: dict[str, Any] = {"serverId": server.id, "address": address_text(server.address)}
    if server.key:
        said["publicKey"] = {"format": "key", "value": key_as_json(server.key)}
    said["interfaces"] = [
        {
            "query": bool(one.serves & QUERY),
            "admin": bool(one.serves & ADMIN),
            "protocol": PROTOCOLS[one.protocol] if one.protocol < len(PROTOCOLS) else str(one.protocol),
            "port": one.port,
        }
        for one in server.interfaces
    ]
    return said


def site_from_json(raw: Any) -> Site:
    """Members that are left out get their usual values. Raises `Malformed`."""
    try:
        major, _, minor = str(raw.get("protocolVersion", "2.11")).partition(".")
        flags = (PRIMARY if raw.get("primarySite", True) else 0) | (MULTI_PRIMARY if raw.get("multiPrimary") else 0)
        attributes = tuple((str(one["name"]), str(one["value"])) for one in raw.get("attributes", ()))
        servers = tuple(_server_from_json(one, place) for place, one in enumerate(raw["servers"], 1))
        serial, hash_ = int(raw.get("serialNumber", 1)), int(raw.get("hashOption", HASH_WHOLE))
        site = Site(int(major), int(minor), serial, flags, hash_, servers, attributes)
        site.encode()
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError, struct.error) as wrong:
        raise Malformed(f"the site cannot be read: {type(wrong).__name__}") from None
    return site


def _server_from_json(raw: dict[str, Any], place: int) -> Server:
    key = raw.get("publicKey")
    inner = key.get("value", key) if isinstance(key, dict) else None
    interfaces = tuple(
        Interface(
            (QUERY if one.get("query") else 0) | (ADMIN if one.get("admin") else 0),
            PROTOCOLS.index(str(one["protocol"]).upper()),
            int(one["port"]),
        )
        for one in raw["interfaces"]
    )
    packed = key_from_json(inner) if isinstance(inner, dict) else b""
    return Server(int(raw.get("serverId", place)), address_bytes(str(raw["address"])), packed, interfaces)
