"""What every verb of the registry works with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import asyncpg

from core.directory import Directory
from core.record import Record
from core.sealing import Vault
from registry.committer import Committer
from registry.leasing.book import LeaseBook
from registry.quotas.allowances import Allowances


@dataclass(frozen=True, slots=True)
class Registry:
    """One for each worker. `on_committed` hears of every record that a verb has written, after its commit."""

    pool: asyncpg.Pool[Any]
    directory: Directory
    committer: Committer
    allowances: Allowances
    on_committed: Callable[[Sequence[Record]], None]
    node_prefix: str
    restore_grace: timedelta
    vault: Vault = field(default_factory=Vault)
    required_images: tuple[str, ...] = ()
    leases: LeaseBook = field(default_factory=LeaseBook)
    lease_grace: timedelta = timedelta(days=7)
    enterprise_prefixes: int = 0  # that one may have; 0: any number
