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
