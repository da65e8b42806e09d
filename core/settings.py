"""The one settings object: from `BIAOJIE_*` environment variables, then an optional TOML file, then defaults.

Every field is documented in the README by a table that `tests/docs` holds against this file.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from core.addresses import Network, is_address, parse_networks
from core.errors import IdentifierMalformed
from core.identifier import fold_case, parse_prefix
from core.quota import Limits
from core.quota_book import Defaults
from core.sealing import parse_keys

ENV_PREFIX = "BIAOJIE_"
CONFIG_VARIABLE = "BIAOJIE_CONFIG"
# Names that another part reads before there are settings, or that belong to a child process.
_OTHER_VARIABLES = frozenset((CONFIG_VARIABLE, "BIAOJIE_METRICS_DIR", "BIAOJIE_KEY"))


class SettingsInvalid(Exception):
    """One sentence a line: which variable, what is wrong with it."""


def _setting(default: Any, en: str, zh: str, **rules: Any) -> Any:
    """A field with its meaning in both languages, and its bounds."""
    return Field(default, description=en, json_schema_extra={"zh": zh}, **rules)


class Settings(BaseSettings):
    """Units stand in the names. Frozen: a changed setting takes a restart."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, frozen=True, extra="forbid", env_ignore_empty=True)

    node_prefix: str = _setting(
        "88.118",
        "Prefix of this secondary node; enterprises get prefixes below it",
        "本二级节点的前缀，企业前缀在其下分配",
    )
    node_name: str = _setting(
        "Biaojie secondary node", "Name of the node on its pages", "页面上显示的节点名称", max_length=200
    )
    http_host: str = _setting(
        "*",
        "Address to listen on; `*`: all of the machine's, IPv6 and IPv4",
        "监听地址；`*` 表示本机全部地址，含 IPv6 与 IPv4",
    )
    http_port: int = _setting(
        8080, "Port of REST, Handle JSON and pages", "REST、Handle JSON 与页面的端口", ge=1, le=65535
    )
    handle_port: int = _setting(
        2641,
        "TCP and UDP port of the Handle protocol, on the address of HTTP; 0: not served",
        "Handle 协议的 TCP 与 UDP 端口，监听地址与 HTTP 相同；0 表示不提供",
        ge=0,
        le=65535,
    )
    handle_address: str = _setting(
        "",
        "IPv4 or IPv6 address under which Handle clients reach the node, told in its HS_SITE; empty: BIAOJIE_HTTP_HOST where "
        "that is an address, else 127.0.0.1",
        "Handle 客户端访问节点所用的 IPv4 或 IPv6 地址，写入 HS_SITE；留空则取 BIAOJIE_HTTP_HOST（若为地址），否则为 127.0.0.1",
    )
    handle_idle_seconds: int = _setting(
        1800,
        "After how long without a request a Handle connection is closed; national SDKs keep one open for good",
        "Handle 连接多少秒无请求后关闭；国家顶级节点 SDK 会长期保持连接",
        ge=5,
        le=86_400,
    )
    handle_connections: int = _setting(
        20_000, "Handle connections of each worker, at most", "每个工作进程最多的 Handle 连接数", ge=1, le=1_000_000
    )
    handle_connections_per_address: int = _setting(
        2_000,
        "And of one IPv4 address, or one /64 of IPv6",
        "其中来自同一 IPv4 地址（或同一 IPv6 /64 网段）的最多连接数",
        ge=1,
        le=1_000_000,
    )
    handle_udp_amplified_kilobytes: int = _setting(
        2_048,
        "What each worker sends over UDP to one address (IPv6: one /64) in a second in answers more than three times as large as "
        "their requests, whose sender may be invented; beyond it nothing, and clients go on over TCP; 0: no bound",
        "每个工作进程每秒经 UDP 发往同一地址（IPv6 为同一 /64 网段）的放大应答（超过请求三倍）的总量（KiB），UDP 来源地址可伪造；"
        "超出则不应答，客户端会改用 TCP；0 表示不限",
        ge=0,
        le=1_048_576,
    )
    handle_challenge_seconds: int = _setting(
        60, "How long a Handle challenge can be answered", "Handle 质询的应答时限（秒）", ge=5, le=600
    )
    handle_login_seconds: int = _setting(
        86_400,
        "How long a login of the national SDK (op codes 2000, 2001) lasts on its connection; then it is asked to log in again (407)",
        "国家 SDK 登录（操作码 2000、2001）在其连接上的有效时间（秒），到期须重新登录（407）",
        ge=60,
        le=31_536_000,
    )
    handle_udp_administration: bool = _setting(
        False,
        "Whether administration is taken over UDP too, where the sender's address proves nothing",
        "是否也接受通过 UDP 的管理请求（UDP 的来源地址不可信）",
    )
    handle_session_seconds: int = _setting(
        3600,
        "How long a session of the Handle JSON interface (`/api/sessions`) or of the Handle protocol lasts after it was proved",
        "Handle JSON 接口会话（`/api/sessions`）与 Handle 协议会话认证后的有效时间（秒）",
        ge=60,
        le=86_400,
    )
    handle_protocol_sessions: int = _setting(
        10_000,
        "Sessions of the Handle protocol that last at a time, at most, for each worker; 0: none are offered, and clients answer a "
        "challenge for each request",
        "每个工作进程同时有效的 Handle 协议会话上限；0 表示不提供会话，客户端逐请求应答质询",
        ge=0,
        le=1_000_000,
    )
    handle_key_exchange_bits: int = _setting(
        1024,
        "Least size of the Diffie-Hellman prime or RSA key that the key of a session is exchanged by; deployed clients come with "
        "1024, and go on with challenges where more is asked",
        "会话密钥交换所用 Diffie-Hellman 素数或 RSA 密钥的最小位数；现有客户端默认 1024 位，要求更高时改用质询应答",
        ge=1024,
        le=2048,
    )
    handle_certificate_header: str = _setting(
        "",
        "Header field in which trusted proxies pass on the TLS certificate of a client, as PEM, percent-encoded or not "
        "(nginx: `$ssl_client_escaped_cert`); empty: none is taken",
        "可信代理传递客户端 TLS 证书所用的请求头，PEM 格式，可经百分号编码（nginx：`$ssl_client_escaped_cert`）；留空则不接受",
    )
    https_port: int = _setting(
        0,
        "Port of the same over TLS, by this node itself; 0: not served, a proxy does that",
        "由本节点直接提供 TLS 的端口；0 表示不提供（由代理承担）",
        ge=0,
        le=65535,
    )
    tls_certificate: str = _setting(
        "", "Certificate chain for BIAOJIE_HTTPS_PORT, a PEM file", "BIAOJIE_HTTPS_PORT 所用证书链（PEM 文件）"
    )
    tls_key: str = _setting("", "Private key of the certificate, a PEM file", "证书的私钥（PEM 文件）")
    tls_client_authorities: str = _setting(
        "",
        "Certificates (PEM file) that clients may show at BIAOJIE_HTTPS_PORT: authorities, or their self-signed ones; empty: "
        "none is asked for",
        "客户端在 BIAOJIE_HTTPS_PORT 可出示的证书（PEM 文件）：签发机构或其自签名证书；留空则不要求",
    )
    base_url: str = _setting(
        "",
        "Address under which users reach the node; empty: http://localhost:<port>",
        "用户访问节点的地址；留空为 http://localhost:<端口>",
    )
    trusted_proxies: str = _setting(
        "",
        "Networks of the proxies before the node, separated by commas, as in 10.0.0.0/8; only from them "
        "`X-Forwarded-For` says where a call comes from",
        "节点前置代理所在的网络，用逗号分隔，如 10.0.0.0/8；仅当连接来自这些网络时，才按 `X-Forwarded-For` 判断来源地址",
    )
    workers: int = _setting(
        0,
        "Worker processes that share the port; 0: one per core",
        "共用端口的工作进程数；0 表示每核一个",
        ge=0,
        le=256,
    )
    data_dir: Path = _setting(
        Path(".data"),
        "Where the embedded servers and the demo keep their files",
        "自带数据库、Redis 及演示数据的存放目录",
    )
    database_url: SecretStr = _setting(
        SecretStr(""),
        "PostgreSQL ≥ 14, e.g. postgresql://user:password@host/name; empty: start one",
        "PostgreSQL（14 及以上）地址，如 postgresql://用户:密码@主机/库名；留空则自行启动",
    )
    redis_url: SecretStr = _setting(
        SecretStr(""),
        "Redis ≥ 6.2, e.g. redis://host:6379/0; empty: start one",
        "Redis（6.2 及以上）地址，如 redis://主机:6379/0；留空则自行启动",
    )
    embedded: Literal["auto", "machine", "wheels"] = _setting(
        "auto",
        "Programs for servers started here: `auto`: those of the machine first, `machine`: only those, "
        "`wheels`: only those that `make` installed",
        "自行启动时使用的程序：`auto` 优先用本机已装的，`machine` 只用本机的，`wheels` 只用 `make` 安装的",
    )
    embedded_account: str = _setting(
        "",
        "As root, the unprivileged account that runs the embedded servers; empty: postgres, else nobody",
        "以 root 运行时，自带数据库与 Redis 所用的普通账户；留空为 postgres，其次 nobody",
    )
    memory_cache_bytes: int = _setting(
        256 * 1024 * 1024,
        "Records kept ready in the memory of each worker, in bytes",
        "每个工作进程在内存中缓存记录的字节数",
        ge=0,
    )
    shared_cache_ttl_seconds: int = _setting(
        3600, "How long Redis keeps a record", "Redis 保留一条记录的时间（秒）", ge=1, le=86_400
    )
    negative_ttl_milliseconds: int = _setting(
        500,
        "How long a worker remembers that an identifier does not exist",
        "工作进程记住“标识不存在”的时间（毫秒）",
        ge=0,
        le=2_000,
    )
    feed_interval_milliseconds: int = _setting(
        250, "How often a worker reads the change feed", "工作进程读取变更流的间隔（毫秒）", ge=10, le=5_000
    )
    stale_limit_seconds: int = _setting(
        3600,
        "How long cached records are still given when PostgreSQL cannot be reached",
        "数据库无法访问时，缓存中的记录最多还可应答多久（秒）",
        ge=0,
        le=86_400,
    )
    restore_grace_days: int = _setting(
        30, "How long a withdrawn identifier can be restored", "注销后多少天内可以恢复", ge=0, le=3_650
    )
    lease_grace_days: int = _setting(
        7, "How long after its end a lease of suffixes can still be reported, before what is left goes to others",
        "后缀租约到期后多少天内仍可补报，之后未报告的后缀归还并可分配给他人", ge=0, le=365,
    )  # fmt: skip
    group_commit_rows: int = _setting(
        512, "Single registrations merged into one commit, at most", "一次提交最多合并的单个注册数", ge=1, le=10_000
    )
    database_connections: int = _setting(
        8, "Connections of each worker to PostgreSQL", "每个工作进程的数据库连接数", ge=4, le=200
    )
    database_timeout_seconds: float = _setting(
        5.0, "Deadline of one statement", "单条数据库语句的时限（秒）", gt=0, le=600
    )
    redis_timeout_seconds: float = _setting(
        0.25, "Deadline of one Redis command", "单条 Redis 命令的时限（秒）", gt=0, le=60
    )
    quota_timeout_milliseconds: int = _setting(
        20,
        "How long a call with a limit waits for Redis to say whether it may pass; then it passes",
        "受限调用等待 Redis 判断的时限（毫秒），超时则放行",
        ge=1,
        le=1_000,
    )
    key_requests_per_second: int = _setting(
        0,
        "Requests per second of a key that has no quota of its own; 0: no limit; never for operators and auditors",
        "未单独设定配额的密钥每秒请求数；0 表示不限；不适用于运营方与审计密钥",
        ge=0,
        le=100_000,
    )
    enterprise_requests_per_second: int = _setting(
        0,
        "Requests per second of all keys of an enterprise that has no quota of its own; 0: no limit",
        "未单独设定配额的企业（全部密钥合计）每秒请求数；0 表示不限",
        ge=0,
        le=100_000,
    )
    enterprise_registrations_per_day: int = _setting(
        0,
        "New identifiers a day (of Beijing) of an enterprise that has no quota of its own; 0: no limit",
        "未单独设定配额的企业每日（北京时间）新注册标识数；0 表示不限",
        ge=0,
        le=10**12,
    )
    enterprise_registrations_total: int = _setting(
        0,
        "Identifiers in all of an enterprise that has no quota of its own; 0: no limit",
        "未单独设定配额的企业注册标识总数；0 表示不限",
        ge=0,
        le=10**12,
    )
    body_limit_bytes: int = _setting(
        32 * 1024 * 1024, "Largest request body accepted", "请求体的最大字节数", ge=1024, le=1024**3
    )
    bulk_limit_bytes: int = _setting(
        16 * 1024**3, "Largest file accepted by a bulk job", "批量任务接收文件的最大字节数", ge=1024, le=1024**4
    )
    bulk_keep_days: int = _setting(
        30, "How long the verdicts of an ended bulk job stay", "批量任务结束后结果文件的保留天数", ge=1, le=3650
    )
    audit_key: SecretStr = _setting(
        SecretStr(""),
        "Secret under which the audit is sealed (HMAC), so that the database alone cannot rewrite it; empty: plain hashes",
        "封存审计日志所用的密钥（HMAC），使仅掌握数据库者无法改写；留空则只用普通散列",
    )
    personal_data_key: SecretStr = _setting(
        SecretStr(""),
        "Key that encrypts personal data of applications: base64 of 32 bytes; several separated by commas: the first encrypts, "
        "all decrypt; empty: `up` with its own PostgreSQL makes one in the data directory, otherwise applications are refused",
        "加密申请中个人信息的密钥：32 字节的 base64；可用逗号分隔多个，第一个用于加密，全部可用于解密；"
        "留空时，up 自带数据库则在数据目录中生成，否则不受理申请",
    )
    applications_per_hour: int = _setting(
        20,
        "Applications that a worker takes from one address in an hour",
        "每个工作进程每小时受理同一来源地址的申请数",
        ge=1,
        le=100_000,
    )
    required_images: str = _setting(
        "business-licence",
        "Kinds of images that an application must have before it is approved, separated by commas",
        "审核通过前申请必须具备的证照图片种类，用逗号分隔",
    )
    usage_minutes_days: int = _setting(
        190,
        "How long resolutions are kept by the minute; days stay for ever",
        "按分钟的解析量保留天数；按日的永久保留",
        ge=1,
        le=3650,
    )
    probe_networks: str = _setting(
        "",
        "Networks whose resolutions are counted apart, as probes: own checks and benchmarks; separated by commas",
        "来自这些网络的解析单独计为探测量（自测、压测），用逗号分隔",
    )
    probe_keys: str = _setting(
        "",
        "Ids of keys whose resolutions are counted apart, as probes; separated by commas",
        "使用这些密钥编号的解析单独计为探测量，用逗号分隔",
    )
    iiidap_lookups_per_minute: int = _setting(
        60,
        "How many IIIDAP look-ups one address may make in a minute without a key, at each worker; 0: no limit",
        "每个地址每分钟可匿名进行的 IIIDAP 查询次数（按工作进程计）；0 表示不限",
        ge=0,
        le=1_000_000,
    )
    iiidap_searches_per_minute: int = _setting(
        10,
        "The same for searches by pattern",
        "每个地址每分钟可匿名进行的 IIIDAP 检索次数（按工作进程计）；0 表示不限",
        ge=0,
        le=1_000_000,
    )
    iiidap_redirect: bool = _setting(
        False,
        "Whether IIIDAP queries about foreign prefixes are redirected by the bootstrap registry",
        "对非本节点前缀的 IIIDAP 查询是否按引导登记重定向",
    )
    iiidap_bootstrap_url: str = _setting(
        "",
        "Where the top level serves its IIIDAP bootstrap registry; it is believed, so name it with care",
        "顶级节点 IIIDAP 引导登记的地址；其内容将被采信，请谨慎填写",
    )
    recursion: bool = _setting(
        False,
        "Whether identifiers of foreign prefixes are resolved onwards through the top level",
        "是否通过顶级节点递归解析非本节点前缀的标识",
    )
    top_level_url: str = _setting(
        "",
        "Address of the top level's HTTP JSON interface, up to and without `/api/handles`",
        "顶级节点 HTTP JSON 接口的地址，不含 `/api/handles`",
    )
    top_level_handle_address: str = _setting(
        "",
        "Where `biaojie recurse` begins: host:port of the top level's Handle service; empty: the box on this machine",
        "`biaojie recurse` 的起点：国家顶级节点 Handle 服务的 主机:端口；留空则取本机仿真顶级节点",
        max_length=255,
    )
    peering_url: str = _setting(
        "",
        "Where the top level takes enterprises and prefixes: https://host/path (signed HTTP) or tls://host:700 (EPP over TLS), "
        "in the clear only on this machine; empty: no peering, applications are approved here",
        "国家顶级节点接入地址：https://主机/路径（签名 HTTP）或 tls://主机:700（EPP over TLS），不加密仅限本机；留空则不对接，申请在本节点直接生效",
    )
    peering_user: str = _setting(
        "",
        "What the top level calls this node's account (`shrUserId`)",
        "本节点在国家顶级节点的用户名（`shrUserId`）",
        max_length=64,
    )
    peering_client_id: str = _setting(
        "", "Login of EPP over TLS, 3 to 16 characters", "EPP over TLS 的登录名，3 至 16 个字符", max_length=16
    )
    peering_password: SecretStr = _setting(
        SecretStr(""), "Its password, 6 to 16 characters", "EPP over TLS 的登录密码，6 至 16 个字符"
    )
    peering_server_keys: str = _setting(
        "",
        "Keys that must have signed the top level's replies, as `keyid:base64`, separated by commas; empty: replies need no signature",
        "国家顶级节点应答的签名公钥，形如 `keyid:base64`，用逗号分隔；留空则不要求应答签名",
    )
    peering_algorithm: Literal["ed25519", "sm2-sm3"] = _setting(
        "ed25519",
        "What keys that `biaojie sync keys` makes sign with: ed25519 or sm2-sm3; a file in PEM form says it by itself",
        "`biaojie sync keys` 生成的密钥所用签名算法：ed25519 或 sm2-sm3；PEM 文件以其自身算法为准",
    )
    peering_certificate: str = _setting("", "Client certificate for TLS, a PEM file", "TLS 客户端证书，PEM 文件")
    peering_certificate_key: str = _setting("", "Its private key, a PEM file", "TLS 客户端证书的私钥，PEM 文件")
    peering_authorities: str = _setting(
        "",
        "Certificates that may vouch for the top level, a PEM file; empty: those of the system",
        "用于验证国家顶级节点的 CA 证书，PEM 文件；留空则用系统自带的",
    )
    peering_poll_seconds: float = _setting(
        30.0,
        "How often the top level's queue is asked while something is awaited",
        "有待审核事项时轮询消息队列的间隔（秒）",
        gt=0,
        le=3_600,
    )
    peering_idle_poll_seconds: float = _setting(
        600.0, "And else", "无待审核事项时轮询消息队列的间隔（秒）", gt=0, le=86_400
    )
    peering_timeout_seconds: float = _setting(
        10.0, "Deadline of one exchange with the top level", "与国家顶级节点一次交互的时限（秒）", gt=0, le=600
    )
    peering_old_prefix_namespace: bool = _setting(
        False,
        "Whether prefixes are created in the namespace `prefix-1.0`, as one example of the draft has it",
        "创建前缀时是否使用草案示例中的命名空间 `prefix-1.0`",
    )
    peering_identifier_mapping: bool = _setting(
        False,
        "Whether the top level is told where each prefix is resolved, by the identifier mapping of EPP",
        "是否通过 EPP 标识映射向国家顶级节点上报各前缀的解析站点",
    )
    peering_site_address: str = _setting(
        "",
        "IP address of this node that is told for prefixes answered here; empty: none is",
        "上报本节点托管前缀时使用的本节点 IP 地址；留空则不上报",
        max_length=45,
    )
    peering_operations_url: str = _setting(
        "",
        "Where the top level takes heartbeats, statistics and standby data: https://host/path, in the clear only on this machine; "
        "empty: the host of BIAOJIE_PEERING_URL where that is signed HTTP; off: nowhere",
        "国家顶级节点接收心跳、统计与备援数据的地址：https://主机/路径，不加密仅限本机；留空则取签名 HTTP 接入地址的主机；off 则不上报",
    )
    heartbeat_seconds: float = _setting(
        60.0, "How often the top level is told how the node is", "向国家顶级节点发送心跳的间隔（秒）", gt=0, le=3_600
    )
    statistics_seal_minutes: int = _setting(
        10,
        "How long after its end an hour's statistics are sealed",
        "每小时统计在该小时结束后多久封存（分钟）",
        ge=0,
        le=59,
    )
    statistics_recheck_hours: int = _setting(
        24,
        "How long a sealed hour is looked at for what came late; it is told as a correction",
        "已封存小时的补录检查时长（小时）；迟到数据以更正报文上报",
        ge=1,
        le=720,
    )
    takeover_acceptance: Literal["automatic", "operator"] = _setting(
        "automatic",
        "Who countersigns an order of the top level that is signed as it must be: this node at once, or an operator by "
        "`biaojie sync takeover accept`",
        "国家顶级节点接管命令（签名有效）的会签方式：`automatic` 由本节点立即会签，`operator` 由运营人员执行 `biaojie sync takeover accept`",
    )
    standby_hours: float = _setting(
        24.0,
        "How often standby data is sent to the top level, beside after each accepted deposit; 0: only when it takes over, or by command",
        "向国家顶级节点更新备援数据的间隔（小时），每次托管通过核验后另行更新；0 表示仅在接管时或手动执行",
        ge=0,
        le=720,
    )
    standby_prefix_minutes: float = _setting(
        15.0,
        "How long after the last time standby data is sent again where prefixes have changed",
        "前缀有变更时，距上次发送备援数据多久后再次发送（分钟）",
        ge=0,
        le=1_440,
    )
    escrow_agent_url: str = _setting(
        "",
        "Where deposits are uploaded: https://host[:port][/path] or sftp://host[:port][/directory] (from the login's home: /~/directory) "
        "of the data escrow agent; empty: no deposits are made",
        "数据托管机构的上传地址：https://主机[:端口][/路径] 或 sftp://主机[:端口][/目录]（登录主目录之下写 /~/目录）；留空则不做数据托管",
    )
    escrow_report_url: str = _setting(
        "",
        "Where deposits are reported, and verdicts looked up: https://host[:port][/path] of the top level; empty: that of the agent, "
        "where that is no sftp://",
        "向国家顶级节点报告托管情况并查询核验结果的地址；留空则与上传地址相同（sftp:// 时必填）",
    )
    escrow_user: str = _setting(
        "", "User name at both (HTTP Basic, SFTP)", "上述两处的用户名（HTTP Basic、SFTP）", max_length=64
    )
    escrow_sftp_host_keys: str = _setting(
        "",
        "Public keys of the agent's SFTP server, one of which it must have, as `ssh-ed25519 AAAA…`, separated by commas",
        "数据托管机构 SFTP 服务器的主机公钥，形如 `ssh-ed25519 AAAA…`，用逗号分隔，服务器须持有其一",
    )
    escrow_sftp_key: str = _setting(
        "",
        "Private key that logs in there, a file without passphrase; empty: one of the node's own, see `biaojie escrow sftp-key`",
        "登录 SFTP 所用的私钥文件（无口令）；留空则用本节点自动生成的密钥，见 `biaojie escrow sftp-key`",
    )
    escrow_password: SecretStr = _setting(SecretStr(""), "Its password", "其密码")
    escrow_agent_key: str = _setting(
        "",
        "OpenPGP certificate of the agent, to which deposits are encrypted, a file; only an agent on this machine is asked for it",
        "数据托管机构的 OpenPGP 公钥证书文件，用于加密托管数据；仅当机构位于本机时可留空（自动获取）",
    )
    escrow_part_megabytes: int = _setting(
        1_024, "Size from which a deposit is split", "托管文件超过该大小时拆分（MiB）", ge=1, le=65_536
    )
    escrow_send_minutes: float = _setting(
        5.0,
        "How long after 00:00 UTC the deposit of the day begins",
        "每日 UTC 零点之后开始托管的时间（分钟）",
        ge=0,
        le=1_200,
    )
    escrow_look_seconds: float = _setting(
        60.0, "How often the verdict on a deposit is looked up", "查询托管核验结果的间隔（秒）", gt=0, le=3_600
    )
    toplevel_host: str = _setting(
        "127.0.0.1",
        "Address on which the top-level node in a box listens; its examiner's page has no key, so leave it on this machine",
        "仿真顶级节点的监听地址；其考核页面无需密钥，请仅在本机使用",
    )
    toplevel_port: int = _setting(
        0,
        "Its port; 0: any free one, kept from then on",
        "仿真顶级节点的端口；0 表示任选空闲端口并沿用",
        ge=0,
        le=65_535,
    )
    toplevel_handle_port: int = _setting(
        0,
        "Its port of the Handle protocol, where it refers resolvers to nodes; 0: any free one, kept",
        "仿真顶级节点 Handle 协议端口，由此将解析方引向各节点；0 表示任选空闲端口并沿用",
        ge=0,
        le=65_535,
    )
    toplevel_tcp_port: int = _setting(
        0,
        "Its port of EPP over TCP; 0: any free one",
        "仿真顶级节点 EPP over TCP 的端口；0 表示任选空闲端口",
        ge=0,
        le=65_535,
    )
    toplevel_sftp_port: int = _setting(
        0,
        "Its port of SFTP, where its escrow agent takes deposits too; 0: none",
        "仿真顶级节点托管机构的 SFTP 端口；0 表示不提供",
        ge=0,
        le=65_535,
    )
    recursion_cache_megabytes: int = _setting(
        16, "Foreign answers kept in each worker", "每个工作进程缓存递归结果的内存", ge=0, le=4096
    )
    recursion_private_addresses: bool = _setting(
        False,
        "Whether referrals may lead to private and loopback addresses: for test beds",
        "递归时是否允许指引到内网与本机地址，仅用于测试环境",
    )
    snms_login_v1: bool = _setting(
        True,
        "Whether the SNMS login by hash is served (`POST /identity/token/v1`); its hash can be replayed for a day",
        "是否提供 SNMS 密文登录（`POST /identity/token/v1`）；其密文当天内可被重放",
    )
    log_level: Literal["debug", "info", "warning", "error"] = _setting(
        "info", "Least severity logged", "记录日志的最低级别"
    )

    @field_validator("node_prefix")
    @classmethod
    def _prefix_is_one(cls, value: str) -> str:
        try:
            return fold_case(parse_prefix(value))
        except IdentifierMalformed as wrong:
            raise ValueError(wrong.en) from wrong

    @field_validator("trusted_proxies", "probe_networks")
    @classmethod
    def _networks_are_such(cls, value: str) -> str:
        try:
            parse_networks(value)
        except ValueError as wrong:
            raise ValueError(f"must be networks such as 10.0.0.0/8, separated by commas: {wrong}") from None
        return value

    @field_validator("personal_data_key")
    @classmethod
    def _keys_are_such(cls, value: SecretStr) -> SecretStr:
        parse_keys(value.get_secret_value())
        return value

    @field_validator("handle_address")
    @classmethod
    def _address_is_one(cls, value: str) -> str:
        if value and not is_address(value):
            raise ValueError("must be an IPv4 or IPv6 address")
        return value

    @field_validator("base_url", "iiidap_bootstrap_url", "top_level_url")
    @classmethod
    def _url_is_one(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value.rstrip("/")

    @field_validator("peering_url")
    @classmethod
    def _peering_url_is_one(cls, value: str) -> str:
        if value and not value.startswith(("https://", "tls://", "http://", "tcp://", "vendor:")):
            raise ValueError("must start with https:// or tls://")
        return value.rstrip("/")

    @field_validator("peering_operations_url")
    @classmethod
    def _operations_url_is_one(cls, value: str) -> str:
        if value not in ("", "off") and not value.startswith(("https://", "http://")):
            raise ValueError("must start with https://, or be off")
        return value.rstrip("/")

    @field_validator("escrow_agent_url", "escrow_report_url")
    @classmethod
    def _escrow_urls_are_https(cls, value: str) -> str:
        return value.rstrip("/")

    @field_validator("peering_site_address")
    @classmethod
    def _site_address_is_one(cls, value: str) -> str:
        if value:
            ipaddress.ip_address(value)
        return value

    @field_validator("database_url")
    @classmethod
    def _database_url_is_one(cls, value: SecretStr) -> SecretStr:
        url = value.get_secret_value()
        if url and not url.startswith(("postgresql://", "postgres://")):
            raise ValueError("must start with postgresql://")
        return value

    @field_validator("redis_url")
    @classmethod
    def _redis_url_is_one(cls, value: SecretStr) -> SecretStr:
        url = value.get_secret_value()
        if url and not url.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must start with redis://, rediss:// or unix://")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        sources = [init_settings, env_settings]
        if path := os.environ.get(CONFIG_VARIABLE):
            sources.append(TomlConfigSettingsSource(settings_cls, toml_file=path))
        return tuple(sources)

    @property
    def public_url(self) -> str:
        return self.base_url or f"http://localhost:{self.http_port}"

    @property
    def handle_public_address(self) -> str:
        return self.handle_address or (self.http_host if is_address(self.http_host) else "127.0.0.1")

    @property
    def probe_networks_parsed(self) -> tuple[Network, ...]:
        return parse_networks(self.probe_networks)

    @property
    def probe_key_ids(self) -> tuple[str, ...]:
        return tuple(part.strip() for part in self.probe_keys.split(",") if part.strip())

    @property
    def personal_data_keys(self) -> tuple[bytes, ...]:
        return parse_keys(self.personal_data_key.get_secret_value())

    @property
    def required_image_kinds(self) -> tuple[str, ...]:
        return tuple(part.strip() for part in self.required_images.split(",") if part.strip())

    @property
    def quota_defaults(self) -> Defaults:
        return Defaults(
            Limits(
                self.enterprise_requests_per_second or None,
                None,
                self.enterprise_registrations_per_day or None,
                self.enterprise_registrations_total or None,
            ),
            Limits(self.key_requests_per_second or None),
        )

    @property
    def proxy_networks(self) -> tuple[Network, ...]:
        return parse_networks(self.trusted_proxies)

    @property
    def worker_count(self) -> int:
        return self.workers or _cores()

    def as_shown(self) -> dict[str, str]:
        """Name to text, secrets hidden: what is printed at start."""
        return {name: _shown(getattr(self, name)) for name in type(self).model_fields}

    def as_environment(self) -> dict[str, str]:
        """The same settings for a child process, secrets included: never print it."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {variable(name): _plain(value) for name, value in values.items() if _plain(value)}


def _cores() -> int:
    """The cores this process may use, where the system says so (a container has fewer than its machine)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def variable(field: str) -> str:
    return ENV_PREFIX + field.upper()


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment; `overrides` win. Raises `SettingsInvalid` with every problem, a line each."""
    config = os.environ.get(CONFIG_VARIABLE)
    if config and not Path(config).is_file():
        raise SettingsInvalid(f"{CONFIG_VARIABLE}: there is no file {config}")
    try:
        return Settings(**overrides)
    except ValidationError as wrong:
        lines = [_sentence(error["loc"], error["msg"]) for error in wrong.errors()]
        raise SettingsInvalid("\n".join(lines)) from None
    except ValueError as wrong:  # a TOML file that cannot be read
        raise SettingsInvalid(f"{CONFIG_VARIABLE}: {config}: {wrong}") from None


def unknown_variables() -> list[str]:
    """A sentence for each `BIAOJIE_*` variable that nothing reads, with the likely right name."""
    known = {variable(name) for name in Settings.model_fields} | _OTHER_VARIABLES
    sentences = []
    for name in sorted(os.environ):
        if name.startswith(ENV_PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            sentences.append(f"{name} is not a setting and is ignored" + (f"; did you mean {near[0]}?" if near else ""))
    return sentences


def _sentence(location: tuple[int | str, ...], message: str) -> str:
    name = str(location[0]) if location else "?"
    if name not in Settings.model_fields:
        near = difflib.get_close_matches(name, Settings.model_fields, n=1)
        return f"{name}: no such setting" + (f"; did you mean {near[0]}?" if near else "")
    return f"{variable(name)}: {message.removeprefix('Value error, ')}"


def _shown(value: Any) -> str:
    if isinstance(value, SecretStr):
        return "(hidden)" if value.get_secret_value() else ""
    return str(value)


def _plain(value: Any) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
