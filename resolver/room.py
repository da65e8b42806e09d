"""What the doors of the resolver work with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from core.access import Prefix
from core.directory import Directory
from core.errors import (
    AliasLoop,
    IdentifierMalformed,
    IdentifierUnknown,
    NotResponsible,
    PrefixNotAnswering,
    StoreUnavailable,
    VersionNotReached,
)
from core.exchange import Ask, now
from core.handle.administration import PREFIX_RECORDS
from core.identifier import Identifier, fold_case, parse_identifier
from core.record import Record
from core.values import HandleValue
from core.visibility import ANYBODY, Viewer, visible
from resolver.iiidap.bootstrap import Bootstrap
from resolver.keeping import least_ttl
from resolver.lookup import Lookup
from resolver.memory import ALIAS, Entry
from resolver.recursion import Recursion
from resolver.referral import Referred
from resolver.usage.probes import Probes
from resolver.usage.tally import Door, Outcome, Tally
from resolver.wishes import PLAIN, Wishes

MOST_ALIASES = 4


@dataclass(frozen=True, slots=True)
class Resolver:
    """What the doors need. `node_prefix` has ASCII letters in upper case; `base_url` is where users reach the node, empty
    where nobody said; `public_cache_seconds` is how long caches outside may keep an answer at most."""

    lookup: Lookup
    directory: Directory
    node_prefix: str
    node_name: str
    tally: Tally
    probes: Probes
    worker: int = 0
    recursion: Recursion | None = None
    base_url: str = ""
    bootstrap: Bootstrap | None = None
    public_cache_seconds: int = 0

    def key(self, identifier: Identifier) -> str:
        """The canonical key by the rule of the identifier's prefix.

        Raises `NotResponsible` for what is neither below the node's prefix nor below one that was given here,
        `PrefixNotAnswering`, and `Referred` for what is hosted at the own node of an enterprise.
        """
        prefix = self.directory.owner(identifier)
        if prefix is not None:
            if not prefix.answered_here:
                raise _answered_elsewhere(identifier, prefix)
            return identifier.key(prefix.suffix_case_sensitive)
        below, of_prefix = identifier.prefix_key, None
        if below == PREFIX_RECORDS:  # the record of a prefix is where the prefix is
            below = fold_case(identifier.suffix)
            of_prefix = self.directory.prefix(below)
        above = of_prefix or self._nearest_above(below)
        if above is not None and not above.answered_here:
            raise _answered_elsewhere(identifier, above)
        if of_prefix is not None or self.is_below_ours(below):
            return identifier.key()
        raise self._not_responsible(identifier)

    def _not_responsible(self, identifier: Identifier) -> NotResponsible:
        """Naming the node that is, where this node's copy of the bootstrap registry knows it."""
        en = f"The prefix {identifier.prefix} is not served by this node, which has {self.node_prefix}"
        zh = f"本节点（{self.node_prefix}）不提供前缀 {identifier.prefix} 的解析"
        extra: dict[str, Any] = {"handle": str(identifier), "responseCode": NotResponsible.handle_code}
        there = self.bootstrap.base_of(identifier.prefix) if self.bootstrap is not None else None
        if there is not None:
            extra["responsible"] = {"iiidap": there}
            en, zh = f"{en}; the top level names {there} as responsible", f"{zh}；国家顶级节点登记的负责节点为 {there}"
        return NotResponsible(en, zh, **extra)

    def is_below_ours(self, prefix_key: str) -> bool:
        """A prefix that nobody has, below the node's own or below one given here, foreign ones included."""
        return (prefix_key + ".").startswith(self.node_prefix + ".") or self._nearest_above(prefix_key) is not None

    def _nearest_above(self, prefix_key: str) -> Prefix | None:
        """The prefix given here that one which nobody has lies below."""
        above = prefix_key.rpartition(".")[0]
        while above:
            if (found := self.directory.prefix(above)) is not None:
                return found
            above = above.rpartition(".")[0]
        return None

    async def viewer(self, ask: Ask) -> Viewer:
        """Who is reading. Without a key anybody; a wrong key is refused, not taken for none."""
        sent = ask.headers.get("authorization")
        if sent is None:
            return ANYBODY
        return await self.directory.viewer(await self.directory.principal(sent, now(), ask.source))

    def values(self, record: Record, viewer: Viewer) -> list[HandleValue]:
        """What this viewer may see of the record."""
        prefix = self.directory.prefix(record.key.partition("/")[0])
        return visible(record, viewer, prefix.enterprise_id if prefix else None, now())

    async def holder(self, record: Record) -> str | None:
        """The name of the enterprise that a record was transferred to, empty where that is not known at the moment; None where
        it is held by the enterprise of its prefix."""
        prefix = self.directory.prefix(record.key.partition("/")[0])
        if record.owner_id is None or (prefix is not None and prefix.enterprise_id == record.owner_id):
            return None
        try:
            return await self.directory.enterprise_name(record.owner_id, ask=not self.lookup.stale_seconds) or ""
        except StoreUnavailable:
            return ""

    async def entry(self, ask: Ask, door: Door, identifier: Identifier, wishes: Wishes = PLAIN) -> Entry:
        """The record, withdrawn or not, counted as a resolution.

        Raises `IdentifierUnknown`, `NotResponsible`, `VersionNotReached` (older than asked for), `StoreUnavailable`.
        """
        key = self.key(identifier)
        if wishes.at_least or wishes.authoritative:
            found = await self.lookup.find_newer(key, 0 if wishes.authoritative else wishes.at_least)
        else:
            found = await self.lookup.find(key)
        self.count(ask, door, key, found)
        if found is None:
            raise unknown(identifier)
        require_version(found.record, wishes)
        return found

    async def find_many(self, keys: Sequence[str], wishes: Wishes) -> list[Entry | Exception | None]:
        """As `Lookup.find_many`, from where it is fresh enough for the reader. Nothing is counted."""
        if wishes.at_least or wishes.authoritative:
            return await self.lookup.find_many_newer(keys, 0 if wishes.authoritative else wishes.at_least)
        return await self.lookup.find_many(keys)

    async def follow(self, entry: Entry, wishes: Wishes = PLAIN) -> tuple[Entry, tuple[Record, ...]]:
        """Where the aliases lead that begin at a record (RFC 3651 §3.2.5), and the records on the way, none where it is no
        alias. Only a public HS_ALIAS is followed; what is seen at the end is by the rules of what is there.

        Raises `AliasLoop` (also beyond `MOST_ALIASES`), `IdentifierUnknown`, `NotResponsible`, `PrefixNotAnswering`,
        `StoreUnavailable`.
        """
        way: list[Record] = []
        while entry.aliased and not wishes.ignore_aliases and (named := alias_of(entry.record)) is not None:
            way.append(entry.record)
            key = self.key(named)
            if len(way) > MOST_ALIASES or any(one.key == key for one in way):
                raise AliasLoop(
                    f"The aliases that begin at {way[0].identifier} do not end",
                    f"始于 {way[0].identifier} 的别名链没有终点",
                    aliases=[one.identifier for one in way],
                )
            found = await (self.lookup.find_newer(key, 0) if wishes.authoritative else self.lookup.find(key))
            if found is None:
                raise unknown(named)
            entry = found
        return entry, tuple(way)

    def most_kept(self, viewer: Viewer, wishes: Wishes, aliases: Iterable[Record] = ()) -> int:
        """For how many seconds a cache outside may keep, at most, what this reader is told by way of these aliases; 0 for what
        is one reader's, of one moment, or may be stale."""
        of_this_moment = wishes.at_least or wishes.authoritative or self.lookup.stale_seconds
        if not self.public_cache_seconds or viewer is not ANYBODY or of_this_moment:
            return 0
        on_the_way = (least_ttl(value for value in one.values if value.type == ALIAS) for one in aliases)
        return min((self.public_cache_seconds, *on_the_way))

    def count(self, ask: Ask, door: Door, key: str, found: Entry | None) -> None:
        """One answered look-up. Prefixes that are nobody's share one line: strangers must not make the tally grow."""
        outcome = Outcome.UNKNOWN if found is None else Outcome.WITHDRAWN if found.record.withdrawn else Outcome.FOUND
        prefix = key.partition("/")[0]
        if found is None and self.directory.prefix(prefix) is None:
            prefix = ""
        self.tally.add(prefix, door, outcome, self.probes.mark(ask.source, ask.headers))


def require_version(record: Record, wishes: Wishes) -> None:
    """Raises `VersionNotReached`."""
    if (has := record.version) < wishes.at_least:
        raise VersionNotReached(
            f"{record.identifier} is at version {has}; you asked for {wishes.at_least} or newer",
            f"{record.identifier} 当前版本为 {has}，您要求不低于 {wishes.at_least}",
            version=has,
        )


def alias_of(record: Record) -> Identifier | None:
    """What the first public HS_ALIAS names, where that is an identifier."""
    for value in record.values:
        if value.type == ALIAS and value.public and isinstance(value.data, str):
            try:
                return parse_identifier(value.data)
            except IdentifierMalformed:
                return None
    return None


def _answered_elsewhere(identifier: Identifier, prefix: Prefix) -> Exception:
    """Suspended comes first: an enterprise that must not be resolved is not sent visitors either."""
    return _not_answering(identifier, prefix) if not prefix.answering else Referred(identifier, prefix)


def _not_answering(identifier: Identifier, prefix: Prefix) -> PrefixNotAnswering:
    why = prefix.reason or ""
    return PrefixNotAnswering(
        f"The prefix {prefix.shown} is suspended and not resolved" + (f": {why}" if why else ""),
        f"前缀 {prefix.shown} 已被暂停，停止解析" + (f"：{why}" if why else ""),
        handle=str(identifier),
        reason=prefix.reason,
        responseCode=PrefixNotAnswering.handle_code,
    )


def unknown(identifier: Identifier) -> IdentifierUnknown:
    return IdentifierUnknown(
        f"{identifier} is not registered here",
        f"{identifier} 未在本节点注册",
        handle=str(identifier),
        responseCode=IdentifierUnknown.handle_code,
    )
