"""The top level of a node without peering: everything is approved at once. It remembers nothing, so it loses nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.top_level import EnterpriseFacts, Order, PersonalData, PrefixFacts, RouteFacts, Verdict


class SelfApproval:
    """A `core.top_level.TopLevel`. Personal data is never asked for."""

    async def submit_enterprise(self, task: int, enterprise: EnterpriseFacts, personal: PersonalData) -> None:
        return None

    async def update_enterprise(
        self, task: int, enterprise: EnterpriseFacts, changed: frozenset[str], personal: PersonalData
    ) -> None:
        return None

    async def submit_prefix(self, task: int, prefix: PrefixFacts) -> None:
        return None

    async def publish_route(self, task: int, route: RouteFacts) -> None:
        return None

    async def verdicts(self, waiting: Sequence[int]) -> Sequence[Verdict]:
        return [Verdict(task, accepted=True) for task in waiting]

    async def orders(self) -> Sequence[Order]:
        return ()

    async def order_applied(self, connection: Any, number: int) -> bool:
        return False
