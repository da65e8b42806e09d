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
_OTHER_VARIABLES = frozenset((CONFIG_VARIABLE, "BIAOJIE_METRICS_DIR"))


class SettingsInvalid(Exception):
    """One sentence a line: which variable, what is wrong with it."""


class Settings(BaseSettings):
    """Units stand in the names. Frozen: a changed setting takes a restart."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, frozen=True, extra="forbid", env_ignore_empty=True)

    node_prefix: str = Field("88.118", description="Prefix of this secondary node; enterprises get prefixes below it")
    node_name: str = Field("Biaojie secondary node", description="Name of the node on its pages", max_length=200)
    http_host: str = Field("*", description="Address to listen on; `*`: all of the machine's, IPv6 and IPv4")
    http_port: int = Field(8080, ge=1, le=65535, description="Port of REST, Handle JSON and pages")
    base_url: str = Field("", description="Address under which users reach the node; empty: http://localhost:<port>")
    workers: int = Field(0, ge=0, le=256, description="Worker processes that share the port; 0: one per core")
    data_dir: Path = Field(Path(".data"), description="Where the embedded servers and the demo keep their files")
    database_url: SecretStr = Field(
        SecretStr(""), description="PostgreSQL ≥ 14, e.g. postgresql://user:password@host/name; empty: start one"
    )
    redis_url: SecretStr = Field(SecretStr(""), description="Redis ≥ 6.2, e.g. redis://host:6379/0; empty: start one")
    embedded: Literal["auto", "machine", "wheels"] = Field(
        "auto", description="Programs for servers started here: of the machine first, only those, or only the wheels'"
    )
    embedded_account: str = Field(
        "", description="As root, the unprivileged account that runs the embedded servers; empty: postgres, else nobody"
    )
    memory_cache_bytes: int = Field(
        64 * 1024 * 1024, ge=0, description="Records kept ready in the memory of each worker"
    )
    shared_cache_ttl_seconds: int = Field(3600, ge=1, le=86_400, description="How long Redis keeps a record")
    negative_ttl_milliseconds: int = Field(
        500, ge=0, le=2_000, description="How long a worker remembers that an identifier does not exist"
    )
    feed_interval_milliseconds: int = Field(
        250, ge=10, le=5_000, description="How often a worker reads the change feed"
    )
    stale_limit_seconds: int = Field(
        3600, ge=0, le=86_400, description="How long cached records are still given when PostgreSQL cannot be reached"
    )
    group_commit_rows: int = Field(512, ge=1, le=10_000, description="Single registrations merged into one commit")
    database_connections: int = Field(8, ge=4, le=200, description="Connections of each worker to PostgreSQL")
    database_timeout_seconds: float = Field(5.0, gt=0, le=600, description="Deadline of one statement")
    redis_timeout_seconds: float = Field(0.25, gt=0, le=60, description="Deadline of one Redis command")
    body_limit_bytes: int = Field(32 * 1024 * 1024, ge=1024, le=1024**3, description="Largest request body accepted")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least severity logged")

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
