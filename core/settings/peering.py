"""Peering with the top level."""

from __future__ import annotations

import ipaddress
from typing import Literal

from pydantic import SecretStr, field_validator
from pydantic_settings import BaseSettings

from core.settings.declaring import setting


class PeeringSettings(BaseSettings):
    """Access, statistics, takeover."""

    peering_url: str = setting(
        "",
        "Where the top level takes enterprises and prefixes: https://host/path (signed HTTP) or tls://host:700 (EPP over TLS), "
        "in the clear only on this machine; empty: no peering, applications are approved here",
        "国家顶级节点接入地址：https://主机/路径（签名 HTTP）或 tls://主机:700（EPP over TLS），不加密仅限本机；留空则不对接，申请在本节点直接生效",
    )
    peering_user: str = setting(
        "",
        "What the top level calls this node's account (`shrUserId`)",
        "本节点在国家顶级节点的用户名（`shrUserId`）",
        max_length=64,
    )
    peering_client_id: str = setting(
        "", "Login of EPP over TLS, 3 to 16 characters", "EPP over TLS 的登录名，3 至 16 个字符", max_length=16
    )
    peering_password: SecretStr = setting(
        SecretStr(""), "Its password, 6 to 16 characters", "EPP over TLS 的登录密码，6 至 16 个字符"
    )
    peering_server_keys: str = setting(
        "",
        "Keys that must have signed the top level's replies, as `keyid:base64`, separated by commas; empty: replies need no signature",
        "国家顶级节点应答的签名公钥，形如 `keyid:base64`，用逗号分隔；留空则不要求应答签名",
    )
    peering_algorithm: Literal["ed25519", "sm2-sm3"] = setting(
        "ed25519",
        "What keys that `biaojie sync keys` makes sign with: ed25519 or sm2-sm3; a file in PEM form says it by itself",
        "`biaojie sync keys` 生成的密钥所用签名算法：ed25519 或 sm2-sm3；PEM 文件以其自身算法为准",
    )
    peering_certificate: str = setting(
        "",
        "Client certificate for TLS, a PEM file; empty: that of `biaojie sync keys import tls`, where there is one",
        "TLS 客户端证书，PEM 文件；留空则用 `biaojie sync keys import tls` 所导入的（如有）",
    )
    peering_certificate_key: str = setting("", "Its private key, a PEM file", "TLS 客户端证书的私钥，PEM 文件")
    peering_authorities: str = setting(
        "",
        "Certificates that may vouch for the top level, a PEM file; empty: those of the system",
        "用于验证国家顶级节点的 CA 证书，PEM 文件；留空则用系统自带的",
    )
    peering_poll_seconds: float = setting(
        30.0,
        "How often the top level's queue is asked while something is awaited",
        "有待审核事项时轮询消息队列的间隔（秒）",
        gt=0,
        le=3_600,
    )
    peering_idle_poll_seconds: float = setting(
        600.0, "And else", "无待审核事项时轮询消息队列的间隔（秒）", gt=0, le=86_400
    )
    peering_timeout_seconds: float = setting(
        10.0, "Deadline of one exchange with the top level", "与国家顶级节点一次交互的时限（秒）", gt=0, le=600
    )
    peering_old_prefix_namespace: bool = setting(
        False,
        "Whether prefixes are created in the namespace `prefix-1.0`, as one example of the draft has it",
        "创建前缀时是否使用草案示例中的命名空间 `prefix-1.0`",
    )
    peering_identifier_mapping: bool = setting(
        False,
        "Whether the top level is told where each prefix is resolved, by the identifier mapping of EPP",
        "是否通过 EPP 标识映射向国家顶级节点上报各前缀的解析站点",
    )
    peering_site_address: str = setting(
        "",
        "IP address of this node that is told for prefixes answered here; empty: none is",
        "上报本节点托管前缀时使用的本节点 IP 地址；留空则不上报",
        max_length=45,
    )
    peering_operations_url: str = setting(
        "",
        "Where the top level takes heartbeats, statistics and standby data: https://host/path, in the clear only on this machine; "
        "empty: the host of BIAOJIE_PEERING_URL where that is signed HTTP; off: nowhere",
        "国家顶级节点接收心跳、统计与备援数据的地址：https://主机/路径，不加密仅限本机；留空则取签名 HTTP 接入地址的主机；off 则不上报",
    )
    heartbeat_seconds: float = setting(
        60.0, "How often the top level is told how the node is", "向国家顶级节点发送心跳的间隔（秒）", gt=0, le=3_600
    )
    statistics_seal_minutes: int = setting(
        10,
        "How long after its end an hour's statistics are sealed",
        "每小时统计在该小时结束后多久封存（分钟）",
        ge=0,
        le=59,
    )
    statistics_recheck_hours: int = setting(
        24,
        "How long a sealed hour is looked at for what came late; it is told as a correction",
        "已封存小时的补录检查时长（小时）；迟到数据以更正报文上报",
        ge=1,
        le=720,
    )
    takeover_acceptance: Literal["automatic", "operator"] = setting(
        "automatic",
        "Who countersigns an order of the top level that is signed as it must be: this node at once, or an operator by "
        "`biaojie sync takeover accept`",
        "国家顶级节点接管命令（签名有效）的会签方式：`automatic` 由本节点立即会签，`operator` 由运营人员执行 `biaojie sync takeover accept`",
    )
    standby_change_seconds: float = setting(
        30.0,
        "How often changes of prefixes and identifiers are sent to the top level, which answers from them when it takes over; "
        "0: only while it does, or by command",
        "向国家顶级节点同步前缀与标识变更的间隔（秒），接管时以此应答；0 表示仅在接管期间或手动执行",
        ge=0,
        le=3_600,
    )
    standby_changes_percent: int = setting(
        10,
        "How many of all identifiers and prefixes may be sent as changes before the whole is sent anew, in percent",
        "变更累计超过总量的多少（百分比）后重新发送全量备援数据",
        ge=1,
        le=100,
    )

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

    @field_validator("peering_site_address")
    @classmethod
    def _site_address_is_one(cls, value: str) -> str:
        if value:
            ipaddress.ip_address(value)
        return value
