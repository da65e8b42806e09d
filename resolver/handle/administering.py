"""Administration by Handle clients (RFC 3652 §3.6): every operation by the registry, for whoever has proved who they are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from core.handle.administration import Acting
from core.handle.bodies import Named, Remove, Request, Valued, encode_names
from core.handle.codes import Code, Flag, Op
from core.handle.meaning import kept_values
from core.handle.reader import text
from resolver.handle.room import HandleRoom, Said

ADMINISTRATION = frozenset(
    (Op.CREATE, Op.DELETE, Op.ADD, Op.REMOVE, Op.MODIFY, Op.LIST, Op.HOME, Op.UNHOME, Op.LIST_HOMED)
)
NAMES_IN_MESSAGE = 50
_DONE = Said(Code.SUCCESS)


async def administer(room: HandleRoom, acting: Acting, op: int, flags: int, request: Request) -> AsyncIterator[Said]:
    """One answer, of a list several. Raises `Malformed`, and the problems of `core.handle.administration`."""
    administration = room.administration
    if op in (Op.LIST, Op.LIST_HOMED):
        assert isinstance(request, Named)
        async for said in _listed(_pages(room, acting, op, request.handle)):
            yield said
        return
    yield (
        await _done(room, acting, op, flags, request)
        if op != Op.CREATE
        else await _made(administration.create, acting, flags, request)
    )


async def _made(create: Callable[..., Awaitable[object]], acting: Acting, flags: int, request: Request) -> Said:
    assert isinstance(request, Valued)
    values = kept_values(request.values)
    made = await create(acting, request.handle, values, overwrite=bool(flags & Flag.OVRW), mint=bool(flags & Flag.MINT))
    return Said(Code.SUCCESS, text(str(getattr(made, "name", request.handle))))


async def _done(room: HandleRoom, acting: Acting, op: int, flags: int, request: Request) -> Said:
    """An operation whose answer says only that it was done."""
    administration = room.administration
    match op, request:
        case Op.DELETE, Named(handle):
            await administration.delete(acting, handle)
        case Op.ADD, Valued(handle, values):
            await administration.add(acting, handle, kept_values(values), overwrite=bool(flags & Flag.OVRW))
        case Op.MODIFY, Valued(handle, values):
            await administration.modify(acting, handle, kept_values(values))
        case Op.REMOVE, Remove(handle, indexes):
            await administration.remove(acting, handle, indexes)
        case Op.HOME, Named(handle):
            await administration.home(acting, handle)
        case Op.UNHOME, Named(handle):
            await administration.unhome(acting, handle)
        case _:
            return Said(Code.UNSUPPORTED, text(""))
    return _DONE


async def _pages(room: HandleRoom, acting: Acting, op: int, prefix: str) -> AsyncIterator[list[str]]:
    """Pages of names, in order; the last is shorter, perhaps empty."""
    after = ""
    while True:
        if op == Op.LIST:
            page = await room.administration.list_names(acting, prefix, after, NAMES_IN_MESSAGE)
        else:
            page = await room.administration.homed(acting, after, NAMES_IN_MESSAGE)
        yield page
        if len(page) < NAMES_IN_MESSAGE:
            return
        after = page[-1]


async def _listed(pages: AsyncIterator[list[str]]) -> AsyncIterator[Said]:
    """A message a page, each but the last saying that more follow."""
    held: list[str] | None = None
    async for page in pages:
        if held is not None:
            if not page:
                break
            yield Said(Code.SUCCESS, encode_names(tuple(held)), more=True)
        held = page
    yield Said(Code.SUCCESS, encode_names(tuple(held or ())))
