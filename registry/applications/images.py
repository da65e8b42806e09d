"""Images of an application: which kinds there are, and what a file really is. Pure."""

from __future__ import annotations

from enum import StrEnum

MAX_IMAGE_BYTES = 4 * 1024 * 1024


class Kind(StrEnum):
    BUSINESS_LICENCE = "business-licence"
    LEGAL_PERSON_FRONT = "legal-person-id-front"
    LEGAL_PERSON_BACK = "legal-person-id-back"
    CONTACT_FRONT = "contact-id-front"
    CONTACT_BACK = "contact-id-back"
    AUTHORISATION = "authorisation-letter"


_BEGINNINGS = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"%PDF-", "application/pdf"),
)
ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "application/pdf": "pdf"}


def media_type_of(content: bytes) -> str | None:
    """By how the file begins, whatever its sender calls it; None for what is not taken."""
    return next((kind for beginning, kind in _BEGINNINGS if content.startswith(beginning)), None)
