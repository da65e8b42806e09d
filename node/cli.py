"""The command line `biaojie`. Every command is a thin call; what `make` does is one of them."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from core.settings import Settings, SettingsInvalid, load_settings, unknown_variables
from core.telemetry import start_logging
from node import (
    audit_command,
    capacity_command,
    doctor,
    escrow_command,
    evidence_command,
    guide,
    handle_admin_command,
    handle_command,
    personal_data_command,
    recurse_command,
    sync_command,
    toplevel_command,
    usage_command,
)
from node.bulk_command import bulk
from node.console import Refused, complain, say
from node.demo.load import load_demo
from node.embedded.programs import EmbeddedServerError
from node.export_command import export
from node.keys import key_lines, make_operator_key
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
        with asyncio.Runner(loop_factory=getattr(options, "loop", None)) as runner:
            return int(runner.run(options.run(settings, options)) or 0)
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

    await up(settings, when_ready, box=options.demo)


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


async def _keys(settings: Settings, _: argparse.Namespace) -> None:
    async for line in key_lines(require_database(with_running(settings))):
        say(line)


async def _bulk(settings: Settings, options: argparse.Namespace) -> int:
    reachable = with_running(settings)
    if options.base_url:
        reachable = reachable.model_copy(update={"base_url": options.base_url.rstrip("/")})
    return await bulk(
        reachable, options.file, prefix=options.prefix, template=options.template, key=options.key, yes=options.yes,
        mapping=options.mapping, format_=options.format,
    )  # fmt: skip


async def _export(settings: Settings, options: argparse.Namespace) -> int:
    reachable = with_running(settings)
    if options.base_url:
        reachable = reachable.model_copy(update={"base_url": options.base_url.rstrip("/")})
    more = {"template": options.template, "names": options.names, "encoding": options.encoding}
    return await export(reachable, options.prefix, options.file, format_=options.format, key=options.key, more=more)


async def _audit(settings: Settings, options: argparse.Namespace) -> int:
    return int(await options.audit(settings, options))


async def _personal_data(settings: Settings, options: argparse.Namespace) -> int:
    return int(await options.personal_data(settings, options))


async def _handle_admin(settings: Settings, options: argparse.Namespace) -> int:
    return int(await options.handle_admin(settings, options))


async def _sync(settings: Settings, options: argparse.Namespace) -> int:
    return int(await options.sync(settings, options))


async def _evidence(settings: Settings, options: argparse.Namespace) -> int:
    return int(await options.evidence(settings, options))


async def _escrow(settings: Settings, options: argparse.Namespace) -> int:
    return int(await options.escrow(settings, options))


async def _toplevel(settings: Settings, options: argparse.Namespace) -> int:
    return int(await options.toplevel(settings, options))


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
    command(
        "keys",
        _keys,
        "list the keys 列出密钥",
        "One line a key: id, role, until when, last use, enterprise, label; never a secret. "
        "每行一个密钥：编号、角色、有效期、最近使用、企业、标签；不显示密钥本身。",
    )
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
    _export_options(
        command(
            "export",
            _export,
            "write a whole prefix into a file 导出整个前缀",
            "A consistent snapshot as NDJSON, CSV or Parquet that `biaojie bulk` takes back without a difference, and its "
            "templates beside it. With --template a CSV for people, a column an item. "
            "以一致快照导出为 NDJSON、CSV 或 Parquet，可由 biaojie bulk 无差异地导入；模板写入同目录文件。指定 --template 时按模板项分列。",
        )
    )
    audit_command.add_options(
        command(
            "audit",
            _audit,
            "verify or list the audit 校验或查看审计日志",
            "verify: find any change made behind the audit's back; exit status 0 intact, 1 touched, 2 cannot be said. "
            "list: entries, newest first. verify：查出对审计日志的任何改动，退出码 0 完好、1 有改动、2 无法判断；list：按时间倒序列出。",
        )
    )
    usage_command.add_options(
        command(
            "usage",
            usage_command.show_usage,
            "registrations and resolutions, and the award 注册量、解析量与奖励门槛",
            "Totals by minute, hour, day or year from the stored counters, both award thresholds with the margin, and the rule "
            "of counting. 按分钟、小时、日或年显示注册量与解析量、两项奖励门槛的差额以及计数规则。",
        )
    )
    evidence_command.add_options(
        command(
            "evidence",
            _evidence,
            "a signed report of a year for the award 出具或校验年度证明",
            "make: registrations and resolutions of a year, counted from the stored counters and again from the rows, signed with "
            "the node's key. verify: whether such a file is as this node signed it. "
            "make：按存储的计数器与实际行数两次统计全年注册量和解析量并签名；verify：校验文件是否为本节点所签且未被改动。",
        )
    )
    capacity_command.add_options(
        command(
            "capacity",
            capacity_command.capacity,
            "what this machine would carry 测算本机容量",
            "Start a node of its own, register and resolve for two minutes, and print this machine's card: rates at p99 within 10 ms "
            "by door, memory, disk, and the largest node it would carry; raw data go into a file. "
            "启动一个临时节点，用两分钟测量注册与各通道的解析，给出本机的速率（p99 不超过 10 毫秒）、内存、磁盘及可承载的最大节点，原始数据写入文件。",
        )
    )
    personal_data_command.add_options(
        command(
            "personal-data",
            _personal_data,
            "keys of personal data 个人信息密钥",
            "new-key: print a key for BIAOJIE_PERSONAL_DATA_KEY. rotate: seal what applications hold anew under the first key of "
            "the setting; afterwards the others can be taken out. new-key：生成密钥；rotate：用设置中的首个密钥重新加密，之后可移除其余密钥。",
        )
    )
    handle_admin_command.add_options(
        command(
            "handle-admin",
            _handle_admin,
            "administrators of Handle prefixes Handle 前缀管理员",
            "set: make a prefix, its record 0.NA/<prefix> and its administrator, or change its secret or key; list; remove. "
            "set：建立前缀、前缀记录与管理员，或更换其口令、公钥；list：列出；remove：移除。",
        )
    )
    handle_command.add_options(
        command(
            "handle",
            handle_command.handle,
            "ask a Handle server; rotate the node's key 查询 Handle 服务器、更换节点密钥",
            "resolve: what a Handle server says of an identifier, over TCP or UDP; exit status 0 where it is found. rotate-key: "
            "a new key of the node for Handle clients, without a restart. resolve：通过 TCP 或 UDP 查询标识，找到时退出码为 0；"
            "rotate-key：更换节点的 Handle 密钥，无需重启。",
        )
    )
    sync_command.add_options(
        command(
            "sync",
            _sync,
            "peering with the top level 与国家顶级节点对接",
            "run: exchange with the top level (`up` does it where BIAOJIE_PEERING_URL is set). status, poll, send: look at it and hurry "
            "it. keys: make, import, change and show the key that signs. run：与国家顶级节点交互；status、poll、send：查看与催办；keys：签名密钥。",
        )
    )
    escrow_command.add_options(
        command(
            "escrow",
            _escrow,
            "deposits of this node 数据托管",
            "restore: deposits (full and differentials) into an empty database, with proof that nothing differs. certificate: the "
            "OpenPGP key that signs deposits. restore：将全量与差异托管恢复到空数据库并核验；certificate：签名托管数据的 OpenPGP 证书。",
        )
    )
    toplevel_command.add_options(
        command(
            "toplevel",
            _toplevel,
            "the top-level node in a box 仿真顶级节点",
            "up: start a stand-in of the national top-level node on this machine, with an account for this node. "
            "up：在本机启动仿真的国家顶级节点，并为本节点开户，供对接演练。",
        )
    )
    recurse_command.add_options(
        command(
            "recurse",
            recurse_command.recurse,
            "resolve from the top level, and tell the way 从国家顶级节点起递归解析",
            "From the top level's Handle service to the secondary node, and on to an enterprise's own node, with the time of each "
            "step; exit status 0 where it is found. 自国家顶级节点起，经二级节点直至企业节点逐级解析，并给出每步耗时；解析成功时退出码为 0。",
        )
    )
    command("version", _version, "print the version 显示版本", "Print the version. 显示版本。")
    return parser


def _bulk_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="CSV, NDJSON or XLSX 文件")
    parser.add_argument("--prefix", help="whose identifiers (default: that of demo.json) 所属前缀")
    parser.add_argument("--template", help="data template, an identifier 数据模板标识")
    parser.add_argument("--key", help="key of the enterprise; else BIAOJIE_KEY, else demo.json 企业密钥")
    parser.add_argument(
        "--format", choices=("csv", "ndjson", "xlsx", "parquet"), help="else by name and content 文件格式"
    )
    parser.add_argument("--mapping", help='JSON, column to item type, as in {"型号": "MODEL"} 列与模板项的对应关系')
    parser.add_argument("--yes", action="store_true", help="merge without asking 不询问直接合并")
    parser.add_argument("--base-url", help="the node, where it is not the one running on this data directory 节点地址")


def _export_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("prefix", help="whose identifiers 所属前缀")
    parser.add_argument("file", type=Path, help="where to 输出文件")
    parser.add_argument("--format", choices=("ndjson", "csv", "parquet"), help="else by the file's name 文件格式")
    parser.add_argument("--template", help="CSV for people: a column an item of this template 按模板项分列的 CSV")
    parser.add_argument("--names", choices=("zh", "en"), help="of those columns (default zh) 列名语言")
    parser.add_argument("--encoding", choices=("utf-8", "utf-8-bom", "gb18030"), help="of a CSV CSV 编码")
    parser.add_argument("--key", help="key of the enterprise; else BIAOJIE_KEY, else demo.json 企业密钥")
    parser.add_argument("--base-url", help="the node, where it is not the one running on this data directory 节点地址")


def _serving_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workers", type=int, metavar="N", help="worker processes (default: one per core) 工作进程数")
    parser.add_argument("--port", type=int, help="port of REST, Handle JSON and pages (default 8080) 端口")


if __name__ == "__main__":
    raise SystemExit(main())
