"""Health, metrics and pages."""

from __future__ import annotations

from node.openapi.parts import (
    TEXT,
    Schema,
    json,
    object_,
    operation,
    problem,
    query,
)


def _page(name: str, summary: str) -> Schema:
    return {"get": operation(name, "Operation 运维", summary, {"200": {"description": "A page"}})}


def _json_page(name: str, summary: str, answers: Schema) -> Schema:
    return {"get": operation(name, "Operation 运维", summary, answers)}


def running() -> Schema:
    ready = object_({"ready": {"type": "boolean"}, "checks": {"type": "object"}})
    slug = [{"name": "slug", "in": "path", "required": True, "schema": TEXT}]
    error = _page("error", "What an error means and what to do. 错误说明与处理办法。")
    error["get"]["parameters"] = slug
    error["get"]["responses"]["404"] = problem("No such slug")
    lookup = operation("lookup", "Operation 运维", "The search form of the pages. 页面查询表单。", {"303": {"description": "To the identifier"}, "400": {"description": "Malformed"}})  # fmt: skip
    lookup["parameters"] = [query("identifier", TEXT, "What was typed")]
    return {
        "/healthz": _json_page(
            "healthz",
            "The process answers. 进程存活。",
            {"200": json("Alive", object_({"status": TEXT, "version": TEXT}))},
        ),
        "/readyz": _json_page(
            "readyz",
            "Ready, by dependency. 就绪状态。",
            {"200": json("Ready", ready), "503": json("PostgreSQL cannot be reached", ready)},
        ),
        "/metrics": _json_page(
            "metrics",
            "Prometheus text. 监控指标。",
            {"200": {"description": "Metrics", "content": {"text/plain": {"schema": TEXT}}}},
        ),
        "/api/v1/openapi.json": _json_page(
            "openapi", "This description. 本接口描述。", {"200": json("OpenAPI 3.1", {"type": "object"})}
        ),
        "/": _page("landing", "Where people start. 首页。"),
        "/lookup": {"get": lookup},
        "/docs": _page("docs", "This description as a page. 接口文档页面。"),
        "/errors": _page("errors", "Every error. 全部错误。"),
        "/errors/{slug}": error,
    }
