"""Deposits."""

from __future__ import annotations

from pydantic import SecretStr, field_validator
from pydantic_settings import BaseSettings

from core.settings.declaring import setting


class EscrowSettings(BaseSettings):
    """The agent, how deposits reach it, and when."""

    escrow_agent_url: str = setting(
        "",
        "Where deposits are uploaded: https://host[:port][/path] or sftp://host[:port][/directory] (from the login's home: /~/directory) "
        "of the data escrow agent; empty: no deposits are made",
        "数据托管机构的上传地址：https://主机[:端口][/路径] 或 sftp://主机[:端口][/目录]（登录主目录之下写 /~/目录）；留空则不做数据托管",
    )
    escrow_report_url: str = setting(
        "",
        "Where deposits are reported, and verdicts looked up: https://host[:port][/path] of the top level; empty: that of the agent, "
        "where that is no sftp://",
        "向国家顶级节点报告托管情况并查询核验结果的地址；留空则与上传地址相同（sftp:// 时必填）",
    )
    escrow_user: str = setting(
        "", "User name at both (HTTP Basic, SFTP)", "上述两处的用户名（HTTP Basic、SFTP）", max_length=64
    )
    escrow_sftp_host_keys: str = setting(
        "",
        "Public keys of the agent's SFTP server, one of which it must have, as `ssh-ed25519 AAAA…`, separated by commas; empty: those "
        "of `biaojie sync keys import sftp-host`",
        "数据托管机构 SFTP 服务器的主机公钥，形如 `ssh-ed25519 AAAA…`，用逗号分隔，服务器须持有其一；留空则用 `biaojie sync keys import sftp-host` 所导入的",
    )
    escrow_sftp_key: str = setting(
        "",
        "Private key that logs in there, a file without passphrase; empty: one of the node's own, see `biaojie escrow sftp-key`",
        "登录 SFTP 所用的私钥文件（无口令）；留空则用本节点自动生成的密钥，见 `biaojie escrow sftp-key`",
    )
    escrow_password: SecretStr = setting(SecretStr(""), "Its password", "其密码")
    escrow_agent_key: str = setting(
        "",
        "OpenPGP certificate of the agent, to which deposits are encrypted, a file; empty: that of `biaojie sync keys import agent`; "
        "only an agent on this machine is asked for it",
        "数据托管机构的 OpenPGP 公钥证书文件，用于加密托管数据；留空则用 `biaojie sync keys import agent` 所导入的；机构位于本机时可自动获取",
    )
    escrow_part_megabytes: int = setting(
        1_024, "Size from which a deposit is split", "托管文件超过该大小时拆分（MiB）", ge=1, le=65_536
    )
    escrow_send_minutes: float = setting(
        5.0,
        "How long after 00:00 UTC the deposit of the day begins",
        "每日 UTC 零点之后开始托管的时间（分钟）",
        ge=0,
        le=1_200,
    )
    escrow_look_seconds: float = setting(
        60.0, "How often the verdict on a deposit is looked up", "查询托管核验结果的间隔（秒）", gt=0, le=3_600
    )

    @field_validator("escrow_agent_url", "escrow_report_url")
    @classmethod
    def _escrow_urls_end_without_slash(cls, value: str) -> str:
        return value.rstrip("/")
