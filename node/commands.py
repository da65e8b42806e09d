"""The commands of `biaojie`, in the order in which they are shown."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module
from typing import cast

from core.settings import Settings

Run = Callable[[Settings, argparse.Namespace], Awaitable[int | None]]
AddOptions = Callable[[argparse.ArgumentParser], None]


@dataclass(frozen=True, slots=True)
class Command:
    """`help` and `description` are in both languages. `run` and `options` name a function of a module beside this one, imported
    when the command is given and not before: all of them together take longer than most commands. What `run` names gives the
    exit status, None for 0; without one, `options` adds actions that each set theirs."""

    name: str
    help: str
    description: str
    run: str = ""
    options: str = ""

    def prepare(self, parser: argparse.ArgumentParser) -> None:
        if self.run:
            parser.set_defaults(run=cast(Run, _function(self.run)))
        if self.options:
            cast(AddOptions, _function(self.options))(parser)


def _function(name: str) -> object:
    module, _, function = name.partition(".")
    return getattr(import_module(f"node.{module}"), function)


COMMANDS = (
    Command(
        "up",
        "start a node with everything it needs 启动节点及所需的一切",
        "Start PostgreSQL and Redis where BIAOJIE_DATABASE_URL and BIAOJIE_REDIS_URL name none, migrate, and serve. "
        "Data stays in BIAOJIE_DATA_DIR. Ctrl-C stops all of it. "
        "未指定数据库和 Redis 时自动启动，随后迁移并提供服务；数据保存在 BIAOJIE_DATA_DIR，按 Ctrl-C 全部停止。",
        run="serve_command.start",
        options="serve_command.add_up_options",
    ),
    Command(
        "serve",
        "serve against given PostgreSQL and Redis 使用指定的 PostgreSQL 与 Redis 提供服务",
        "Serve against BIAOJIE_DATABASE_URL and BIAOJIE_REDIS_URL, migrated beforehand. "
        "使用 BIAOJIE_DATABASE_URL 和 BIAOJIE_REDIS_URL 提供服务，需事先完成迁移。",
        run="serve_command.serve_given",
        options="serve_command.add_options",
    ),
    Command(
        "migrate",
        "bring the database up to date 升级数据库结构",
        "Apply the numbered migrations that the database lacks; safe while an older version runs. 应用缺少的迁移。",
        run="serve_command.migrate",
    ),
    Command(
        "demo",
        "load real components and resolve each 载入真实元器件并逐一解析",
        "Make an enterprise of every manufacturer in deploy/demo/components.csv, register its components through the "
        "public API of a running node, and resolve every one back. May be repeated. "
        "通过运行中节点的公开接口注册 3000 个真实元器件并逐一解析核对，可重复执行。",
        run="demo_command.run",
        options="demo_command.add_options",
    ),
    Command(
        "doctor",
        "say what is wrong and what to do 检查问题并给出办法",
        "Check settings, servers, migrations and the port; exit status 1 when something is wrong. 检查设置、服务、迁移与端口。",
        run="doctor.run",
    ),
    Command(
        "key",
        "make an operator's key 生成运营方密钥",
        "Make an operator's key and print it, this once; all other keys are issued with it over the API. "
        "生成并打印一次运营方密钥；其余密钥由它通过接口签发。",
        run="key_command.make",
        options="key_command.add_options",
    ),
    Command(
        "keys",
        "list the keys 列出密钥",
        "One line a key: id, role, until when, last use, enterprise, label; never a secret. "
        "每行一个密钥：编号、角色、有效期、最近使用、企业、标签；不显示密钥本身。",
        run="key_command.list_all",
    ),
    Command(
        "bulk",
        "register a file of identifiers 批量注册文件中的标识",
        "Send a CSV, NDJSON or XLSX file to a running node, show the plan, confirm, and follow the job to its end. Made "
        "again after it was broken off, the command goes on with the same job. Refused rows are written beside the file. "
        "将文件提交给运行中的节点，显示计划，确认后跟踪到结束；中断后重新执行即可继续，被拒绝的行写入同目录文件。",
        run="bulk_command.run",
        options="bulk_command.add_options",
    ),
    Command(
        "export",
        "write a whole prefix into a file 导出整个前缀",
        "A consistent snapshot as NDJSON, CSV or Parquet that `biaojie bulk` takes back without a difference, and its "
        "templates beside it. With --template a CSV for people, a column an item. "
        "以一致快照导出为 NDJSON、CSV 或 Parquet，可由 biaojie bulk 无差异地导入；模板写入同目录文件。指定 --template 时按模板项分列。",
        run="export_command.run",
        options="export_command.add_options",
    ),
    Command(
        "audit",
        "verify or list the audit 校验或查看审计日志",
        "verify: find any change made behind the audit's back; exit status 0 intact, 1 touched, 2 cannot be said. "
        "list: entries, newest first. verify：查出对审计日志的任何改动，退出码 0 完好、1 有改动、2 无法判断；list：按时间倒序列出。",
        options="audit_command.add_options",
    ),
    Command(
        "usage",
        "registrations and resolutions, and the award 注册量、解析量与奖励门槛",
        "Totals by minute, hour, day or year from the stored counters, both award thresholds with the margin, and the rule "
        "of counting. 按分钟、小时、日或年显示注册量与解析量、两项奖励门槛的差额以及计数规则。",
        run="usage_command.show_usage",
        options="usage_command.add_options",
    ),
    Command(
        "evidence",
        "a signed report of a year for the award 出具或校验年度证明",
        "make: registrations and resolutions of a year, counted from the stored counters and again from the rows, signed with "
        "the node's key. verify: whether such a file is as this node signed it. "
        "make：按存储的计数器与实际行数两次统计全年注册量和解析量并签名；verify：校验文件是否为本节点所签且未被改动。",
        options="evidence_command.add_options",
    ),
    Command(
        "capacity",
        "what this machine would carry 测算本机容量",
        "Start a node of its own, register and resolve for two minutes, and print this machine's card: rates at p99 within 10 ms "
        "by door, memory, disk, and the largest node it would carry; raw data go into a file. "
        "启动一个临时节点，用两分钟测量注册与各通道的解析，给出本机的速率（p99 不超过 10 毫秒）、内存、磁盘及可承载的最大节点，原始数据写入文件。",
        run="capacity_command.capacity",
        options="capacity_command.add_options",
    ),
    Command(
        "personal-data",
        "keys of personal data 个人信息密钥",
        "new-key: print a key for BIAOJIE_PERSONAL_DATA_KEY. rotate: seal what applications hold anew under the first key of "
        "the setting; afterwards the others can be taken out. new-key：生成密钥；rotate：用设置中的首个密钥重新加密，之后可移除其余密钥。",
        options="personal_data_command.add_options",
    ),
    Command(
        "handle-admin",
        "administrators of Handle prefixes Handle 前缀管理员",
        "set: make a prefix, its record 0.NA/<prefix> and its administrator, or change its secret or key; list; remove. "
        "set：建立前缀、前缀记录与管理员，或更换其口令、公钥；list：列出；remove：移除。",
        options="handle_admin_command.add_options",
    ),
    Command(
        "handle",
        "ask a Handle server; rotate the node's key 查询 Handle 服务器、更换节点密钥",
        "resolve: what a Handle server says of an identifier, over TCP or UDP; exit status 0 where it is found. rotate-key: "
        "a new key of the node for Handle clients, without a restart. resolve：通过 TCP 或 UDP 查询标识，找到时退出码为 0；"
        "rotate-key：更换节点的 Handle 密钥，无需重启。",
        options="handle_command.add_options",
    ),
    Command(
        "sync",
        "peering with the top level 与国家顶级节点对接",
        "run: exchange with the top level (`up` does it where BIAOJIE_PEERING_URL is set). status, poll, send: look at it and hurry "
        "it. keys: make, import, change and show the key that signs. run：与国家顶级节点交互；status、poll、send：查看与催办；keys：签名密钥。",
        options="sync_command.add_options",
    ),
    Command(
        "escrow",
        "deposits of this node 数据托管",
        "restore: deposits (full and differentials) into an empty database, with proof that nothing differs. certificate: the "
        "OpenPGP key that signs deposits. restore：将全量与差异托管恢复到空数据库并核验；certificate：签名托管数据的 OpenPGP 证书。",
        options="escrow_command.add_options",
    ),
    Command(
        "toplevel",
        "the top-level node in a box 仿真顶级节点",
        "up: start a stand-in of the national top-level node on this machine, with an account for this node. "
        "up：在本机启动仿真的国家顶级节点，并为本节点开户，供对接演练。",
        options="toplevel_command.add_options",
    ),
    Command(
        "recurse",
        "resolve from the top level, and tell the way 从国家顶级节点起递归解析",
        "From the top level's Handle service to the secondary node, and on to an enterprise's own node, with the time of each "
        "step; exit status 0 where it is found. 自国家顶级节点起，经二级节点直至企业节点逐级解析，并给出每步耗时；解析成功时退出码为 0。",
        run="recurse_command.recurse",
        options="recurse_command.add_options",
    ),
    Command(
        "version",
        "print the version 显示版本",
        "Print the version. 显示版本。",
        run="version.show",
    ),
)
