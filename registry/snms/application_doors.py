"""At the SNMS door: an enterprise applies, and says where its identifiers are answered."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from core.errors import BodyInvalid, FieldProblem, PrefixPending
from core.web import REQUEST_ID, json_bytes, read_json, source_of
from registry.application_doors import limit_arrivals
from registry.doors import REGISTRY
from registry.hosting import one_server_site
from registry.snms.applications import as_object, parse_application
from registry.snms.edge import caller, failed, succeeded
from registry.snms.envelope import missing, success
from registry.store import Keyless, Origin
from registry.verbs.apply import refuse_taken, write_application
from registry.verbs.host_prefix import host_prefix

NOT_APPROVED = "前缀尚未通过国家顶级节点审核"
_PORTS = {"tcpPort": "TCP", "udpPort": "UDP", "httpPort": "HTTP"}


def add_routes(app: web.Application) -> None:
    app.router.add_post("/snms/api/v3/ent/apply", post_apply)
    app.router.add_post("/snms/api/ent/config", post_config)


async def post_apply(request: web.Request) -> web.Response:
    """Public as the other door is. Who sends a token or a key must have a good one, and is not limited by address. Beside
    the envelope stands what the caller needs to go on: number and token of the application."""
    registry = request.app[REGISTRY]
    origin: Origin | Keyless = Keyless(source_of(request), request[REQUEST_ID])
    if request.headers.get("Authorization"):
        _, _, origin = await caller(request)
    else:
        limit_arrivals(request)
    registry.vault.require_key()
    problems: list[FieldProblem] = []
    statement, images = parse_application(await read_json(request), registry.node_prefix, problems)
    await refuse_taken(registry, statement.form, problems)
    if problems:
        raise BodyInvalid(errors=tuple(problems))
    made = await write_application(registry, origin, statement, images, submit=True)
    return json_bytes(orjson.dumps(success(True) | {"application": made}), headers={"Cache-Control": "no-store"})


async def post_config(request: web.Request) -> web.Response:
    """`proxyServerId`: hosted here; else `hdlType`, `ipType`, `ip` and at least one port: the enterprise's own node."""
    registry, principal, origin = await caller(request)
    whole = as_object(await read_json(request))
    config = as_object(whole.get("entPrefixConfig"))
    prefix = config.get("entPrefix")
    if not isinstance(prefix, str) or not prefix:
        raise BodyInvalid(errors=(missing("entPrefix"),))
    hosted = whole.get("proxyServerId") not in (None, "")
    body = {"hosting": "here"} if hosted else {"hosting": "own-node", "site": _site(config)}
    try:
        await host_prefix(registry, principal, origin, prefix[:255], body)
    except PrefixPending as pending:
        return failed(pending, NOT_APPROVED)
    return succeeded(True)


def _site(config: dict[str, Any]) -> dict[str, Any]:
    """Raises `BodyInvalid` for what the verb would not see."""
    problems = [missing(name) for name in ("hdlType", "ipType", "ip") if config.get(name) in (None, "")]
    if not problems and config["hdlType"] != "HS_SITE":
        problems.append(FieldProblem("hdlType", "hosting-invalid", "must be HS_SITE", "hdlType 必须为 HS_SITE"))
    ip = str(config.get("ip", ""))
    if not problems and str(config["ipType"]) != ("6" if ":" in ip else "4"):
        en, zh = "must be 4 or 6, as the address is", "ipType 须为 4 或 6，且与 ip 一致"
        problems.append(FieldProblem("ipType", "hosting-invalid", en, zh))
    ports: dict[str, int] = {}
    for name, protocol in _PORTS.items():
        if text := str(config.get(name) or "").strip():
            if text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= 65_535:
                ports[protocol] = int(text)
            else:
                problems.append(
                    FieldProblem(name, "hosting-invalid", "must be a port", f"{name} 必须是 1 到 65535 的端口")
                )
    if not ports and not problems:
        en, zh = "at least one of tcpPort, udpPort, httpPort is needed", "tcpPort、udpPort、httpPort 至少填写一个"
        problems.append(FieldProblem("tcpPort", "hosting-invalid", en, zh))
    if problems:
        raise BodyInvalid(errors=tuple(problems))
    return one_server_site(ip, ports)
