"""The OpenAPI 3.1 description of what is served. `tests/integration` holds it against the routes and the answers."""

from __future__ import annotations

from node.openapi.applications import application_schemas, applications
from node.openapi.bulk import bulk, bulk_schemas
from node.openapi.granting import granting
from node.openapi.handle import handle, handle_schemas, handle_tag
from node.openapi.iiidap import iiidap, propagation
from node.openapi.keeping import keeping
from node.openapi.keys import keys
from node.openapi.leases import leases
from node.openapi.living import living
from node.openapi.onboarding import onboarding
from node.openapi.parts import Schema, said
from node.openapi.prefixes import prefix_schemas, prefixes
from node.openapi.quotas import quotas
from node.openapi.registering import registering
from node.openapi.resolving import resolving
from node.openapi.running import running
from node.openapi.schemas import schemas
from node.openapi.snms import snms, snms_schemas, snms_tag
from node.openapi.takeover import takeover
from node.openapi.templates import template_schemas, templates
from node.openapi.transfers import transfers
from node.openapi.usage import usage
from node.version import VERSION

__all__ = ["specification"]

_SECURITY: Schema = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        **said("Authorization: Bearer <key>", "请求头 Authorization: Bearer <密钥>"),
    },
    "administrator": {
        "type": "http",
        "scheme": "basic",
        **said(
            "A Handle administrator: index:handle percent-encoded, and the secret as it is; or Authorization: Handle",
            "Handle 管理员：索引:标识（百分号编码）与口令（原样）；或 Authorization: Handle",
        ),
    },
}


def specification() -> Schema:
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "标解 Biaojie",
            "version": VERSION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            **said(
                "An open secondary node of the Industrial Internet identifier resolution system.\n\n"
                "An identifier is <prefix>/<suffix>, at most 255 bytes of UTF-8; in a URL it is percent-encoded. Errors are "
                "RFC 9457 problem documents with a stable slug and both languages; /errors lists them all.",
                "开源的工业互联网标识解析二级节点。\n\n"
                "标识由前缀和后缀组成，写作 <前缀>/<后缀>，总长不超过 255 字节（UTF-8），写入网址时须做百分号编码。"
                "出错时返回 RFC 9457 问题文档，含固定的错误代号和中英文说明；全部错误见 /errors。",
            ),
        },
        "tags": [
            {
                "name": "Resolving 解析",
                **said(
                    "For anybody, without a key; with one, also what is granted to its holder.",
                    "对所有人开放，无需密钥；带上密钥时还可看到获得授权的值。",
                ),
            },
            {
                "name": "Registering 注册",
                **said("For the enterprise that holds the prefix.", "供持有前缀的企业使用。"),
            },
            {
                "name": "Onboarding 接入",
                **said(
                    "For the operator of the node; keys also for enterprises.",
                    "供节点运营方使用；密钥亦供企业自行管理。",
                ),
            },
            handle_tag(),
            snms_tag(),
            {"name": "Operation 运维", **said("Health, metrics, documentation.", "健康检查、监控指标与文档。")},
        ],
        "paths": _paths(),
        "components": {
            "securitySchemes": _SECURITY,
            "schemas": schemas()
            | bulk_schemas()
            | template_schemas()
            | snms_schemas()
            | application_schemas()
            | prefix_schemas()
            | handle_schemas(),
        },
    }


def _paths() -> Schema:
    """One address may have operations in several parts."""
    paths: Schema = {}
    for part in (
        resolving,
        registering,
        templates,
        bulk,
        living,
        granting,
        transfers,
        leases,
        keeping,
        onboarding,
        applications,
        prefixes,
        keys,
        quotas,
        handle,
        snms,
        usage,
        iiidap,
        propagation,
        takeover,
        running,
    ):
        for address, operations in part().items():
            paths[address] = paths.get(address, {}) | operations
    return paths
