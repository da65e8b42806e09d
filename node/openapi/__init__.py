"""The OpenAPI 3.1 description of what is served. `tests/integration` holds it against the routes and the answers."""

from __future__ import annotations

from node.openapi.onboarding import onboarding
from node.openapi.parts import Schema
from node.openapi.registering import registering
from node.openapi.resolving import resolving
from node.openapi.running import running
from node.openapi.schemas import schemas
from node.version import VERSION

__all__ = ["specification"]

_SECURITY: Schema = {"key": {"type": "http", "scheme": "bearer", "description": "Authorization: Bearer <key>"}}


def specification() -> Schema:
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "标解 Biaojie",
            "version": VERSION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": (
                "An open secondary node of the Industrial Internet identifier resolution system. "
                "开源的工业互联网标识解析二级节点。\n\n"
                "An identifier is <prefix>/<suffix>, at most 255 bytes of UTF-8; in a URL it is percent-encoded. Errors are "
                "RFC 9457 problem documents with a stable slug and both languages; /errors lists them all."
            ),
        },
        "tags": [
            {"name": "Resolving 解析", "description": "For anybody, without a key."},
            {"name": "Registering 注册", "description": "For the enterprise that holds the prefix."},
            {"name": "Onboarding 接入", "description": "For the operator of the node."},
            {"name": "Operation 运维", "description": "Health, metrics, documentation."},
        ],
        "paths": resolving() | registering() | onboarding() | running(),
        "components": {"securitySchemes": _SECURITY, "schemas": schemas()},
    }
