"""How a setting is declared, and checks that several have."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from core.addresses import parse_networks


def setting(default: Any, en: str, zh: str, **rules: Any) -> Any:
    """A field with its meaning in both languages, and its bounds."""
    return Field(default, description=en, json_schema_extra={"zh": zh}, **rules)


def check_networks(value: str) -> str:
    """Raises `ValueError`."""
    try:
        parse_networks(value)
    except ValueError as wrong:
        raise ValueError(f"must be networks such as 10.0.0.0/8, separated by commas: {wrong}") from None
    return value


def check_url(value: str) -> str:
    """Without a slash at its end. Raises `ValueError`."""
    if value and not value.startswith(("http://", "https://")):
        raise ValueError("must start with http:// or https://")
    return value.rstrip("/")
