"""What `up` and `serve` print: the settings in force, and what to do next, with commands that work as they stand."""

from __future__ import annotations

import shlex

from core.settings import Settings
from node.console import say
from node.demo.load import demo_facts
from node.version import VERSION

EXAMPLE_SUFFIX = "HELLO-1"


def show_settings(settings: Settings) -> None:
    shown = " ".join(f"{name}={shlex.quote(text)}" for name, text in settings.as_shown().items())
    say(f"biaojie {VERSION}: {shown}")


def show_next_steps(settings: Settings) -> None:
    base = settings.public_url
    demo = demo_facts(settings.data_dir)
    say()
    say(f"  标解 Biaojie is ready. 节点已就绪：  {base}/      API: {base}/docs")
    say()
    if demo is None:
        say("  Make an operator's key 生成运营方密钥:   biaojie key")
    else:
        say("  Register 注册:")
        say(f"    {register_command(base, demo['prefix'], demo['enterprise_key'])}")
        say("  Resolve 解析:")
        say(f"    {resolve_command(base, demo['prefix'])}")
        say(f"  In a browser 浏览器:  {base}/{demo['prefix']}/{EXAMPLE_SUFFIX}")
        say(f"  All demo keys 全部演示密钥:  {settings.data_dir / 'demo.json'}")
    if settings.toplevel_port and settings.peering_url.endswith(f":{settings.toplevel_port}/epp"):
        say(f"  The top-level node in a box 仿真顶级节点:  {settings.peering_url.removesuffix('epp')}")
    say("  Stop 停止:  Ctrl-C")
    say()


def register_command(base: str, prefix: str, key: str) -> str:
    body = (
        f'{{"identifier": "{prefix}/{EXAMPLE_SUFFIX}", "values": [{{"index": 1, "type": "DESC", '
        '"data": {"format": "string", "value": "你好，标识"}}]}'
    )
    return f"curl -X POST {base}/api/v1/identifiers -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' -d '{body}'"


def resolve_command(base: str, prefix: str) -> str:
    return f"curl {base}/api/handles/{prefix}/{EXAMPLE_SUFFIX}"
