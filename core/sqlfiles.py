"""SQL kept in `.sql` files: `-- name: what_it_does`, a comment that says why, the statement."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from types import MappingProxyType

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


@cache
def load_sql(package: str, file_name: str) -> MappingProxyType[str, str]:
    """The statements of `<package>/sql/<file_name>` by name; comments stay in, so that they show in PostgreSQL's logs."""
    text = (files(package) / "sql" / file_name).read_text("utf-8")
    pieces = _NAME.split(text)[1:]
    return MappingProxyType({name: body.strip() for name, body in zip(pieces[::2], pieces[1::2], strict=True)})
