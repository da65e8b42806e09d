"""Handle messages over HTTP: `POST /` with `application/x-hdl-message`, a message in, one or several out (RFC 3652 §2.3).

For clients behind firewalls that let nothing else through. Whatever is asked is answered as over TCP; a login alone is not
taken, because it belongs to a connection. Bad HTTP is a problem, bad Handle an answer of the protocol with the status 200.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web

from core.errors import HandleMessageMalformed, PageUnknown
from core.exchange import ANY_ORIGIN
from core.handle.envelope import ENVELOPE_BYTES, Envelope, decode_envelope
from core.handle.malformed import Malformed
from core.handle.reader import MAX_MESSAGE_BYTES
from core.web import read_at_most, source_of
from resolver.handle.dispatch import respond
from resolver.handle.room import Caller, HandleRoom
from resolver.preflight import preflight
from resolver.usage.tally import Door

MESSAGE_TYPE = "application/x-hdl-message"
HANDLE: web.AppKey[HandleRoom] = web.AppKey("handle", HandleRoom)
_HEADERS = {"Content-Type": MESSAGE_TYPE, "Cache-Control": "private, no-store", **ANY_ORIGIN}


def add_routes(app: web.Application) -> None:
    app.router.add_post("/", post_message)
    app.router.add_route("OPTIONS", "/", preflight)


async def post_message(request: web.Request) -> web.StreamResponse:
    """Errors: `PageUnknown` where this node speaks no Handle, `HandleMessageMalformed`, `BodyTooLarge`, `BodyNotJson`."""
    room = request.app.get(HANDLE)
    if room is None:
        raise PageUnknown()
    if request.content_type != MESSAGE_TYPE:
        raise HandleMessageMalformed(f"What is sent here must be {MESSAGE_TYPE}", f"此处只接受 {MESSAGE_TYPE}")
    message = await read_at_most(request, ENVELOPE_BYTES + MAX_MESSAGE_BYTES)
    envelope = envelope_of(message)
    source = source_of(request)
    caller = Caller(Door.HANDLE_HTTP, source, room.resolver.probes.mark(source, {}))
    return await _told(request, respond(room, caller, envelope, message[ENVELOPE_BYTES:]))


async def _told(request: web.Request, answers: AsyncIterator[bytes]) -> web.StreamResponse:
    """One message with its length; several one after another, as they are made."""
    held, stream = b"", None
    async for answer in answers:
        if held:
            if stream is None:
                stream = web.StreamResponse(headers=_HEADERS)
                await stream.prepare(request)
            await stream.write(held)
        held = answer
    if stream is None:
        return web.Response(body=held, headers=_HEADERS)
    await stream.write(held)
    return stream


def envelope_of(message: bytes) -> Envelope:
    """Of a body that is one whole message. Raises `HandleMessageMalformed`."""
    try:
        envelope = decode_envelope(message)
    except Malformed:
        envelope = None
    if envelope is None or envelope.length != len(message) - ENVELOPE_BYTES:
        raise HandleMessageMalformed()
    return envelope
