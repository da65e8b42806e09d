"""`biaojie escrow`: what became of deposits, back from them, and the key that signs them. And `biaojie sync reconcile`."""

from __future__ import annotations

import argparse
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import asyncpg

from core.settings import Settings
from core.timestamps import rfc3339
from node.console import Refused, complain, say
from node.escrow import client_of, own_key, own_signers, sftp_line
from node.preflight import connect_database
from node.running import require_database, with_running
from node.serving import apply_migrations
from sync.escrow.packing import join
from sync.escrow.pgp import Certificate, OpenPgpFailed, SecretKey
from sync.escrow.reading import DepositInvalid
from sync.escrow.restoring import NotRestored, Restored, head_of, in_order, parts_of, restore
from sync.escrow.sending import NotTaken
from sync.escrow.sending import Refused as RefusedThere
from sync.reconcile.comparing import Difference, NothingToCompare, compare
from sync.reconcile.repairing import NobodyToAct, repair_here, repair_there

_SHOWN = 20
_SHOWN_KINDS = {
    "identifier": "标识", "enterprise": "企业", "prefix": "前缀", "api_key": "访问密钥", "template": "模板",
    "visibility_grant": "可见授权", "quota": "配额", "mint_sequence": "编号序列", "suffix_lease": "号段租用",
}  # fmt: skip


async def restore_files(settings: Settings, options: argparse.Namespace) -> int:
    """Into an empty database, migrated first; proved by the digests that the deposits carry."""
    reachable = with_running(settings)
    url = require_database(reachable)
    await apply_migrations(url)
    with tempfile.TemporaryDirectory(prefix="biaojie-restore-", dir=_working(settings)) as folder:
        try:
            paths = _unpacked(reachable, options, Path(folder))
            connection = await connect_database(url)
            try:
                done = await restore(connection, paths)
            finally:
                await connection.close()
        except NotRestored as wrong:
            if wrong.found is not None:
                _tell(wrong.found)
            raise Refused(f"Nothing was restored: {wrong}", f"未恢复任何数据：{wrong}") from None
        except (DepositInvalid, OpenPgpFailed, zipfile.BadZipFile, OSError) as wrong:
            raise Refused(f"Nothing was restored: {wrong}", f"未恢复任何数据：{wrong}") from None
    _tell(done)
    return 0


def _unpacked(settings: Settings, options: argparse.Namespace, folder: Path) -> list[Path]:
    """Zips in order: those given as they are, those encrypted opened with the agent's key. Raises as the opening does."""
    files = [file for path in options.paths for file in (sorted(path.iterdir()) if path.is_dir() else [path])]
    plain = [file for file in files if file.suffix == ".zip"]
    parts = parts_of(files)
    if parts:
        if options.key is None:
            raise NotRestored(
                "encrypted deposits need --key, the agent's secret key 加密的托管文件需要以 --key 指定托管机构私钥"
            )
        opens = SecretKey(options.key.read_text("utf-8"))
        signed = Certificate(options.signer.read_text("utf-8")) if options.signer else own_signers(settings)
        for number, pieces in enumerate(parts.values()):
            signatures = [piece.with_suffix(".sig") for piece in pieces]
            plain.append(join(pieces, signatures, signed, opens, folder / str(number)))
    return in_order({path: head_of(path) for path in plain})


def _working(settings: Settings) -> Path:
    """Deposits are large, and `/tmp` is often memory."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    return settings.data_dir


def _tell(done: Restored) -> None:
    say(f"biaojie: restored from 已恢复自 {', '.join(done.deposits)}")
    say(f"  {'object 对象':<28}{'deposited 托管':>14}{'restored 恢复':>14}   difference 差异")
    for one in done.kinds:
        shown = f"{_SHOWN_KINDS.get(one.object, '')} {one.object}"
        say(f"  {shown:<28}{one.deposited:>14,}{one.restored:>14,}   {one.wrong or '0'}")
    say(f"  ranges of identifiers compared 核对标识区段: {done.ranges:,}   different 差异: {len(done.different)}")
    if any(one.wrong for one in done.kinds):
        return
    say("  Keys open nothing until they are rotated 访问密钥须轮换后方可使用: biaojie key")


async def certificate(settings: Settings, _: argparse.Namespace) -> int:
    """The public half, for the agent."""
    key = own_key(settings)
    say(key.certificate)
    say(f"fingerprint 指纹: {key.fingerprint}")
    return 0


async def sftp_key(settings: Settings, _: argparse.Namespace) -> int:
    """The public half of the key that logs in by SFTP, for the agent."""
    say(sftp_line(settings))
    return 0


async def reconcile(settings: Settings, options: argparse.Namespace) -> int:
    """Exit status 1 where something differs and was not repaired."""
    reachable = with_running(settings)
    connection = await connect_database(require_database(reachable))
    client = client_of(reachable)
    try:
        found = await compare(connection, client, settings.node_prefix)
        _list(found)
        if found.none or options.repair is None:
            return 0 if found.none else 1
        if options.repair == "there":
            done = await repair_there(connection, found)
            say(f"biaojie: {done:,} are told again with the next deposit 将随下一次托管重新上报")
        else:
            done = await repair_here(connection, client, settings.node_prefix, found)
            say(f"biaojie: {done:,} are as the top level has them 已按国家顶级节点副本修复")
    except (NothingToCompare, NobodyToAct, NotTaken, RefusedThere, asyncpg.PostgresError) as wrong:
        complain(f"Not reconciled: {wrong}", f"未能对账：{wrong}")
        return 1
    finally:
        await client.close()
        await connection.close()
    return 0


def _list(found: Difference) -> None:
    say(
        f"biaojie: compared 已核对 {found.compared:,} in {found.ranges:,} ranges 区段; "
        f"different ranges 差异区段: {found.different_ranges:,}"
    )
    say(
        f"  added or changed here since the last accepted deposit, told by the next 上次托管后新增或变更、待下次上报: {found.untold:,}"
    )
    for name, keys in (
        ("only here 仅本地", found.here_only), ("only there 仅对端", found.there_only), ("different 不一致", found.different),
    ):  # fmt: skip
        say(f"  {name}: {len(keys):,}")
        for key in keys[:_SHOWN]:
            say(f"    {key}")


def status_lines(said: dict[str, Any]) -> list[str]:
    """For `biaojie sync status`; empty where nothing was ever deposited."""
    lines = ["", "escrow 数据托管"] if said["deposits"] or said["last_error"] else []
    if said["stopped"]:
        lines.append(f"STOPPED 已停止: {said['stopped']}   (biaojie sync send escrow)")
    elif said["last_error"]:
        lines.append(f"last error 最近错误: {said['last_error']}")
    if said["alarm"] and lines:
        lines.append(
            f"ALARM 告警: no deposit of today is accepted 当日托管尚未通过核验 (last 最近一次: {said['accepted_day'] or '-'})"
        )
    for one in said["deposits"]:
        verdict = " ".join(str(part) for part in (one["code"], one["reason"]) if part is not None)
        lines.append(
            f"  {one['id']} R{one['revision']} {one['kind']:<4} {one['state']:<9} {one['objects']:>12,}   "
            f"{rfc3339(one['made_at'])}   {verdict}"
        )
    return lines


def add_options(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(required=True, metavar="restore|certificate|sftp-key")
    back = what.add_parser("restore", help="deposits into an empty database 将托管数据恢复到空数据库")
    back.add_argument("paths", nargs="+", type=Path, help="directory, or files .zip, .inde with .sig 目录或文件")
    back.add_argument("--key", type=Path, help="the agent's OpenPGP secret key, for .inde 托管机构私钥")
    back.add_argument("--signer", type=Path, help="certificate that signed them; this node's own if absent 签名证书")
    back.set_defaults(run=restore_files)
    what.add_parser(
        "certificate", help="this node's OpenPGP certificate, for the agent 本节点 OpenPGP 证书"
    ).set_defaults(run=certificate)
    what.add_parser("sftp-key", help="public key that logs in by SFTP, for the agent SFTP 登录公钥").set_defaults(
        run=sftp_key
    )


def add_reconcile_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repair", choices=("here", "there"), help="which side is repaired 修复哪一侧")
