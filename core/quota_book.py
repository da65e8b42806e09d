"""The limits that hold, in the memory of every worker: the rows of `quota`, and the defaults of the settings. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from core.access import EVERYWHERE, Role
from core.quota import UNLIMITED, Allowance, Kind, Limits, Rate, Subject, allowance_of, rate_of


@dataclass(frozen=True, slots=True)
class Defaults:
    """For whoever has no row of their own; keys of the node itself have no default."""

    enterprise: Limits = UNLIMITED
    key: Limits = UNLIMITED


class QuotaBook:
    """About 200 bytes a row; there are never more rows than enterprises and keys."""

    def __init__(self, defaults: Defaults = Defaults()) -> None:
        self._defaults = defaults
        self._rows: dict[Subject, Limits] = {}
        self._allowances: dict[Subject, Allowance] = {}
        self._every_enterprise = allowance_of(Subject(Kind.ENTERPRISE, 0), defaults.enterprise) is not None
        self.limits_registrations = self._every_enterprise  # whether anybody has such a limit

    def apply(self, rows: Iterable[Any]) -> set[Subject]:
        """Rows that are new or changed; gives whom they are for."""
        changed = set()
        for row in rows:
            subject = Subject(Kind(row["kind"]), row["id"])
            limits = self._rows[subject] = limits_of_row(row)
            self._allowances.pop(subject, None)
            if allowance := allowance_of(subject, limits):
                self._allowances[subject] = allowance
            changed.add(subject)
        self.limits_registrations = self._every_enterprise or bool(self._allowances)
        return changed

    def limits(self, subject: Subject, role: Role | None = None) -> Limits:
        """`role` is that of a key."""
        if (own := self._rows.get(subject)) is not None:
            return own
        if subject.kind is Kind.ENTERPRISE:
            return self._defaults.enterprise
        return UNLIMITED if role in EVERYWHERE else self._defaults.key

    def rates(self, key: int, role: Role, enterprise_id: int | None) -> tuple[Rate, ...]:
        """The paces that hold for the calls of a key, at most two."""
        of_key = Subject(Kind.KEY, key)
        found = [rate_of(of_key, self.limits(of_key, role))]
        if enterprise_id is not None:
            of_enterprise = Subject(Kind.ENTERPRISE, enterprise_id)
            found.append(rate_of(of_enterprise, self.limits(of_enterprise)))
        return tuple(rate for rate in found if rate is not None)

    def allowances(self, key: int, enterprise_id: int) -> tuple[Allowance, ...]:
        """What holds for registrations by a key under a prefix of an enterprise; mostly nothing."""
        if not self.limits_registrations:
            return ()
        of_enterprise = Subject(Kind.ENTERPRISE, enterprise_id)
        own = self._allowances.get(of_enterprise)
        if own is None and self._every_enterprise and of_enterprise not in self._rows:
            own = allowance_of(of_enterprise, self._defaults.enterprise)
        found = (own, self._allowances.get(Subject(Kind.KEY, key)))
        return tuple(allowance for allowance in found if allowance is not None)


def limits_of_row(row: Any) -> Limits:
    return Limits(row["requests_per_second"], row["burst"], row["registrations_per_day"], row["registrations_total"])
