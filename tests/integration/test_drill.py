"""The acceptance of docking, rehearsed as `biaojie sync drill` does it."""

from __future__ import annotations

import time

from node.drill.evidence import report_text
from node.drill.running import drill
from tests.conftest import Servers
from tests.harness import settings_for

_BUDGET_SECONDS = 30


async def test_every_heading_of_the_acceptance_is_shown(database: str, servers: Servers) -> None:
    began = time.monotonic()
    report = await drill(settings_for(database, servers.redis_url))
    told = report_text(report)
    for scenario in report["scenarios"]:
        failed = [check for check in scenario["checks"] if not check["passed"]]
        assert scenario["checks"] and not failed, (scenario["item"], failed)
    assert time.monotonic() - began < _BUDGET_SECONDS
    assert [one["item"] for one in report["scenarios"]] == ["4.1", "4.2", "4.3", "4.4", "5.1", "5.2"]
    assert report["passed"] and all(one["title"]["zh"] in told for one in report["scenarios"])
