"""What the resolver's pages say, in Chinese and English."""

from __future__ import annotations

from core.page import Texts

TEXTS: Texts = {
    "registered-here": ("已在本节点注册", "Registered at this node"),
    "withdrawn-chip": ("已注销", "Withdrawn"),
    "maker": ("生产企业", "Manufacturer"),
    "holder": ("现持有方", "Held now by"),
    "holder-unknown": ("另一家企业", "another enterprise"),
    "maker-unknown": ("本节点没有该前缀的企业信息", "This node has no enterprise on record for this prefix"),
    "values": ("标识信息", "What this identifier says"),
    "no-values": (
        "该标识已注册，但没有公开的信息。",
        "This identifier is registered, but nothing about it is public.",
    ),
    "no-values-hint": (
        "需要更多信息时，请联系上述企业。",
        "If you need to know more, please ask the enterprise named above.",
    ),
    "refers-to": ("引用", "Refers to"),
    "technical": ("技术信息（Handle 系统）", "Technical values (Handle system)"),
    "about": ("登记信息", "About this registration"),
    "created": ("注册时间", "Registered"),
    "changed": ("最近更新", "Last changed"),
    "beijing": ("北京时间", "Beijing time"),
    "version": ("版本", "Version"),
    "json": ("查看 JSON 数据", "Read as JSON"),
    "bytes": ("{format}，{size} 字节；完整内容见 JSON 数据", "{format}, {size} bytes; the JSON has all of it"),
    "bytes-whole": ("{format}，{size} 字节", "{format}, {size} bytes"),
    "stale": (
        "暂时无法访问数据库。以下信息可能已过时 {seconds} 秒。",
        "The database cannot be reached at the moment. What is shown here may be out of date by {seconds} s.",
    ),
    "suspended": (
        "该标识所属前缀已被暂停，以下信息可能不再维护。",
        "The prefix of this identifier is suspended; what is shown here may not be kept up any more.",
    ),
    "verified": ("已核验", "Verified"),
    "unverified": ("未核验", "Not verified"),
    "true": ("是", "Yes"),
    "false": ("否", "No"),
    "identifier": ("标识", "Identifier"),
    "referred-chip": ("企业自有节点", "Own node"),
    "referred-title": ("该标识由企业自有节点解析", "This identifier is answered by its enterprise’s own node"),
    "referred-lead": (
        "前缀 {prefix} 由企业自行提供解析服务，请向以下站点查询。",
        "The prefix {prefix} is resolved by the enterprise itself; please ask the site below.",
    ),
    "referred-there": ("网页", "On the web"),
    "referred-endpoint": ("解析接口", "Resolution interface"),
    "referred-service": ("解析服务标识", "Resolution service"),
    "foreign-chip": ("由其他节点解析", "Answered by another node"),
    "foreign-note": (
        "该标识不属于本节点。以下信息由其他节点应答、经本节点转达，未经本节点核验。",
        "This identifier is not one of this node’s. What is shown here was said by another node and passed on; "
        "this node has not verified it.",
    ),
    "foreign-empty": ("应答中没有可显示的信息。", "The answer holds nothing that can be shown."),
    "foreign-way": ("查询路径", "Resolved through"),
    "foreign-answered": ("应答节点", "Answered by"),
    "foreign-asked": ("途经节点", "Asked on the way"),
    "withdrawn-title": ("该标识已注销", "This identifier was withdrawn"),
    "withdrawn-lead": (
        "企业已停止使用该标识，其内容不再提供。",
        "Its enterprise has stopped using it; what it said is no longer given out.",
    ),
    "withdrawn-at": ("注销时间", "Withdrawn"),
    "reason": ("注销原因", "Reason"),
    "no-reason": ("未说明", "Not given"),
    "successor": ("接替标识", "Successor"),
    "no-successor": ("无", "None"),
}

# What links of the GS1 vocabulary lead to, as people call it; others are shown by their type.
LINK_NAMES: Texts = {
    "gs1:defaultLink": ("产品主页", "Main page"),
    "gs1:defaultLinkMulti": ("产品主页", "Main page"),
    "gs1:pip": ("产品信息", "Product information"),
    "gs1:traceability": ("追溯信息", "Traceability"),
    "gs1:epcis": ("追溯事件（EPCIS）", "Traceability events (EPCIS)"),
    "gs1:certificationInfo": ("认证信息", "Certification"),
    "gs1:instructions": ("使用说明", "Instructions"),
    "gs1:quickStartGuide": ("快速入门", "Quick start guide"),
    "gs1:safetyInfo": ("安全信息", "Safety information"),
    "gs1:recallStatus": ("召回情况", "Recall status"),
    "gs1:serviceInfo": ("售后服务", "Service"),
    "gs1:support": ("技术支持", "Support"),
    "gs1:sustainabilityInfo": ("可持续发展信息", "Sustainability"),
    "gs1:registerProduct": ("产品登记", "Register the product"),
    "gs1:hasRetailers": ("销售商", "Retailers"),
}
