"""Counting, IIIDAP, recursion."""

from __future__ import annotations

from pydantic import field_validator
from pydantic_settings import BaseSettings

from core.addresses import Network, parse_networks
from core.settings.declaring import check_networks, check_url, setting


class ResolvingSettings(BaseSettings):
    """What is counted apart, IIIDAP, and where the top level is asked."""

    usage_minutes_days: int = setting(
        190,
        "How long registrations and resolutions are kept by the minute; registrations by the hour and resolutions by the day stay for ever",
        "按分钟的注册量与解析量保留天数；按小时的注册量与按日的解析量永久保留",
        ge=1,
        le=3650,
    )
    probe_networks: str = setting(
        "",
        "Networks whose resolutions are counted apart, as probes: own checks and benchmarks; separated by commas",
        "来自这些网络的解析单独计为探测量（自测、压测），用逗号分隔",
    )
    probe_keys: str = setting(
        "",
        "Ids of keys whose resolutions are counted apart, as probes; separated by commas",
        "使用这些密钥编号的解析单独计为探测量，用逗号分隔",
    )
    iiidap_lookups_per_minute: int = setting(
        60,
        "How many IIIDAP look-ups one address may make in a minute without a key, at each worker; 0: no limit",
        "每个地址每分钟可匿名进行的 IIIDAP 查询次数（按工作进程计）；0 表示不限",
        ge=0,
        le=1_000_000,
    )
    iiidap_searches_per_minute: int = setting(
        10,
        "The same for searches by pattern",
        "每个地址每分钟可匿名进行的 IIIDAP 检索次数（按工作进程计）；0 表示不限",
        ge=0,
        le=1_000_000,
    )
    iiidap_redirect: bool = setting(
        False,
        "Whether IIIDAP queries about foreign prefixes are redirected by the bootstrap registry",
        "对非本节点前缀的 IIIDAP 查询是否按引导登记重定向",
    )
    iiidap_bootstrap_url: str = setting(
        "",
        "Where the top level serves its IIIDAP bootstrap registry; it is believed, so name it with care: recursion asks the nodes "
        "that it names first, and who asks about a foreign prefix is told of them",
        "顶级节点 IIIDAP 引导登记的地址；其内容将被采信，请谨慎填写：递归优先询问其中登记的节点，查询外部前缀时亦据此告知负责节点",
    )
    recursion: bool = setting(
        False,
        "Whether identifiers of foreign prefixes are resolved onwards through the top level",
        "是否通过顶级节点递归解析非本节点前缀的标识",
    )
    top_level_url: str = setting(
        "",
        "Address of the top level's HTTP JSON interface, up to and without `/api/handles`",
        "顶级节点 HTTP JSON 接口的地址，不含 `/api/handles`",
    )
    top_level_handle_address: str = setting(
        "",
        "Where `biaojie recurse` begins: host:port of the top level's Handle service; empty: the box on this machine",
        "`biaojie recurse` 的起点：国家顶级节点 Handle 服务的 主机:端口；留空则取本机仿真顶级节点",
        max_length=255,
    )

    _probe_networks = field_validator("probe_networks")(check_networks)
    _top_level_urls = field_validator("iiidap_bootstrap_url", "top_level_url")(check_url)

    @property
    def probe_networks_parsed(self) -> tuple[Network, ...]:
        return parse_networks(self.probe_networks)

    @property
    def probe_key_ids(self) -> tuple[str, ...]:
        return tuple(part.strip() for part in self.probe_keys.split(",") if part.strip())


class RecursionSettings(BaseSettings):
    """Recursion in detail."""

    recursion_cache_megabytes: int = setting(
        16, "Foreign answers kept in each worker", "每个工作进程缓存递归结果的内存", ge=0, le=4096
    )
    recursion_private_addresses: bool = setting(
        False,
        "Whether referrals may lead to private and loopback addresses: for test beds",
        "递归时是否允许指引到内网与本机地址，仅用于测试环境",
    )
