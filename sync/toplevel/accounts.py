"""Accounts at the top level in a box: who may speak for which secondary node, and the keys that prove it."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any

from sync.signing.keys import KeyUnusable, Verifier, load_verifier
from sync.toplevel.store import Store


@dataclass(frozen=True, slots=True)
class Account:
    """As the operator of a secondary node fills it in: `public` is base64."""

    app_id: str
    prefix: str
    user: str
    client: str
    password: str
    keyid: str
    algorithm: str
    public: str


def open_account(store: Store, account: Account) -> None:
    """New, or changed; former keys stay good until the account is closed. Raises `KeyUnusable`."""
    load_verifier(account.algorithm, account.keyid, account.public)
    with store.transaction():
        store.run(
            "put_account", app_id=account.app_id, prefix=account.prefix, user=account.user, client=account.client,
            password_digest=_digest(account.password),
        )  # fmt: skip
        store.run(
            "put_key", app_id=account.app_id, keyid=account.keyid, algorithm=account.algorithm, public=account.public
        )


def key_of(store: Store, app_id: str, keyid: str) -> Verifier | None:
    """The key, where it is this account's."""
    row = store.one("key", app_id=app_id, keyid=keyid)
    try:
        return load_verifier(row["algorithm"], row["keyid"], row["public"]) if row is not None else None
    except KeyUnusable:
        return None


def logs_in(store: Store, client: str, password: str) -> Any:
    """The account, None where name or password is wrong."""
    row = store.one("account_of_client", client=client)
    held = bytes(row["password_digest"]) if row is not None else _digest("")
    return row if hmac.compare_digest(held, _digest(password)) and row is not None and row["enabled"] else None


def _digest(password: str) -> bytes:
    return hashlib.sha256(b"biaojie toplevel\0" + password.encode()).digest()
