"""What the node tells the national top level, and what it hears back: the shapes that `registry` hands over and `sync` carries.

Verdicts come later, perhaps more than once, perhaps after a crash: a task is known by its number, and telling it twice
must do no harm on either side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol


class TopLevelUnavailable(Exception):
    """The top level could not be asked now; the task is tried again later. The text is for the operator."""


class PersonalData(Protocol):
    """What an application holds of persons: read, and audited as disclosed, only when it is asked for."""

    async def __call__(self) -> dict[str, str]:
        """Contact and legal person in the clear, by field."""
        ...

    async def image(self, kind: str) -> tuple[str, bytes] | None:
        """Media type and content; None where there is none of this kind."""
        ...


@dataclass(frozen=True, slots=True)
class EnterpriseFacts:
    """`reference` is what the top level calls the enterprise, where it has said so."""

    id: int
    name: str
    credit_code: str | None
    reference: str | None
    form: dict[str, Any]


@dataclass(frozen=True, slots=True)
class PrefixFacts:
    prefix: str
    enterprise_id: int
    enterprise_reference: str | None


@dataclass(frozen=True, slots=True)
class RouteFacts:
    """`hosting` is `here` or `own-node`, `site` an HS_SITE in JSON form."""

    prefix: str
    hosting: str
    site: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the top level decided about a task. `reference`: what it calls the enterprise from now on. `stuck`: it decided
    nothing, and an operator is to see why and send the task again."""

    task: int
    accepted: bool
    reason: str | None = None
    reference: str | None = None
    stuck: bool = False


class Wish(StrEnum):
    """What the top level may order of a prefix that it has approved."""

    SUSPEND = "suspend"
    RESUME = "resume"
    REVOKE = "revoke"


@dataclass(frozen=True, slots=True)
class Order:
    """`prefix` is canonical."""

    number: int
    prefix: str
    wish: Wish
    reason: str


class TopLevel(Protocol):
    """Every call has a deadline of its caller's, and raises `TopLevelUnavailable` where it should be made again."""

    async def submit_enterprise(self, task: int, enterprise: EnterpriseFacts, personal: PersonalData) -> None: ...

    async def update_enterprise(
        self, task: int, enterprise: EnterpriseFacts, changed: frozenset[str], personal: PersonalData
    ) -> None:
        """`changed`: members of the form and fields of persons (`contact.email`) that are others now."""
        ...

    async def submit_prefix(self, task: int, prefix: PrefixFacts) -> None: ...

    async def publish_route(self, task: int, route: RouteFacts) -> None: ...

    async def verdicts(self, waiting: Sequence[int]) -> Sequence[Verdict]:
        """What has been decided about the tasks that wait for it."""
        ...

    async def orders(self) -> Sequence[Order]:
        """What is ordered and not applied yet, in order; a bounded number of them."""
        ...

    async def order_applied(self, connection: Any, number: int) -> bool:
        """Note it in the caller's transaction; False: it was applied before, and the transaction must change nothing."""
        ...
