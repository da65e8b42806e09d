"""The one error tree. Raised deep, rendered only at the edge (`core.problems`).

Problem                              status  slug
├── BadRequest                       400
│   ├── IdentifierMalformed          400     identifier-malformed
│   ├── NotResponsible               400     not-responsible
│   ├── BodyNotJson                  400     body-not-json
│   └── ParameterInvalid             400     parameter-invalid
├── Unauthenticated                  401
│   ├── CredentialMissing            401     credential-missing
│   ├── CredentialWrong              401     credential-wrong
│   └── LoginWrong                   401     login-wrong
├── Forbidden                        403
│   ├── RoleNotEnough                403     role-not-enough
│   ├── PrefixNotYours               403     prefix-not-yours
│   ├── PrefixSuspended              403     prefix-suspended
│   └── LoginSwitchedOff             403     login-switched-off
├── NotFound                         404
│   ├── IdentifierUnknown            404     identifier-unknown
│   ├── EnterpriseUnknown            404     enterprise-unknown
│   ├── KeyUnknown                   404     key-unknown
│   ├── GrantUnknown                 404     grant-unknown
│   ├── BulkJobUnknown               404     bulk-job-unknown
│   ├── TemplateUnknown              404     template-unknown
│   └── PageUnknown                  404     page-unknown
├── MethodNotAllowed                 405     method-not-allowed
├── Conflict                         409
│   ├── IdentifierConflict           409     identifier-conflict
│   ├── IdentifierWithdrawn          409     identifier-withdrawn
│   ├── GraceOver                    409     grace-over
│   ├── MintedOut                    409     minted-out
│   ├── PrefixTaken                  409     prefix-taken
│   ├── EnterpriseTaken              409     enterprise-taken
│   ├── TemplateTaken                409     template-taken
│   ├── TemplateFixed                409     template-fixed
│   ├── AppIdentityTaken             409     app-identity-taken
│   ├── BulkJobState                 409     bulk-job-state
│   └── BulkFilesAway                409     bulk-files-away
├── IdentifierGone                   410     identifier-gone
├── VersionMismatch                  412     version-mismatch
├── BodyTooLarge                     413     body-too-large
├── BodyInvalid                      422     body-invalid
├── LoginTooFrequent                 429     login-too-frequent
├── InternalError                    500     internal-error
├── StoreUnavailable                 503     store-unavailable
└── DiskFull                         507     disk-full

Each class says once: the stable slug, the HTTP status, the Handle response code (RFC 3652 §2.2.2.2), the SNMS status,
title and way out in both languages, and whether calling again unchanged can succeed.
"""

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


class IdentifierMalformed(BadRequest):
    slug = "identifier-malformed"
    handle_code = 102
    title_en = "Not a valid identifier"
    title_zh = "标识格式不正确"
    remedy_en = (
        "Write <prefix>/<suffix>, for instance 88.118.8/JXDY2106023: at most 255 bytes of UTF-8 in all, at most 64 in "
        "the prefix, no control characters, no empty parts. In a URL, percent-encode the identifier."
    )
    remedy_zh = (
        "请写成 <前缀>/<后缀>，例如 88.118.8/JXDY2106023：总长不超过 255 字节（UTF-8），前缀不超过 64 字节，"
        "不含控制字符，各部分不为空。写入网址时请做百分号编码。"
    )

    def __init__(self, reason: str, en: str, zh: str, **extra: Any) -> None:
        super().__init__(en, zh, **extra)
        self.reason = reason

    def at(self, path: str) -> FieldProblem:
        return FieldProblem(path, self.reason, self.en, self.zh)


class NotResponsible(BadRequest):
    slug = "not-responsible"
    handle_code = 301
    title_en = "This node is not responsible for the prefix"
    title_zh = "本节点不负责该前缀"
    remedy_en = "Ask a recursive node, or the node that the prefix was given to."
    remedy_zh = "请向递归节点或该前缀所属的节点查询。"


class BodyNotJson(BadRequest):
    slug = "body-not-json"
    title_en = "The body is not valid JSON"
    title_zh = "请求体不是有效的 JSON"
    remedy_en = "Send UTF-8 JSON with Content-Type: application/json."
    remedy_zh = "请以 UTF-8 编码发送 JSON，并设置 Content-Type: application/json。"


class ParameterInvalid(BadRequest):
    slug = "parameter-invalid"
    title_en = "A query parameter is not valid"
    title_zh = "查询参数不正确"
    remedy_en = "Correct the parameters named in errors; /docs lists what is accepted."
    remedy_zh = "请更正 errors 中列出的参数；可用参数见 /docs。"


class Unauthenticated(Problem):
    slug = "unauthenticated"
    status = 401
    handle_code = 402
    snms_status = -1


class CredentialMissing(Unauthenticated):
    slug = "credential-missing"
    title_en = "A key is needed"
    title_zh = "需要密钥"
    remedy_en = "Send the header Authorization: Bearer <key>. The node's operator issues keys."
    remedy_zh = "请发送请求头 Authorization: Bearer <密钥>。密钥由节点运营方签发。"


class CredentialWrong(Unauthenticated):
    slug = "credential-wrong"
    handle_code = 403
    title_en = "The key is not valid"
    title_zh = "密钥无效"
    remedy_en = "Check that the key is whole, was not revoked and has not expired; ask the operator for a new one."
    remedy_zh = "请检查密钥是否完整、是否已吊销或过期；必要时向运营方申请新密钥。"


class LoginWrong(Unauthenticated):
    slug = "login-wrong"
    handle_code = 403
    snms_status = -2
    title_en = "User name or password is wrong"
    title_zh = "用户名/密码错误！"
    remedy_en = (
        "The user name is an application identity such as 88.118.8/App_mes; its enterprise can renew the password."
    )
    remedy_zh = "用户名为应用标识身份，例如 88.118.8/App_mes；所属企业可以重置密码。"


class Forbidden(Problem):
    slug = "forbidden"
    status = 403
    handle_code = 401
    snms_status = -3


class RoleNotEnough(Forbidden):
    slug = "role-not-enough"
    title_en = "This key may not do that"
    title_zh = "该密钥无权执行此操作"
    remedy_en = "Use a key with the role named in needed_role."
    remedy_zh = "请使用具有 needed_role 所列角色的密钥。"


class PrefixNotYours(Forbidden):
    slug = "prefix-not-yours"
    title_en = "The prefix belongs to somebody else"
    title_zh = "该前缀不属于您"
    remedy_en = "Use one of your own prefixes, or ask the operator to give you this one."
    remedy_zh = "请使用您自己的前缀，或向运营方申请该前缀。"


class PrefixSuspended(Forbidden):
    slug = "prefix-suspended"
    title_en = "The prefix is suspended"
    title_zh = "该前缀已被暂停"
    remedy_en = "Ask the operator why, and to resume it."
    remedy_zh = "请联系运营方了解原因并申请恢复。"


class LoginSwitchedOff(Forbidden):
    slug = "login-switched-off"
    title_en = "This way of logging in is switched off here"
    title_zh = "本节点已停用该登录方式"
    remedy_en = "Log in with POST /identity/token over TLS, or send a key of the enterprise."
    remedy_zh = "请通过 TLS 调用 POST /identity/token 登录，或直接使用企业密钥。"


class NotFound(Problem):
    slug = "not-found"
    status = 404
    handle_code = 100


class IdentifierUnknown(NotFound):
    slug = "identifier-unknown"
    title_en = "No such identifier"
    title_zh = "标识不存在"
    remedy_en = "Check the spelling. If it was just printed, its manufacturer may not have registered it yet."
    remedy_zh = "请检查拼写。若为新印制的标识，可能生产企业尚未注册。"


class EnterpriseUnknown(NotFound):
    slug = "enterprise-unknown"
    title_en = "No such enterprise"
    title_zh = "企业不存在"
    remedy_en = "Use the id that POST /api/v1/enterprises returned."
    remedy_zh = "请使用 POST /api/v1/enterprises 返回的 id。"


class KeyUnknown(NotFound):
    slug = "key-unknown"
    title_en = "No such key"
    title_zh = "密钥不存在"
    remedy_en = "Use the key_id that POST /api/v1/keys returned; it is the second part of the key itself."
    remedy_zh = "请使用 POST /api/v1/keys 返回的 key_id，即密钥的第二段。"


class GrantUnknown(NotFound):
    slug = "grant-unknown"
    title_en = "No such grant"
    title_zh = "授权不存在"
    remedy_en = "List the grants of your prefix with GET /api/v1/grants?prefix=…"
    remedy_zh = "可用 GET /api/v1/grants?prefix=… 列出您前缀下的授权。"


class BulkJobUnknown(NotFound):
    slug = "bulk-job-unknown"
    title_en = "No such bulk job"
    title_zh = "批量任务不存在"
    remedy_en = "GET /api/v1/bulk-jobs?prefix=… lists the jobs of a prefix."
    remedy_zh = "可用 GET /api/v1/bulk-jobs?prefix=… 列出前缀下的批量任务。"


class TemplateUnknown(NotFound):
    slug = "template-unknown"
    title_en = "No such template"
    title_zh = "模板不存在"
    remedy_en = "A template is an identifier, <prefix>/META_<version>; it may have been retired."
    remedy_zh = "模板标识为 <前缀>/META_<版本>；该模板也可能已被删除。"


class PageUnknown(NotFound):
    slug = "page-unknown"
    title_en = "Nothing is served at this address"
    title_zh = "该地址没有内容"
    remedy_en = "/docs lists every call; an identifier is opened at /<prefix>/<suffix>."
    remedy_zh = "全部接口见 /docs；标识页面的地址为 /<前缀>/<后缀>。"


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


class IdentifierConflict(Conflict):
    slug = "identifier-conflict"
    title_en = "The identifier exists with other content"
    title_zh = "标识已存在，且内容不同"
    remedy_en = "See difference. To change an existing identifier use PUT /api/v1/identifiers/{identifier}."
    remedy_zh = "差异见 difference。修改已有标识请使用 PUT /api/v1/identifiers/{identifier}。"


class IdentifierWithdrawn(Conflict):
    slug = "identifier-withdrawn"
    title_en = "The identifier was withdrawn"
    title_zh = "标识已注销"
    remedy_en = "A withdrawn identifier is not used again; register a new one and name it as successor."
    remedy_zh = "已注销的标识不再使用；请注册新标识，并将其指定为接替标识。"


class GraceOver(Conflict):
    slug = "grace-over"
    title_en = "Too late to restore it"
    title_zh = "已过恢复期限"
    remedy_en = "Register a new identifier, and name it to whoever asks for the old one."
    remedy_zh = "请注册新标识，并告知使用旧标识的各方。"


class MintedOut(Conflict):
    slug = "minted-out"
    title_en = "Not enough free numbers"
    title_zh = "可用编号不足"
    remedy_en = "Those in identifiers are registered. Ask again for the rest, or use another pattern."
    remedy_zh = "identifiers 中的标识已注册。其余请重试，或换用其他规则。"


class PrefixTaken(Conflict):
    slug = "prefix-taken"
    title_en = "The prefix is already given"
    title_zh = "该前缀已被分配"
    remedy_en = "Ask for another, or leave prefix out to get the next free one."
    remedy_zh = "请另选前缀，或不填 prefix 以自动分配下一个可用前缀。"


class EnterpriseTaken(Conflict):
    slug = "enterprise-taken"
    title_en = "An enterprise with this credit code exists"
    title_zh = "该统一社会信用代码的企业已存在"
    remedy_en = "Use the enterprise whose id is in this answer."
    remedy_zh = "请使用本响应中 id 对应的企业。"


class TemplateTaken(Conflict):
    slug = "template-taken"
    title_en = "A template with this identifier exists with other content"
    title_zh = "同名模板已存在，且内容不同"
    remedy_en = "A published template does not change; choose another name, for instance META_component_v2."
    remedy_zh = "已发布的模板不可更改；请使用新名称，例如 META_component_v2。"


class TemplateFixed(Conflict):
    slug = "template-fixed"
    title_en = "The identifier belongs to a template"
    title_zh = "该标识属于数据模板"
    remedy_en = "It says what its template says; publish a template with another name instead."
    remedy_zh = "其内容由模板决定；请以新名称发布模板。"


class AppIdentityTaken(Conflict):
    slug = "app-identity-taken"
    title_en = "The application identity exists"
    title_zh = "应用标识身份已存在"
    remedy_en = 'Its password is not shown again; send "renew": true to get a new one in place of the old.'
    remedy_zh = '原密码不再显示；发送 "renew": true 可换发新密码，旧密码随即失效。'


class BulkJobState(Conflict):
    slug = "bulk-job-state"
    title_en = "The bulk job is not in a state for that"
    title_zh = "批量任务的当前状态不允许此操作"
    remedy_en = "See state. Only a planned job can be confirmed; a job that ended stays as it is: send the file again."
    remedy_zh = "当前状态见 state。只有已生成计划的任务可以确认；已结束的任务不再变化，如有需要请重新提交文件。"


class BulkFilesAway(Conflict):
    slug = "bulk-files-away"
    title_en = "The verdicts of this job are not here"
    title_zh = "本机没有该任务的结果文件"
    remedy_en = "They lie on the machine that received the file, for as long as the setting bulk_keep_days says."
    remedy_zh = "结果文件保存在接收该文件的机器上，保留天数见设置项 bulk_keep_days。"


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
