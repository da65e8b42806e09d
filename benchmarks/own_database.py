"""An empty, migrated database on a PostgreSQL of the benchmark's own, without a node."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from core.migrate import migrate
from node.embedded.account import choose_account, reachable_postgres
from node.embedded.postgres import EmbeddedPostgres
from node.embedded.programs import find_postgres
from node.embedded.runtime import RuntimeDirectory
from node.supervisor import Supervisor


@contextlib.asynccontextmanager
async def own_database(directory: Path) -> AsyncIterator[str]:
    """Its address; it is stopped at the end, and its files stay in `directory`."""
    account = choose_account()
    with contextlib.ExitStack() as stack:
        runtime = stack.enter_context(RuntimeDirectory(directory, account))
        programs = reachable_postgres(find_postgres("auto"), account)
        postgres = stack.enter_context(contextlib.closing(EmbeddedPostgres(directory, runtime, programs, account)))
        postgres.prepare()
        async with Supervisor(directory) as supervisor:
            await supervisor.start(postgres.spec())
            await migrate(postgres.url)
            yield postgres.url
