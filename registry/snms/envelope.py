"""`{"status", "message", "data"}` as SNMS callers expect it, with a stable slug beside every failure. Pure.

Callers match on the sentences, so those that the guide shows are kept word for word; for everything else the problem
speaks for itself, in Chinese.
"""

from __future__ import annotations

import re
from typing import Any

from core.errors import (
    FieldProblem,
    IdentifierConflict,
    IdentifierGone,
    IdentifierUnknown,
    InternalError,
    LoginWrong,
    Problem,
    StoreUnavailable,
    Unauthenticated,
)

SUCCESS = "success"
EXISTS = "标识已存在"
NOT_THERE = "标识不存在"
NOT_FOUND = "没有找到标识"
BUSY = "系统繁忙"
NO_TEMPLATE = "模板不存在"
NOT_LOGGED_IN = "没有登录，需要验证"
_INDEX = re.compile(r"索引 (\d+)")


def success(data: Any) -> dict[str, Any]:
    return {"status": 1, "message": SUCCESS, "data": data}


def failure(problem: Problem, message: str | None = None) -> dict[str, Any]:
    return {
        "status": problem.snms_status,
        "message": message or sentence(problem),
        "data": None,
        "error": problem.slug,
    }


def sentence(problem: Problem) -> str:
    """What is wrong, in the words of the guide where it has any."""
    if isinstance(problem, IdentifierConflict):
        return EXISTS
    if isinstance(problem, IdentifierUnknown | IdentifierGone):
        return NOT_THERE
    if isinstance(problem, InternalError | StoreUnavailable):
        return BUSY
    if isinstance(problem, Unauthenticated) and not isinstance(problem, LoginWrong):
        return NOT_LOGGED_IN
    if problem.errors:
        return _of_field(problem.errors[0]) or problem.zh
    return problem.zh


def missing(name: str) -> FieldProblem:
    """A parameter or member that must be there, by its name in the SNMS form."""
    return FieldProblem(name, "parameter-missing", f"{name} is missing", f"缺少必要的请求参数: {name}")


def _of_field(problem: FieldProblem) -> str | None:
    if problem.slug == "parameter-missing":
        return problem.zh
    if problem.slug == "index-not-in-template" and (found := _INDEX.search(problem.zh)):
        return f"非法操作，索引{found[1]}在模板中不存在"
    if problem.slug == "template-unknown":
        return NO_TEMPLATE
    return problem.zh if problem.slug in ("index-reserved", "template-retired") else None
