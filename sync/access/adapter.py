"""The registry's top level where there is peering (`core.top_level.TopLevel`): it writes commands, and reads what was decided.

It sends nothing. The courier runs in a worker, the connection to the top level belongs to the process of `biaojie sync run`,
and both meet in the tables of peering; so a top level that is slow or away costs no worker anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import PersonalDataLocked
from core.identifier import fold_case
from core.top_level import (
    EnterpriseFacts,
    Order,
    PersonalData,
    PrefixFacts,
    RouteFacts,
    TopLevelUnavailable,
    Verdict,
    Wish,
)
from sync.access.material import IMAGES_NEEDED, MaterialMissing, changes, enterprise_values
from sync.access.outbox import SQL, Outbox
from sync.access.outcomes import Kind
from sync.access.sites import own_site, site_values

_MOST_ORDERS = 200


@dataclass(frozen=True, slots=True)
class Routes:
    """Whether and where resolution of prefixes is told (`identifier_mapping`). `address` empty: this node has none to tell."""

    told: bool = False
    address: str = ""
    http_port: int = 0
    contact: str = ""


class Peering:
    """One for each worker; only the one whose courier has its turn writes."""

    def __init__(self, pool: Any, outbox: Outbox, node_prefix: str, user: str, routes: Routes) -> None:
        """`user`: the name of this node's account at the top level."""
        self._pool, self._outbox, self._node_prefix, self._user, self._routes = pool, outbox, node_prefix, user, routes

    async def submit_enterprise(self, task: int, enterprise: EnterpriseFacts, personal: PersonalData) -> None:
        """Personal data is read only where there is a command to write. Raises `TopLevelUnavailable`."""
        if await self._pool.fetchval(SQL["command_of_task"], task) is not None:
            return
        about = enterprise.credit_code or ""
        try:
            named = {"shrPrefix": self._node_prefix, **await self._values(enterprise, personal)}
            async with self._pool.acquire() as connection, connection.transaction():
                await self._outbox.put(connection, Kind.ENTERPRISE_CREATE, about, named, task=task)
        except (MaterialMissing, ValueError) as wrong:
            await self._refuse(task, about, str(wrong))
        except PersonalDataLocked as locked:
            raise TopLevelUnavailable(locked.en) from None

    async def update_enterprise(
        self, task: int, enterprise: EnterpriseFacts, changed: frozenset[str], personal: PersonalData
    ) -> None:
        """What changed by itself where that needs no audit, else everything anew. Raises `TopLevelUnavailable`."""
        if await self._pool.fetchval(SQL["command_of_task"], task) is not None:
            return
        if not enterprise.reference:
            raise TopLevelUnavailable("the top level has not said what it calls the enterprise")
        about = enterprise.credit_code or ""
        try:
            values = await self._values(enterprise, personal)
            change = changes(changed, values)
            async with self._pool.acquire() as connection, connection.transaction():
                if change is None:
                    await self._outbox.put_decided(connection, task, about, None)
                    return
                key = {"shrUserId": self._user} if change[0] == "chg" else {"shrPrefix": self._node_prefix}
                told = {**key, "entId": enterprise.reference, change[0]: change[1]}
                await self._outbox.put(connection, Kind.ENTERPRISE_UPDATE, about, told, task=task)
        except (MaterialMissing, ValueError) as wrong:
            await self._refuse(task, about, str(wrong))
        except PersonalDataLocked as locked:
            raise TopLevelUnavailable(locked.en) from None

    async def _values(self, enterprise: EnterpriseFacts, personal: PersonalData) -> dict[str, Any]:
        """As the top level wants to hear it. Raises `MaterialMissing`, `PersonalDataLocked`."""
        texts = await personal()
        images = {kind: found for kind in IMAGES_NEEDED if (found := await personal.image(kind)) is not None}
        return enterprise_values(enterprise.name, enterprise.credit_code, enterprise.form, texts, images)

    async def submit_prefix(self, task: int, prefix: PrefixFacts) -> None:
        """Raises `TopLevelUnavailable`."""
        if await self._pool.fetchval(SQL["command_of_task"], task) is not None:
            return
        if not prefix.enterprise_reference:
            raise TopLevelUnavailable("the top level has not said what it calls the enterprise")
        values = {"shrPrefix": self._node_prefix, "entId": prefix.enterprise_reference, "prefix": prefix.prefix}
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                about = fold_case(prefix.prefix)
                await self._outbox.put(connection, Kind.PREFIX_CREATE, about, values, task=task)
        except ValueError as wrong:
            await self._refuse(task, fold_case(prefix.prefix), str(wrong))
        except PersonalDataLocked as locked:
            raise TopLevelUnavailable(locked.en) from None

    async def publish_route(self, task: int, route: RouteFacts) -> None:
        """Raises `TopLevelUnavailable`."""
        if await self._pool.fetchval(SQL["command_of_task"], task) is not None:
            return
        about, site = fold_case(route.prefix), route.site
        if site is None and self._routes.address:
            site = own_site(self._routes.address, self._routes.http_port)
        async with self._pool.acquire() as connection, connection.transaction():
            if not self._routes.told or site is None:
                await self._outbox.put_decided(connection, task, about, None)
                return
            known = await connection.fetchval(SQL["was_published"], about)
            kind = Kind.IDENTIFIER_UPDATE if known else Kind.IDENTIFIER_CREATE
            try:
                values = route_values(route.prefix, site, self._routes.contact, known=known)
                await self._outbox.put(connection, kind, about, values, task=task)
            except PersonalDataLocked as locked:
                raise TopLevelUnavailable(locked.en) from None

    async def verdicts(self, waiting: Sequence[int]) -> Sequence[Verdict]:
        rows = await self._pool.fetch(SQL["decisions"], list(waiting))
        return [found for row in rows if (found := _verdict(row)) is not None]

    async def orders(self) -> Sequence[Order]:
        rows = await self._pool.fetch(SQL["open_orders"], _MOST_ORDERS)
        return [Order(row["id"], row["prefix"], Wish(row["wish"]), row["reason"]) for row in rows]

    async def order_applied(self, connection: Any, number: int) -> bool:
        return await connection.fetchval(SQL["order_applied"], number) is not None

    async def _refuse(self, task: int, about: str, reason: str) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            await self._outbox.put_refused(connection, task, about, reason)


def route_values(prefix: str, site: dict[str, Any], contact: str, *, known: bool) -> dict[str, Any]:
    """A create, or an update that puts the site in the place of the one before."""
    told = site_values(site)
    if known:
        return {"name": prefix, "chg": {"siteInfo": [told]}}
    contacts = {"contact": [{"": contact, "type": "tech"}]} if contact else {}
    return {"name": prefix, "type": "handle", **contacts, "siteList": {"siteInfo": [told]}}


def _verdict(row: Any) -> Verdict | None:
    state, reason = row["state"], row["reason"]
    if state == "done":
        return Verdict(row["task"], True, None, row["reference"])
    if state == "refused":
        return Verdict(row["task"], False, reason)
    if state == "failed":
        return Verdict(row["task"], False, reason, stuck=True)
    return None
