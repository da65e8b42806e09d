"""The trunk of the error tree, its branches, and the leaves that grow from the trunk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing wrong with one field. `path` is as in `values[0].data.value`; slugs are stable."""

    path: str
    slug: str
    en: str
    zh: str

    def as_json(self) -> dict[str, str]:
        return {"path": self.path, "slug": self.slug, "en": self.en, "zh": self.zh}


class Problem(Exception):
    """Something the caller should be told. `en` and `zh` say what is wrong with *this* request."""

    slug: ClassVar[str] = "internal-error"
    status: ClassVar[int] = 500
    handle_code: ClassVar[int] = 2
    snms_status: ClassVar[int] = -2
    title_en: ClassVar[str] = "Internal error"
    title_zh: ClassVar[str] = "系统内部错误"
    remedy_en: ClassVar[str] = ""
    remedy_zh: ClassVar[str] = ""
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        en: str = "",
        zh: str = "",
        *,
        errors: tuple[FieldProblem, ...] = (),
        headers: dict[str, str] | None = None,
        **extra: Any,
    ) -> None:
        self.en = en or _summary(errors, "en") or self.title_en
        self.zh = zh or _summary(errors, "zh") or self.title_zh
        self.errors = errors
        self.headers = headers or {}
        self.extra = extra
        super().__init__(self.en)


def _summary(errors: tuple[FieldProblem, ...], tongue: str) -> str:
    """The first field problem, and how many more there are."""
    if not errors:
        return ""
    said = f"{errors[0].path}: {getattr(errors[0], tongue)}" if errors[0].path else getattr(errors[0], tongue)
    more = len(errors) - 1
    return said if not more else f"{said}; and {more} more" if tongue == "en" else f"{said}；另有 {more} 处问题"


class BadRequest(Problem):
    slug = "bad-request"
    status = 400
    handle_code = 4
    title_en = "The request cannot be understood"
    title_zh = "无法理解该请求"


class Unauthenticated(Problem):
    slug = "unauthenticated"
    status = 401
    handle_code = 402
    snms_status = -1


class Forbidden(Problem):
    slug = "forbidden"
    status = 403
    handle_code = 401
    snms_status = -3


class NotFound(Problem):
    slug = "not-found"
    status = 404
    handle_code = 100


class MethodNotAllowed(Problem):
    slug = "method-not-allowed"
    status = 405
    handle_code = 5
    title_en = "This address does not take that method"
    title_zh = "该地址不支持此方法"
    remedy_en = "Use one of the methods in the Allow header."
    remedy_zh = "请使用 Allow 响应头中列出的方法。"


class Conflict(Problem):
    slug = "conflict"
    status = 409
    handle_code = 101


class IdentifierGone(Problem):
    slug = "identifier-gone"
    status = 410
    handle_code = 100
    title_en = "The identifier was withdrawn"
    title_zh = "标识已注销"
    remedy_en = "See reason, and successor where there is one."
    remedy_zh = "原因见 reason；如有接替标识，见 successor。"


class VersionMismatch(Problem):
    slug = "version-mismatch"
    status = 412
    title_en = "The identifier has changed since you read it"
    title_zh = "标识在您读取之后已被修改"
    remedy_en = "Read it again, repeat your change on what you read, and send the new ETag in If-Match."
    remedy_zh = "请重新读取，在最新内容上重做修改，并在 If-Match 中发送新的 ETag。"


class BodyTooLarge(Problem):
    slug = "body-too-large"
    status = 413
    title_en = "The body is too large"
    title_zh = "请求体过大"
    remedy_en = "Send fewer items in one request; limit says how many bytes or items are accepted."
    remedy_zh = "请减少单次请求的数据量；上限见 limit。"


class BodyInvalid(Problem):
    slug = "body-invalid"
    status = 422
    handle_code = 202
    title_en = "The body has problems"
    title_zh = "请求内容有误"
    remedy_en = "Correct every field named in errors and send it again."
    remedy_zh = "请更正 errors 中列出的全部字段后重新提交。"


class LoginTooFrequent(Problem):
    slug = "login-too-frequent"
    status = 429
    handle_code = 2
    title_en = "Too many failed logins"
    title_zh = "登录失败次数过多，请稍后再试"
    remedy_en = "Wait for as long as Retry-After says. A token is good for 24 hours: log in once, not for every call."
    remedy_zh = "请按 Retry-After 等待后重试。令牌 24 小时内有效，无需每次调用都登录。"
    retryable = True


class InternalError(Problem):
    slug = "internal-error"
    snms_status = -4
    remedy_en = "Nothing you did wrong. Tell the operator the request_id; the log has the details."
    remedy_zh = "这不是您的操作问题。请将 request_id 告知运营方，详情见日志。"


class StoreUnavailable(Problem):
    slug = "store-unavailable"
    status = 503
    handle_code = 3
    snms_status = -4
    title_en = "The database cannot be reached"
    title_zh = "暂时无法访问数据库"
    remedy_en = "Send the same request again after Retry-After seconds; registering the same content twice is safe."
    remedy_zh = "请在 Retry-After 秒后重发同样的请求；重复注册相同内容是安全的。"
    retryable = True

    def __init__(self, en: str = "", zh: str = "", **extra: Any) -> None:
        super().__init__(en, zh, headers={"Retry-After": "1"}, **extra)


class DiskFull(Problem):
    slug = "disk-full"
    status = 507
    handle_code = 3
    snms_status = -4
    title_en = "The node has no room for the file"
    title_zh = "节点磁盘空间不足"
    remedy_en = "Tell the operator of the node; once there is room, send the same file again."
    remedy_zh = "请联系节点运营方清理磁盘，之后重新提交同一文件。"


def all_problems() -> Iterator[type[Problem]]:
    """Every leaf of the tree, in the order of the drawing: what the error page lists."""
    pending: list[type[Problem]] = [Problem]
    while pending:
        kind = pending.pop(0)
        children = kind.__subclasses__()
        if not children:
            yield kind
        pending[:0] = children
