"""5.2 Access authentication: whoever cannot prove to be this node is refused, at either end, and nothing is done."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass

from node.drill.evidence import Found
from node.drill.stand import Stand
from node.operations import signer_of
from node.peering_keys import current_key
from sync.operations.canonical import canonical
from sync.operations.envelope import envelope
from sync.operations.shapes import MEDIA_TYPE
from sync.signing.keys import (
    SM2_SM3,
    Ed25519Signer,
    Signer,
    Sm2Signer,
    decode,
    keyid_of,
    load_signer,
    new_secret,
    new_seed,
)
from sync.signing.request import MEDIA_TYPE as EPP
from sync.signing.request import signed_request

FAULTS = ("unsigned", "altered", "replayed", "stale", "foreign key", "foreign prefix", "closed account")
_PATH = "/epp"
_STALE_SECONDS = 3_600
_HELLO = b'<?xml version="1.0" encoding="UTF-8"?><epp xmlns="urn:ietf:params:xml:ns:epp-1.0"><hello/></epp>'


@dataclass(frozen=True, slots=True)
class Attempt:
    """`app_id`: who it says that it is."""

    app_id: str
    signer: Signer
    now: int

    def headers(self, path: str, body: bytes, media_type: str) -> dict[str, str]:
        return signed_request(
            self.signer, self.app_id, "POST", path, body, request_id=secrets.token_hex(8),
            nonce=secrets.token_urlsafe(18), now=self.now, media_type=media_type,
        )  # fmt: skip


async def authentication(stand: Stand, found: Found) -> None:
    found.faults = FAULTS
    stand.turn()
    key = current_key(stand.settings.data_dir)
    own = Attempt(key.app_id, signer_of(stand.settings), int(time.time()))
    good = own.headers(_PATH, _HELLO, EPP)
    status = await _post(stand, good, _HELLO)
    found.check("正确签名的请求被接受", "a request that is signed rightly is taken", status == 200, status=status)
    before = len(stand.desk.store.all("newest_log", most=10_000))
    stranger = Ed25519Signer(keyid_of(b"stranger"), base64.b64decode(new_seed()))
    posing = Ed25519Signer(key.keyid, decode(new_seed()))
    unsigned = {name: value for name, value in good.items() if not name.startswith("Signature")}
    attempts: dict[tuple[str, str], Mapping[str, str]] = {
        ("重放", "replayed"): good,
        ("未签名", "unsigned"): unsigned,
        ("过期", "stale"): Attempt(key.app_id, own.signer, own.now - _STALE_SECONDS).headers(_PATH, _HELLO, EPP),
        ("陌生密钥", "signed by a strange key"): Attempt(key.app_id, stranger, own.now).headers(_PATH, _HELLO, EPP),
        ("冒用密钥编号", "signed by another under this key's name"): Attempt(key.app_id, posing, own.now).headers(_PATH, _HELLO, EPP),
        ("冒用应用编号", "of another application"): Attempt("another-app", own.signer, own.now).headers(_PATH, _HELLO, EPP),
    }  # fmt: skip
    for (zh, en), headers in attempts.items():
        status = await _post(stand, headers, _HELLO)
        found.check(f"{zh}的请求被拒绝", f"what is {en} is refused", status == 401, status=status)
    altered = own.headers(_PATH, _HELLO, EPP)
    status = await _post(stand, altered, _HELLO.replace(b"hello", b"login"))
    found.check("篡改报文的请求被拒绝", "what is altered is refused", status == 401, status=status)
    after = len(stand.desk.store.all("newest_log", most=10_000))
    found.check("被拒绝的请求均未执行", "nothing of it was done", before == after, commands=after - before)
    await _national(stand, found, own)
    await _foreign_prefix(stand, found, own)
    await _closed(stand, found, own)


async def _national(stand: Stand, found: Found, own: Attempt) -> None:
    """With a key of SM2 beside the one in use, as an account may have."""
    keyid = "drill-sm2"
    signer, posing = (load_signer(SM2_SM3, keyid, new_secret(SM2_SM3)) for _ in range(2))
    assert isinstance(signer, Sm2Signer)
    public = base64.b64encode(signer.public).decode()
    stand.desk.store.run("put_key", app_id=own.app_id, keyid=keyid, algorithm=SM2_SM3, public=public)
    status = await _post(stand, Attempt(own.app_id, signer, own.now).headers(_PATH, _HELLO, EPP), _HELLO)
    found.check("SM2（SM3）签名的请求被接受", "a request signed by SM2 with SM3 is taken", status == 200, status=status)
    status = await _post(stand, Attempt(own.app_id, posing, own.now).headers(_PATH, _HELLO, EPP), _HELLO)
    found.check(
        "冒用 SM2 密钥编号的请求被拒绝", "and one by another key of SM2 is refused", status == 401, status=status
    )


async def _foreign_prefix(stand: Stand, found: Found, own: Attempt) -> None:
    document = {
        **envelope("heartbeat", "99.999", secrets.token_hex(8), stand.desk.now()), "state": "normal", "software": {},
        "clockOffsetMs": 0, "services": [{"name": "iiidap"}], "queues": {}, "lastStatisticsSeq": 0,
    }  # fmt: skip
    body, path = canonical(document), "/ops/v1/heartbeat"
    status = await _post(stand, own.headers(path, body, MEDIA_TYPE), body, path)
    found.check("冒用他人前缀的报文被拒绝", "what speaks for another prefix is refused", status == 422, status=status)


async def _closed(stand: Stand, found: Found, own: Attempt) -> None:
    stand.desk.store.run("enable_account", app_id=own.app_id, enabled=0)
    try:
        status = await _post(stand, own.headers(_PATH, _HELLO, EPP), _HELLO)
    finally:
        stand.desk.store.run("enable_account", app_id=own.app_id, enabled=1)
    found.check("停用的账户被拒绝", "a closed account is refused", status == 403, status=status)


async def _post(stand: Stand, headers: Mapping[str, str], body: bytes, path: str = _PATH) -> int:
    url = f"http://127.0.0.1:{stand.settings.toplevel_port}{path}"
    async with stand.session.post(url, data=body, headers=dict(headers)) as answer:
        await answer.read()
        return answer.status
