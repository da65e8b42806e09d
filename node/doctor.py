"""`biaojie doctor`: what is found, reachable, migrated; and what to do about what is not."""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp

from core.migrate import all_migrations, applied_numbers
from core.settings import Settings, unknown_variables
from node.console import Refused, say
from node.embedded.programs import EmbeddedServerError, find_postgres, find_redis
from node.listening import PortError, hold_handle_ports, hold_port
from node.preflight import connect_database, redis_version, without_secret
from node.running import with_running

Check = Callable[[Settings], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Finding:
    ok: bool
    title: str
    text: str


async def run(settings: Settings, _: argparse.Namespace) -> int:
    """`biaojie doctor`: exit status 1 where something is wrong."""
    return 0 if report(await examine(settings)) else 1


async def examine(settings: Settings) -> list[Finding]:
    """Every check, none stopped by another."""
    reachable = with_running(settings)
    checks: list[tuple[str, Check]] = [
        ("settings   设置", _settings),
        ("PostgreSQL", _database),
        ("migrations 迁移", _migrations),
        ("Redis", _redis),
        ("HTTP", _http),
    ]
    findings = []
    for title, check in checks:
        try:
            findings.append(Finding(True, title, await check(reachable)))
        except (Refused, EmbeddedServerError, PortError) as wrong:
            findings.append(Finding(False, title, f"{wrong.message_en}\n{wrong.message_zh}"))
    return findings


def report(findings: list[Finding]) -> bool:
    """Print them; True when nothing is wrong."""
    for finding in findings:
        first, *rest = finding.text.split("\n")
        say(f"[{'ok' if finding.ok else '!!'}] {finding.title}: {first}")
        for line in rest:
            say(f"     {line}")
    return all(finding.ok for finding in findings)


async def _settings(settings: Settings) -> str:
    if strangers := unknown_variables():
        raise Refused("; ".join(strangers), f"存在无法识别的环境变量：{'、'.join(s.split()[0] for s in strangers)}")
    return f"node {settings.node_prefix}, data in {settings.data_dir.resolve()}, {settings.worker_count} workers"


async def _database(settings: Settings) -> str:
    if url := settings.database_url.get_secret_value():
        connection = await connect_database(url)
        try:
            version = await connection.fetchval("SHOW server_version")
        finally:
            await connection.close()
        return f"{version} answers at {without_secret(url)}"
    programs = find_postgres(settings.embedded)
    return f"not running; `biaojie up` will start {'.'.join(map(str, programs.version))} ({programs.origin}: {programs.bin_directory})"


async def _migrations(settings: Settings) -> str:
    if not (url := settings.database_url.get_secret_value()):
        return "`biaojie up` applies them"
    connection = await connect_database(url)
    try:
        applied = await applied_numbers(connection)
    finally:
        await connection.close()
    known = {migration.number for migration in all_migrations()}
    if missing := known - applied:
        raise Refused(
            f"{len(missing)} are missing; run `biaojie migrate`", f"缺少 {len(missing)} 个；请执行 biaojie migrate"
        )
    if applied - known:
        raise Refused(
            "the database is newer than this program; install a newer version", "数据库版本比本程序新；请升级程序"
        )
    return f"all {len(known)} applied"


async def _redis(settings: Settings) -> str:
    if url := settings.redis_url.get_secret_value():
        version = await redis_version(url)
        return f"{'.'.join(map(str, version))} answers at {without_secret(url)}"
    program = find_redis(settings.embedded)
    return (
        f"not running; `biaojie up` will start {'.'.join(map(str, program.version))} ({program.origin}: {program.path})"
    )


async def _http(settings: Settings) -> str:
    try:
        timeout = aiohttp.ClientTimeout(total=3)
        async with (
            aiohttp.ClientSession(timeout=timeout) as client,
            client.get(f"{settings.public_url}/readyz") as answer,
        ):
            state = "ready" if answer.status == 200 else f"not ready (HTTP {answer.status})"
            return f"a node answers at {settings.public_url}: {state}"
    except (aiohttp.ClientError, TimeoutError):
        hold_port(settings.http_host, settings.http_port).close()
        for listener in hold_handle_ports(settings.http_host, settings.handle_port):
            listener.close()
        handle = f", and {settings.handle_port} for Handle" if settings.handle_port else ""
        return f"no node answers at {settings.public_url}; the port {settings.http_port} is free{handle}"
