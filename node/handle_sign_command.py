"""`biaojie handle sign` and `certify`: HS_SIGNATURE for the values of a record, HS_CERT for a key that may sign (trusted
resolution). What they print becomes the text of a value, by any door; the private key is read here and goes nowhere."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from jwt import PyJWTError

from core.handle.bodies import Resolve, decode_valued
from core.handle.codes import CODES, NAMES, Code, Flag, Op
from core.handle.tokens import write_jwk
from core.handle.vouching import PERMISSIONS, certify, sign_values
from core.settings import Settings
from core.sm2 import der_of_pem, read_private, read_public
from node.console import Refused, say
from node.handle_asking import asking, sent, server_to_ask
from node.handle_client import request

_MOST_KEY_BYTES = 65_536
_DAY_SECONDS = 86_400
_WHO = re.compile(r"[1-9][0-9]{0,9}:\S{1,2000}")


def add_signing(actions: Any) -> None:
    sign = actions.add_parser("sign", help="HS_SIGNATURE for the public values of a record 为记录的公开值签名")
    sign.add_argument("identifier", help="as 88.118.8/SN0001 标识")
    sign.add_argument("--server", metavar="HOST:PORT", help="whom to ask for its values 查询的服务器")
    sign.add_argument("--seconds", type=float, default=5.0, help="how long to wait (default 5) 等待时限（秒）")
    _add_signer(sign)
    sign.set_defaults(run=_sign)
    vouch = actions.add_parser("certify", help="HS_CERT for a public key 为公钥签发证书")
    vouch.add_argument("subject", help="whose key: INDEX:HANDLE, where the certificate will be 证书主体")
    vouch.add_argument("--public-key", type=Path, required=True, metavar="FILE", help="PEM 公钥 PEM 文件")
    vouch.add_argument("--permission", choices=PERMISSIONS, default="thisHandle", help="what it may sign 可签名的范围")
    _add_signer(vouch)
    vouch.set_defaults(run=_certify)


def _add_signer(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--issuer", required=True, metavar="INDEX:HANDLE", help="who signs 签名者")
    parser.add_argument(
        "--key",
        type=Path,
        required=True,
        metavar="FILE",
        help="PEM, not encrypted: RSA, P-256, P-384, Ed25519 or SM2 私钥 PEM 文件",
    )
    parser.add_argument("--days", type=int, default=365, help="valid for (default 365) 有效天数")


async def _sign(settings: Settings, options: argparse.Namespace) -> int:
    """Raises `Refused`."""
    key, valid = _key(options.key), _valid(options)
    place = (*server_to_ask(settings, options.server), "tcp")
    asked = request(Op.RESOLVE, Resolve(options.identifier).encode(), flags=int(Flag.PUBL | Flag.AUTH))
    with asking(place):
        answer = await sent(place, asked, seconds=options.seconds)
        if (code := answer.header.code) != Code.SUCCESS:
            name = NAMES.get(Code(code), "") if code in CODES else ""
            raise Refused(
                f"{options.identifier} was not found: {code} {name}", f"未找到 {options.identifier}：{code} {name}"
            )
        values = decode_valued(answer.body).values
    return _said(lambda: sign_values(options.identifier, values, options.issuer, key, valid))


async def _certify(_: Settings, options: argparse.Namespace) -> int:
    """Raises `Refused`."""
    key, valid, public = _key(options.key), _valid(options), _jwk(options.public_key)
    _require_who(options.subject)
    return _said(lambda: certify(options.subject, public, options.permission, options.issuer, key, valid))


def _said(make: Callable[[], bytes]) -> int:
    try:
        say(make().decode())
    except ValueError as wrong:
        raise Refused(f"Nothing is signed: {wrong}", f"未签名：{wrong}") from None
    return 0


def _valid(options: argparse.Namespace) -> tuple[int, int]:
    _require_who(options.issuer)
    if not 0 < options.days <= 36_500:
        raise Refused("--days is from 1 to 36500", "--days 应为 1 到 36500")
    now = int(time.time())
    return now, now + options.days * _DAY_SECONDS


def _require_who(text: str) -> None:
    if not _WHO.fullmatch(text):
        raise Refused(
            f"'{text}' is not INDEX:HANDLE, as 301:0.NA/88.118.8",
            f"“{text}”不是 索引:标识 的形式，如 301:0.NA/88.118.8",
        )


def _key(path: Path) -> Any:
    pem = _content(path)
    try:
        return read_private(der_of_pem(pem, "PRIVATE KEY"))
    except ValueError:  # of any kind but SM2
        pass
    try:
        return load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Refused(
            f"{path} is not the PEM file of a private key without a passphrase", f"{path} 不是未加密的私钥 PEM 文件"
        ) from None


def _jwk(path: Path) -> dict[str, Any]:
    pem = _content(path)
    try:
        try:
            return write_jwk(read_public(der_of_pem(pem, "PUBLIC KEY")))
        except ValueError:  # of any kind but SM2
            return write_jwk(load_pem_public_key(pem))
    except (ValueError, UnsupportedAlgorithm, PyJWTError):
        raise Refused(
            f"{path} is not the PEM file of a public key that checks tokens",
            f"{path} 不是可用于校验签名的公钥 PEM 文件",
        ) from None


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as wrong:
        raise Refused(f"{path} cannot be read: {wrong.strerror}", f"无法读取 {path}：{wrong.strerror}") from None
    if len(content) > _MOST_KEY_BYTES:
        raise Refused(f"{path} is too large for a key", f"{path} 过大，不是密钥文件")
    return content
