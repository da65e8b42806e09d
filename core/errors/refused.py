"""Requests that cannot be understood, or not be allowed: 400, 401, 403."""

from __future__ import annotations

from typing import Any

from core.errors.tree import BadRequest, FieldProblem, Forbidden, Unauthenticated


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


class RequestMalformed(BadRequest):
    slug = "request-malformed"
    title_en = "The request is not valid HTTP"
    title_zh = "请求不是有效的 HTTP"
    remedy_en = "Send HTTP/1.1 (RFC 9112): one length, no bare line feeds, lines of at most 8,190 bytes. A proxy before the node may have spoilt it."
    remedy_zh = "请按 HTTP/1.1（RFC 9112）发送：仅一个长度字段、无孤立换行符、每行不超过 8190 字节；也可能是中间代理破坏了请求。"

    def __init__(self, reason: str = "cannot be read") -> None:
        super().__init__(f"The HTTP parser says: {reason}", f"HTTP 解析失败：{reason}")


class BodyNotJson(BadRequest):
    slug = "body-not-json"
    title_en = "The body is not valid JSON"
    title_zh = "请求体不是有效的 JSON"
    remedy_en = "Send UTF-8 JSON with Content-Type: application/json."
    remedy_zh = "请以 UTF-8 编码发送 JSON，并设置 Content-Type: application/json。"


class HandleMessageMalformed(BadRequest):
    slug = "handle-message-malformed"
    title_en = "The body is not one whole Handle message"
    title_zh = "请求体不是一条完整的 Handle 报文"
    remedy_en = "POST one message, envelope first, with Content-Type: application/x-hdl-message."
    remedy_zh = "请以 Content-Type: application/x-hdl-message 发送一条报文，从信封开始。"


class ParameterInvalid(BadRequest):
    slug = "parameter-invalid"
    title_en = "A query parameter is not valid"
    title_zh = "查询参数不正确"
    remedy_en = "Correct the parameters named in errors; /docs lists what is accepted."
    remedy_zh = "请更正 errors 中列出的参数；可用参数见 /docs。"


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


class RoleNotEnough(Forbidden):
    slug = "role-not-enough"
    title_en = "This key may not do that"
    title_zh = "该密钥无权执行此操作"
    remedy_en = "Use a key with the role named in needed_role."
    remedy_zh = "请使用具有 needed_role 所列角色的密钥。"


class ScopeNotEnough(Forbidden):
    slug = "scope-not-enough"
    title_en = "This key lacks the scope for that"
    title_zh = "该密钥的权限范围不足"
    remedy_en = "Use a key with the scope named in needed_scope, or have it added with PATCH /api/v1/keys/{key_id}."
    remedy_zh = "请使用具有 needed_scope 所列权限范围的密钥，或通过 PATCH /api/v1/keys/{key_id} 添加该范围。"


class SourceNotAllowed(Forbidden):
    slug = "source-not-allowed"
    title_en = "This key is not accepted from your address"
    title_zh = "该密钥不允许从您的地址使用"
    remedy_en = (
        "Call from a network in allowed_sources of the key, or have yours added with PATCH /api/v1/keys/{key_id}."
    )
    remedy_zh = "请从密钥 allowed_sources 所列网络发起调用，或通过 PATCH /api/v1/keys/{key_id} 添加您的网络。"


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


class QuotaExhausted(Forbidden):
    slug = "quota-exhausted"
    handle_code = 604
    snms_status = -2
    title_en = "No more identifiers may be registered"
    title_zh = "注册配额已用完"
    remedy_en = "limit says which quota it is; that of a day begins anew at midnight of Beijing (Retry-After). For more ask the operator."
    remedy_zh = "用完的配额见 limit；每日配额于北京时间零点恢复（见 Retry-After）。需要更多配额请联系运营方。"


class PrefixLimit(Forbidden):
    slug = "prefix-limit"
    handle_code = 605
    title_en = "The enterprise may have no more prefixes"
    title_zh = "该企业的前缀数量已达上限"
    remedy_en = "Use a prefix that the enterprise has; for more ask the operator (BIAOJIE_ENTERPRISE_PREFIXES)."
    remedy_zh = "请使用该企业已有的前缀；需要更多请联系运营方（BIAOJIE_ENTERPRISE_PREFIXES）。"


class LoginSwitchedOff(Forbidden):
    slug = "login-switched-off"
    title_en = "This way of logging in is switched off here"
    title_zh = "本节点已停用该登录方式"
    remedy_en = "Log in with POST /identity/token over TLS, or send a key of the enterprise."
    remedy_zh = "请通过 TLS 调用 POST /identity/token 登录，或直接使用企业密钥。"


class EnterpriseSuspended(Forbidden):
    slug = "enterprise-suspended"
    title_en = "The enterprise is suspended"
    title_zh = "该企业已被暂停"
    remedy_en = "The reason is in this answer; ask the operator to resume the enterprise. Reading goes on."
    remedy_zh = "原因见本响应；请联系运营方申请恢复。查询不受影响。"


class PrefixNotAnswering(Forbidden):
    slug = "prefix-not-answering"
    handle_code = 301
    title_en = "The prefix is suspended and not resolved"
    title_zh = "该前缀已被暂停，停止解析"
    remedy_en = "Ask its enterprise, or the operator of this node; the identifiers are kept and can be resumed."
    remedy_zh = "请联系所属企业或本节点运营方；标识数据仍保留，恢复后可继续解析。"


class ValuesUnknown(BadRequest):
    slug = "values-unknown"
    handle_code = 200
    title_en = "There is no value at this index"
    title_zh = "该索引处没有值"
    remedy_en = "Read the record, and name indexes that it has; new ones are added, not modified."
    remedy_zh = "请先读取该标识，并填写已有的索引；新的值请用添加而非修改。"


class AdministratorMissing(Unauthenticated):
    slug = "administrator-missing"
    title_en = "An administrator must prove who they are"
    title_zh = "需要管理员身份认证"
    remedy_en = "Send Basic with index:handle percent-encoded and the secret, a Handle session, or a key of this node as Bearer."
    remedy_zh = "请以 Basic 发送百分号编码的 索引:标识 与口令，或使用 Handle 会话，或以 Bearer 发送本节点的密钥。"


class AdministratorUnknown(Unauthenticated):
    slug = "administrator-unknown"
    handle_code = 400
    title_en = "Not an administrator"
    title_zh = "不是管理员"
    remedy_en = "Name a handle of this node and the index of its HS_SECKEY or HS_PUBKEY, as in 301:0.NA/20.500.12345."
    remedy_zh = "请填写本节点标识及其 HS_SECKEY 或 HS_PUBKEY 的索引，例如 301:0.NA/20.500.12345。"


class AdministratorWrong(Unauthenticated):
    slug = "administrator-wrong"
    handle_code = 403
    title_en = "Authentication failed"
    title_zh = "身份认证失败"
    remedy_en = (
        "Check the secret or the private key, and that the index is that of the value that holds its counterpart."
    )
    remedy_zh = "请检查口令或私钥，以及所填索引是否对应相应的值。"


class HandleSessionUnknown(Unauthenticated):
    slug = "handle-session-unknown"
    handle_code = 403
    title_en = "There is no such session, or it has ended"
    title_zh = "会话不存在或已结束"
    remedy_en = "Begin another with POST /api/sessions; a challenge is answered once."
    remedy_zh = "请用 POST /api/sessions 重新建立会话；每个质询只能应答一次。"


class AdministratorNotAllowed(Forbidden):
    slug = "administrator-not-allowed"
    title_en = "This administrator may not do that"
    title_zh = "该管理员无权执行此操作"
    remedy_en = "An HS_ADMIN value of the record, or of its prefix record, must give this administrator the permission."
    remedy_zh = "须由该标识或其前缀记录中的 HS_ADMIN 值授予该管理员相应权限。"


class TlsNeeded(Forbidden):
    slug = "tls-needed"
    handle_code = 402
    title_en = "Secrets are taken over TLS only"
    title_zh = "口令只能通过 TLS 发送"
    remedy_en = (
        "Use https. Behind a proxy, name it in BIAOJIE_TRUSTED_PROXIES and have it send X-Forwarded-Proto: https."
    )
    remedy_zh = (
        "请使用 https。如经代理访问，请在 BIAOJIE_TRUSTED_PROXIES 中列出该代理，并由其发送 X-Forwarded-Proto: https。"
    )
