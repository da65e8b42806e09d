"""What a subject of the box says to a command, before it becomes a reply. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sync.epp.replies import Data, Offence, Queued


@dataclass(frozen=True, slots=True)
class Said:
    code: int
    offences: tuple[Offence, ...] = ()
    data: Data | None = None
    queue: Queued | None = None


class Refusal(Exception):
    """Nothing is done: the answer is this."""

    def __init__(self, code: int, namespace: str = "", name: str = "", value: str = "", zh: str = "") -> None:
        super().__init__(f"{code} {zh}")
        self.said = Said(code, (Offence(namespace, name, value, zh),) if zh else ())


def data(namespace: str, name: str, /, **values: Any) -> Data:
    return Data(namespace, name, values)
