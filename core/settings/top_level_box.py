"""The top-level node in a box."""

from __future__ import annotations

from pydantic_settings import BaseSettings

from core.settings.declaring import setting


class BoxSettings(BaseSettings):
    """Where it listens."""

    toplevel_host: str = setting(
        "127.0.0.1",
        "Address on which the top-level node in a box listens; its examiner's page has no key, so leave it on this machine",
        "仿真顶级节点的监听地址；其考核页面无需密钥，请仅在本机使用",
    )
    toplevel_port: int = setting(
        0,
        "Its port; 0: any free one, kept from then on",
        "仿真顶级节点的端口；0 表示任选空闲端口并沿用",
        ge=0,
        le=65_535,
    )
    toplevel_handle_port: int = setting(
        0,
        "Its port of the Handle protocol, where it refers resolvers to nodes; 0: any free one, kept",
        "仿真顶级节点 Handle 协议端口，由此将解析方引向各节点；0 表示任选空闲端口并沿用",
        ge=0,
        le=65_535,
    )
    toplevel_tcp_port: int = setting(
        0,
        "Its port of EPP over TCP; 0: any free one",
        "仿真顶级节点 EPP over TCP 的端口；0 表示任选空闲端口",
        ge=0,
        le=65_535,
    )
    toplevel_sftp_port: int = setting(
        0,
        "Its port of SFTP, where its escrow agent takes deposits too; 0: none",
        "仿真顶级节点托管机构的 SFTP 端口；0 表示不提供",
        ge=0,
        le=65_535,
    )
