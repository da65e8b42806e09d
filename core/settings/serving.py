"""The node, where it listens and what it runs on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import SecretStr, field_validator
from pydantic_settings import BaseSettings

from core.addresses import Network, parse_networks
from core.errors import IdentifierMalformed
from core.identifier import fold_case, parse_prefix
from core.settings.declaring import check_networks, check_url, setting


class NodeSettings(BaseSettings):
    """Its name, and where it listens."""

    node_prefix: str = setting(
        "88.118",
        "Prefix of this secondary node; enterprises get prefixes below it",
        "本二级节点的前缀，企业前缀在其下分配",
    )
    node_name: str = setting(
        "Biaojie secondary node", "Name of the node on its pages", "页面上显示的节点名称", max_length=200
    )
    http_host: str = setting(
        "*",
        "Address to listen on; `*`: all of the machine's, IPv6 and IPv4",
        "监听地址；`*` 表示本机全部地址，含 IPv6 与 IPv4",
    )
    http_port: int = setting(
        8080, "Port of REST, Handle JSON and pages", "REST、Handle JSON 与页面的端口", ge=1, le=65535
    )

    @field_validator("node_prefix")
    @classmethod
    def _prefix_is_one(cls, value: str) -> str:
        try:
            return fold_case(parse_prefix(value))
        except IdentifierMalformed as wrong:
            raise ValueError(wrong.en) from wrong


class ServingSettings(BaseSettings):
    """TLS, proxies, processes, servers."""

    https_port: int = setting(
        0,
        "Port of the same over TLS, by this node itself; 0: not served, a proxy does that",
        "由本节点直接提供 TLS 的端口；0 表示不提供（由代理承担）",
        ge=0,
        le=65535,
    )
    tls_certificate: str = setting(
        "", "Certificate chain for BIAOJIE_HTTPS_PORT, a PEM file", "BIAOJIE_HTTPS_PORT 所用证书链（PEM 文件）"
    )
    tls_key: str = setting("", "Private key of the certificate, a PEM file", "证书的私钥（PEM 文件）")
    tls_client_authorities: str = setting(
        "",
        "Certificates (PEM file) that clients may show at BIAOJIE_HTTPS_PORT: authorities, or their self-signed ones; empty: "
        "none is asked for",
        "客户端在 BIAOJIE_HTTPS_PORT 可出示的证书（PEM 文件）：签发机构或其自签名证书；留空则不要求",
    )
    base_url: str = setting(
        "",
        "Address under which users reach the node; empty: http://localhost:<port>",
        "用户访问节点的地址；留空为 http://localhost:<端口>",
    )
    trusted_proxies: str = setting(
        "",
        "Networks of the proxies before the node, separated by commas, as in 10.0.0.0/8; only from them "
        "`X-Forwarded-For` says where a call comes from",
        "节点前置代理所在的网络，用逗号分隔，如 10.0.0.0/8；仅当连接来自这些网络时，才按 `X-Forwarded-For` 判断来源地址",
    )
    http_connections: int = setting(
        20_000,
        "HTTP connections of each worker, at most; more are closed at once",
        "每个工作进程最多的 HTTP 连接数，超出的立即关闭",
        ge=1,
        le=1_000_000,
    )
    http_connections_per_address: int = setting(
        5_000,
        "And of one IPv4 address, or one /64 of IPv6; a proxy before the node is one address",
        "其中来自同一 IPv4 地址（或同一 IPv6 /64 网段）的最多连接数；节点前置代理计为一个地址",
        ge=1,
        le=1_000_000,
    )
    http_body_seconds: int = setting(
        60,
        "For how long nothing of a request's body may come; then 408 is the answer",
        "请求体连续多久没有数据到达即以 408 应答",
        ge=1,
        le=3_600,
    )
    workers: int = setting(
        0,
        "Worker processes that share the port; 0: one per core",
        "共用端口的工作进程数；0 表示每核一个",
        ge=0,
        le=256,
    )
    data_dir: Path = setting(
        Path(".data"),
        "Where the embedded servers and the demo keep their files",
        "自带数据库、Redis 及演示数据的存放目录",
    )
    database_url: SecretStr = setting(
        SecretStr(""),
        "PostgreSQL ≥ 14, e.g. postgresql://user:password@host/name; empty: start one",
        "PostgreSQL（14 及以上）地址，如 postgresql://用户:密码@主机/库名；留空则自行启动",
    )
    redis_url: SecretStr = setting(
        SecretStr(""),
        "Redis ≥ 6.2, e.g. redis://host:6379/0; empty: start one",
        "Redis（6.2 及以上）地址，如 redis://主机:6379/0；留空则自行启动",
    )
    embedded: Literal["auto", "machine", "wheels"] = setting(
        "auto",
        "Programs for servers started here: `auto`: those of the machine first, `machine`: only those, "
        "`wheels`: only those that `make` installed",
        "自行启动时使用的程序：`auto` 优先用本机已装的，`machine` 只用本机的，`wheels` 只用 `make` 安装的",
    )
    embedded_account: str = setting(
        "",
        "As root, the unprivileged account that runs the embedded servers; empty: postgres, else nobody",
        "以 root 运行时，自带数据库与 Redis 所用的普通账户；留空为 postgres，其次 nobody",
    )

    _trusted_proxies = field_validator("trusted_proxies")(check_networks)
    _base_url = field_validator("base_url")(check_url)

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

    @property
    def proxy_networks(self) -> tuple[Network, ...]:
        return parse_networks(self.trusted_proxies)

    @property
    def worker_count(self) -> int:
        return self.workers or _cores()


def _cores() -> int:
    """The cores this process may use, where the system says so (a container has fewer than its machine)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
