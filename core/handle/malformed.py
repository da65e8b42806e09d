"""What is said of bytes that are no message, or no value, of the protocol. The only exception that the codec raises."""

from __future__ import annotations

from core.handle.codes import Code


class Malformed(Exception):
    """`code` is the response code that an answer would have; the text says what is wrong, for the peer."""

    def __init__(self, reason: str, code: Code = Code.PROTOCOL_ERROR) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
