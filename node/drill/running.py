"""The six scenarios in their order, on one stand; what fails or breaks is told, and the next goes on."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from core.settings import Settings
from core.timestamps import rfc3339
from node.drill.access import access
from node.drill.authentication import authentication
from node.drill.data import data
from node.drill.evidence import Found, report_json
from node.drill.monitoring import monitoring
from node.drill.secure_transport import Logged, secure_transport
from node.drill.stand import Stand, stand_on
from node.drill.takeover import takeover
from node.version import VERSION

log = logging.getLogger(__name__)
Scenario = Callable[[Stand, Found], Awaitable[None]]
SCENARIOS: tuple[tuple[str, str, str, str, Scenario | None], ...] = (
    ("access", "4.1", "接入申请", "Application for access", access),
    ("data", "4.2", "数据同步", "Data synchronisation", data),
    ("monitoring", "4.3", "运行监测", "Operation monitoring", monitoring),
    ("takeover", "4.4", "应急接管", "Emergency takeover", takeover),
    ("transport", "5.1", "安全传输", "Secure transport", None),  # None: it is also handed the log of those before it
    ("authentication", "5.2", "接入认证", "Access authentication", authentication),
)
NAMES = tuple(name for name, *_ in SCENARIOS)


async def drill(settings: Settings, wanted: Sequence[str] = NAMES) -> dict[str, Any]:
    """The report. `settings` name a migrated, empty database and a Redis. Raises `Refused`."""
    logged = Logged()
    logging.getLogger().addHandler(logged)
    try:
        with tempfile.TemporaryDirectory(prefix="biaojie-drill-") as directory:
            async with stand_on(settings, Path(directory)) as stand:
                found = [await _play(stand, logged, *one) for one in SCENARIOS if one[0] in wanted]
                at = rfc3339(stand.desk.now())
    finally:
        logging.getLogger().removeHandler(logged)
    return report_json(found, at, VERSION, settings.node_prefix)


async def _play(
    stand: Stand, logged: Logged, name: str, item: str, zh: str, en: str, scenario: Scenario | None
) -> Found:
    found, began = Found(item, zh, en), time.monotonic()
    try:
        await (secure_transport(stand, found, logged) if scenario is None else scenario(stand, found))
    except Exception as wrong:  # what breaks one scenario is its failure, and the others go on
        log.exception("the scenario %s broke", name)
        found.check("情景未能完成", "the scenario broke", False, error=f"{type(wrong).__name__}: {wrong}"[:500])
    stand.turn()
    found.seconds = time.monotonic() - began
    return found
