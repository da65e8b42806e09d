"""`biaojie evidence make` and `biaojie evidence verify`: a year for the award, signed, and whether such a file is genuine."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from jwt.algorithms import RSAAlgorithm

from core.database import STORE_FAILURES
from core.settings import Settings
from core.web import now
from node.console import Refused, complain, say
from node.evidence import read_evidence, signed, signer_of
from node.handle_key import own_identity
from node.preflight import connect_database
from node.running import require_database, with_running
from resolver.usage.report import BEIJING

_MOST_BYTES = 1 << 20


def add_options(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(required=True, metavar="make|verify|key")
    one = what.add_parser("make", help="count a year and sign it 统计并签名")
    one.add_argument("--year", type=int, help="the calendar year, else this one 年份，默认本年")
    one.add_argument("--output", type=Path, metavar="FILE", help="else evidence-YEAR.json 输出文件")
    one.set_defaults(run=make)
    two = what.add_parser("verify", help="exit status 0: as this node signed it 校验，退出码 0 表示真实")
    two.add_argument("file", type=Path)
    two.add_argument(
        "--key", type=Path, metavar="PEM", help="the public key to trust, else this node's 信任的公钥，默认本节点"
    )
    two.set_defaults(run=verify)
    three = what.add_parser("key", help="print the public key that --key takes 打印用于校验的公钥")
    three.set_defaults(run=show_key)


async def make(settings: Settings, options: argparse.Namespace) -> int:
    """Raises `Refused`."""
    moment = now()
    year = options.year or moment.astimezone(BEIJING).year
    if not 2020 <= year <= moment.astimezone(BEIJING).year:
        raise Refused(f"{year} is no year that can be reported", f"无法出具 {year} 年的证明")
    path = options.output or Path(f"evidence-{year}.json")
    say("counting; rows are read one by one, seconds for ten million 正在统计；逐行核对，每千万行约数秒")
    connection = await connect_database(require_database(with_running(settings)))
    try:
        evidence = await read_evidence(connection, year, moment)
    except STORE_FAILURES as lost:
        raise Refused(f"the database was lost: {lost}", f"数据库连接中断：{lost}") from None
    finally:
        await connection.close()
    document = signed(evidence, own_identity(settings))
    try:
        path.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n", "utf-8")
    except OSError as wrong:
        raise Refused(f"{path} cannot be written: {wrong}", f"无法写入 {path}：{wrong}") from None
    for line in evidence_lines(evidence):
        say(line)
    say(f"signed, in 已签名并写入 {path}")
    return 0 if evidence["registrations"]["rows_equal_counters"] else 1


def evidence_lines(evidence: dict[str, Any]) -> list[str]:
    """For people."""
    registered, resolved = evidence["registrations"], evidence["resolutions"]
    equal = "equal 一致" if registered["rows_equal_counters"] else "NOT EQUAL 不一致"
    return [
        f"{evidence['year']}  until 截至 {evidence['until']}",
        _line("registrations, by the counters 注册量（计数器）", registered),
        f"  the same, by the rows 同上（逐行核对）: {registered['rows']:,}  {equal}",
        _line(f"resolutions a day over {resolved['days']} days 日均解析（{resolved['days']} 天）", resolved),
        f"  lost with killed workers 进程被终止而未计入: {resolved['lost_with_killed_workers']:,}",
    ]


def _line(what: str, said: dict[str, Any]) -> str:
    verdict = "exceeded 已超过" if said["exceeded"] else "not yet 未达到"
    return f"  {what}: {said['counted']:,} / {said['threshold']:,}  {verdict}"


async def verify(settings: Settings, options: argparse.Namespace) -> int:
    """Raises `Refused` for what cannot be read."""
    try:
        if options.file.stat().st_size > _MOST_BYTES:
            raise ValueError(f"larger than {_MOST_BYTES} bytes")
        document = json.loads(options.file.read_text("utf-8"))
        trusted = _trusted(settings, options.key)
    except (OSError, ValueError, UnsupportedAlgorithm) as wrong:
        raise Refused(f"{options.file} cannot be checked: {wrong}", f"无法校验 {options.file}：{wrong}") from None
    try:
        signer = signer_of(document)
    except ValueError as wrong:
        complain(
            f"{options.file} is not as it was signed ({wrong}); ask for the file anew",
            f"{options.file} 与签名不符（{wrong}）；请重新索取该文件",
        )
        return 1
    if signer != trusted:
        complain(
            f"{options.file} was signed with another key; name the node's key of that time with --key",
            f"{options.file} 由其他密钥签名；请用 --key 指定节点当时的公钥",
        )
        return 1
    for line in evidence_lines(document["evidence"]):
        say(line)
    say("genuine: as the node signed it 真实有效：与节点签名一致")
    return 0


async def show_key(settings: Settings, _: argparse.Namespace) -> int:
    """Raises `Refused`."""
    key = own_identity(settings).key.public_key()
    say(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode().rstrip())
    return 0


def _trusted(settings: Settings, path: Path | None) -> dict[str, str]:
    """JWK members. Raises `ValueError`, `OSError`, `Refused`."""
    key = own_identity(settings).key.public_key() if path is None else load_pem_public_key(path.read_bytes())
    if not isinstance(key, RSAPublicKey):
        raise ValueError("the key is none of RSA")
    jwk = RSAAlgorithm.to_jwk(key, as_dict=True)
    return {name: str(jwk[name]) for name in ("kty", "n", "e")}
