"""Namespaces and result codes. Pure."""

from __future__ import annotations

from types import MappingProxyType

EPP = "urn:ietf:params:xml:ns:epp-1.0"
ENT = "urn:ietf:params:xml:ns:idis-ent-1.0"
PREFIX = "urn:ietf:params:xml:ns:idis-entprefix-1.0"
OLD_PREFIX = "urn:ietf:params:xml:ns:prefix-1.0"  # one example of the draft has it so
IDENTIFIER = "urn:ietf:params:xml:ns:identifier-1.0"
OBJECTS = (ENT, PREFIX, IDENTIFIER)
# How each is called in what we write; readers compare namespaces only.
SHORT = MappingProxyType({ENT: "ent", PREFIX: "prefix", OLD_PREFIX: "prefix", IDENTIFIER: "identifier"})

# RFC 5730 §3, with the sentences that it gives.
RESULTS = MappingProxyType(
    {
        1000: "Command completed successfully",
        1001: "Command completed successfully; action pending",
        1300: "Command completed successfully; no messages",
        1301: "Command completed successfully; ack to dequeue",
        1500: "Command completed successfully; ending session",
        2000: "Unknown command",
        2001: "Command syntax error",
        2002: "Command use error",
        2003: "Required parameter missing",
        2005: "Parameter value syntax error",
        2101: "Unimplemented command",
        2200: "Authentication error",
        2201: "Authorization error",
        2302: "Object exists",
        2303: "Object does not exist",
        2304: "Object status prohibits operation",
        2306: "Parameter value policy error",
        2307: "Unimplemented object service",
        2308: "Data management policy violation",
        2400: "Command failed",
        2500: "Command failed; server closing connection",
        2501: "Authentication error; server closing connection",
    }
)
END_OF_SESSION = frozenset((1500, 2500, 2501, 2502))
