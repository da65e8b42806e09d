"""`biaojie key` and `keys`: an operator's key, and which keys there are."""

from __future__ import annotations

import argparse

from core.settings import Settings
from node.console import say
from node.keys import key_lines, make_operator_key
from node.running import require_database, with_running


async def make(settings: Settings, options: argparse.Namespace) -> None:
    print(await make_operator_key(require_database(with_running(settings)), options.label))


async def list_all(settings: Settings, _: argparse.Namespace) -> None:
    async for line in key_lines(require_database(with_running(settings))):
        say(line)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--label", default="command line", help="what the key is for 用途说明")
