"""The one settings object: from `BIAOJIE_*` environment variables, then an optional TOML file, then defaults.

Every field is documented in the README by a table that `tests/docs` holds against this file.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from core.errors import IdentifierMalformed
from core.identifier import fold_case, parse_prefix

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
    base_url: str = _setting(
        "",
        "Address under which users reach the node; empty: http://localhost:<port>",
        "用户访问节点的地址；留空为 http://localhost:<端口>",
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
    body_limit_bytes: int = _setting(
        32 * 1024 * 1024, "Largest request body accepted", "请求体的最大字节数", ge=1024, le=1024**3
    )
    bulk_limit_bytes: int = _setting(
        16 * 1024**3, "Largest file accepted by a bulk job", "批量任务接收文件的最大字节数", ge=1024, le=1024**4
    )
    bulk_keep_days: int = _setting(
        30, "How long the verdicts of an ended bulk job stay", "批量任务结束后结果文件的保留天数", ge=1, le=3650
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

    @field_validator("base_url")
    @classmethod
    def _url_is_one(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value.rstrip("/")

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
