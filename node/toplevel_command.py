"""`biaojie toplevel up`: the national top-level node in a box, in the foreground."""

from __future__ import annotations

import argparse

from core.settings import Settings
from node import toplevel_runner
from node.console import say


async def up(settings: Settings, _: argparse.Namespace) -> int:
    """With an account for this node, opened with its key; until Ctrl-C."""
    box = toplevel_runner.prepare(settings)
    chosen = settings.model_copy(update={"toplevel_port": box.port})
    say(f"biaojie: the top-level node in a box 仿真顶级节点: {box.url.removesuffix('epp')}")
    say("  A node peers with it by 二级节点对接设置:")
    for name, value in (("URL", box.url), ("USER", toplevel_runner.USER), ("SERVER_KEYS", box.server_key)):
        say(f"    export BIAOJIE_PEERING_{name}={value}")
    if settings.toplevel_sftp_port:
        say(f"    export BIAOJIE_ESCROW_SFTP_HOST_KEYS='{toplevel_runner.sftp_host_line(settings)}'")
    say("  Stop 停止: Ctrl-C")
    await toplevel_runner.work(chosen)
    return 0


def add_options(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(required=True, metavar="up")
    what.add_parser("up", help="start it 启动").set_defaults(run=up)
