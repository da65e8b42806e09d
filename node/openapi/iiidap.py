"""IIIDAP: registration data of prefixes, and where each worker and cache stands."""

from __future__ import annotations

from node.openapi.parts import (
    TEXT,
    TIME,
    WHOLE,
    Schema,
    json,
    list_,
    object_,
    operation,
    or_null,
    path,
    path_parameter,
    problem,
    query,
    refusals,
    said,
)

_MEDIA_TYPE = "application/iiidap+json"
_TAG = "Resolving 解析"


def iiidap() -> Schema:
    notice = object_({"title": TEXT, "type": TEXT, "description": list_(TEXT)}, required=["description"])
    link = object_({"value": TEXT, "rel": TEXT, "href": TEXT, "type": TEXT}, required=["href"])
    person = object_({"name": TEXT, "idNumber": TEXT, "phone": TEXT, "email": TEXT})
    words = ("name", "nature", "type", "subType", "address", "idNumber", "idType", "introduction")
    node = object_(
        dict.fromkeys(words, TEXT) | {"legalPerson": list_(person), "contact": list_(person)}, required=["name", "type"]
    )
    one = {
        "identifier": TEXT, "regTime": TIME, "status": {"enum": ["ok", "hold"]}, "country": TEXT, "node": node,
    }  # fmt: skip
    around = {"iiidapConformance": list_(TEXT), "notices": list_(notice), "lang": TEXT}
    whole = object_(around | one | {"remarks": list_(notice), "links": list_(link)})
    error = object_(around | {"errorCode": WHOLE, "title": TEXT, "description": list_(TEXT)})

    def answers(found: Schema, *missing: str) -> Schema:
        told = {
            "200": ("Registration data", "登记数据", found),
            "400": ("Cannot be read, or is not UTF-8", "无法读取，或不是 UTF-8", error),
            "401": ("A key was sent, and is wrong; HTTP Basic without TLS", "附带的密钥不正确，或在非 TLS 连接上使用 HTTP Basic", error),
            "404": ("No registration data", "没有登记数据", error),
            "422": ("A pattern other than a stem and one `*`", "不支持的模式，仅支持单个尾部星号", error),
            "429": ("Too often from this address: Retry-After", "该地址请求过于频繁，请按 Retry-After 重试", error),
            "503": ("PostgreSQL cannot be reached: Retry-After", "数据库无法访问，请按 Retry-After 重试", error),
        }  # fmt: skip
        return {
            status: said(en, zh) | {"content": {_MEDIA_TYPE: {"schema": schema}}}
            for status, (en, zh, schema) in told.items()
            if status in ("200", "503", *missing)
        }

    moved = said("Of another node, by the bootstrap registry", "属于其他节点，按引导登记重定向")
    return {
        "/iiidap/identifier/{prefix}": {
            "get": operation(
                "registrationOfPrefix", _TAG,
                "IIIDAP: whose a prefix is; what is shown depends on who asks. 查询前缀的登记数据，展示内容取决于查询者。",
                answers(whole, "400", "401", "404", "429") | {"302": moved},
                parameters=[path_parameter("prefix", "A prefix", "前缀", example="88.118.8")],
            )
        },
        "/iiidap/name/{name}": {
            "get": operation(
                "registrationOfName", _TAG,
                "IIIDAP: the same by the name of the enterprise, whatever its case and width. 按企业名称查询，不区分大小写与全角半角。",
                answers(whole, "400", "401", "404", "429"),
                parameters=[path_parameter("name", "1 to 255 characters", "1 至 255 个字符", example="示范企业")],
            )
        },
        "/iiidap/names": {
            "get": operation(
                "searchNames", _TAG,
                "IIIDAP: names that begin so; 25 for strangers, 200 with a key. 按名称开头检索：匿名最多 25 条，带密钥最多 200 条。",
                answers(object_(around | {"NodeSearchResults": list_(object_(one))}), "400", "401", "422", "429"),
                parameters=[query("name", TEXT, "`stem*`, or a whole name", "`开头*`，或完整名称", required=True)],
            )
        },
        "/iiidap/help": {
            "get": operation(
                "iiidapHelp", _TAG, "IIIDAP: syntax, terms, limits, authentication. 语法、条款、限速与认证方式。",
                answers(object_(around)),
            )
        },
    }  # fmt: skip


def propagation() -> Schema:
    version = or_null(WHOLE)
    worker = object_(
        {
            "worker": WHOLE,
            "instance": TEXT,
            "version": version | said("Held in its memory", "其内存中的版本"),
            "floor": WHOLE | said("Older ones it does not give any more", "更旧的版本不再给出"),
            "feed_age_seconds": {"type": "number"}
            | said("Since it last read the change feed", "距上次读取变更日志的秒数"),
        }
    )
    answer = object_(
        {
            "identifier": TEXT,
            "postgresql": object_({"version": WHOLE}),
            "redis": object_({"version": version, "available": {"type": "boolean"}}),
            "workers": list_(worker),
            "asked": WHOLE | said("Workers that the question reached", "收到询问的进程数"),
            "silent": WHOLE | said("Of these, without an answer in time", "其中未及时应答的进程数"),
            "current": {"type": "boolean"} | said("Nobody holds an older version", "没有任何进程或缓存持有旧版本"),
        }
    )
    return {
        "/api/v1/identifiers/{identifier}/propagation": {
            "get": operation(
                "propagation",
                "Operation 运维",
                "Which workers and caches hold which version now. 各进程与缓存当前持有的版本。",
                {
                    "200": json("Versions", "各处版本", answer),
                    "400": problem("Malformed, or not served here", "格式不正确，或不由本节点管理"),
                    **refusals(),
                    "404": problem("Not registered", "未注册"),
                },
                parameters=[path()],
                key=True,
            )
        }
    }
