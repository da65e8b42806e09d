"""`core.handle.administration.Administration`, carried out: judge by HS_ADMIN, then call the verb that every door calls.

What is judged is one version of a record, and the verb is told which (`If-Match`): what changes in between is judged again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from core.errors import (
    IdentifierConflict,
    IdentifierTaken,
    IdentifierUnknown,
    IdentifierWithdrawn,
    ValuesUnknown,
    ValueTaken,
    VersionMismatch,
)
from core.exchange import now
from core.handle.administration import PREFIX_RECORDS, Acting, Administrator, Made
from core.handle.authority import Named, Power, needed
from core.handle.public_keys import KEY_TYPE
from core.identifier import Identifier, fold_case
from core.record import Record
from core.values import ADMIN_READ, HandleValue
from registry.handle.acting import KeyHolder, origin_of, principal_for
from registry.handle.bodies import checked, values_json, with_held_visibility
from registry.handle.homing import home, homed, unhome
from registry.handle.listing import count_names, names_page, numbered_page
from registry.handle.login import Login, is_proof
from registry.handle.material import find_material
from registry.handle.names import is_prefix_record, parse_name
from registry.handle.prefix_writing import write_prefix_record
from registry.handle.rights import Standing, changing_too_fast, not_allowed, stand, stand_by_key
from registry.room import Registry
from registry.verbs.mint import mint
from registry.verbs.register import register
from registry.verbs.reregister import reregister
from registry.verbs.revise import merge, revise
from registry.verbs.withdraw import withdraw

DELETED = "Handle 删除"
_TRIES = 5
_Change = Callable[[list[HandleValue]], list[HandleValue]]


class HandleAdministration:
    """One for each worker. `core.handle.administration.Administration` says what each call is and which errors it has."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.login = Login(registry)

    async def authenticate(
        self, handle: str, index: int, kind: str, answer: bytes, data: bytes, source: str | None
    ) -> Administrator:
        return await self.login.by_answer(handle, index, kind, answer, data, source)

    async def with_secret(self, handle: str, index: int, secret: bytes, source: str | None) -> Administrator:
        return await self.login.by_secret(handle, index, secret, source)

    async def verify(self, handle: str, index: int, answer: bytes, data: bytes, source: str | None) -> bool:
        return await is_proof(self.login, handle, index, answer, data, source)

    async def public_key(self, handle: str, index: int) -> HandleValue:
        return (await find_material(self._registry, handle, index, KEY_TYPE)).value

    async def sees(self, administrator: Administrator, record: Record) -> list[HandleValue] | None:
        standing = await self._stand(administrator, parse_name(record.identifier))
        if not standing.powers & Power.AUTHORISED_READ:
            return None
        await principal_for(self._registry, Acting(administrator), standing.owner_id)  # which may have been revoked
        return [value for value in record.values if value.public or value.permissions & ADMIN_READ]

    async def create(
        self, acting: Acting, name: str, values: Sequence[HandleValue], *, overwrite: bool = False, mint: bool = False
    ) -> Made:
        if mint:
            return await self._mint(acting, name, values)
        for _ in range(_TRIES):
            identifier = parse_name(name)
            standing = await self._stand(acting.administrator, identifier)
            if standing.record is not None and not standing.record.withdrawn:
                if not overwrite:
                    standing.require(Power.ADD_HANDLE)
                    raise _taken(standing.record)
                return Made((await self._change(acting, name, lambda _: list(values), whole=True)).identifier, False)
            wanted = Power.ADD_PREFIX if is_prefix_record(identifier) else Power.ADD_HANDLE
            if wanted & ~standing.over_prefix:
                raise not_allowed(identifier)
            try:
                return Made(await self._register(acting, standing, values), True)
            except IdentifierConflict:  # by another, since we looked
                continue
        raise changing_too_fast()

    async def _register(self, acting: Acting, standing: Standing, values: Sequence[HandleValue]) -> str:
        """Under the name as it was asked for. Raises `IdentifierConflict` where it is there by now."""
        held = with_held_visibility(values, ())
        if is_prefix_record(standing.identifier):
            return (await write_prefix_record(self._registry, acting, standing, checked(held))).identifier
        principal = await principal_for(self._registry, acting, standing.prefix.enterprise_id)
        origin = origin_of(acting, principal)
        body = {"identifier": str(standing.identifier), "values": values_json(held)}
        try:
            made = await register(self._registry, principal, origin, body)
        except IdentifierWithdrawn as withdrawn:
            if withdrawn.extra.get("reason") != DELETED:
                raise
            made = await reregister(self._registry, principal, origin, body, DELETED)
        if not made.created:
            raise IdentifierConflict()
        return made.record.identifier

    async def _mint(self, acting: Acting, name: str, values: Sequence[HandleValue]) -> Made:
        prefix, _, beginning = name.partition("/")
        standing = await self._stand(acting.administrator, parse_name(f"{prefix}/{beginning or '-'}"))
        if is_prefix_record(standing.identifier) or Power.ADD_HANDLE & ~standing.over_prefix:
            raise not_allowed(standing.identifier)
        principal = await principal_for(self._registry, acting, standing.prefix.enterprise_id)
        pattern = beginning.replace("{", "{{").replace("}", "}}") + "{uuid7}"
        body = {
            "prefix": prefix,
            "count": 1,
            "pattern": pattern,
            "values": values_json(with_held_visibility(values, ())),
        }
        return Made((await mint(self._registry, principal, origin_of(acting, principal), body, now()))[0], True)

    async def delete(self, acting: Acting, name: str) -> None:
        for _ in range(_TRIES):
            identifier = parse_name(name)
            standing = await self._stand(acting.administrator, identifier)
            if is_prefix_record(
                identifier
            ):  # with it the prefix would lose its administrators; see `handle-admin remove`
                raise not_allowed(identifier)
            standing.require(Power.DELETE_HANDLE)
            record = _there(standing)
            principal = await principal_for(self._registry, acting, standing.owner_id)
            origin = origin_of(acting, principal)
            try:
                await withdraw(self._registry, principal, origin, identifier, {"reason": DELETED}, record.etag)
                return
            except VersionMismatch:
                continue
        raise changing_too_fast()

    async def add(self, acting: Acting, name: str, values: Sequence[HandleValue], *, overwrite: bool = False) -> Made:
        created = True

        def added(old: list[HandleValue]) -> list[HandleValue]:
            nonlocal created
            twice = sorted({value.index for value in old} & {value.index for value in values})
            if twice and not overwrite:
                raise ValueTaken(f"Index {twice[0]} has a value", f"索引 {twice[0]} 已有值", indexes=twice)
            created = not twice
            return [value for value in old if value.index not in twice] + list(values)

        return Made((await self._change(acting, name, added)).identifier, created)

    async def remove(self, acting: Acting, name: str, indexes: Sequence[int]) -> None:
        def kept(old: list[HandleValue]) -> list[HandleValue]:
            _require_indexes(old, indexes)
            return [value for value in old if value.index not in set(indexes)]

        await self._change(acting, name, kept)

    async def modify(self, acting: Acting, name: str, values: Sequence[HandleValue]) -> None:
        def modified(old: list[HandleValue]) -> list[HandleValue]:
            named = [value.index for value in values]
            _require_indexes(old, named)
            return [value for value in old if value.index not in set(named)] + list(values)

        await self._change(acting, name, modified)

    async def list_names(self, acting: Acting, prefix: str, after: str, limit: int) -> list[str]:
        standing = await self._listed(acting, prefix)
        return await names_page(self._registry, standing.prefix, after, limit)

    async def count(self, acting: Acting, prefix: str) -> int:
        return await count_names(self._registry, (await self._listed(acting, prefix)).prefix)

    async def page(self, acting: Acting, prefix: str, page: int, size: int) -> list[str]:
        """As `list_names`, by the number of a page, from 0."""
        return await numbered_page(self._registry, (await self._listed(acting, prefix)).prefix, page, size)

    async def home(self, acting: Acting, prefix: str) -> None:
        await home(self._registry, acting, parse_name(prefix))

    async def unhome(self, acting: Acting, prefix: str) -> None:
        await unhome(self._registry, acting, parse_name(prefix))

    async def homed(self, acting: Acting | None, after: str, limit: int) -> list[str]:
        return homed(self._registry, after, limit)

    async def _listed(self, acting: Acting, prefix: str) -> Standing:
        named = prefix if fold_case(prefix).startswith(f"{PREFIX_RECORDS}/") else f"{PREFIX_RECORDS}/{prefix}"
        standing = await self._stand(acting.administrator, parse_name(named))
        if Power.LIST_HANDLES & ~standing.over_prefix:
            raise not_allowed(named)
        await principal_for(self._registry, acting, standing.prefix.enterprise_id)
        return standing

    async def _change(self, acting: Acting, name: str, change: _Change, *, whole: bool = False) -> Record:
        """`change` makes the new values of a record out of the old ones; `whole` is where it does so without them."""
        for _ in range(_TRIES):
            identifier = parse_name(name)
            standing = await self._stand(acting.administrator, identifier)
            if not standing.powers:
                raise not_allowed(identifier)
            record = _there(standing)
            old = record.values
            new = with_held_visibility(change(old), old)
            powers, closed = needed(old, new)
            if closed or powers & ~standing.powers:
                raise not_allowed(identifier)
            try:
                return await self._write(acting, standing, record, new, whole)
            except VersionMismatch:
                continue
        raise changing_too_fast()

    async def _write(
        self, acting: Acting, standing: Standing, record: Record, new: list[HandleValue], whole: bool
    ) -> Record:
        if is_prefix_record(standing.identifier):
            return await write_prefix_record(self._registry, acting, standing, checked(new))
        principal = await principal_for(self._registry, acting, standing.owner_id)
        origin, etag = origin_of(acting, principal), record.etag
        if whole:
            body: dict[str, Any] = {"values": values_json(new)}
            return await revise(self._registry, principal, origin, standing.identifier, body, etag)
        changed, removed = _apart(record.values, new)
        if not changed and not removed:
            return record
        body = {"remove": removed} | ({"values": values_json(changed)} if changed else {})
        return await merge(self._registry, principal, origin, standing.identifier, body, etag)

    async def _stand(self, administrator: Administrator, identifier: Identifier) -> Standing:
        if isinstance(administrator, KeyHolder):
            return await stand_by_key(self._registry, administrator.principal, identifier)
        return await stand(self._registry, Named(administrator.key, administrator.index), identifier)


def _apart(old: list[HandleValue], new: list[HandleValue]) -> tuple[list[HandleValue], list[int]]:
    """What is to be set, and which indexes are to go."""
    held = {value.index: value for value in with_held_visibility(old, old)}
    changed = [value for value in new if held.get(value.index) != value]
    return changed, sorted(held.keys() - {value.index for value in new})


def _there(standing: Standing) -> Record:
    """The record, for who may know that there is one. Raises `IdentifierUnknown`."""
    if standing.record is None or standing.record.withdrawn:
        raise IdentifierUnknown(
            f"{standing.identifier} is not registered here", f"{standing.identifier} 未在本节点注册"
        )
    return standing.record


def _require_indexes(old: list[HandleValue], indexes: Sequence[int]) -> None:
    missing = sorted(set(indexes) - {value.index for value in old})
    if missing:
        raise ValuesUnknown(f"There is no value at index {missing[0]}", f"索引 {missing[0]} 处没有值", indexes=missing)


def _taken(record: Record) -> IdentifierTaken:
    return IdentifierTaken(f"{record.identifier} exists", f"{record.identifier} 已存在")
