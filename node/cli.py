"""The command line `biaojie`. Every command is a thin call; what `make` does is one of them."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from core.settings import Settings, SettingsInvalid, load_settings, unknown_variables
from core.telemetry import start_logging
from node import doctor, guide
from node.bulk_command import bulk
from node.console import Refused, complain, say
from node.demo.load import load_demo
from node.embedded.programs import EmbeddedServerError
from node.keys import make_operator_key
from node.listening import PortError
from node.running import require_database, with_running
from node.serving import apply_migrations, serve, up
from node.supervisor import ChildStartError
from node.version import VERSION

_SAID_TWICE = (Refused, PortError, EmbeddedServerError, ChildStartError)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0 when it did what it says."""
    options = _parser().parse_args(arguments)
    try:
        settings = load_settings(**_overrides(options))
        for sentence in unknown_variables():
            print(f"biaojie: {sentence}", file=sys.stderr)
        start_logging(settings.log_level, "biaojie")
        return int(asyncio.run(options.run(settings, options)) or 0)
    except SettingsInvalid as wrong:
        for line in str(wrong).splitlines():
            complain(line, f"设置有误：{line}")
        return 2
    except _SAID_TWICE as wrong:
        complain(wrong.message_en, wrong.message_zh)
        return 1
    except KeyboardInterrupt:
        return 130


async def _up(settings: Settings, options: argparse.Namespace) -> None:
    guide.show_settings(settings)

    async def when_ready(reachable: Settings) -> None:
        if options.demo:
            await load_demo(reachable)
        guide.show_next_steps(reachable)

    await up(settings, when_ready)


async def _serve(settings: Settings, _: argparse.Namespace) -> None:
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


async def _migrate(settings: Settings, _: argparse.Namespace) -> None:
    await apply_migrations(require_database(with_running(settings)))
    say("biaojie: the database is up to date")


async def _demo(settings: Settings, options: argparse.Namespace) -> int:
    reachable = with_running(settings)
    if options.base_url:
        reachable = reachable.model_copy(update={"base_url": options.base_url.rstrip("/")})
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    return 0 if (await load_demo(reachable)).complete else 1


async def _doctor(settings: Settings, _: argparse.Namespace) -> int:
    return 0 if doctor.report(await doctor.examine(settings)) else 1


async def _key(settings: Settings, options: argparse.Namespace) -> None:
    print(await make_operator_key(require_database(with_running(settings)), options.label))


async def _bulk(settings: Settings, options: argparse.Namespace) -> int:
    reachable = with_running(settings)
    if options.base_url:
        reachable = reachable.model_copy(update={"base_url": options.base_url.rstrip("/")})
    return await bulk(
        reachable, options.file, prefix=options.prefix, template=options.template, key=options.key, yes=options.yes,
        mapping=options.mapping, format_=options.format,
    )  # fmt: skip


async def _version(_: Settings, __: argparse.Namespace) -> None:
    say(f"biaojie {VERSION}")


def _overrides(options: argparse.Namespace) -> dict[str, object]:
    named = {"workers": getattr(options, "workers", None), "http_port": getattr(options, "port", None)}
    return {name: value for name, value in named.items() if value is not None}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="biaojie",
        description="标解 Biaojie, an open secondary node. 工业互联网标识解析二级节点。",
        epilog="Settings come from BIAOJIE_* variables and the file named by BIAOJIE_CONFIG; the README lists them. "
        "设置项来自 BIAOJIE_* 环境变量及 BIAOJIE_CONFIG 指定的文件，详见 README。",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: object, help_: str, description: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=help_, description=description)
        added.set_defaults(run=run)
        return added

    one = command(
        "up",
        _up,
        "start a node with everything it needs 启动节点及所需的一切",
        "Start PostgreSQL and Redis where BIAOJIE_DATABASE_URL and BIAOJIE_REDIS_URL name none, migrate, and serve. "
        "Data stays in BIAOJIE_DATA_DIR. Ctrl-C stops all of it. "
        "未指定数据库和 Redis 时自动启动，随后迁移并提供服务；数据保存在 BIAOJIE_DATA_DIR，按 Ctrl-C 全部停止。",
    )
    one.add_argument("--demo", action="store_true", help="then load the demo data 随后载入演示数据")
    _serving_options(one)
    two = command(
        "serve",
        _serve,
        "serve against given PostgreSQL and Redis 使用指定的 PostgreSQL 与 Redis 提供服务",
        "Serve against BIAOJIE_DATABASE_URL and BIAOJIE_REDIS_URL, migrated beforehand. "
        "使用 BIAOJIE_DATABASE_URL 和 BIAOJIE_REDIS_URL 提供服务，需事先完成迁移。",
    )
    _serving_options(two)
    command(
        "migrate",
        _migrate,
        "bring the database up to date 升级数据库结构",
        "Apply the numbered migrations that the database lacks; safe while an older version runs. 应用缺少的迁移。",
    )
    demo = command(
        "demo",
        _demo,
        "load real components and resolve each 载入真实元器件并逐一解析",
        "Make an enterprise of every manufacturer in deploy/demo/components.csv, register its components through the "
        "public API of a running node, and resolve every one back. May be repeated. "
        "通过运行中节点的公开接口注册 3000 个真实元器件并逐一解析核对，可重复执行。",
    )
    demo.add_argument("--base-url", help="the node, where it is not the one running on this data directory 节点地址")
    command(
        "doctor",
        _doctor,
        "say what is wrong and what to do 检查问题并给出办法",
        "Check settings, servers, migrations and the port; exit status 1 when something is wrong. 检查设置、服务、迁移与端口。",
    )
    key = command(
        "key",
        _key,
        "make an operator's key 生成运营方密钥",
        "Make an operator's key and print it, this once; all other keys are issued with it over the API. "
        "生成并打印一次运营方密钥；其余密钥由它通过接口签发。",
    )
    key.add_argument("--label", default="command line", help="what the key is for 用途说明")
    _bulk_options(
        command(
            "bulk",
            _bulk,
            "register a file of identifiers 批量注册文件中的标识",
            "Send a CSV, NDJSON or XLSX file to a running node, show the plan, confirm, and follow the job to its end. Made "
            "again after it was broken off, the command goes on with the same job. Refused rows are written beside the file. "
            "将文件提交给运行中的节点，显示计划，确认后跟踪到结束；中断后重新执行即可继续，被拒绝的行写入同目录文件。",
        )
    )
    command("version", _version, "print the version 显示版本", "Print the version. 显示版本。")
    return parser


def _bulk_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="CSV, NDJSON or XLSX 文件")
    parser.add_argument("--prefix", help="whose identifiers (default: that of demo.json) 所属前缀")
    parser.add_argument("--template", help="data template, an identifier 数据模板标识")
    parser.add_argument("--key", help="key of the enterprise; else BIAOJIE_KEY, else demo.json 企业密钥")
    parser.add_argument("--format", choices=("csv", "ndjson", "xlsx"), help="else by name and content 文件格式")
    parser.add_argument("--mapping", help='JSON, column to item type, as in {"型号": "MODEL"} 列与模板项的对应关系')
    parser.add_argument("--yes", action="store_true", help="merge without asking 不询问直接合并")
    parser.add_argument("--base-url", help="the node, where it is not the one running on this data directory 节点地址")


def _serving_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workers", type=int, metavar="N", help="worker processes (default: one per core) 工作进程数")
    parser.add_argument("--port", type=int, help="port of REST, Handle JSON and pages (default 8080) 端口")


if __name__ == "__main__":
    raise SystemExit(main())
