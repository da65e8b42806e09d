"""Who owns which prefix, which key is whose, which templates there are: small tables, held in memory by every worker.

Prefixes and templates are loaded whole at start and then followed by the change feed, so a stranger asking for random
prefixes costs no database. Keys are looked up as they are used, and forgotten when the feed says they changed.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from core.access import (
    EVERYWHERE,
    OF_ENTERPRISE,
    ROLE_SCOPES,
    Credential,
    Hosting,
    Prefix,
    PrefixState,
    Principal,
    Role,
    Scope,
    bearer_key,
    check_secret,
    principal_of,
)
from core.database import store_errors
from core.identifier import Identifier, SchemeIdentifier
from core.key_use import KeyUse
from core.quota import Kind
from core.quota_book import Defaults, QuotaBook
from core.rate_limit import RateLimiter
from core.record import Record
from core.sqlfiles import load_sql
from core.template import Template, template_from_row
from core.visibility import ANYBODY, Grant, Viewer

_SQL = load_sql("core", "directory.sql")
_KEYS_HELD = 10_000
_KEY_SECONDS = 60.0  # a bound on how long a key is believed without the feed
_UNKNOWN_KEY_SECONDS = 1.0
_UNKNOWN_PREFIX_SECONDS = 0.25
_UNKNOWN_PREFIXES_HELD = 10_000


class Directory:
    """Memory grows by about 300 bytes a prefix, 500 bytes and its items a template, 400 bytes a key in use."""

    def __init__(
        self, pool: asyncpg.Pool[Any], limiter: RateLimiter | None = None, defaults: Defaults | None = None
    ) -> None:
        self._pool = pool
        self.tell_others: Callable[[], None] = lambda: (
            None
        )  # set by the composition; what is not heard, the feed brings
        self._limiter = limiter
        self.quotas = QuotaBook(defaults or Defaults())
        self._prefixes: dict[str, Prefix] = {}
        self._names: dict[int, str] = {}  # of enterprises, by the prefixes that they hold
        self._unknown_prefixes: dict[str, float] = {}  # so that a batch of one wrong prefix asks for it once
        self._templates: dict[int, Template] = {}
        self._templates_by_key: dict[str, Template] = {}
        self._keys: OrderedDict[str, tuple[Credential | None, float]] = OrderedDict()
        self._forgotten = 0  # how many keys were ever forgotten
        self._grants: OrderedDict[int, tuple[tuple[Grant, ...], float]] = OrderedDict()
        self.key_use = KeyUse(pool)

    async def load(self) -> None:
        """Read all prefixes and templates. Call after the feed has taken its first snapshot, so that nothing is missed."""
        self.apply_prefixes(await self._pool.fetch(_SQL["all_prefixes"]))
        self.apply_templates(await self._pool.fetch(_SQL["all_templates"]))
        self.apply_quotas(await self._pool.fetch(_SQL["all_quotas"]))

    def prefix(self, key: str) -> Prefix | None:
        return self._prefixes.get(key)

    def prefixes_of(self, enterprise_id: int | None) -> list[str]:
        """The canonical prefixes of an enterprise."""
        return [prefix.key for prefix in self._prefixes.values() if prefix.enterprise_id == enterprise_id]

    async def enterprise_name(self, enterprise_id: int, *, ask: bool = True) -> str | None:
        """What an enterprise is called. One that holds no prefix is asked for, unless `ask` is false. Raises `StoreUnavailable`."""
        if (name := self._names.get(enterprise_id)) is not None or not ask:
            return name
        with store_errors():
            found: str | None = await self._pool.fetchval(_SQL["enterprise_name"], enterprise_id)
        return found

    def answered_prefixes(self) -> list[Prefix]:
        """Those that this node answers for, in no order."""
        return [prefix for prefix in self._prefixes.values() if prefix.answered_here]

    async def fresh_prefix(self, key: str) -> Prefix | None:
        """As `prefix`, but one not known here is asked for: it may have been given a moment ago on another worker."""
        found = self._prefixes.get(key)
        if found is not None or self._unknown_prefixes.get(key, 0.0) > time.monotonic():
            return found
        with store_errors():
            self.apply_prefixes(await self._pool.fetch(_SQL["one_prefix"], key))
        self._note_unknown(key)
        return self._prefixes.get(key)

    def _note_unknown(self, key: str) -> None:
        if key not in self._prefixes:
            if len(self._unknown_prefixes) >= _UNKNOWN_PREFIXES_HELD:
                self._unknown_prefixes.clear()
            self._unknown_prefixes[key] = time.monotonic() + _UNKNOWN_PREFIX_SECONDS

    def owner(self, identifier: Identifier) -> Prefix | None:
        """The prefix that an identifier lies under: of another scheme the longest one that somebody has."""
        if isinstance(identifier, SchemeIdentifier):
            for key in identifier.reading.owners:
                if key in self._prefixes:
                    identifier.lies_under(key)
                    break
        return self._prefixes.get(identifier.prefix_key)

    async def fresh_owner(self, identifier: Identifier) -> Prefix | None:
        """As `owner`, but a prefix not known here is asked for. Raises `StoreUnavailable`."""
        if not isinstance(identifier, SchemeIdentifier):
            return await self.fresh_prefix(identifier.prefix_key)
        found = self.owner(identifier)
        if found is None and self._unknown_prefixes.get(identifier.prefix_key, 0.0) <= time.monotonic():
            await self.refresh_prefixes(identifier.reading.owners)
            self._note_unknown(identifier.prefix_key)
            found = self.owner(identifier)
        return found

    async def prefixes_changed(self, keys: Iterable[str]) -> None:
        """These were just changed here: known to this worker now, and to the others as soon as they hear of it."""
        await self.refresh_prefixes(keys)
        self.tell_others()

    async def refresh_prefixes(self, keys: Iterable[str]) -> None:
        """Read again what was just changed, without waiting for the feed. Raises `StoreUnavailable`."""
        with store_errors():
            self.apply_prefixes(await self._pool.fetch(_SQL["some_prefixes"], list(keys)))

    def template(self, template_id: int | None) -> Template | None:
        return self._templates.get(template_id) if template_id is not None else None

    async def template_of(self, record: Record, source: Any = None) -> Template | None:
        """The template of a record. One published a moment ago on another worker is asked for, on the connection `source`
        where the caller has one already."""
        if record.template_id is not None and record.template_id not in self._templates:
            with store_errors():
                self.apply_templates(await (source or self._pool).fetch(_SQL["template_by_id"], record.template_id))
        return self.template(record.template_id)

    async def fresh_template(self, identifier: Identifier) -> Template | None:
        """The template with this identifier, asked for when it is not known here."""
        prefix = await self.fresh_owner(identifier)
        key = identifier.key(prefix is not None and prefix.suffix_case_sensitive)
        if (found := self._templates_by_key.get(key)) is None:
            with store_errors():
                self.apply_templates(await self._pool.fetch(_SQL["one_template"], key))
            found = self._templates_by_key.get(key)
        return found

    async def principal(self, authorization: str | None, now: datetime, source: str | None = None) -> Principal:
        """Who sent this `Authorization` header, from the address `source`.

        Raises `CredentialMissing`, `CredentialWrong`, `SourceNotAllowed` (also where the key has an allow-list and the
        address is not known), `RateLimited`, `StoreUnavailable`. Waits for nothing when the key was used here a moment ago.
        """
        key_id, secret = bearer_key(authorization)
        found = check_secret(await self._credential(key_id), secret, now, source)
        return await self._let_through(found, now, source)

    async def holder(self, key_id: str, now: datetime, source: str | None = None) -> Principal:
        """Who holds the key with this id, for a caller that proved it in another way (a signed token). Errors: as `principal`."""
        found = principal_of(await self._credential(key_id), now, source)
        return await self._let_through(found, now, source)

    async def _let_through(self, principal: Principal, now: datetime, source: str | None) -> Principal:
        """Each call of a key passes here, through whichever door it came."""
        self.key_use.note(principal.key, now, source)
        if principal.rates and self._limiter is not None:
            await self._limiter.admit(principal.rates)
        return principal

    def apply_prefixes(self, rows: Iterable[Any]) -> None:
        for row in rows:
            self._unknown_prefixes.pop(row["prefix"], None)
            prefix, old = prefix_from_row(row), self._prefixes.get(row["prefix"])
            if old is not None and old.enterprise_id != prefix.enterprise_id:
                self._names.pop(old.enterprise_id, None)  # it may hold no other, and nothing would tell of its new name
            self._prefixes[row["prefix"]] = prefix
            self._names[prefix.enterprise_id] = prefix.enterprise_name

    def apply_templates(self, rows: Iterable[Any]) -> None:
        for row in rows:
            template = template_from_row(row)
            self._templates[template.id] = self._templates_by_key[template.key] = template

    def apply_quotas(self, rows: Iterable[Any]) -> None:
        """Keys in use take their new limits at their next call."""
        changed = self.quotas.apply(rows)
        if not changed:
            return
        keys = {subject.number for subject in changed if subject.kind is Kind.KEY}
        enterprises = {subject.number for subject in changed if subject.kind is Kind.ENTERPRISE}
        held = [(key_id, found.principal) for key_id, (found, _) in self._keys.items() if found]
        self._forgotten += 1  # those that are being read at this moment are not to be kept either
        self.forget_keys(key_id for key_id, one in held if one.key in keys or one.enterprise_id in enterprises)

    async def viewer(self, principal: Principal | None) -> Viewer:
        """What somebody who reads may see. Raises `StoreUnavailable`."""
        if principal is None:
            return ANYBODY
        sees_own = Scope.READ_PRIVATE in principal.scopes
        if sees_own and principal.role in EVERYWHERE:
            return Viewer(sees_all=True)
        now = time.monotonic()
        held = self._grants.get(principal.key)
        if held is None or held[1] <= now:
            with store_errors():
                rows = await self._pool.fetch(_SQL["grants_of"], principal.key, principal.enterprise_id)
            held = self._grants[principal.key] = (tuple(map(_grant_from_row, rows)), now + _KEY_SECONDS)
            while len(self._grants) > _KEYS_HELD:
                self._grants.popitem(last=False)
        owns = principal.enterprise_id if sees_own and principal.role in OF_ENTERPRISE else None
        return Viewer(held[0], owns)

    def forget_grants(self) -> None:
        self._grants.clear()

    def forget_keys(self, key_ids: Iterable[str]) -> None:
        for key_id in key_ids:
            self._forgotten += 1
            self._keys.pop(key_id, None)

    async def _credential(self, key_id: str) -> Credential | None:
        now = time.monotonic()
        held = self._keys.get(key_id)
        if held is not None and held[1] > now:
            return held[0]
        forgotten = self._forgotten
        with store_errors():
            row = await self._pool.fetchrow(_SQL["one_key"], key_id)
        credential = _credential_from_row(row, self.quotas) if row else None
        if forgotten != self._forgotten:  # revoked, perhaps, after it was read: good for this call, not to be kept
            return credential
        self._keys[key_id] = (credential, now + (_KEY_SECONDS if credential else _UNKNOWN_KEY_SECONDS))
        while len(self._keys) > _KEYS_HELD:
            self._keys.popitem(last=False)
        return credential


def prefix_from_row(row: Any) -> Prefix:
    """A row of the view `held_prefix`."""
    return Prefix(
        row["prefix"],
        row["shown"],
        row["enterprise_id"],
        row["enterprise_name"],
        row["suffix_case_sensitive"],
        row["suspended"],
        PrefixState(row["state"]),
        row["suspended_reason"],
        row["answering"],
        row["parent"],
        Hosting(row["hosting"]),
        orjson.loads(row["site"]) if row["site"] else None,
        row["leases"],
        row["verified"],
    )


def _credential_from_row(row: Any, quotas: QuotaBook) -> Credential:
    role = Role(row["role"])
    scopes = ROLE_SCOPES[role]
    if row["scopes"] is not None:
        scopes = frozenset(scope for scope in scopes if scope in row["scopes"])
    suspension = None
    if row["enterprise_state"] not in (None, "active"):  # what is theirs they may go on reading
        scopes, suspension = scopes & {Scope.READ_PRIVATE}, row["enterprise_reason"] or ""
    return Credential(
        row["key_id"],
        bytes(row["secret_digest"]),
        Principal(
            row["id"],
            role,
            row["enterprise_id"],
            scopes,
            suspension,
            quotas.rates(row["id"], role, row["enterprise_id"]),
        ),
        row["expires_at"],
        row["revoked_at"],
        row["former_digest"],
        row["former_until"],
        tuple(row["networks"] or ()),
    )


def _grant_from_row(row: Any) -> Grant:
    types = frozenset(row["types"]) if row["types"] is not None else None
    return Grant(row["id"], row["scope"], row["object"], row["template_id"], types, row["until"])


async def read_node_id(pool: asyncpg.Pool[Any]) -> str:
    """The id of this database, the first part of every key in Redis."""
    found: str = await pool.fetchval(_SQL["node_id"])
    return found
