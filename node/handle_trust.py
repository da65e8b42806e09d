"""Trusted resolution for operators: the certificates of a record's signers are fetched until a root is reached, or is not."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from core.handle.bodies import Resolve, decode_valued
from core.handle.codes import Code, Flag, Op
from core.handle.message import Message
from core.handle.trust import CERTIFICATE, Verdict, verify, with_certificates
from core.handle.wire_value import WireValue
from core.identifier import fold_case
from node.console import Refused
from node.handle_client import request

_MOST_ROOTS_BYTES = 256 * 1024
Ask = Callable[[Message], Awaitable[Message]]


def read_roots(path: Path) -> dict[str, Mapping[str, Any]]:
    """`{"300:0.0/0.0": {…JWK…}}`: who is believed without a certificate. Raises `Refused`."""
    try:
        if path.stat().st_size > _MOST_ROOTS_BYTES:
            raise ValueError
        said = json.loads(path.read_text("utf-8"))
        if not (isinstance(said, dict) and said and all(isinstance(key, dict) for key in said.values())):
            raise ValueError
    except (OSError, ValueError):
        raise Refused(
            f'{path} is no file of roots, as {{"300:0.0/0.0": {{"kty": "RSA", …}}}}',
            f'{path} 不是可信根文件，格式如 {{"300:0.0/0.0": {{"kty": "RSA", …}}}}',
        ) from None
    return {fold_case(name): key for name, key in said.items()}


async def judge(
    ask: Ask, handle: str, values: tuple[WireValue, ...], roots: Mapping[str, Mapping[str, Any]]
) -> Verdict:
    """Raises as `ask` does."""

    async def check(certificates: Mapping[tuple[str, int], bytes]) -> Verdict:
        return verify(handle, values, certificates, roots, int(time.time()))

    async def fetch(name: str, index: int) -> bytes:
        answer = await ask(request(Op.RESOLVE, Resolve(name, (index,)).encode(), flags=int(Flag.PUBL)))
        found = decode_valued(answer.body).values if answer.header.code == Code.SUCCESS else ()
        return next((value.data for value in found if value.type == CERTIFICATE and value.index == index), b"")

    return await with_certificates(check, fetch)


def told(verdict: Verdict, values: tuple[WireValue, ...]) -> dict[str, Any]:
    """For the JSON form."""
    return {
        "trusted": verdict.trusted(values),
        "signed": sorted(verdict.signed),
        "signers": verdict.signers,
        "problems": [{"en": one.en, "zh": one.zh} for one in verdict.problems],
    }


def trust_lines(said: dict[str, Any]) -> list[str]:
    """For people."""
    verdict = "trusted 可信" if said["trusted"] else "NOT trusted 不可信"
    signers = ", ".join(said["signers"]) or "nobody 无"
    return [f"{verdict}; signed by 签名者: {signers}"] + [f"  {one['en']} {one['zh']}" for one in said["problems"]]
