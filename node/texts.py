"""What the node's own pages say, in Chinese and English."""

from __future__ import annotations

from core.page import Texts

LANDING: Texts = {
    "landing-title": ("工业互联网标识二级节点", "A secondary node for industrial identifiers"),
    "landing-lead": (
        "输入或扫描产品上的标识，即可查看是哪家企业注册了它，以及企业公开的信息。",
        "Enter the identifier printed on a product to see which enterprise registered it and what that enterprise says about it.",
    ),
    "node-prefix": ("节点前缀", "Node prefix"),
    "node-version": ("软件版本", "Software version"),
    "try-title": ("用命令行试一试", "Try it from the command line"),
    "try-keys": (
        "演示密钥保存在节点数据目录的 demo.json 中（默认目录为 .data）。先取出密钥和前缀：",
        "The demo’s keys are in demo.json in the node’s data directory (.data unless set otherwise). Read a key and its prefix:",
    ),
    "try-register": ("注册一个标识：", "Register an identifier:"),
    "try-resolve": ("解析它，返回 JSON：", "Resolve it, as JSON:"),
    "more-title": ("文档与状态", "Reference and status"),
    "docs-about": ("全部接口、参数与示例", "Every call, its parameters and examples"),
    "openapi": ("OpenAPI 描述", "OpenAPI description"),
    "openapi-about": ("供程序读取的 OpenAPI 3.1 文件", "OpenAPI 3.1, for programs"),
    "errors-about": ("每种错误的含义与处理办法", "What each error means, and the way out"),
    "health": ("存活检查", "Health"),
    "health-about": ("进程是否在运行", "Is the process alive"),
    "ready": ("就绪检查", "Readiness"),
    "ready-about": ("数据库与缓存是否可用", "Can database and cache be reached"),
    "metrics": ("运行指标", "Metrics"),
    "metrics-about": ("Prometheus 文本格式", "Prometheus text"),
}

SEARCH: Texts = {
    "search-label": ("标识", "Identifier"),
    "search-button": ("解析", "Resolve"),
    "search-hint": ("前缀/后缀，例如 {example}", "prefix/suffix, for instance {example}"),
}

PROBLEM: Texts = {
    "problem-what-to-do": ("怎么办", "What to do"),
    "problem-fields": ("具体问题", "What is wrong where"),
    "problem-request": ("请求编号", "Request id"),
    "problem-more": ("关于此错误", "About this error"),
    "problem-search": ("查找其他标识", "Look up another identifier"),
    "problem-home": ("返回首页", "Back to the start page"),
    "problem-way": ("已查询的节点", "Nodes that were asked"),
    "problem-successor": ("接替标识：", "Successor: "),
    "problem-retry": ("这是暂时的问题，稍后重试即可。", "This is temporary; trying again shortly can succeed."),
}

ERRORS: Texts = {
    "errors-title": ("错误说明", "Errors"),
    "errors-lead": (
        "接口以 RFC 9457 问题文档说明错误。type 指向本页中的一项；slug 不会改变，可放心写进程序。",
        "Calls explain their errors as RFC 9457 problem documents. Their type leads to one of these pages; slugs never change, so programs may rely on them.",
    ),
    "error-slug": ("代号", "Slug"),
    "error-status": ("HTTP 状态码", "HTTP status"),
    "error-handle": ("Handle 响应码", "Handle response code"),
    "error-snms": ("SNMS 状态码", "SNMS status"),
    "error-retry": ("原样重试", "Same request again"),
    "error-retry-yes": ("可能成功", "can succeed"),
    "error-retry-no": ("不会成功", "will not succeed"),
    "error-remedy": ("处理办法", "The way out"),
    "error-meaning": ("含义", "Meaning"),
    "error-all": ("全部错误", "All errors"),
}

DOCS: Texts = {
    "docs-title": ("接口文档", "API reference"),
    "docs-contents": ("目录", "Contents"),
    "docs-machine": ("供程序读取的版本：", "The same for programs: "),
    "docs-base": (
        "示例中的 $BASE 是本节点的地址，$KEY 是您的密钥：",
        "In the examples $BASE is the address of this node and $KEY is your key:",
    ),
    "docs-key": ("需要密钥", "Key needed"),
    "docs-key-optional": ("密钥可选", "Key optional"),
    "docs-open": ("公开", "Open to all"),
    "docs-deprecated": ("已弃用", "Deprecated"),
    "docs-parameters": ("参数", "Parameters"),
    "docs-body": ("请求体", "Request body"),
    "docs-answers": ("响应", "Responses"),
    "docs-example": ("示例", "Example"),
    "docs-call": ("调用示例", "Call"),
    "docs-name": ("名称", "Name"),
    "docs-in": ("位置", "In"),
    "docs-type": ("类型", "Type"),
    "docs-meaning": ("说明", "About"),
    "docs-required": ("必填", "required"),
    "docs-schemas": ("数据结构", "Data structures"),
    "in-path": ("路径", "path"),
    "in-query": ("查询", "query"),
    "in-header": ("请求头", "header"),
    "in-cookie": ("Cookie", "cookie"),
    "docs-headers": ("响应头", "Headers"),
}

TEXTS: Texts = {**SEARCH, **PROBLEM, **ERRORS, **DOCS, **LANDING}
