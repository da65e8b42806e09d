"""What an enterprise is, as the top level wants to hear it. Pure.

Sources: draft-chen-top-level-interface-protocol-03 §3.2.1 and §3.2.5. The numbers of `entType` and `idType` are inferred from
its order; they stand in one table each.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Mapping
from typing import Any

from sync.epp.shapes import MOST_IMAGE_BYTES

LICENCE, LEGAL_PERSON = "business-licence", "legal-person-id-front"
IMAGES_NEEDED = (LICENCE, LEGAL_PERSON)
_IMAGE_TYPES = {"image/jpeg": "jpeg", "image/png": "png", "image/bmp": "bmp"}
_OTHER_NATURE = 5
# Which document a number is of, by its form; what fits none is a passport.
_ID_TYPES = (("1", r"[0-9]{17}[0-9X]"), ("2", r"[HM][0-9]{8,10}"), ("3", r"[0-9]{8}"))
_PASSPORT = "6"
# An enterprise's own changes that need no audit; any other is told in full.
CHANGEABLE = (
    "entProvinceCode", "entCityCode", "entCountyCode", "entAddrCn", "entNameEn", "entAddrEn", "entWebSite", "entDesc",
    "contact",
)  # fmt: skip
Image = tuple[str, bytes]


class MaterialMissing(Exception):
    """The application cannot be told to the top level as it stands: the reason, for the applicant."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(f"{zh} {en}")


def enterprise_values(
    name: str,
    credit_code: str | None,
    form: Mapping[str, Any],
    personal: Mapping[str, str],
    images: Mapping[str, Image],
) -> dict[str, Any]:
    """The children of `create` after `shrPrefix`. Raises `MaterialMissing`."""
    region = _needed(form, "region")
    licence_type, licence = _image(images, LICENCE)
    person_type, person = _image(images, LEGAL_PERSON)
    number = _needed(personal, "legal_person.id_number")
    return {
        "entType": str(form.get("nature") or _OTHER_NATURE),
        "entCrCode": credit_code or _needed(form, "credit_code"),
        "entCrtImg": licence,
        "entCrtImgType": licence_type,
        "entNameCn": name,
        "entProvinceCode": f"{region[:2]}0000",
        "entCityCode": f"{region[:4]}00",
        "entCountyCode": region,
        "entAddrCn": _needed(form, "address"),
        "entNameEn": "",
        "entAddrEn": "",
        "entWebSite": "",
        "entDesc": "",
        "contact": {
            "name": _needed(personal, "contact.name"),
            "email": _needed(personal, "contact.email"),
            "phone": _needed(personal, "contact.mobile"),
        },
        "legalPerson": {
            "name": _needed(personal, "legal_person.name"),
            "idType": next((kind for kind, form in _ID_TYPES if re.fullmatch(form, number)), _PASSPORT),
            "idNo": number,
            "idImgType": person_type,
            "idImg": person,
        },
    }


# Members of an application, and what of the enterprise they are there; any other is told with everything else.
_OF_MEMBER = {
    "region": CHANGEABLE[:3],  # the regions change together
    "address": ("entAddrCn",),
    "contact.name": ("contact",),
    "contact.email": ("contact",),
    "contact.mobile": ("contact",),
}
_NOT_TOLD = frozenset(("industry", "contact.id_number"))


def changes(changed: Collection[str], after: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """How to tell that members of an application have changed: (`chg`, what they are) where that is enough, else (`chgAll`,
    everything); None where the top level was never told of them."""
    told = [name for name in changed if name not in _NOT_TOLD]
    if not told:
        return None
    if any(name not in _OF_MEMBER for name in told):
        return "chgAll", dict(after)
    names = {part for name in told for part in _OF_MEMBER[name]}
    return "chg", {name: after[name] for name in CHANGEABLE if name in names}


def _needed(values: Mapping[str, Any], name: str) -> str:
    if found := str(values.get(name) or ""):
        return found
    raise MaterialMissing(f"{name} is missing", f"缺少 {name}。")


def _image(images: Mapping[str, Image], kind: str) -> tuple[str, str]:
    """(type, base64)."""
    media_type, content = images.get(kind, ("", b""))
    if not content:
        raise MaterialMissing(f"the image {kind} is missing", f"缺少影像 {kind}。")
    if media_type not in _IMAGE_TYPES or len(content) > MOST_IMAGE_BYTES:
        raise MaterialMissing(
            f"the top level takes the image {kind} as JPEG, PNG or BMP of at most 2 MiB",
            f"国家顶级节点要求影像 {kind} 为 JPEG、PNG 或 BMP，且不超过 2 MiB。",
        )
    return _IMAGE_TYPES[media_type], base64.b64encode(content).decode()
