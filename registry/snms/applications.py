"""An enterprise's application in the SNMS form (`ent/apply`), turned into the one of `registry.applications.form`. Pure.

Unknown members are ignored, numbers may come as text. Images come as base64 in the members that otherwise hold the number of
an uploaded file; a URL or such a number is kept as text. The password of the user is not kept: keys and application
identities are made when everything is approved.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from core.errors import FieldProblem
from registry.applications.form import Statement, gaps, masked, parse_statement
from registry.applications.images import MAX_IMAGE_BYTES, Kind, media_type_of
from registry.codes import industry, region
from registry.snms.envelope import missing

# Where our members stand in theirs.
_BASIC = {
    "name": "orgName", "nature": "orgNature", "address": "orgAddr", "credit_code": "orgCrtCode", "prefix": "entPrefix",
    "contact.name": "contactName", "contact.email": "contactEmail", "contact.mobile": "contactPhone",
    "contact.id_number": "contactCrtNo", "legal_person.name": "legalName", "legal_person.id_number": "legalCrtNo",
    "region": "orgAddrCounty", "industry": "industrySpecific",
}  # fmt: skip
_USER = {"user.name": "userName", "user.email": "email", "user.mobile": "mobile"}
_IMAGES = {
    Kind.BUSINESS_LICENCE: "orgCrtImg", Kind.LEGAL_PERSON_FRONT: "legalCrtFrontImg", Kind.LEGAL_PERSON_BACK: "legalCrtBackImg",
    Kind.CONTACT_FRONT: "contactCrtFrontImg", Kind.CONTACT_BACK: "contactCrtBackImg",
}  # fmt: skip
_PLAIN = ("orgDesc", "website", "regAuthority", "regCapital", "establishDate", "periodValidity")
_SYSTEM = (
    "sysType",
    "deployMode",
    "deployAddrProvince",
    "deployAddrCity",
    "deployAddrCounty",
    "deployAddr",
    "ipPort",
    "name",
)
_SERVICE = ("servSysBuildType", "servSysBuildName", "servSysOperType", "servSysOperName")
_HOSTING = ("extWebName", "extDomain", "extIpAddr", "dataHostingOrg", "servHostingOrg")
_INDUSTRY = ("industryCategory", "industrySpecific", "industryTrade", "industrySubclass")
_LICENCE = ("licenceNo", "licenceType")
_NEEDED_SYSTEMS = frozenset((1, 2, 3, 4))
_MAX_LIST, _MAX_TEXT = 50, 1_024
Images = dict[str, tuple[str, bytes]]


def parse_application(raw: Any, node_prefix: str, problems: list[FieldProblem]) -> tuple[Statement, Images]:
    """What the caller says, and the images beside it; problems name the members as the caller has them."""
    whole = as_object(raw)
    basic, user = as_object(whole.get("entBasicInfo")), as_object(whole.get("sysUser"))
    systems, hosting = (
        as_object(whole.get("entRegisterManageInfo")),
        as_object(whole.get("entHostingAndIdentifyServeInfo")),
    )
    ours: list[FieldProblem] = []
    statement = parse_statement(_body(basic, user), node_prefix, ours)
    told = {problem.path for problem in ours}
    held = frozenset(field for field, text in statement.personal.items() if text)
    absent = [gap.path for gap in gaps(statement.form, held) if gap.path not in told]
    problems += [missing(_theirs(path)) for path in absent]
    problems += [FieldProblem(_theirs(one.path), one.slug, one.en, one.zh) for one in ours]
    _check_codes(basic, problems)
    _check_systems(systems, problems)
    images, references = _images(basic, problems)
    statement.form["snms"] = {
        "user": masked("user.name", str(user.get("userName", ""))[:50]),
        "references": references,
        "organisation": _plain(basic, _PLAIN),
        "systems": _many(systems.get("entInfoSyses"), _SYSTEM),
        "services": _plain(systems, _SERVICE),
        "hosting": _plain(hosting, _HOSTING),
        "industries": _many(hosting.get("entInfoSerIndustries"), _INDUSTRY),
        "licences": _many(hosting.get("entInfoLicenses"), _LICENCE),
    }
    return statement, images


def _body(basic: dict[str, Any], user: dict[str, Any]) -> dict[str, Any]:
    """In the shape that `parse_statement` reads; what is empty counts as left out."""
    body: dict[str, Any] = {"contact": {}, "legal_person": {}, "user": {}, "hosting": "here"}
    for ours, theirs in _BASIC.items():
        _set(body, ours, basic.get(theirs))
    for ours, theirs in _USER.items():
        _set(body, ours, user.get(theirs))
    body["region"] = next(
        (text for level in ("County", "City", "Province") if (text := _text(basic.get(f"orgAddr{level}")))), None
    )
    nature = _text(basic.get("orgNature"))
    body["nature"] = int(nature) if nature in ("1", "2", "3", "4", "5") else (0 if nature else None)
    return body


def _set(body: dict[str, Any], path: str, value: Any) -> None:
    person, _, member = path.rpartition(".")
    (body[person] if person else body)[member] = _text(value) or None


def _check_codes(basic: dict[str, Any], problems: list[FieldProblem]) -> None:
    """Province, city and county, category and division must lie in each other; only credit codes prove who applies."""
    if (kind := _text(basic.get("orgCrtType"))) != "1":
        path = "entBasicInfo.orgCrtType"
        if not kind:
            problems.append(missing(path))
        else:
            en, zh = "must be 1, unified social credit code", "仅支持 1（统一社会信用代码）"
            problems.append(FieldProblem(path, "certificate-type", en, zh))
    levels = [_text(basic.get(f"orgAddr{level}")) for level in ("Province", "City", "County")]
    for level, text in zip(("Province", "City"), levels[:2], strict=True):
        if not text:
            problems.append(missing(f"entBasicInfo.orgAddr{level}"))
    found = region.find(next((text for text in reversed(levels) if text), ""))
    if found is not None and any(text and text not in (*found.parents, found.code) for text in levels):
        en, zh = "province, city and county do not lie in each other", "省、市、区县代码之间没有隶属关系"
        problems.append(FieldProblem("entBasicInfo.orgAddrCity", "region-mixed", en, zh))
    trade, category = industry.find(_text(basic.get("industrySpecific"))), _text(basic.get("industryCategory"))
    if not category:
        problems.append(missing("entBasicInfo.industryCategory"))
    elif trade is not None and trade.parents[:1] != (category,):
        en, zh = "is not the category of industrySpecific", "与 industrySpecific 不属于同一门类"
        problems.append(FieldProblem("entBasicInfo.industryCategory", "industry-mixed", en, zh))


def _check_systems(systems: dict[str, Any], problems: list[FieldProblem]) -> None:
    listed = systems.get("entInfoSyses")
    there = {_text(as_object(one).get("sysType")) for one in listed} if isinstance(listed, list) else set()
    if absent := sorted(_NEEDED_SYSTEMS - {int(kind) for kind in there if kind in ("1", "2", "3", "4", "5")}):
        names = ", ".join(map(str, absent))
        problems.append(
            FieldProblem(
                "entRegisterManageInfo.entInfoSyses", "systems-missing", f"must have the types {names}",
                f"缺少必要的请求参数: entInfoSyses（系统类型 {names}）",
            )
        )  # fmt: skip


def _images(basic: dict[str, Any], problems: list[FieldProblem]) -> tuple[Images, dict[str, str]]:
    """(images, what only refers to one) by kind."""
    images: Images = {}
    references: dict[str, str] = {}
    for kind, name in _IMAGES.items():
        theirs = next((one for one in (name, f"{name}Rid") if basic.get(one) not in (None, "")), None)
        if theirs is None:
            continue
        value, path = basic[theirs], f"entBasicInfo.{theirs}"
        if not isinstance(value, str) or value.isdigit() or value.startswith(("http://", "https://")):
            references[kind.value] = str(value)[:_MAX_TEXT]
            continue
        content = _decoded(value)
        media_type = media_type_of(content)
        if media_type is None or len(content) > MAX_IMAGE_BYTES:
            en = "must be base64 of a JPEG, a PNG or a PDF of at most 4 MiB, or a URL"
            problems.append(
                FieldProblem(path, "image-invalid", en, "必须是不超过 4 MiB 的 JPEG、PNG 或 PDF 的 base64，或网址")
            )
        else:
            images[kind.value] = media_type, content
    return images, references


def _decoded(text: str) -> bytes:
    if text.startswith("data:"):
        text = text.partition(",")[2]
    if len(text) > MAX_IMAGE_BYTES * 4 // 3 + 4:
        return b""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _theirs(path: str) -> str:
    if path in _USER:
        return f"sysUser.{_USER[path]}"
    return f"entBasicInfo.{_BASIC.get(path, path)}"


def _many(raw: Any, names: tuple[str, ...]) -> list[dict[str, Any]]:
    return [_plain(as_object(one), names) for one in raw[:_MAX_LIST]] if isinstance(raw, list) else []


def _plain(raw: dict[str, Any], names: tuple[str, ...]) -> dict[str, str]:
    return {name: text for name in names if (text := _text(raw.get(name))[:_MAX_TEXT].replace("\0", ""))}


def as_object(raw: Any) -> dict[str, Any]:
    return raw if isinstance(raw, dict) else {}


def _text(raw: Any) -> str:
    return str(raw).strip() if isinstance(raw, str | int) and not isinstance(raw, bool) else ""
