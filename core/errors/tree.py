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


class LinkNotAcceptable(Problem):
    slug = "link-not-acceptable"
    status = 406
    handle_code = 200
    title_en = "No link of the type leads to what Accept asks for"
    title_zh = "该类型的链接均不符合 Accept 的要求"
    remedy_en = "Send a wider Accept, or read all links with linkType=linkset."
    remedy_zh = "请放宽 Accept，或用 linkType=linkset 读取全部链接。"


class BodyOverdue(Problem):
    slug = "body-overdue"
    status = 408
    title_en = "The body did not come"
    title_zh = "请求体未按时到达"
    remedy_en = (
        "Send the whole body at once, of the length that the headers say; a proxy or a slow line may have held it up."
    )
    remedy_zh = "请一次发送完整的请求体，长度与请求头一致；也可能被中间代理或缓慢的网络耽搁。"


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


class VersionNotReached(Problem):
    slug = "version-not-reached"
    status = 412
    title_en = "The identifier has no version as new as the one asked for"
    title_zh = "标识尚无所要求的版本"
    remedy_en = (
        "Ask for the version that its last change was answered with, or leave out If-Version-At-Least and min_version."
    )
    remedy_zh = "请填写最近一次变更返回的版本号，或去掉 If-Version-At-Least 与 min_version。"


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
    handle_code = 3
    title_en = "Too many failed logins"
    title_zh = "登录失败次数过多，请稍后再试"
    remedy_en = "Wait for as long as Retry-After says. A token is good for 24 hours: log in once, not for every call."
    remedy_zh = "请按 Retry-After 等待后重试。令牌 24 小时内有效，无需每次调用都登录。"
    retryable = True


class ApplicationsTooMany(Problem):
    slug = "applications-too-many"
    status = 429
    handle_code = 2
    title_en = "Too many applications"
    title_zh = "申请过于频繁"
    remedy_en = (
        "Wait for as long as Retry-After says. Go on with an application that is open, by its token, or withdraw it."
    )
    remedy_zh = "请按 Retry-After 等待后重试。可凭令牌继续办理或撤回未办结的申请。"
    retryable = True


class PatternUnsupported(Problem):
    slug = "pattern-unsupported"
    status = 422
    handle_code = 4
    title_en = "This pattern is not supported"
    title_zh = "不支持的模式"
    remedy_en = "Write how the name begins, and one * at the end."
    remedy_zh = "请填写名称的开头部分，仅支持单个尾部星号。"


class RateLimited(Problem):
    slug = "rate-limited"
    status = 429
    handle_code = 3
    title_en = "Too many requests per second"
    title_zh = "请求过于频繁"
    remedy_en = (
        "Wait for as long as Retry-After says; RateLimit-Policy says what is allowed. Batches count as one request."
    )
    remedy_zh = "请按 Retry-After 等待后重试；允许的频率见 RateLimit-Policy。一次批量请求只计一次。"
    retryable = True


class InternalError(Problem):
    slug = "internal-error"
    snms_status = -4
    remedy_en = "Nothing you did wrong. Tell the operator the request_id; the log has the details."
    remedy_zh = "这不是您的操作问题。请将 request_id 告知运营方，详情见日志。"


class RecursionFailed(Problem):
    slug = "recursion-failed"
    status = 502
    handle_code = 2
    title_en = "Another node could not be asked"
    title_zh = "递归解析失败"
    remedy_en = "Try again in a moment; `way` says which nodes were asked."
    remedy_zh = "请稍后重试；`way` 列出已查询的节点。"


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


class RegistrationFrozen(Problem):
    slug = "registration-frozen"
    status = 503
    handle_code = 7
    snms_status = -4
    title_en = "Registration is frozen: the national top-level node has taken over"
    title_zh = "注册已冻结：国家顶级节点正在接管解析"
    remedy_en = "Reading and resolving go on. Send the same request again after Retry-After seconds, once resolution has been handed back."
    remedy_zh = "查询与解析不受影响。请在接管结束后按 Retry-After 重发同样的请求。"
    retryable = True

    def __init__(self, en: str = "", zh: str = "", **extra: Any) -> None:
        super().__init__(en, zh, headers={"Retry-After": "60"}, **extra)


class PersonalDataLocked(Problem):
    slug = "personal-data-locked"
    status = 503
    handle_code = 3
    snms_status = -4
    title_en = "The node has no key for personal data"
    title_zh = "节点未配置个人信息密钥"
    remedy_en = "The operator sets BIAOJIE_PERSONAL_DATA_KEY (`biaojie personal-data new-key` makes one); nothing is kept in plain text."
    remedy_zh = (
        "请运营方设置 BIAOJIE_PERSONAL_DATA_KEY（可用 biaojie personal-data new-key 生成）；个人信息不会以明文保存。"
    )
    retryable = True

    def __init__(self, en: str = "", zh: str = "", **extra: Any) -> None:
        super().__init__(en, zh, headers={"Retry-After": "60"}, **extra)


class ExportsBusy(Problem):
    slug = "exports-busy"
    status = 503
    handle_code = 3
    snms_status = -4
    title_en = "Too many exports are running"
    title_zh = "正在进行的导出过多"
    remedy_en = (
        "Wait for as long as Retry-After says, then ask again; an export takes about two minutes for ten million rows."
    )
    remedy_zh = "请按 Retry-After 等待后重试；每千万行的导出约需两分钟。"
    retryable = True

    def __init__(self, en: str = "", zh: str = "", **extra: Any) -> None:
        super().__init__(en, zh, headers={"Retry-After": "15"}, **extra)


class DiskFull(Problem):
    slug = "disk-full"
    status = 507
    handle_code = 3
    snms_status = -4
    title_en = "The node has no room for the file"
    title_zh = "节点磁盘空间不足"
    remedy_en = "Tell the operator of the node; once there is room, send the same file again."
    remedy_zh = "请联系节点运营方清理磁盘，之后重新提交同一文件。"


class AliasLoop(Problem):
    slug = "alias-loop"
    status = 508
    handle_code = 2
    title_en = "The aliases of this identifier do not end"
    title_zh = "该标识的别名链没有终点"
    remedy_en = (
        "An alias may lead to another one a few times, never back. Its enterprise should correct the value HS_ALIAS."
    )
    remedy_zh = "别名最多连续指向数次，且不得回到自身；请所属企业更正 HS_ALIAS 值。"


def all_problems() -> Iterator[type[Problem]]:
    """Every leaf of the tree, in the order of the drawing: what the error page lists."""
    pending: list[type[Problem]] = [Problem]
    while pending:
        kind = pending.pop(0)
        children = kind.__subclasses__()
        if not children:
            yield kind
        pending[:0] = children
