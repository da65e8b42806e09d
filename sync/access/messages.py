"""What a message of the poll queue means, given what was heard of the same prefix before. Pure.

Messages may come twice, late and out of order. The time at which the top level queued one decides: what is older than the
last that was applied changes nothing. What nobody has defined changes nothing either, and a person is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.top_level import Wish
from sync.epp.names import ENT, PREFIX
from sync.epp.replies import Data


class Finding(StrEnum):
    """What was made of a message."""

    APPLIED = "applied"
    NOTED = "noted"  # says nothing that asks for an act: awaiting, in audit, as it is already
    DUPLICATE = "duplicate"
    LATE = "late"
    UNKNOWN = "unknown"  # values that nobody has defined, or about what we never asked for
    UNREADABLE = "unreadable"


SUSPENDED, NORMAL, REVOKED, REJECTED, AWAITING, IN_AUDIT = range(6)
_ORDERS = {SUSPENDED: Wish.SUSPEND, NORMAL: Wish.RESUME, REVOKED: Wish.REVOKE}
_MOST_REASON = 500


@dataclass(frozen=True, slots=True)
class Audit:
    """`prefix` is as sent, empty in one about an enterprise's own data."""

    prefix: str
    cl_trid: str
    sv_trid: str
    reference: str
    state: int
    result: int
    text: str
    at: datetime

    @property
    def says(self) -> tuple[str, int, int]:
        return self.sv_trid, self.state, self.result


@dataclass(frozen=True, slots=True)
class Last:
    """The last message that was applied of the same prefix."""

    at: datetime
    says: tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Meaning:
    """`accepted` decides the command that waits (None: it is left alone), `orders` go to the registry in this order."""

    finding: Finding
    accepted: bool | None = None
    orders: tuple[Wish, ...] = ()


def read_audit(data: Data | None, at: datetime) -> Audit | None:
    """None where it is not about a prefix or an enterprise, or could not be read."""
    if data is None or data.values is None or data.namespace not in (PREFIX, ENT) or data.name != "resData":
        return None
    values = data.values
    return Audit(
        values.get("prefix", ""), values["clTRID"], values["svTRID"], values["entId"], int(values["state"]),
        int(values["auditResult"]), values["auditResultMsg"].strip(), at,
    )  # fmt: skip


def understand(audit: Audit, last: Last | None, *, waiting: bool, held: str | None) -> Meaning:
    """`waiting`: a command about it has no verdict yet. `held`: the order in force of an approved prefix (`suspend`,
    `revoke`, or `resume` for none); None: it was never approved."""
    if last is not None and (audit.at, audit.says) == (last.at, last.says):
        return Meaning(Finding.DUPLICATE)
    if last is not None and audit.at < last.at:
        return Meaning(Finding.LATE)
    if audit.state not in range(6) or audit.result not in (0, 1):
        return Meaning(Finding.UNKNOWN)
    if audit.state in (AWAITING, IN_AUDIT):
        return Meaning(Finding.NOTED)
    if waiting:
        return _verdict(audit)
    if audit.result != 1 or audit.state == REJECTED or held is None:
        return Meaning(Finding.UNKNOWN)
    wish = _ORDERS[audit.state]
    if held == Wish.REVOKE:
        return Meaning(Finding.NOTED if wish is Wish.REVOKE else Finding.UNKNOWN)
    if held == wish:
        return Meaning(Finding.NOTED)
    return Meaning(Finding.APPLIED, orders=(wish,))


def _verdict(audit: Audit) -> Meaning:
    if audit.result != 1 or audit.state == REJECTED:
        return Meaning(Finding.APPLIED, accepted=False)
    # Suspended or revoked before we heard of the approval: only what was approved can be.
    further = () if audit.state == NORMAL else (_ORDERS[audit.state],)
    return Meaning(Finding.APPLIED, accepted=True, orders=further if audit.prefix else ())


def reason_of(audit: Audit) -> str:
    """For the applicant; there is always a sentence."""
    if audit.text:
        return audit.text[:_MOST_REASON]
    if audit.result == 1 and audit.state == NORMAL:
        return "国家顶级节点恢复 resumed by the national top level"
    return "国家顶级节点未说明原因 the national top level gives no reason"
