"""A deposit on disk: zip → OpenPGP → parts → a signature for each; and back. Blocking: call it in a thread.

What is in the clear is there only while it is packed, readable by its owner only, and never under a name that could be sent.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

from sync.escrow.names import FileName
from sync.escrow.pgp import Certificate, SecretKey

_BLOCK = 1024 * 1024
_LEVEL = 1  # XML shrinks to a tenth at once; higher levels take three times as long for a fifth less
PLAIN, SEALED = "deposit.zip", "deposit.pgp"


@contextmanager
def plain_writer(folder: Path, name: str) -> Iterator[IO[bytes]]:
    """What is written goes into the zip, which is on disk when this ends without error."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / PLAIN
    with (
        open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as raw,
        zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED, allowZip64=True, compresslevel=_LEVEL) as packed,
        packed.open(name, "w", force_zip64=True) as entry,
    ):
        yield entry


def pack(folder: Path, base: FileName, to: Certificate, by: SecretKey, part_bytes: int) -> dict[str, tuple[str, int]]:
    """The files to send from what `plain_writer` left: name → (SHA-256, bytes). Raises `OpenPgpFailed`, OSError."""
    sealed = folder / SEALED
    sealed.unlink(missing_ok=True)
    to.encrypt(folder / PLAIN, sealed)
    (folder / PLAIN).unlink()
    made: dict[str, tuple[str, int]] = {}
    for part in _split(folder, sealed, base, part_bytes):
        signature = folder / str(replace(part, form="sig"))
        by.sign(folder / str(part), signature)
        for path in (folder / str(part), signature):
            made[path.name] = describe(path)
    return made


def _split(folder: Path, sealed: Path, base: FileName, part_bytes: int) -> Iterator[FileName]:
    """A plain split by bytes; a lone part is the file itself."""
    if sealed.stat().st_size <= part_bytes:
        only = replace(base, part=1, form="inde")
        sealed.rename(folder / str(only))
        yield only
        return
    with sealed.open("rb") as whole:
        number = 0
        while block := whole.read(min(_BLOCK, part_bytes)):
            number += 1
            part = replace(base, part=number, form="inde")
            with (folder / str(part)).open("wb") as out:
                left = part_bytes
                while block:
                    out.write(block)
                    left -= len(block)
                    block = whole.read(min(_BLOCK, left)) if left else b""
            yield part
    sealed.unlink()


def describe(path: Path) -> tuple[str, int]:
    """(SHA-256, bytes), and what is described is on the disk for good."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
        os.fsync(file.fileno())
    return digest.hexdigest(), size


def join(parts: list[Path], signatures: list[Path], of: Certificate, opens: SecretKey, folder: Path) -> Path:
    """The zip again, once every signature has held. Raises `OpenPgpFailed`, OSError."""
    for part, signature in zip(parts, signatures, strict=True):
        of.verify(part, signature)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    sealed, plain = folder / SEALED, folder / PLAIN
    with open(os.open(sealed, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as whole:
        for part in parts:
            with part.open("rb") as file:
                while block := file.read(_BLOCK):
                    whole.write(block)
    os.close(os.open(plain, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    try:
        opens.decrypt(sealed, plain)
    finally:
        sealed.unlink()
    return plain


@contextmanager
def plain_reader(path: Path) -> Iterator[IO[bytes]]:
    """The one document of a zip, unpacked as it is read. Raises `zipfile.BadZipFile`."""
    with zipfile.ZipFile(path) as packed:
        names = packed.namelist()
        if len(names) != 1:
            raise zipfile.BadZipFile(f"{len(names)} files where one was expected")
        with packed.open(names[0]) as entry:
            yield entry
