"""Health, metrics and pages."""

from __future__ import annotations

from node.openapi.parts import TEXT, Schema, json, object_, operation, path_parameter, problem, query, said


def _page(name: str, summary: str) -> Schema:
    return {"get": operation(name, "Operation 运维", summary, {"200": said("A page", "页面")})}


def _json_page(name: str, summary: str, answers: Schema) -> Schema:
    return {"get": operation(name, "Operation 运维", summary, answers)}


def running() -> Schema:
    ready = object_({"ready": {"type": "boolean"}, "checks": {"type": "object"}})
    slug = [path_parameter("slug", "Slug of an error", "错误代号")]
    error = _page("error", "What an error means and what to do. 错误说明与处理办法。")
    error["get"]["parameters"] = slug
    error["get"]["responses"]["404"] = problem("No such slug", "没有这个错误代号")
    lookup = operation(
        "lookup",
        "Operation 运维",
        "The search form of the pages. 页面查询表单。",
        {"303": said("To the identifier", "转到该标识"), "400": said("Malformed", "标识格式不正确")},
    )
    lookup["parameters"] = [query("identifier", TEXT, "What was typed", "输入的内容")]
    return {
        "/healthz": _json_page(
            "healthz",
            "The process answers. 进程存活。",
            {"200": json("Alive", "存活", object_({"status": TEXT, "version": TEXT}))},
        ),
        "/readyz": _json_page(
            "readyz",
            "Ready, by dependency. 就绪状态。",
            {"200": json("Ready", "就绪", ready), "503": json("PostgreSQL cannot be reached", "数据库无法访问", ready)},
        ),
        "/metrics": _json_page(
            "metrics",
            "Prometheus text. 监控指标。",
            {"200": said("Metrics", "监控指标") | {"content": {"text/plain": {"schema": TEXT}}}},
        ),
        "/api/v1/openapi.json": _json_page(
            "openapi",
            "This description. 本接口描述。",
            {"200": json("OpenAPI 3.1", "OpenAPI 3.1 文档", {"type": "object"})},
        ),
        "/": _page("landing", "Where people start. 首页。"),
        "/lookup": {"get": lookup},
        "/docs": _page("docs", "This description as a page. 接口文档页面。"),
        "/errors": _page("errors", "Every error. 全部错误。"),
        "/errors/{slug}": error,
    }
