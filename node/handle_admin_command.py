"""`biaojie handle-admin set | list | remove`: administrators of Handle prefixes."""

from __future__ import annotations

import argparse
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from core.database import STORE_FAILURES
from core.errors import Problem
from core.handle.public_keys import jwk_of
from core.sealing import Vault
from core.settings import Settings
from core.sm2 import der_of_pem, read_public
from core.timestamps import rfc3339
from node.console import Refused, say
from node.personal_data import with_found_key
from node.preflight import connect_database
from node.running import require_database, with_running
from registry.handle.setting_up import (
    AdministratorWish,
    administrators,
    parse_administrator,
    remove_administrator,
    set_administrator,
)

_MOST_SECRET = 255  # bytes


def add_options(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(required=True, metavar="set|list|remove")
    one = what.add_parser("set", help="make a prefix, its record and its administrator 建立前缀、前缀记录与管理员")
    one.add_argument("administrator", metavar="INDEX:0.NA/PREFIX", help="301:0.NA/20.500.12345 管理员")
    proof = one.add_mutually_exclusive_group(required=True)
    proof.add_argument("--secret-file", type=Path, help="file with the secret, one line 口令文件（一行）")
    proof.add_argument("--secret", help="the secret itself; others on this machine may see it 口令（同机用户可能看到）")
    proof.add_argument("--public-key", type=Path, help="PEM file: RSA, DSA, Ed25519 or SM2 公钥 PEM 文件")
    one.add_argument(
        "--enterprise", type=int, metavar="ID", help="whose the prefix is; else one is made 所属企业编号，缺省则新建"
    )
    one.set_defaults(run=set_one)
    two = what.add_parser("list", help="who administers what 列出管理员")
    two.set_defaults(run=list_all)
    three = what.add_parser("remove", help="take an administrator away 移除管理员")
    three.add_argument("administrator", metavar="INDEX:0.NA/PREFIX", help="301:0.NA/20.500.12345 管理员")
    three.set_defaults(run=remove_one)


async def set_one(settings: Settings, options: argparse.Namespace) -> int:
    """Raises `Refused`."""
    vault = Vault(with_found_key(settings).personal_data_keys)
    try:
        index, record = parse_administrator(options.administrator)
        wish = AdministratorWish(index, record, _secret(options), _key(options.public_key), options.enterprise)
        connection = await connect_database(require_database(with_running(settings)))
        try:
            async with connection.transaction():
                made = await set_administrator(connection, vault, wish)
        finally:
            await connection.close()
    except Problem as wrong:
        raise Refused(wrong.en, wrong.zh) from None
    except STORE_FAILURES as lost:
        raise _lost(lost) from None
    about = f"{index}:{record}"
    if made:
        say(f"biaojie: the prefix {record.suffix} is served here now 本节点开始提供前缀 {record.suffix}")
    say(f"biaojie: {about} is its administrator 已设为管理员")
    return 0


async def list_all(settings: Settings, _: argparse.Namespace) -> int:
    """One line each; never a secret."""
    connection = await connect_database(require_database(with_running(settings)))
    try:
        found = await administrators(connection)
        if not found:
            say(
                "biaojie: no administrators yet; `biaojie handle-admin set` makes one 尚无管理员，可用 handle-admin set 添加"
            )
        for row in found:
            ended = (
                f"revoked {rfc3339(row['revoked_at'])}" if row["revoked_at"] else f"since {rfc3339(row['created_at'])}"
            )
            say(f"{row['index']}:{row['handle']}  {row['key_id']}  {ended}  {row['enterprise']}")
    finally:
        await connection.close()
    return 0


async def remove_one(settings: Settings, options: argparse.Namespace) -> int:
    """Raises `Refused`."""
    try:
        index, record = parse_administrator(options.administrator)
        connection = await connect_database(require_database(with_running(settings)))
        try:
            async with connection.transaction():
                ended = await remove_administrator(connection, index, record)
        finally:
            await connection.close()
    except Problem as wrong:
        raise Refused(wrong.en, wrong.zh) from None
    except STORE_FAILURES as lost:
        raise _lost(lost) from None
    if not ended:
        raise Refused(f"{index}:{record} is not an administrator", f"{index}:{record} 不是管理员")
    say(f"biaojie: {index}:{record} is no administrator any more 已移除管理员")
    return 0


def _secret(options: argparse.Namespace) -> bytes | None:
    if options.public_key is not None:
        return None
    secret = _content(options.secret_file).rstrip(b"\r\n") if options.secret_file else options.secret.encode()
    if not 0 < len(secret) <= _MOST_SECRET:
        raise Refused(f"The secret must have 1 to {_MOST_SECRET} bytes", f"口令须为 1 到 {_MOST_SECRET} 字节")
    return bytes(secret)


def _key(path: Path | None) -> dict[str, str] | None:
    if path is None:
        return None
    try:
        return jwk_of(_public_key(_content(path)))
    except (ValueError, UnsupportedAlgorithm):
        raise Refused(
            f"{path} is not the PEM file of an RSA, DSA, Ed25519 or SM2 public key",
            f"{path} 不是 RSA、DSA、Ed25519 或 SM2 公钥的 PEM 文件",
        ) from None


def _public_key(pem: bytes) -> object:
    """Raises ValueError, `UnsupportedAlgorithm`."""
    try:
        return read_public(der_of_pem(pem, "PUBLIC KEY"))
    except ValueError:  # of any kind but SM2
        return load_pem_public_key(pem)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()[:65_536]
    except OSError as wrong:
        raise Refused(f"{path} cannot be read: {wrong.strerror}", f"无法读取 {path}：{wrong.strerror}") from None


def _lost(why: BaseException) -> Refused:
    return Refused(f"the database was lost: {why}", f"数据库连接中断：{why}")
