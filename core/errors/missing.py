"""What was asked for is not there: 404."""

from __future__ import annotations

from core.errors.tree import NotFound


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


class ApplicationUnknown(NotFound):
    slug = "application-unknown"
    title_en = "No such application"
    title_zh = "申请不存在"
    remedy_en = (
        "Use the number and the token that POST /api/v1/applications returned; a token opens its own application only."
    )
    remedy_zh = "请使用 POST /api/v1/applications 返回的编号与令牌；令牌只能打开其自身的申请。"


class ImageUnknown(NotFound):
    slug = "image-unknown"
    title_en = "No such image"
    title_zh = "图片不存在"
    remedy_en = "`images` of the application lists those that were uploaded."
    remedy_zh = "已上传的图片见申请的 `images`。"


class PrefixUnknown(NotFound):
    slug = "prefix-unknown"
    title_en = "No such prefix"
    title_zh = "前缀不存在"
    remedy_en = "GET /api/v1/prefixes lists those that you may see."
    remedy_zh = "可用 GET /api/v1/prefixes 列出您可查看的前缀。"


class TransferUnknown(NotFound):
    slug = "transfer-unknown"
    title_en = "No such transfer"
    title_zh = "转让不存在"
    remedy_en = "List those of your enterprise with GET /api/v1/transfers."
    remedy_zh = "可用 GET /api/v1/transfers 列出本企业的转让。"


class LeaseUnknown(NotFound):
    slug = "lease-unknown"
    title_en = "No such lease"
    title_zh = "租约不存在"
    remedy_en = "List those of your prefix with GET /api/v1/leases?prefix=…"
    remedy_zh = "可用 GET /api/v1/leases?prefix=… 列出您前缀下的租约。"


class LinkUnknown(NotFound):
    slug = "link-unknown"
    title_en = "There is no link of this type"
    title_zh = "没有该类型的链接"
    remedy_en = "linkType=linkset lists every link that there is."
    remedy_zh = "可用 linkType=linkset 列出全部链接。"
