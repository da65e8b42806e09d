"""Ecode: version, coding-system number (NSI) and master code (MD), GB/T 31866. Pure.

The lengths of the fields are those of the 2015 edition as it is commonly described; the text of the 2023 edition has not
been read. The binary form (version 0) is not taken. The marker `ecode:` is this node's, so that digits alone are never
guessed at. The owner part is version and NSI.
"""

from __future__ import annotations

import re

from core.schemes.reading import Reading, Scheme, malformed

ROOT = "ECODE"
_MARK = "ecode:"
_CODE = re.compile(r"([12])([0-9]{4})([0-9]+)|([34])([0-9]{5})(.+)")
_OWNER = re.compile(r"([12])([0-9]{4})|([34])([0-9]{5})")
_LONGEST = {"1": 20, "2": 28, "3": 39, "4": 200}  # characters of the master code
_ALPHANUMERIC = re.compile("[0-9A-Za-z]+")


def read_ecode(text: str) -> Reading:
    """Raises `IdentifierMalformed` (ecode-invalid)."""
    code = text[len(_MARK) :] if text[: len(_MARK)].lower() == _MARK else text
    found = _CODE.fullmatch(code)
    if found is None:
        raise _wrong()
    version, system, master = (part for part in found.groups() if part is not None)
    if len(master) > _LONGEST[version] or (version == "3" and not _ALPHANUMERIC.fullmatch(master)):
        raise _wrong()
    return Reading("ecode", code, _MARK + code, (f"{ROOT}.{version}.{system}",))


def coding_system(text: str) -> str:
    """The prefix under which version and NSI, written together, are granted. Raises `IdentifierMalformed`."""
    found = _OWNER.fullmatch(text[len(_MARK) :] if text[: len(_MARK)].lower() == _MARK else text)
    if found is None:
        raise _wrong()
    return ".".join((ROOT, *(part for part in found.groups() if part)))


def _wrong() -> Exception:
    return malformed(
        "ecode",
        "ecode-invalid",
        "an Ecode is ecode: with version (1 to 4), coding-system number (4 digits, 5 from version 3) and master code",
        "Ecode 写作 ecode: 后接版本（1–4）、编码体系标识（4 位，版本 3、4 为 5 位）与主码",
    )


ECODE = Scheme("ecode", ROOT, True, read_ecode, coding_system)
