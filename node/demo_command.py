"""`biaojie demo`: real components into a running node, and each resolved."""

from __future__ import annotations

import argparse

from core.settings import Settings
from node.demo.load import load_demo
from node.running import with_base_url, with_running


async def run(settings: Settings, options: argparse.Namespace) -> int:
    """Exit status 0 when all of it is there."""
    reachable = with_base_url(with_running(settings), options.base_url)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    return 0 if (await load_demo(reachable)).complete else 1


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--base-url", help="the node, where it is not the one running on this data directory 节点地址")
