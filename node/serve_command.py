"""`biaojie up`, `serve` and `migrate`: the node itself, with servers of its own or given ones."""

from __future__ import annotations

import argparse

from core.settings import Settings
from node import guide
from node.console import Refused, say
from node.demo.load import load_demo
from node.running import require_database, with_running
from node.serving import apply_migrations, serve, up


async def start(settings: Settings, options: argparse.Namespace) -> None:
    guide.show_settings(settings)

    async def when_ready(reachable: Settings) -> None:
        if options.demo:
            await load_demo(reachable)
        guide.show_next_steps(reachable)

    await up(settings, when_ready, box=options.demo)


async def serve_given(settings: Settings, _: argparse.Namespace) -> None:
    require_database(settings)
    if not settings.redis_url.get_secret_value():
        raise Refused(
            "serve needs BIAOJIE_REDIS_URL; `biaojie up` starts a Redis by itself",
            "serve 需要设置 BIAOJIE_REDIS_URL；biaojie up 会自行启动 Redis",
        )
    guide.show_settings(settings)

    async def when_ready(reachable: Settings) -> None:
        guide.show_next_steps(reachable)

    await serve(settings, when_ready)


async def migrate(settings: Settings, _: argparse.Namespace) -> None:
    await apply_migrations(require_database(with_running(settings)))
    say("biaojie: the database is up to date")


def add_up_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--demo", action="store_true", help="then load the demo data 随后载入演示数据")
    add_options(parser)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workers", type=int, metavar="N", help="worker processes (default: one per core) 工作进程数")
    parser.add_argument("--port", type=int, help="port of REST, Handle JSON and pages (default 8080) 端口")
