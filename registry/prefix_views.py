"""A prefix as its enterprise and the operator see it. Pure."""

from __future__ import annotations

from typing import Any

from core.access import Prefix


def prefix_view(prefix: Prefix, node_prefix: str) -> dict[str, Any]:
    """`state` says in one word whether it can be used, `reason` why not; `answering` whether it is resolved."""
    return {
        "prefix": prefix.shown,
        "enterprise_id": prefix.enterprise_id,
        "suffix_case_sensitive": prefix.suffix_case_sensitive,
        "enterprise": prefix.enterprise_name,
        "state": prefix.condition,
        "reason": prefix.reason,
        "answering": prefix.answering,
        "foreign": is_foreign(prefix.key, node_prefix),
        "parent": prefix.parent,
        "hosting": prefix.hosting.value,
        "site": None if prefix.service else prefix.site,
        "service": prefix.service,
    }


def is_foreign(key: str, node_prefix: str) -> bool:
    """Whether a canonical prefix lies beside the node's own, and is only hosted here."""
    return not key.startswith(node_prefix + ".")
