"""The Handle protocol."""

from __future__ import annotations

from pydantic import field_validator
from pydantic_settings import BaseSettings

from core.addresses import is_address
from core.settings.declaring import setting


class HandleSettings(BaseSettings):
    """Its port, connections, challenges and sessions."""

    handle_port: int = setting(
        2641,
        "TCP and UDP port of the Handle protocol, on the address of HTTP; 0: not served",
        "Handle 协议的 TCP 与 UDP 端口，监听地址与 HTTP 相同；0 表示不提供",
        ge=0,
        le=65535,
    )
    handle_address: str = setting(
        "",
        "IPv4 or IPv6 address under which Handle clients reach the node, told in its HS_SITE; empty: BIAOJIE_HTTP_HOST where "
        "that is an address, else 127.0.0.1",
        "Handle 客户端访问节点所用的 IPv4 或 IPv6 地址，写入 HS_SITE；留空则取 BIAOJIE_HTTP_HOST（若为地址），否则为 127.0.0.1",
    )
    handle_idle_seconds: int = setting(
        1800,
        "After how long without a request a Handle connection is closed; national SDKs keep one open for good",
        "Handle 连接多少秒无请求后关闭；国家顶级节点 SDK 会长期保持连接",
        ge=5,
        le=86_400,
    )
    handle_connections: int = setting(
        20_000, "Handle connections of each worker, at most", "每个工作进程最多的 Handle 连接数", ge=1, le=1_000_000
    )
    handle_connections_per_address: int = setting(
        2_000,
        "And of one IPv4 address, or one /64 of IPv6",
        "其中来自同一 IPv4 地址（或同一 IPv6 /64 网段）的最多连接数",
        ge=1,
        le=1_000_000,
    )
    handle_udp_amplified_kilobytes: int = setting(
        2_048,
        "What each worker sends over UDP to one address (IPv6: one /64) in a second in answers more than three times as large as "
        "their requests, whose sender may be invented; beyond it nothing, and clients go on over TCP; 0: no bound",
        "每个工作进程每秒经 UDP 发往同一地址（IPv6 为同一 /64 网段）的放大应答（超过请求三倍）的总量（KiB），UDP 来源地址可伪造；"
        "超出则不应答，客户端会改用 TCP；0 表示不限",
        ge=0,
        le=1_048_576,
    )
    handle_challenge_seconds: int = setting(
        60, "How long a Handle challenge can be answered", "Handle 质询的应答时限（秒）", ge=5, le=600
    )
    handle_login_seconds: int = setting(
        86_400,
        "How long a login of the national SDK (op codes 2000, 2001) lasts on its connection; then it is asked to log in again (407)",
        "国家 SDK 登录（操作码 2000、2001）在其连接上的有效时间（秒），到期须重新登录（407）",
        ge=60,
        le=31_536_000,
    )
    handle_trust_roots: str = setting(
        "",
        'File of keys that are believed without a certificate, as {"300:0.0/0.0": {JWK}}: by them records are judged for clients '
        "of the national system that ask for trusted resolution; empty: none is said to be trusted",
        '可信根公钥文件，格式如 {"300:0.0/0.0": {JWK}}：国家顶级节点 SDK 请求可信解析时据此校验记录签名；留空则不声明任何记录可信',
    )
    handle_udp_administration: bool = setting(
        False,
        "Whether administration is taken over UDP too, where the sender's address proves nothing",
        "是否也接受通过 UDP 的管理请求（UDP 的来源地址不可信）",
    )
    handle_session_seconds: int = setting(
        3600,
        "How long a session of the Handle JSON interface (`/api/sessions`) or of the Handle protocol lasts after it was proved",
        "Handle JSON 接口会话（`/api/sessions`）与 Handle 协议会话认证后的有效时间（秒）",
        ge=60,
        le=86_400,
    )
    handle_protocol_sessions: int = setting(
        10_000,
        "Sessions of the Handle protocol that last at a time, at most, for each worker; 0: none are offered, and clients answer a "
        "challenge for each request",
        "每个工作进程同时有效的 Handle 协议会话上限；0 表示不提供会话，客户端逐请求应答质询",
        ge=0,
        le=1_000_000,
    )
    handle_key_exchange_bits: int = setting(
        1024,
        "Least size of the Diffie-Hellman prime or RSA key that the key of a session is exchanged by; deployed clients come with "
        "1024, and go on with challenges where more is asked",
        "会话密钥交换所用 Diffie-Hellman 素数或 RSA 密钥的最小位数；现有客户端默认 1024 位，要求更高时改用质询应答",
        ge=1024,
        le=2048,
    )
    handle_certificate_header: str = setting(
        "",
        "Header field in which trusted proxies pass on the TLS certificate of a client, as PEM, percent-encoded or not "
        "(nginx: `$ssl_client_escaped_cert`); empty: none is taken",
        "可信代理传递客户端 TLS 证书所用的请求头，PEM 格式，可经百分号编码（nginx：`$ssl_client_escaped_cert`）；留空则不接受",
    )

    @field_validator("handle_address")
    @classmethod
    def _address_is_one(cls, value: str) -> str:
        if value and not is_address(value):
            raise ValueError("must be an IPv4 or IPv6 address")
        return value
