"""What an administrator reads through `GET /api/handles/{handle}`: values that are not public, where HS_ADMIN lets them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from core.exchange import Answer, json_of
from core.handle.administration import Administration, Administrator
from core.record import Record
from resolver.answers import chosen, handle_answer
from resolver.wishes import Wishes


@dataclass(frozen=True, slots=True)
class Administrators:
    """`of` says who sent a request; the composition sets it."""

    of: Callable[[web.Request], Awaitable[Administrator]]
    administration: Administration


ADMINISTRATORS: web.AppKey[Administrators] = web.AppKey("administrators", Administrators)


def is_administrators(authorization: str | None) -> bool:
    """Whether the header is one of Handle clients; a key is Bearer."""
    return authorization is not None and authorization.partition(" ")[0].lower() in ("basic", "handle")


async def seen_by(
    administration: Administration, who: Administrator, record: Record, wishes: Wishes, headers: Mapping[str, str]
) -> Answer | None:
    """None where it is what anybody sees. Raises `StoreUnavailable`."""
    plain = not (wishes.public_only or wishes.info or wishes.explain or record.withdrawn)
    shown = await administration.sees(who, record) if plain else None
    if shown is None:
        return None
    return json_of(handle_answer(record, chosen(shown, wishes.types, wishes.indexes)), headers=headers)
