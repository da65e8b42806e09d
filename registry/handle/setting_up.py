"""Make a prefix, its record and its administrator, from the command line: there is nobody yet who could ask for it.

The record says, as prefix records do: HS_ADMIN at 100 names the group at 200 (HS_VLIST), which names the administrators, whose
keys are at their own indexes. Called again it changes the secret or the key, or adds another administrator.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from core.access import PrefixState
from core.errors import EnterpriseUnknown, IdentifierMalformed, PrefixTaken
from core.handle.administration import PREFIX_RECORDS, Administrator
from core.handle.authority import ADMIN_TYPE, ALL_POWERS, GROUP_TYPE
from core.handle.proofs import SECRET_TYPE
from core.handle.public_keys import KEY_TYPE
from core.identifier import Identifier, fold_case, parse_prefix
from core.schemes import scheme_of_prefix
from core.sealing import Vault
from core.sqlfiles import load_sql
from core.values import SECRET_PERMISSIONS, HandleValue, pack
from registry.handle.acting import take_aboard
from registry.handle.names import described_prefix, is_prefix_record, parse_name
from registry.handle.prefix_records import (
    SQL,
    change_prefix_record,
    lock_prefix_record,
    make_prefix_record,
    seal_secrets,
)
from registry.prefix_life import SQL as PREFIXES
from registry.prefix_life import lock_lives, reserve
from registry.store import AuditLine, Keyless, write_audit

_ONBOARDING = load_sql("registry", "onboarding.sql")
_NAME = re.compile(r"([0-9]{1,10}):(.+)", re.DOTALL)
_ADMIN_INDEX, _GROUP_INDEX = 100, 200
_BY = Keyless("command line")


@dataclass(frozen=True, slots=True)
class AdministratorWish:
    """Exactly one of `secret` and `key` (a JSON Web Key). `enterprise_id` None: the prefix's, or one that is made for it."""

    index: int
    record: Identifier
    secret: bytes | None = field(repr=False)
    key: dict[str, str] | None
    enterprise_id: int | None = None


def parse_administrator(text: str) -> tuple[int, Identifier]:
    """`301:0.NA/20.500.12345`. Raises `IdentifierMalformed`."""
    found = _NAME.fullmatch(text)
    record = parse_name(found[2]) if found else None
    if found is None or record is None or not 0 < int(found[1]) < 2**32 or not is_prefix_record(record):
        raise IdentifierMalformed(
            "administrator-malformed",
            "An administrator is index:0.NA/prefix, for instance 301:0.NA/20.500.12345",
            "管理员写作 索引:0.NA/前缀，例如 301:0.NA/20.500.12345",
        )
    parse_prefix(record.suffix)
    return int(found[1]), record


async def set_administrator(connection: Any, vault: Vault, wish: AdministratorWish) -> bool:
    """Whether the prefix is new. Call in a transaction. Errors: `PrefixTaken` (of another enterprise, or of a scheme whose
    prefixes are given otherwise), `EnterpriseUnknown`, `PersonalDataLocked`."""
    prefix, enterprise_id, made = await _prefix_of(connection, wish)
    key = f"{PREFIX_RECORDS}/{prefix}"
    who = Administrator(f"{PREFIX_RECORDS}/{wish.record.suffix}", key, wish.index)
    _, actor = await take_aboard(connection, who, enterprise_id, _BY, renew=True)
    old = await lock_prefix_record(connection, key)
    mine = old is not None and old.owner_id == enterprise_id
    before = [replace(value, timestamp=None) for value in old.values] if old is not None else []
    values = with_administrator(before if mine else [], who, wish.key)
    if old is None:
        await make_prefix_record(connection, key, who.handle, enterprise_id, pack(values))
    else:
        await change_prefix_record(connection, old, enterprise_id, values, actor)
    secrets = {wish.index: wish.secret} if wish.secret is not None else {}
    await seal_secrets(connection, vault, key, before, values, secrets)
    await write_audit(connection, [AuditLine(_BY, "set-administrator", str(who), 0)])
    return made


async def remove_administrator(connection: Any, index: int, record: Identifier) -> list[str]:
    """Ids of the keys that end with it. Its value and its place in groups go; the record stays. Call in a transaction."""
    key = f"{PREFIX_RECORDS}/{described_prefix(record)}"
    ended = [row["key_id"] for row in await connection.fetch(SQL["end_administrator"], key, index)]
    old = await lock_prefix_record(connection, key)
    actor = await connection.fetchval(SQL["key_of_administrator"], key, index)
    if old is not None and actor is not None and old.owner_id is not None:
        before = [replace(value, timestamp=None) for value in old.values]
        values = without_administrator(before, Administrator(key, key, index))
        if values != before:
            await change_prefix_record(connection, old, old.owner_id, values, actor)
        await connection.execute(SQL["seal_secret"], key, index, None)
    if ended:
        await write_audit(connection, [AuditLine(_BY, "remove-administrator", f"{index}:{key}", 0)])
    return ended


def with_administrator(
    values: Sequence[HandleValue], who: Administrator, key: dict[str, str] | None
) -> list[HandleValue]:
    """The record with this administrator among those who may do everything."""
    proof = (
        HandleValue(who.index, SECRET_TYPE, "", permissions=SECRET_PERMISSIONS)
        if key is None
        else HandleValue(who.index, KEY_TYPE, key, "key")
    )
    kept = {value.index: value for value in values if value.index != who.index} | {who.index: proof}
    group = next((value for value in kept.values() if value.type == GROUP_TYPE and value.format == "vlist"), None)
    if group is None:
        group = HandleValue(_free(kept, _GROUP_INDEX), GROUP_TYPE, [], "vlist")
    members = [one for one in group.data if not _is(one, who)] + [{"index": who.index, "handle": who.handle}]
    kept[group.index] = replace(group, data=members)
    if not any(_names(value, who.key, group.index) for value in kept.values()):
        index = _free(kept, _ADMIN_INDEX)
        named = {"handle": who.handle, "index": group.index, "permissions": f"{ALL_POWERS:012b}"}
        kept[index] = HandleValue(index, ADMIN_TYPE, named, "admin")
    return [kept[index] for index in sorted(kept)]


def without_administrator(values: Sequence[HandleValue], who: Administrator) -> list[HandleValue]:
    """The record without its key, and without it in groups."""
    return [
        replace(value, data=[one for one in value.data if not _is(one, who)])
        if value.type == GROUP_TYPE and value.format == "vlist" and isinstance(value.data, list)
        else value
        for value in values
        if value.index != who.index and not _names(value, who.key, who.index)
    ]


async def administrators(connection: Any, page: int = 1_000) -> list[Any]:
    """All of them, in order, as rows."""
    rows: list[Any] = []
    last: tuple[str, int, int] = ("", 0, 0)
    while some := await connection.fetch(SQL["page_of_administrators"], *last, page):
        rows += some
        last = (some[-1]["handle"], some[-1]["index"], some[-1]["enterprise_id"])
    return rows


async def _prefix_of(connection: Any, wish: AdministratorWish) -> tuple[str, int, bool]:
    """(canonical prefix, its enterprise, whether it was made now)."""
    shown = wish.record.suffix
    key = fold_case(shown)
    if scheme_of_prefix(shown) is not None or key == PREFIX_RECORDS:
        raise PrefixTaken(f"{shown} is no prefix of Handle", f"{shown} 不是 Handle 前缀")
    await lock_lives(connection)
    row = await connection.fetchrow(PREFIXES["one_of_prefixes"], key)
    if row is not None and row["state"] != PrefixState.REJECTED.value:
        if wish.enterprise_id not in (None, row["enterprise_id"]):
            raise PrefixTaken(
                f"{shown} is given to the enterprise {row['enterprise_id']}",
                f"{shown} 已分配给编号 {row['enterprise_id']} 的企业",
            )
        return key, row["enterprise_id"], False
    if wish.enterprise_id and await connection.fetchval(_ONBOARDING["enterprise_exists"], wish.enterprise_id) is None:
        raise EnterpriseUnknown(
            f"There is no enterprise {wish.enterprise_id}", f"不存在编号为 {wish.enterprise_id} 的企业"
        )
    enterprise = wish.enterprise_id or await _enterprise_for(connection, shown)
    await reserve(connection, shown, enterprise, case_sensitive=False, parent=None, state=PrefixState.ACTIVE)
    await write_audit(connection, [AuditLine(_BY, "grant-prefix", shown, 0)])
    return key, enterprise, True


async def _enterprise_for(connection: Any, prefix: str) -> int:
    name = f"Handle {prefix}"
    made = await connection.fetchval(_ONBOARDING["create_enterprise"], name, None)
    if made is not None:
        await write_audit(connection, [AuditLine(_BY, "create-enterprise", name, 0)])
        return int(made)
    return int((await connection.fetchrow(_ONBOARDING["same_enterprise"], name, None))["id"])


def _is(one: Any, who: Administrator) -> bool:
    named = isinstance(one, dict) and isinstance(one.get("handle"), str)
    return named and fold_case(one["handle"]) == fold_case(who.handle) and str(one.get("index")) == str(who.index)


def _names(value: HandleValue, handle: str, index: int) -> bool:
    """Whether it is an HS_ADMIN that names this."""
    return (
        value.type == ADMIN_TYPE
        and isinstance(value.data, dict)
        and _is(value.data, Administrator(handle, handle, index))
    )


def _free(kept: dict[int, HandleValue], first: int) -> int:
    indexes: Iterator[int] = (index for index in range(first, 2**32) if index not in kept)
    return next(indexes)
