"""Who may register how much, applications, bulk jobs."""

from __future__ import annotations

from pydantic import SecretStr, field_validator
from pydantic_settings import BaseSettings

from core.quota import Limits
from core.quota_book import Defaults
from core.sealing import parse_keys
from core.settings.declaring import setting


class QuotaSettings(BaseSettings):
    """Limits of who has no quota of their own."""

    quota_timeout_milliseconds: int = setting(
        20,
        "How long a call with a limit waits for Redis to say whether it may pass; then it passes",
        "受限调用等待 Redis 判断的时限（毫秒），超时则放行",
        ge=1,
        le=1_000,
    )
    key_requests_per_second: int = setting(
        0,
        "Requests per second of a key that has no quota of its own; 0: no limit; never for operators and auditors",
        "未单独设定配额的密钥每秒请求数；0 表示不限；不适用于运营方与审计密钥",
        ge=0,
        le=100_000,
    )
    enterprise_requests_per_second: int = setting(
        0,
        "Requests per second of all keys of an enterprise that has no quota of its own; 0: no limit",
        "未单独设定配额的企业（全部密钥合计）每秒请求数；0 表示不限",
        ge=0,
        le=100_000,
    )
    enterprise_registrations_per_day: int = setting(
        0,
        "New identifiers a day (of Beijing) of an enterprise that has no quota of its own; 0: no limit",
        "未单独设定配额的企业每日（北京时间）新注册标识数；0 表示不限",
        ge=0,
        le=10**12,
    )
    enterprise_registrations_total: int = setting(
        0,
        "Identifiers in all of an enterprise that has no quota of its own; 0: no limit",
        "未单独设定配额的企业注册标识总数；0 表示不限",
        ge=0,
        le=10**12,
    )

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


class RegisteringSettings(BaseSettings):
    """What is taken in, and the secrets under which it is kept."""

    enterprise_prefixes: int = setting(
        10_000,
        "Prefixes that one enterprise may have, those that it delegates to itself included; 0: no limit. Every worker holds all",
        "一家企业最多拥有的前缀数，含其自行下放给自己的；0 表示不限。每个工作进程都会载入全部前缀",
        ge=0,
        le=10_000_000,
    )
    body_limit_bytes: int = setting(
        32 * 1024 * 1024, "Largest request body accepted", "请求体的最大字节数", ge=1024, le=1024**3
    )
    bulk_limit_bytes: int = setting(
        16 * 1024**3, "Largest file accepted by a bulk job", "批量任务接收文件的最大字节数", ge=1024, le=1024**4
    )
    bulk_keep_days: int = setting(
        30, "How long the verdicts of an ended bulk job stay", "批量任务结束后结果文件的保留天数", ge=1, le=3650
    )
    audit_key: SecretStr = setting(
        SecretStr(""),
        "Secret under which the audit is sealed (HMAC), so that the database alone cannot rewrite it; empty: plain hashes",
        "封存审计日志所用的密钥（HMAC），使仅掌握数据库者无法改写；留空则只用普通散列",
    )
    personal_data_key: SecretStr = setting(
        SecretStr(""),
        "Key that encrypts personal data of applications: base64 of 32 bytes; several separated by commas: the first encrypts, "
        "all decrypt; empty: `up` with its own PostgreSQL makes one in the data directory, otherwise applications are refused",
        "加密申请中个人信息的密钥：32 字节的 base64；可用逗号分隔多个，第一个用于加密，全部可用于解密；"
        "留空时，up 自带数据库则在数据目录中生成，否则不受理申请",
    )
    applications_per_hour: int = setting(
        20,
        "Applications that a worker takes from one address in an hour",
        "每个工作进程每小时受理同一来源地址的申请数",
        ge=1,
        le=100_000,
    )
    application_idle_days: int = setting(
        30,
        "How long an application waits for its applicant (a draft, or returned) without being touched, before it ends as expired",
        "待申请方办理的申请（草稿或被退回）多少天未操作即自动失效",
        ge=1,
        le=3650,
    )
    required_images: str = setting(
        "business-licence",
        "Kinds of images that an application must have before it is approved, separated by commas",
        "审核通过前申请必须具备的证照图片种类，用逗号分隔",
    )

    @field_validator("personal_data_key")
    @classmethod
    def _keys_are_such(cls, value: SecretStr) -> SecretStr:
        parse_keys(value.get_secret_value())
        return value

    @property
    def personal_data_keys(self) -> tuple[bytes, ...]:
        return parse_keys(self.personal_data_key.get_secret_value())

    @property
    def required_image_kinds(self) -> tuple[str, ...]:
        return tuple(part.strip() for part in self.required_images.split(",") if part.strip())
