"""4.2 Data synchronisation: what was registered is found from above, told as it changes, deposited, reconciled and restored."""

from __future__ import annotations

from node.drill.escrow import escrow
from node.drill.evidence import Found
from node.drill.flowing import FAULTS as FLOWING_FAULTS
from node.drill.flowing import flowing
from node.drill.stand import Stand

FAULTS = (*FLOWING_FAULTS, "clock skew", "cut before and after an upload")


async def data(stand: Stand, found: Found) -> None:
    found.faults = FAULTS
    stand.turn()
    await _looked_up(stand, found)
    await flowing(stand, found)
    await escrow(stand, found)


async def _looked_up(stand: Stand, found: Found) -> None:
    """By IIIDAP, as the top level looks up what a node has registered."""
    prefix = f"{stand.settings.node_prefix}.1001"
    status, said = await stand.call("GET", f"/iiidap/identifier/{prefix}")
    identifier = said.get("identifier") if isinstance(said, dict) else None
    found.check(
        "已登记的企业前缀可经 IIIDAP 查到", "a registered prefix is found by IIIDAP", status == 200 and identifier == prefix,
        status=status, identifier=identifier,
    )  # fmt: skip
