"""Names as Handle clients write them, and the records of prefixes: `0.NA/<prefix>` says who administers a prefix. Pure."""

from __future__ import annotations

from core.access import Prefix
from core.errors import NotResponsible
from core.handle.administration import PREFIX_RECORDS
from core.identifier import Identifier, fold_case, parse_identifier


def parse_name(text: str) -> Identifier:
    """A name without a slash is that of a prefix record. Raises `IdentifierMalformed`."""
    return parse_identifier(text if "/" in text or ":" in text else f"{PREFIX_RECORDS}/{text}")


def is_prefix_record(identifier: Identifier) -> bool:
    return identifier.prefix_key == PREFIX_RECORDS


def described_prefix(identifier: Identifier) -> str:
    """The canonical prefix that a prefix record is of."""
    return fold_case(identifier.suffix)


def record_key(prefix: Prefix) -> str:
    """The canonical name of the record of a prefix."""
    return f"{PREFIX_RECORDS}/{prefix.key}"


def key_of(identifier: Identifier, prefix: Prefix | None) -> str:
    """The canonical text, by the rule of the prefix that it lies under; the names of prefix records compare without case."""
    return identifier.key(prefix is not None and prefix.suffix_case_sensitive and not is_prefix_record(identifier))


def not_responsible(name: str) -> NotResponsible:
    return NotResponsible(f"This node does not serve {name}", f"本节点不负责 {name}", handle=name)
