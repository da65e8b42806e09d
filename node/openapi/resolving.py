"""What anybody may call."""

from __future__ import annotations

from node.openapi.parts import (
    EXAMPLE,
    TEXT,
    WHOLE,
    Schema,
    json,
    list_,
    object_,
    operation,
    path,
    problem,
    query,
    ref,
    said,
)
from resolver.batch_doors import MAX_BATCH as MAX_RESOLVE

_WITH_A_KEY = {
    "401": problem("A key was sent, and is wrong", "附带的密钥不正确"),
    "403": problem("A key was sent, and may not be used from here", "附带的密钥不允许从此地址使用"),
    "429": problem("A key was sent, and asks too often: Retry-After", "附带的密钥请求过于频繁，请按 Retry-After 重试"),
}


def resolving() -> Schema:
    answer, gone = ref("HandleAnswer"), problem("Withdrawn: the reason and the successor", "已注销，附原因与接替标识")
    missing, foreign = (
        problem("Not registered (responseCode 100)", "未注册（responseCode 100）"),
        problem("Malformed (102), or not served here (301)", "格式不正确（102），或不由本节点解析（301）"),
    )
    found = {
        "200": json("Found", "已找到", answer),
        "300": json(
            "The prefix is hosted at its enterprise's own node: its site (responseCode 303); `doNotRefer` gives 400 instead",
            "前缀由企业自有节点提供解析，返回其站点（responseCode 303）；带 `doNotRefer` 时返回 400",
            answer,
        ),
        "304": said("Not changed since If-None-Match", "与 If-None-Match 所示版本相同，未修改"),
        "502": problem(
            "Of a foreign prefix, with BIAOJIE_RECURSION: another node could not be asked",
            "非本节点前缀，且已开启 BIAOJIE_RECURSION：无法查询其他节点",
        ),
        **_WITH_A_KEY,
        "403": problem(
            "The prefix is suspended and not resolved; or a key was sent that may not be used from here",
            "前缀已被暂停，停止解析；或附带的密钥不允许从此地址使用",
        ),
    }
    freshness = [
        query("auth", TEXT, "`true`: read from the database, past every cache", "`true` 时绕过缓存直接读数据库"),
        query(
            "min_version",
            WHOLE,
            "Nothing older than this version (also the header `If-Version-At-Least`): send the version that a change was "
            "answered with, and any worker shows that change; 412 where there is none so new",
            "不接受更旧的版本（也可用请求头 `If-Version-At-Least`）：填写变更时返回的版本号，任一进程都会给出该变更；尚无该版本时返回 412",
        ),
        query(
            "ignore_aliases", TEXT, "`true`: the record itself, were it an alias", "`true` 时返回记录本身，不跟随别名"
        ),
    ]
    choosing = [
        query(
            "type",
            {"type": "array", "items": TEXT},
            "Only values of these types; `T.` takes subtypes too",
            "仅返回这些类型的值；写作 `T.` 时包含其子类型",
        ),
        query(
            "index",
            {"type": "array", "items": WHOLE},
            "Or with these indexes; with types, a union",
            "返回这些索引的值；与 `type` 同用时取并集",
        ),
    ]
    public_only = query(
        "publicOnly", TEXT, "`true`: with a key too, only what anybody sees", "`true` 时即使带密钥也只返回公开值"
    )
    asked = [
        query("pretty", TEXT, "Present: indented", "带上此参数时缩进输出"),
        public_only,
        query(
            "doNotRefer",
            TEXT,
            "Present: refused where another node would be named",
            "带上此参数时，若须指引到其他节点则直接拒绝",
        ),
        *freshness,
        query(
            "info",
            TEXT,
            "Present: whose it is (registered by, held by) and its status instead of its values",
            "带上此参数时返回归属（登记方、现持有方）与状态，不返回值",
        ),
        query(
            "explain",
            TEXT,
            "Present: which cache answered, how old it is, and why in this form",
            "带上此参数时说明由哪级缓存应答、数据多久以前读取、为何采用此形式",
        ),
    ]
    linking = [
        query(
            "linkType",
            TEXT,
            "A link of this type, as `gs1:pip`; `linkset` for all of them (or Accept `application/linkset+json`)",
            "取该类型的链接，例如 `gs1:pip`；`linkset` 为全部链接（或 Accept `application/linkset+json`）",
        ),
        query("locatt", TEXT, "Of several locations one with this `key:value`", "在多个地址中取具有此 `键:值` 的一个"),
    ]
    too_new = problem("No version as new as asked for", "没有所要求的版本")
    return {
        "/api/handles/{identifier}": {
            "get": operation(
                "resolve",
                "Resolving 解析",
                "Resolve one identifier, in the Handle.Net JSON form. 解析一个标识（Handle.Net JSON）。",
                found
                | {
                    "400": foreign,
                    "404": missing,
                    "410": gone,
                    "412": too_new,
                    "508": problem("Aliases that do not end", "别名链没有终点"),
                },
                parameters=[
                    path(),
                    *asked,
                    *choosing,
                    query(
                        "cert",
                        TEXT,
                        "Ignored: answers are signed in the Handle protocol (certified flag); here TLS vouches for them",
                        "忽略：签名应答由 Handle 协议提供（certified 标志），此处由 TLS 保证",
                    ),
                ],
            )
        },
        "/{identifier}": {
            "get": operation(
                "open",
                "Resolving 解析",
                "What a scanned code opens: a page for a person, JSON for a program, a redirect where there is a URL value. "
                "A foreign identifier has the same forms where BIAOJIE_RECURSION is on; its page says who answered, and that this "
                "node has not verified it. "
                "扫码打开的地址：浏览器得到页面，程序得到 JSON，含 URL 值时重定向。开启 BIAOJIE_RECURSION 时非本节点标识形式相同，页面注明应答节点及未经本节点核验。",
                found
                | {
                    "300": json(
                        "Links that nothing tells apart: a list",
                        "多个链接无法取舍：列出全部",
                        object_({"linkType": TEXT, "links": list_({"type": "object"})}),
                    ),
                    "307": said(
                        "To a link of the type asked for, or a GS1 key's default link",
                        "重定向到所求类型的链接或 GS1 默认链接",
                    ),
                    "406": problem("No link of the type suits Accept", "该类型的链接均不符合 Accept"),
                    "508": problem("Aliases that do not end", "别名链没有终点"),
                    "302": said("To the URL value", "重定向到 URL 值")
                    | {"headers": {"Location": {"schema": TEXT, **said("The URL value", "URL 值")}}},
                    "400": foreign,
                    "404": missing,
                    "410": gone,
                    "412": too_new,
                },
                parameters=[
                    path(),
                    *asked,
                    query(
                        "noredirect",
                        TEXT,
                        "Present: show the record instead of redirecting",
                        "带上此参数时显示记录，不重定向",
                    ),
                    *linking,
                ],
            )
        },
        "/.well-known/gs1resolver": {
            "get": operation(
                "describeGs1Resolver",
                "Resolving 解析",
                "What this node's GS1 Digital Link resolver can do. 本节点 GS1 Digital Link 解析器的能力说明。",
                {"200": json("The description", "说明", {"type": "object"})},
            )
        },
        "/api/v1/resolve": {
            "post": operation(
                "resolveMany",
                "Resolving 解析",
                f"Resolve up to {MAX_RESOLVE} identifiers: one answer each, in order. As `application/x-ndjson`, an identifier "
                "a line, any number: lines of answers, and a last one that counts them (and says `stale`, in seconds, where they "
                "may be so). `min_version` is of each identifier: one that is older is `version-not-reached`. "
                f"批量解析，一次最多 {MAX_RESOLVE} 个，"
                "按顺序逐一应答；以 application/x-ndjson 逐行提交时数量不限，逐行应答，末行为总数（数据可能过时时附 `stale` 秒数）。"
                "`min_version` 对每个标识生效，未达到者为 `version-not-reached`。",
                {
                    "200": json("Answers", "逐项应答", object_({"items": list_(ref("BatchAnswer"))})),
                    **_WITH_A_KEY,
                    "400": problem("A parameter cannot be understood", "参数无法解析"),
                    "422": problem("Not such a list", "不是符合要求的列表"),
                },
                parameters=[*choosing, public_only, *freshness],
                body=object_(
                    {"identifiers": list_(TEXT, MAX_RESOLVE)}, example={"identifiers": [EXAMPLE, "88.118.8/unknown"]}
                ),
            )
        },
    }
