"""The one settings object: from `BIAOJIE_*` environment variables, then an optional TOML file, then defaults.

Fields stand by theme in the files beside this one, and are documented in the README by a table that `tests/docs` holds against
them.
"""

from __future__ import annotations

import difflib
import os
from pathlib import Path
from typing import Any, Literal

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from core.addresses import is_address
from core.settings.declaring import setting
from core.settings.escrow import EscrowSettings
from core.settings.handle import HandleSettings
from core.settings.peering import PeeringSettings
from core.settings.registering import QuotaSettings, RegisteringSettings
from core.settings.resolving import RecursionSettings, ResolvingSettings
from core.settings.serving import NodeSettings, ServingSettings
from core.settings.storing import StoringSettings
from core.settings.top_level_box import BoxSettings

ENV_PREFIX = "BIAOJIE_"
CONFIG_VARIABLE = "BIAOJIE_CONFIG"
# Names that another part reads before there are settings, or that belong to a child process.
_OTHER_VARIABLES = frozenset((CONFIG_VARIABLE, "BIAOJIE_METRICS_DIR", "BIAOJIE_KEY"))


class SettingsInvalid(Exception):
    """One sentence a line: which variable, what is wrong with it."""


# The last first: fields are told from the end of the bases.
class Settings(
    RecursionSettings,
    BoxSettings,
    EscrowSettings,
    PeeringSettings,
    ResolvingSettings,
    RegisteringSettings,
    QuotaSettings,
    StoringSettings,
    ServingSettings,
    HandleSettings,
    NodeSettings,
):
    """Units stand in the names. Frozen: a changed setting takes a restart."""

    model_config = SettingsConfigDict(env_prefix=ENV_PREFIX, frozen=True, extra="forbid", env_ignore_empty=True)

    snms_login_v1: bool = setting(
        True,
        "Whether the SNMS login by hash is served (`POST /identity/token/v1`); its hash can be replayed for a day",
        "是否提供 SNMS 密文登录（`POST /identity/token/v1`）；其密文当天内可被重放",
    )
    log_level: Literal["debug", "info", "warning", "error"] = setting(
        "info", "Least severity logged", "记录日志的最低级别"
    )

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

    def as_shown(self) -> dict[str, str]:
        """Name to text, secrets hidden: what is printed at start."""
        return {name: _shown(getattr(self, name)) for name in type(self).model_fields}

    def as_environment(self) -> dict[str, str]:
        """The same settings for a child process, secrets included: never print it."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return {variable(name): _plain(value) for name, value in values.items() if _plain(value)}


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
