"""What was asked for does not go with what is there: 409."""

from __future__ import annotations

from core.errors.tree import Conflict


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
    title_en = "A published template does not change"
    title_zh = "已发布的数据模板不可更改"
    remedy_en = "Make its next version, POST /api/v1/templates/{identifier}:new-version, and publish that."
    remedy_zh = "请用 POST /api/v1/templates/{identifier}:new-version 建立新版本草稿，再行发布。"


class TemplateState(Conflict):
    slug = "template-state"
    title_en = "The template is not in a state for that"
    title_zh = "模板的当前状态不允许此操作"
    remedy_en = "See state. A draft is published, a published template is retired, and a retired one stays so."
    remedy_zh = "当前状态见 state。草稿可发布，已发布的模板可停用，停用后不再恢复。"


class AppIdentityTaken(Conflict):
    slug = "app-identity-taken"
    title_en = "The application identity exists"
    title_zh = "应用标识身份已存在"
    remedy_en = 'Its password is not shown again; send "renew": true to get a new one in place of the old.'
    remedy_zh = '原密码不再显示；发送 "renew": true 可换发新密码，旧密码随即失效。'


class KeyEnded(Conflict):
    slug = "key-ended"
    title_en = "The key was revoked or has expired"
    title_zh = "该密钥已吊销或已过期"
    remedy_en = "Issue another key with POST /api/v1/keys; an expired one can be given a later end with PATCH first."
    remedy_zh = "请用 POST /api/v1/keys 签发新密钥；已过期的密钥可先用 PATCH 延长有效期。"


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


class ValueIndexNotReady(Conflict):
    slug = "value-index-not-ready"
    title_en = "The index of values is still being filled"
    title_zh = "值索引尚在建立中"
    remedy_en = "GET /api/v1/prefixes/{prefix}/value-index says when it is ready; search again then."
    remedy_zh = "可用 GET /api/v1/prefixes/{prefix}/value-index 查看进度，状态为 ready 后再查询。"


class ApplicationState(Conflict):
    slug = "application-state"
    title_en = "The application is not in a state for that"
    title_zh = "申请的当前状态不允许此操作"
    remedy_en = "See state and moves: those are possible now."
    remedy_zh = "当前状态见 state，可执行的操作见 moves。"


class ImagesMissing(Conflict):
    slug = "images-missing"
    title_en = "Images are missing"
    title_zh = "缺少证照图片"
    remedy_en = (
        "Return the application to the applicant, who uploads them with PUT /api/v1/applications/{id}/images/{kind}."
    )
    remedy_zh = "请将申请退回补正，由申请方通过 PUT /api/v1/applications/{id}/images/{kind} 上传。"


class FirstKeyTaken(Conflict):
    slug = "first-key-taken"
    title_en = "The first key was fetched already"
    title_zh = "首个密钥已被领取"
    remedy_en = (
        "It is shown once. The operator, or an administrator of the enterprise, issues others with POST /api/v1/keys."
    )
    remedy_zh = "该密钥仅显示一次。请由运营方或企业管理员通过 POST /api/v1/keys 另行签发。"


class EnterpriseState(Conflict):
    slug = "enterprise-state"
    title_en = "The enterprise is not in a state for that"
    title_zh = "企业的当前状态不允许此操作"
    remedy_en = "See state. An active enterprise is suspended or revoked, a suspended one resumed or revoked; revoking is for good."
    remedy_zh = "当前状态见 state。正常的企业可暂停或注销，暂停的企业可恢复或注销，注销后不再恢复。"


class PrefixPending(Conflict):
    slug = "prefix-pending"
    handle_code = 301
    title_en = "The top level has not approved the prefix"
    title_zh = "该前缀尚未通过国家顶级节点审核"
    remedy_en = (
        "Wait for its state to become active: GET /api/v1/prefixes/{prefix}, or the application that asked for it."
    )
    remedy_zh = "请等待其状态变为 active：见 GET /api/v1/prefixes/{prefix}，或查看对应的申请。"


class PrefixElsewhere(Conflict):
    slug = "prefix-hosted-elsewhere"
    handle_code = 301
    title_en = "The prefix is hosted at the enterprise's own node"
    title_zh = "该前缀由企业自有节点提供服务"
    remedy_en = "Register there; or host it here again with PUT /api/v1/prefixes/{prefix}/hosting."
    remedy_zh = "请在企业自有节点注册；或通过 PUT /api/v1/prefixes/{prefix}/hosting 改回由本节点托管。"


class IdentifierTransferred(Conflict):
    slug = "identifier-transferred"
    title_en = "The identifier was transferred"
    title_zh = "该标识已转让"
    remedy_en = "It belongs to another enterprise now, which may offer it back with POST /api/v1/transfers."
    remedy_zh = "该标识现属其他企业；对方可通过 POST /api/v1/transfers 转回。"


class TransferOpen(Conflict):
    slug = "transfer-open"
    title_en = "There is an open transfer of it"
    title_zh = "已有未办结的转让"
    remedy_en = "Cancel that one first, POST /api/v1/transfers/{id}:cancel, or wait until it ends."
    remedy_zh = "请先撤销该转让（POST /api/v1/transfers/{id}:cancel），或等待其办结。"


class TransferState(Conflict):
    slug = "transfer-state"
    title_en = "The transfer is not in a state for that"
    title_zh = "转让的当前状态不允许此操作"
    remedy_en = "See state. What is proposed the giving side confirms, what is offered the receiving side accepts; the rest has ended."
    remedy_zh = "当前状态见 state。proposed 由转出方确认，offered 由接收方接受；其余状态均已办结。"


class TransferBlocked(Conflict):
    slug = "transfer-blocked"
    title_en = "Something stands in the way of the transfer"
    title_zh = "转让暂不能进行"
    remedy_en = "See reason. Once that is settled, accept again: the offer stands until it expires."
    remedy_zh = "原因见 reason。处理后可再次接受，转让在到期前一直有效。"


class SuffixLeased(Conflict):
    slug = "suffix-leased"
    title_en = "The suffix is leased"
    title_zh = "该后缀已被租用"
    remedy_en = "It is registered by POST /api/v1/leases/{id}:report, or free again when the lease ends; see lease."
    remedy_zh = "该后缀由 POST /api/v1/leases/{id}:report 登记，或在租约结束后释放；租约见 lease。"


class LeasesTooMany(Conflict):
    slug = "leases-too-many"
    title_en = "The prefix has too many open leases"
    title_zh = "该前缀下未结束的租约过多"
    remedy_en = "Return those that are not needed, POST /api/v1/leases/{id}:return, or lease more suffixes at once."
    remedy_zh = "请归还不再使用的租约（POST /api/v1/leases/{id}:return），或一次租用更多后缀。"


class LeaseEnded(Conflict):
    slug = "lease-ended"
    title_en = "The lease has ended"
    title_zh = "租约已结束"
    remedy_en = (
        "Its unused suffixes went back and may belong to somebody else; register what was printed under new suffixes."
    )
    remedy_zh = "未使用的后缀已归还，可能已分配给他人；请以新后缀登记。"


class IdentifierTaken(Conflict):
    slug = "identifier-taken"
    title_en = "The identifier exists"
    title_zh = "标识已存在"
    remedy_en = "Choose another name, or send overwrite=true to replace what is there."
    remedy_zh = "请换用其他名称，或发送 overwrite=true 覆盖已有内容。"


class ValueTaken(Conflict):
    slug = "value-taken"
    handle_code = 201
    title_en = "There is a value at this index"
    title_zh = "该索引处已有值"
    remedy_en = "Choose another index, or send overwrite=true to replace what is there."
    remedy_zh = "请换用其他索引，或发送 overwrite=true 覆盖已有值。"
