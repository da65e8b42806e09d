"""Templates made of others: a copy of another enterprise's, the next version of one's own."""

from __future__ import annotations

import re
from typing import Any

from core.access import Principal
from core.database import store_errors
from core.errors import BodyInvalid, FieldProblem
from core.identifier import Identifier, parse_identifier
from core.template import template_retired
from core.template_life import Move, State, require_move
from registry.room import Registry
from registry.store import Origin
from registry.template_store import Held, find_held
from registry.template_wish import LINEAGE, Definition, Wish, parse_about, parse_name, parse_wish
from registry.verbs.draft_template import make_draft
from registry.verbs.publish_template import own_prefix, publish, unknown

_NUMBERED = re.compile(r"(.+)_v([1-9][0-9]{0,5})", re.DOTALL)
_TRIES = 100


async def create_template(
    registry: Registry, principal: Principal, origin: Origin, body: dict[str, Any]
) -> tuple[Held, bool]:
    """`POST /api/v1/templates`: published at once or as a draft, of items or as a copy (`copy_of`) of a published template.

    Errors: `BodyInvalid`, `PrefixNotYours`, `PrefixSuspended`, `ScopeNotEnough`, `TemplateTaken`, `StoreUnavailable`.
    """
    wish = parse_wish(body)
    await own_prefix(registry, principal, wish.identifier)
    definition = await _copied(registry, wish, wish.copy_of) if wish.copy_of is not None else wish.definition
    make = make_draft if wish.state is State.DRAFT else publish
    return await make(registry, principal, origin, wish.identifier, definition)


async def new_version(
    registry: Registry, principal: Principal, origin: Origin, identifier: Identifier, body: dict[str, Any]
) -> tuple[Held, bool]:
    """A draft that says what this template says, and that this is its `previous`. Without an identifier the next free
    `…_v2`, `…_v3` is taken. Errors: those of `make_draft`, `TemplateUnknown`, `TemplateState`."""
    prefix = await own_prefix(registry, principal, identifier)
    problems: list[FieldProblem] = []
    said = parse_about(body, (), problems)
    named = parse_name(body["identifier"], problems) if body.get("identifier") is not None else None
    if problems:
        raise BodyInvalid(errors=tuple(problems))
    with store_errors():
        old = await find_held(registry.pool, identifier.key(prefix.suffix_case_sensitive))
        if old is None:
            raise unknown(identifier)
        require_move(old.identifier, old.state, Move.NEW_VERSION)
        named = named or await _next_name(registry, parse_identifier(old.identifier), prefix.suffix_case_sensitive)
    definition = _derived(old.definition, said, {"previous": old.identifier})
    return await make_draft(registry, principal, origin, named, definition)


async def _copied(registry: Registry, wish: Wish, source: Identifier) -> Definition:
    """Raises `BodyInvalid`: there is no such template, it is not published, or no more."""
    template = await registry.directory.fresh_template(source)
    if template is None:
        en, zh = f"there is no published template {source}", f"没有已发布的模板 {source}"
        raise BodyInvalid(errors=(FieldProblem("copy_of", "template-unknown", en, zh),))
    if template.retired:
        raise BodyInvalid(errors=(template_retired(template.identifier, "copy_of"),))
    with store_errors():
        held = await find_held(registry.pool, template.key)
    assert held is not None
    return _derived(held.definition, wish.definition, {"copied_from": held.identifier})


def _derived(old: Definition, said: Definition, lineage: dict[str, str]) -> Definition:
    """The old definition, under what is said anew; a version is never inherited."""
    facts = {name: fact for name, fact in old.facts.items() if name not in LINEAGE}
    return Definition(old.items, said.version, {**facts, **said.facts, **lineage})


async def _next_name(registry: Registry, old: Identifier, case_sensitive: bool) -> Identifier:
    found = _NUMBERED.fullmatch(old.suffix)
    stem, number = (found[1], int(found[2])) if found else (old.suffix, 1)
    for later in range(number + 1, number + 1 + _TRIES):
        name = parse_identifier(f"{old.prefix}/{stem}_v{later}")
        if await find_held(registry.pool, name.key(case_sensitive)) is None:
            return name
    en, zh = "must be given: the next hundred names are taken", "须给出标识：后续一百个名称均已占用"
    raise BodyInvalid(errors=(FieldProblem("identifier", "identifier-missing", en, zh),))
