"""What the reply to a command means for it. Pure.

| command           | 1000             | 1001     | 2302                           | 2303    |
|-------------------|------------------|----------|--------------------------------|---------|
| enterprise-create | done (`entId`)   | as 1000  | ask by a check which it is     | failed  |
| enterprise-check  | done (`entId`)   | as 1000  | failed                         | failed  |
| enterprise-update | done             | awaiting | failed                         | failed  |
| prefix-create     | awaiting         | awaiting | sent before: awaiting, else refused | failed  |
| identifier-create | done             | done     | done: it is there              | failed  |
| identifier-update | done             | done     | failed                         | failed  |

2400 and 2500 did nothing: again later. What speaks of the applicant's own material (2003, 2005, 2306, 2308) refuses; any other
code is for somebody who runs a node: failed, until an operator sends it again.
"""

from __future__ import annotations

from enum import StrEnum

from sync.epp.names import PREFIX
from sync.epp.replies import Reply


class Kind(StrEnum):
    ENTERPRISE_CREATE = "enterprise-create"
    ENTERPRISE_CHECK = "enterprise-check"
    ENTERPRISE_UPDATE = "enterprise-update"
    PREFIX_CREATE = "prefix-create"
    IDENTIFIER_CREATE = "identifier-create"
    IDENTIFIER_UPDATE = "identifier-update"
    NOTHING = "nothing"  # what needs no telling; it stands there to be decided


class Next(StrEnum):
    DONE = "done"
    AWAITING = "awaiting"
    REFUSED = "refused"
    FAILED = "failed"
    AGAIN = "again"
    CHECK = "check"


_OK, _PENDING = 1000, 1001
_NOTHING_DONE = frozenset((2400, 2500, 2501, 2502))
_MATERIAL = frozenset((2003, 2005, 2306, 2308))
_EXISTS = 2302
_DONE = {
    Kind.ENTERPRISE_UPDATE: (Next.DONE, Next.AWAITING),
    Kind.PREFIX_CREATE: (Next.AWAITING, Next.AWAITING),
    Kind.IDENTIFIER_CREATE: (Next.DONE, Next.DONE),
    Kind.IDENTIFIER_UPDATE: (Next.DONE, Next.DONE),
}


def judge(kind: Kind, reply: Reply, *, sent_before: bool) -> Next:
    """`sent_before`: an earlier attempt went out, and what became of it is not known."""
    if reply.code in _NOTHING_DONE:
        return Next.AGAIN
    if reply.code in (_OK, _PENDING):
        if kind in (Kind.ENTERPRISE_CREATE, Kind.ENTERPRISE_CHECK):
            if reference_of(reply):
                return Next.DONE
            return Next.CHECK if kind is Kind.ENTERPRISE_CREATE else Next.FAILED
        return _DONE[kind][reply.code - _OK]
    if reply.code == _EXISTS:
        if kind is Kind.ENTERPRISE_CREATE:
            return Next.CHECK
        if kind is Kind.PREFIX_CREATE:  # a server may forget clTRIDs: what we sent may be what exists
            return Next.AWAITING if sent_before else Next.REFUSED
        if kind is Kind.IDENTIFIER_CREATE:
            return Next.DONE
    return Next.REFUSED if reply.code in _MATERIAL else Next.FAILED


def reference_of(reply: Reply) -> str | None:
    """What the top level calls the enterprise, where it says so."""
    data = reply.data
    if data is None or data.values is None or data.namespace == PREFIX:
        return None
    return data.values.get("entId") or None
