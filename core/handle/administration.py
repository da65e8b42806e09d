"""What a Handle door asks of the registry: the one interface between who speaks the protocol and who keeps the records.

The wire listeners of the resolver and the HTTP door call this; `registry.handle` does it, the composition joins them. Names
are texts as the client spelled them. Every call raises problems of `core.errors`, whose `handle_code` is the response code.
Nothing here tells a stranger anything: `authenticate` comes first, and a call that is not allowed says only that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.record import Record
from core.values import HandleValue

PREFIX_RECORDS = "0.NA"  # `0.NA/88.118.8` is the record of the prefix 88.118.8


@dataclass(frozen=True, slots=True)
class Administrator:
    """Who has proved to hold the key at `index` of a handle. `key` is the canonical handle, `handle` as it was spelled."""

    handle: str
    key: str
    index: int

    def __str__(self) -> str:
        return f"{self.index}:{self.handle}"


@dataclass(frozen=True, slots=True)
class Acting:
    """One request of an administrator: what the audit keeps. `source` is the address it came from."""

    administrator: Administrator
    source: str | None = None
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """`name` as it was made; `created` is False where a record was replaced."""

    name: str
    created: bool


class Administration(Protocol):
    """Errors of every call: `StoreUnavailable`; of those that take `acting` also `AdministratorNotAllowed` (401, also where
    there is nothing and the administrator may not know), `IdentifierMalformed` (102), `NotResponsible` (301), and of those
    that write the errors of the verbs behind them (`registry.verbs`), as `QuotaExhausted` (604) and `BodyInvalid` (202)."""

    async def authenticate(
        self, handle: str, index: int, kind: str, answer: bytes, data: bytes, source: str | None
    ) -> Administrator:
        """Who answered a challenge. `kind` is HS_SECKEY or HS_PUBKEY, `answer` the bytes of the answer as on the wire,
        `data` what it is over (nonce, then digest). Errors: `AdministratorUnknown` (400), `AdministratorWrong` (403),
        `LoginTooFrequent` (3)."""
        ...

    async def with_secret(self, handle: str, index: int, secret: bytes, source: str | None) -> Administrator:
        """Who knows a secret itself: HTTP Basic. Errors as `authenticate`."""
        ...

    async def verify(self, handle: str, index: int, answer: bytes, data: bytes, source: str | None) -> bool:
        """Whether a secret key gave this answer: asked by other servers (op 201). Errors: `LoginTooFrequent`."""
        ...

    async def public_key(self, handle: str, index: int) -> HandleValue:
        """The HS_PUBKEY of an administrator. Errors: `AdministratorUnknown` (400)."""
        ...

    async def sees(self, administrator: Administrator, record: Record) -> list[HandleValue] | None:
        """The values of a record that the administrator may read (authorised read, 0x0400); None: what anybody sees."""
        ...

    async def create(
        self,
        acting: Acting,
        name: str,
        values: Sequence[HandleValue],
        *,
        overwrite: bool = False,
        mint: bool = False,
    ) -> Made:
        """A new record; with `overwrite` also in place of one that is there. With `mint` the name is a beginning that is
        completed. Errors: `IdentifierTaken` (101), `IdentifierWithdrawn` (101), those of `register` and `revise`."""
        ...

    async def delete(self, acting: Acting, name: str) -> None:
        """Withdraw. Errors: `IdentifierUnknown` (100), those of `withdraw`."""
        ...

    async def add(self, acting: Acting, name: str, values: Sequence[HandleValue], *, overwrite: bool = False) -> Made:
        """Values at new indexes; with `overwrite` also at those that are there. `created`: none was there. Errors:
        `IdentifierUnknown`, `ValueTaken` (201), those of `merge`."""
        ...

    async def remove(self, acting: Acting, name: str, indexes: Sequence[int]) -> None:
        """Errors: `IdentifierUnknown`, `ValuesUnknown` (200), those of `merge`."""
        ...

    async def modify(self, acting: Acting, name: str, values: Sequence[HandleValue]) -> None:
        """Values at indexes that are there. Errors: `IdentifierUnknown`, `ValuesUnknown` (200), those of `merge`."""
        ...

    async def list_names(self, acting: Acting, prefix: str, after: str, limit: int) -> list[str]:
        """At most `limit` names under a prefix (`0.NA/88.118.8` or `88.118.8`) in order, after the name `after` (empty: from
        the beginning); fewer than `limit`: the end. Withdrawn ones are not there."""
        ...

    async def count(self, acting: Acting, prefix: str) -> int:
        """How many names `list_names` would give."""
        ...

    async def home(self, acting: Acting, prefix: str) -> None:
        """This node answers for the prefix from now on. For administrators of the server."""
        ...

    async def unhome(self, acting: Acting, prefix: str) -> None:
        """And not any more; its records stay. For administrators of the server."""
        ...

    async def homed(self, acting: Acting | None, after: str, limit: int) -> list[str]:
        """Prefix records (`0.NA/…`) of the prefixes that this node answers for, in order; anybody may know."""
        ...
