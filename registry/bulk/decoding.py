"""Bytes of a file as blocks of whole lines in UTF-8, whatever they were encoded in.

The encoding is decided on the bytes: a mark at the beginning, else by the first block that has other than ASCII: UTF-8 when
most of its such lines read as UTF-8, else GB18030. What does not read becomes NUL, and a row with NUL is refused; a line
is never lost for another.
"""

from __future__ import annotations

import codecs
import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import polars as pl

BLOCK_BYTES = 24 * 2**20
MAX_LINE_BYTES = 16 * 2**20  # a longer one is cut down to a row that cannot be read
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def _as_nul(wrong: UnicodeError) -> tuple[str, int]:
    assert isinstance(wrong, UnicodeDecodeError)
    return "\0", wrong.end


codecs.register_error("biaojie.nul", _as_nul)


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines, UTF-8, ended by `\\n` each (but perhaps not the last of the file); `read` bytes of the file so far."""

    octets: bytes
    read: int


class Decoder:
    """Reads one file; `encoding` is known once something has shown it."""

    def __init__(self, path: Path, block_bytes: int = BLOCK_BYTES) -> None:
        self._path = path
        self._block_bytes = block_bytes
        self.encoding: str | None = None

    def blocks(self) -> Iterator[Block]:
        with self._path.open("rb") as file:
            start = file.read(4)
            for mark, encoding in _MARKS:
                if start.startswith(mark):
                    self.encoding = encoding
                    file.seek(len(mark))
                    break
            else:
                file.seek(0)
            wide = self.encoding is not None and self.encoding.startswith("utf-16")
            yield from self._wide(file) if wide else self._narrow(file)
        self.encoding = self.encoding or "ascii"

    def _narrow(self, file: BinaryIO) -> Iterator[Block]:
        """Line feeds are single bytes in UTF-8 and in GB18030, so lines are cut first and decoded then."""
        read = file.tell()
        for lines in whole_lines(_cut_at_lines(file, self._block_bytes)):
            read += len(lines)
            yield Block(self._to_utf8(lines), read)

    def _wide(self, file: BinaryIO) -> Iterator[Block]:
        decoder = codecs.getincrementaldecoder(self.encoding or "")("biaojie.nul")

        def decoded() -> Iterator[bytes]:
            while octets := file.read(self._block_bytes):
                yield decoder.decode(octets).encode("utf-8", "replace")
            if rest := decoder.decode(b"", final=True):
                yield rest.encode("utf-8", "replace")

        for lines in whole_lines(decoded()):
            yield Block(lines, file.tell())

    def _to_utf8(self, lines: bytes) -> bytes:
        if lines.isascii():
            return lines
        if self.encoding is None:
            self.encoding = _guess(lines)
        if self.encoding == "utf-8":
            return lines if _is_utf8(lines) else lines.decode("utf-8", "biaojie.nul").encode()
        return lines.decode(self.encoding, "biaojie.nul").encode()


def _cut_at_lines(file: BinaryIO, most: int) -> Iterator[bytes]:
    """From where the file stands, pieces of up to `most` bytes that end with a line where one does: each is copied once."""
    start, size = file.tell(), os.fstat(file.fileno()).st_size
    while start < size:
        window = start - start % mmap.ALLOCATIONGRANULARITY  # the whole file mapped would count as our memory
        length = min(start + most, size) - window
        with mmap.mmap(file.fileno(), length, access=mmap.ACCESS_READ, offset=window) as octets:
            end = octets.rfind(b"\n", start - window) + 1 or length
            piece = octets[start - window : end]
        start = window + end
        yield piece


def whole_lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes cut after line feeds, `\\r\\n` and lone `\\r` (where there is no other) as `\\n`. A line that is too
    long is given as one that holds a NUL, once."""
    held, skipping, old_mac = b"", False, False
    for number, piece in enumerate(pieces):
        if number == 0:
            old_mac = b"\n" not in piece and b"\r" in piece
        held += piece.replace(b"\r", b"\n") if old_mac else piece
        if skipping:
            _, found, held = held.partition(b"\n")
            if not found:
                held = b""
                continue
            skipping = False
        end = held.rfind(b"\n") + 1
        lines, held = held[:end], held[end:]
        if len(held) > MAX_LINE_BYTES:
            lines, held, skipping = lines + b"\0\n", b"", True
        if lines:
            yield lines.replace(b"\r\n", b"\n") if b"\r" in lines else lines
    if held and not skipping:
        yield held.removesuffix(b"\r")


def _is_utf8(octets: bytes) -> bool:
    """Looked at by Polars, which makes no text of it: several times as fast as `decode`."""
    try:
        pl.Series([octets], dtype=pl.Binary).cast(pl.String)
    except pl.exceptions.PolarsError:
        return False
    return True


def _guess(lines: bytes) -> str:
    """By how many of the lines beyond ASCII read as UTF-8; text in GB18030 hardly ever does by chance."""
    if _is_utf8(lines):
        return "utf-8"
    some = [line for line in lines.split(b"\n") if not line.isascii()][:10_000]
    others = [line for line in some if not _reads(line, "utf-8")]  # UTF-8 often reads as GB18030 too, never the reverse
    return "gb18030" if sum(_reads(line, "gb18030") for line in others) > len(some) - len(others) else "utf-8"


def _reads(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
