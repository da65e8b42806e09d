"""A `Problem` as an RFC 9457 document, in both languages. Pure."""

from __future__ import annotations

from typing import Any

from core.errors import Problem

MEDIA_TYPE = "application/problem+json"


def document(problem: Problem, *, language: str, request_id: str = "") -> dict[str, Any]:
    """`title` and `detail` are in the reader's language; `zh` and `en` hold both, with the way out."""
    chinese = language == "zh"
    found: dict[str, Any] = {
        "type": f"/errors/{problem.slug}",
        "title": problem.title_zh if chinese else problem.title_en,
        "status": problem.status,
        "detail": problem.zh if chinese else problem.en,
        "slug": problem.slug,
        "zh": {"title": problem.title_zh, "detail": problem.zh, "remedy": problem.remedy_zh},
        "en": {"title": problem.title_en, "detail": problem.en, "remedy": problem.remedy_en},
        "retryable": problem.retryable,
    }
    if problem.errors:
        found["errors"] = [error.as_json() for error in problem.errors]
    if request_id:
        found["request_id"] = request_id
    return found | problem.extra


def brief(problem: Problem) -> dict[str, Any]:
    """The reason inside a batch verdict: slug, both languages, field problems."""
    found: dict[str, Any] = {"slug": problem.slug, "en": problem.en, "zh": problem.zh}
    if problem.errors:
        found["errors"] = [error.as_json() for error in problem.errors]
    return found | problem.extra
