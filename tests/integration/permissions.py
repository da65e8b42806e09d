"""Who may call what: a row for each keyed call of the application. `test_roles` holds the application against it.

A row tells what each of `WHO` gets, in that order, on what belongs to the owner, and which scopes the call takes.
In what is sent `{p}` is the owner's prefix, `{n}` a number that no other call has, `{id}` what was made beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from core.access import Scope
from core.web import now
from tests.harness import text_value

# nobody has no key; elsewhere are those of another enterprise.
WHO = ("nobody", "partner", "writer_elsewhere", "stranger", "writer", "owner", "auditor", "operator")
Expected = tuple[int, ...]

VALUES = [text_value(1, "DESC", "new")]
ITEMS = [{"index": 2001, "type": "MODEL", "name_zh": "型号", "name_en": "Model"}]
SNMS_ITEM = {"handle": "{p}/new-{n}", "templateVersion": "s"}
SNMS_ITEM["value"] = [{"index": 2000, "type": "name", "data": {"format": "string", "value": "x"}}]  # type: ignore[assignment]
SNMS_THERE = SNMS_ITEM | {"handle": "{p}/snms-{n}"}
SNMS_TEMPLATE = {"prefix": "{p}", "version": "v{n}", "items": [{"name": "名称", "idType": "name", "state": 1}]}


@dataclass(frozen=True, slots=True)
class Row:
    """`call` as the router has it; `path` as sent. `before` names what is made for each try."""

    call: str
    path: str
    expected: Expected
    scopes: frozenset[Scope]
    body: Any = None
    before: str = ""


def reads(done: int = 200) -> Expected:
    return (401, 403, 403, 403, done, done, done, done)


def writes(done: int = 200) -> Expected:
    return (401, 403, 403, 403, done, done, 403, done)


def manages(done: int = 200) -> Expected:
    return (401, 403, 403, 403, 403, done, 403, done)


def of_the_node(done: int = 200) -> Expected:
    return (401, 403, 403, 403, 403, 403, 403, done)


def one_key(done: int, auditor: int) -> Expected:
    """Another enterprise's key is as if it were not there."""
    return (401, 403, 403, 404, 403, done, auditor, done)


def _row(call: str, path: str, expected: Expected, scopes: str, body: Any = None, before: str = "") -> Row:
    return Row(call, path, expected, frozenset(map(Scope, scopes.split())), body, before)


_ONE, _THERE = "/api/v1/identifiers/{identifier}", "/api/v1/identifiers/{p}%2Fthere-{n}"
_JOB = "/api/v1/bulk-jobs/{id}"
_KEY = "/api/v1/keys/{key_id}"
_TEMPLATE = "/api/v1/templates/{identifier}"
_SNMS = "/identityv2/data"

IDENTIFIERS = [
    _row("POST /api/v1/identifiers", "/api/v1/identifiers", writes(201), "register",
         {"identifier": "{p}/new-{n}", "values": VALUES}),
    _row("POST /api/v1/identifiers:batch", "/api/v1/identifiers:batch", writes(), "register",
         {"items": [{"identifier": "{p}/new-{n}", "values": VALUES}]}),
    _row("POST /api/v1/identifiers:mint", "/api/v1/identifiers:mint", writes(201), "register",
         {"prefix": "{p}", "count": 1, "values": VALUES}),
    _row("GET /api/v1/identifiers", "/api/v1/identifiers?prefix={p}", reads(), "read-private"),
    _row(f"GET {_ONE}", _THERE, reads(), "read-private", before="there"),
    _row(f"PUT {_ONE}", _THERE, writes(), "revise", {"values": VALUES}, "there"),
    _row(f"PATCH {_ONE}", _THERE, writes(), "revise", {"values": VALUES}, "there"),
    _row(f"POST {_ONE}/withdraw", _THERE + "/withdraw", writes(), "withdraw", {"reason": "r"}, "there"),
    _row(f"POST {_ONE}/restore", _THERE + "/restore", writes(), "revise", before="gone"),
    _row("GET /api/v1/history/{identifier}", "/api/v1/history/{p}%2Fthere-{n}", reads(), "read-private", before="there"),
    _row(f"GET {_ONE}/propagation", _THERE + "/propagation", reads(), "read-private", before="there"),
    _row("GET /api/v1/export", "/api/v1/export?prefix={p}", reads(), "read-private"),
    _row("GET /api/v1/usage", "/api/v1/usage", (401, 403, *[200] * 6), "read-private"),
    _row("GET /api/v1/counts", "/api/v1/counts?enterprise=1", (401, 403, 403, 403, 200, 200, 200, 200), "read-private"),
    _row("GET /api/v1/audit", "/api/v1/audit", (401, 403, 403, 200, 403, 200, 200, 200), "read-private"),
    _row("GET /api/v1/audit/head", "/api/v1/audit/head", (401, 403, 403, 403, 403, 403, 200, 200), "read-private"),
    _row("GET /api/v1/prefixes/{prefix}/value-index", "/api/v1/prefixes/{p}/value-index", reads(), "read-private"),
    _row("PUT /api/v1/prefixes/{prefix}/value-index", "/api/v1/prefixes/{p}/value-index", manages(), "manage",
         {"types": ["T{n}"]}),
]  # fmt: skip

BULK = [
    _row("POST /api/v1/bulk-jobs", "/api/v1/bulk-jobs?prefix={p}", writes(202), "register revise", "identifier,1:A\n{n},y\n"),
    _row("GET /api/v1/bulk-jobs", "/api/v1/bulk-jobs?prefix={p}", reads(), "read-private"),
    _row("GET /api/v1/bulk-jobs/{id}", _JOB, reads(), "read-private", before="job"),
    _row("POST /api/v1/bulk-jobs/{id}/confirm", _JOB + "/confirm", writes(409), "register revise", before="job"),
    _row("POST /api/v1/bulk-jobs/{id}/pause", _JOB + "/pause", writes(), "register revise", before="job"),
    _row("POST /api/v1/bulk-jobs/{id}/resume", _JOB + "/resume", writes(), "register revise", before="job"),
    _row("POST /api/v1/bulk-jobs/{id}/cancel", _JOB + "/cancel", writes(), "register revise", before="job"),
    _row("GET /api/v1/bulk-jobs/{id}/verdicts", _JOB + "/verdicts", reads(), "read-private", before="job"),
    _row("GET /api/v1/bulk-jobs/{id}/events", _JOB + "/events", reads(), "read-private", before="ended job"),
]  # fmt: skip

MANAGING = [
    _row("POST /api/v1/enterprises", "/api/v1/enterprises", of_the_node(201), "manage", {"name": "丙 {n}"}),
    _row("POST /api/v1/prefixes", "/api/v1/prefixes", of_the_node(201), "manage", {"enterprise_id": 1}),
    _row("POST /api/v1/keys", "/api/v1/keys", one_key(201, 403), "manage", {"role": "writer", "enterprise_id": 1}),
    _row("POST /api/v1/keys", "/api/v1/keys", of_the_node(201), "manage", {"role": "auditor"}),
    _row("GET /api/v1/keys", "/api/v1/keys", (401, 403, 403, 200, 403, 200, 200, 200), "manage"),
    _row("GET /api/v1/keys", "/api/v1/keys?enterprise_id=1", one_key(200, 200), "manage"),
    _row(f"GET {_KEY}", "/api/v1/keys/{id}", one_key(200, 200), "manage", before="key"),
    _row(f"PATCH {_KEY}", "/api/v1/keys/{id}", one_key(200, 403), "manage", {"label": "x"}, "key"),
    _row(f"DELETE {_KEY}", "/api/v1/keys/{id}", one_key(200, 403), "manage", before="key"),
    _row(f"DELETE {_KEY}", "/api/v1/keys/0123456789abcdef", (401, 403, 403, 404, 403, 404, 403, 404), "manage"),
    _row(f"POST {_KEY}:rotate", "/api/v1/keys/{id}:rotate", one_key(200, 403), "manage", before="key"),
    _row("GET /api/v1/quotas/enterprises/{id}", "/api/v1/quotas/enterprises/1", (401, 403, 404, 404, 200, 200, 200, 200),
         "read-private"),
    _row("PUT /api/v1/quotas/enterprises/{id}", "/api/v1/quotas/enterprises/1", of_the_node(), "manage", {}),
    _row("GET /api/v1/quotas/keys/{key_id}", "/api/v1/quotas/keys/{id}", one_key(200, 200), "manage", before="key"),
    _row("PUT /api/v1/quotas/keys/{key_id}", "/api/v1/quotas/keys/{id}", of_the_node(), "manage", {}, "key"),
    _row("POST /api/v1/grants", "/api/v1/grants", manages(201), "manage", {"prefix": "{p}", "to": {"enterprise_id": 2}}),
    _row("GET /api/v1/grants", "/api/v1/grants?prefix={p}", reads(), "read-private"),
    _row("DELETE /api/v1/grants/{id}", "/api/v1/grants/{id}", one_key(200, 403), "manage", before="grant"),
    _row("POST /api/v1/app-identities", "/api/v1/app-identities", manages(201), "manage", {"identity": "{p}/App-{n}"}),
    _row("DELETE /api/v1/app-identities/{key_id}", "/api/v1/app-identities/{id}", manages(), "manage", before="identity"),
]  # fmt: skip

_TRANSFER, _LEASE = "/api/v1/transfers/{id}", "/api/v1/leases/{id}"
_BOTH_SIDES = (401, 403, *[200] * 6)
_RECEIVER = (401, 403, 403, 200, 403, 403, 403, 403)
TOMORROW = (now() + timedelta(days=1)).isoformat()
HANDING = [
    _row("POST /api/v1/transfers", "/api/v1/transfers", manages(201), "manage",
         {"object": "{p}/there-{n}", "to_enterprise": 2, "reason": "r"}, "there"),
    _row("GET /api/v1/transfers", "/api/v1/transfers", _BOTH_SIDES, "read-private"),
    _row(f"GET {_TRANSFER}", _TRANSFER, _BOTH_SIDES, "read-private", before="transfer"),
    _row(f"POST {_TRANSFER}:confirm", f"{_TRANSFER}:confirm", (401, 403, 403, 403, 403, 200, 403, 403), "manage",
         before="proposal"),
    _row(f"POST {_TRANSFER}:accept", f"{_TRANSFER}:accept", _RECEIVER, "manage", before="transfer"),
    _row(f"POST {_TRANSFER}:decline", f"{_TRANSFER}:decline", _RECEIVER, "manage", before="transfer"),
    _row(f"POST {_TRANSFER}:cancel", f"{_TRANSFER}:cancel", manages(), "manage", before="transfer"),
    _row("POST /api/v1/leases", "/api/v1/leases", writes(201), "register",
         {"prefix": "{p}", "pattern": "L{n}-{seq}", "count": 1, "until": TOMORROW, "label": "x"}),
    _row("GET /api/v1/leases", "/api/v1/leases?prefix={p}", reads(), "read-private"),
    _row(f"GET {_LEASE}", _LEASE, reads(), "read-private", before="lease"),
    _row(f"GET {_LEASE}/suffixes", f"{_LEASE}/suffixes", reads(), "read-private", before="lease"),
    _row(f"POST {_LEASE}:report", f"{_LEASE}:report", writes(), "register", {"used": [1]}, "lease"),
    _row(f"POST {_LEASE}:return", f"{_LEASE}:return", writes(), "register", before="lease"),
]  # fmt: skip

_PREFIX, _ENTERPRISE = "/api/v1/prefixes/{prefix}", "/api/v1/enterprises/{id}"
_WHY = {"reason": "r"}
PREFIXES = [
    _row("POST /api/v1/prefixes", "/api/v1/prefixes", manages(201), "manage", {"enterprise_id": 1, "prefix": "{p}.{n}"}),
    _row("GET /api/v1/prefixes", "/api/v1/prefixes", (401, 403, *[200] * 6), "read-private"),
    _row("GET /api/v1/prefixes", "/api/v1/prefixes?enterprise_id=1", (401, 403, 404, 404, *[200] * 4), "read-private"),
    _row(f"GET {_PREFIX}", "/api/v1/prefixes/{p}", reads(), "read-private"),
    _row(f"POST {_PREFIX}:suspend", "/api/v1/prefixes/{id}:suspend", of_the_node(), "manage", _WHY, "prefix"),
    _row(f"POST {_PREFIX}:resume", "/api/v1/prefixes/{id}:resume", of_the_node(), "manage", before="prefix"),
    _row(f"PUT {_PREFIX}/hosting", "/api/v1/prefixes/{p}/hosting", manages(), "manage", {"hosting": "here"}),
    _row(f"POST {_ENTERPRISE}:suspend", "/api/v1/enterprises/{id}:suspend", of_the_node(), "manage", _WHY, "enterprise"),
    _row(f"POST {_ENTERPRISE}:resume", "/api/v1/enterprises/{id}:resume", of_the_node(), "manage",
         before="suspended enterprise"),
    _row(f"POST {_ENTERPRISE}:revoke", "/api/v1/enterprises/{id}:revoke", of_the_node(), "manage", _WHY, "enterprise"),
]  # fmt: skip

_ONE_APPLICATION, _NUMBERED = "/api/v1/applications/{id}", "/api/v1/applications/{id}"
_APPLICANTS = (401, *[403] * 7)  # who holds its token needs no key
_BY_THE_NODE = (401, *[403] * 5, 200, 200)
APPLICATIONS = [
    _row("GET /api/v1/applications", "/api/v1/applications", _BY_THE_NODE, "read-private"),
    _row(f"GET {_ONE_APPLICATION}", _NUMBERED, _BY_THE_NODE, "read-private", before="application"),
    _row(f"PATCH {_ONE_APPLICATION}", _NUMBERED, _APPLICANTS, "", {"nature": 2}, "application"),
    _row(f"PUT {_ONE_APPLICATION}/images/{{kind}}", _NUMBERED + "/images/business-licence", _APPLICANTS, "", "%PDF-",
         "application"),
    _row(f"POST {_ONE_APPLICATION}:submit", _NUMBERED + ":submit", _APPLICANTS, "", before="application"),
    _row(f"POST {_ONE_APPLICATION}:withdraw", _NUMBERED + ":withdraw", _APPLICANTS, "", before="application"),
    _row(f"POST {_ONE_APPLICATION}:first-key", _NUMBERED + ":first-key", _APPLICANTS, "", before="application"),
    _row(f"POST {_ONE_APPLICATION}:review", _NUMBERED + ":review", of_the_node(), "manage", before="application"),
    _row(f"POST {_ONE_APPLICATION}:return", _NUMBERED + ":return", of_the_node(), "manage", _WHY, "reviewed application"),
    _row(f"POST {_ONE_APPLICATION}:reject", _NUMBERED + ":reject", of_the_node(), "manage", _WHY, "reviewed application"),
    _row(f"POST {_ONE_APPLICATION}:change", _NUMBERED + ":change", of_the_node(409), "manage", {"nature": 2}, "application"),
    _row(f"POST {_ONE_APPLICATION}:approve", _NUMBERED + ":approve", of_the_node(), "manage", before="reviewed application"),
    _row(f"POST {_ONE_APPLICATION}:retry", _NUMBERED + ":retry", of_the_node(409), "manage", before="application"),
    _row(f"GET {_ONE_APPLICATION}/personal-data", _NUMBERED + "/personal-data", of_the_node(), "manage",
         before="application"),
    _row(f"GET {_ONE_APPLICATION}/images/{{kind}}", _NUMBERED + "/images/business-licence", of_the_node(), "manage",
         before="application"),
]  # fmt: skip

_WITH_A_KEY = (401, *[200] * 7)
_META = "/api/v1/templates/{p}%2FMETA_{n}"
TEMPLATES = [
    _row("POST /api/v1/templates", "/api/v1/templates", manages(201), "manage",
         {"identifier": "{p}/META_{n}", "items": ITEMS}),
    _row("GET /api/v1/templates", "/api/v1/templates", _WITH_A_KEY, ""),
    _row(f"GET {_TEMPLATE}", _META, _WITH_A_KEY, "", before="template"),
    _row(f"GET {_TEMPLATE}", _META, (401, 404, 404, 404, 200, 200, 200, 200), "read-private", before="draft"),
    _row(f"GET {_TEMPLATE}/schema", _META + "/schema", (200,) * 8, "", before="template"),
    _row(f"PUT {_TEMPLATE}", _META, manages(), "manage", {"items": ITEMS}, "draft"),
    _row(f"DELETE {_TEMPLATE}", _META, manages(204), "manage", before="draft"),
    _row(f"POST {_TEMPLATE}:publish", _META + ":publish", manages(), "manage", before="draft"),
    _row(f"POST {_TEMPLATE}:retire", _META + ":retire", manages(), "manage", {"reason": "r"}, "template"),
    _row(f"POST {_TEMPLATE}:new-version", _META + ":new-version", manages(201), "manage",
         {"identifier": "{p}/META_{n}_2"}, "template"),
]  # fmt: skip

SNMS = [
    _row("GET /identityv2/data/detail", f"{_SNMS}/detail?handle={{p}}%2Fsnms-{{n}}", reads(), "read-private", before="snms"),
    _row("GET /api/identityv2/query/data", "/api/identityv2/query/data?handle={p}%2Fsnms-{n}", reads(), "read-private",
         before="snms"),
    _row(f"POST {_SNMS}", _SNMS, writes(), "register", SNMS_ITEM, "snms"),
    _row(f"PUT {_SNMS}", _SNMS, writes(), "revise", SNMS_THERE, "snms"),
    _row(f"DELETE {_SNMS}", _SNMS, writes(), "withdraw", SNMS_THERE, "snms"),
    _row(f"POST {_SNMS}/batchCreate", f"{_SNMS}/batchCreate", writes(), "register", [SNMS_ITEM], "snms"),
    _row(f"PUT {_SNMS}/batchUpdate", f"{_SNMS}/batchUpdate", writes(), "revise", [SNMS_THERE], "snms"),
    _row(f"DELETE {_SNMS}/batchDelete", f"{_SNMS}/batchDelete", writes(), "withdraw", ["{p}/snms-{n}"], "snms"),
    _row("GET /snms/api/prefix/query", "/snms/api/prefix/query?prefix={p}", reads(), "read-private"),
    _row("GET /snms/api/prefix/page", "/snms/api/prefix/page", (401, 403, *[200] * 6), "read-private"),
    _row("POST /snms/api/ent/config", "/snms/api/ent/config", manages(), "manage",
         {"proxyServerId": 1, "entPrefixConfig": {"entPrefix": "{p}"}}),
    _row("PUT /snms/api/v5/template", "/snms/api/v5/template", manages(), "manage", SNMS_TEMPLATE, "snms template"),
] + [
    row
    for path in ("/snms/api/v3/template", "/snms/api/v5/template")
    for row in (
        _row(f"GET {path}", f"{path}?prefix={{p}}&version=v{{n}}", reads(), "read-private", before="snms template"),
        _row(f"POST {path}", path, manages(), "manage", SNMS_TEMPLATE),
        _row(f"DELETE {path}", path, manages(), "manage", SNMS_TEMPLATE, "snms template"),
    )
]  # fmt: skip

_HANDLE = "/api/handles/{identifier}"
HANDLE = [
    _row(f"PUT {_HANDLE}", "/api/handles/{p}%2Fnew-{n}", writes(201), "read-private register", {"values": VALUES}),
    _row(f"DELETE {_HANDLE}", "/api/handles/{p}%2Fthere-{n}", writes(), "read-private withdraw", before="there"),
    _row("GET /api/handles", "/api/handles?prefix={p}", reads(), "read-private"),
]  # fmt: skip

_ALL = (200,) * len(WHO)
FOR_ANYBODY = [
    _row("GET /api/handles/{identifier}", "/api/handles/{p}%2Fthere-{n}", _ALL, "", before="there"),
    _row("GET /iiidap/identifier/{prefix}", "/iiidap/identifier/{p}", _ALL, ""),
    _row("GET /iiidap/name/{name}", "/iiidap/name/owner%20%E7%94%B2%E4%BC%81%E4%B8%9A", _ALL, ""),
    _row("GET /iiidap/names", "/iiidap/names?name=o*", _ALL, ""),
    _row("POST /api/v1/resolve", "/api/v1/resolve", _ALL, "", {"identifiers": ["{p}/there-{n}"]}, "there"),
    _row("GET /{identifier}", "/{p}%2Fthere-{n}", _ALL, "", before="there"),
]

TABLE = [*IDENTIFIERS, *BULK, *MANAGING, *HANDING, *PREFIXES, *APPLICATIONS, *TEMPLATES, *SNMS, *HANDLE, *FOR_ANYBODY]

# What takes no key: it is the same for everybody, or it is where one logs in.
KEYLESS = frozenset(
    (
        *("GET /healthz", "GET /readyz", "GET /metrics", "GET /api/v1/openapi.json"),
        *("GET /", "GET /lookup", "GET /docs", "GET /errors", "GET /errors/{slug}"),
        *("GET /.well-known/gs1resolver", "GET /iiidap/help"),
        *("POST /identity/token", "POST /identity/token/v1"),
        *(
            "POST /api/sessions",
            "GET /api/sessions/this",
            "PUT /api/sessions/this",
            "POST /api/sessions/this",
            "DELETE /api/sessions/this",
        ),
        *("GET /api/site", "GET /api/prefixes", "POST /"),
        *("POST /api/v1/applications", "POST /snms/api/v3/ent/apply"),
        *("POST /ntln/v1/takeover/orders", "GET /ntln/v1/takeover/orders/{order}"),
        "POST /ntln/v1/takeover/orders/{order}/handback",
    )
)
