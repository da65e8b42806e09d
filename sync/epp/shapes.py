"""The trees of the three mappings, as shapes: what stands where, of which type, in which order. Pure.

Sources: draft-chen-top-level-interface-protocol-03 §3 (enterprise, prefix, poll), draft-chen-epp-identifier-mapping-01 §3
(identifier), RFC 5730 §2.9.1.1 (login). Where the drafts contradict themselves both forms are read and one is written.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable

from sync.epp.tree import Part, Rule

MOST_IMAGE_BYTES = 2 * 1024 * 1024
_XML_TEXT = re.compile("[\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
_SPACES = re.compile(r"[\t\n\r ]+")


def token(least: int, most: int) -> Rule:
    def rule(text: str) -> str:
        kept = _SPACES.sub(" ", text).strip()
        if not least <= len(kept) <= most or not _XML_TEXT.fullmatch(kept):
            raise ValueError(f"长度应为 {least} 至 {most} 个字符")
        return kept

    return rule


def text(most: int) -> Rule:
    def rule(value: str) -> str:
        if len(value) > most or not _XML_TEXT.fullmatch(value):
            raise ValueError(f"最多 {most} 个字符")
        return value

    return rule


def pattern(form: str, zh: str, before: Callable[[str], str] = str) -> Rule:
    found = re.compile(form)

    def rule(value: str) -> str:
        kept = before(value)
        if not found.fullmatch(kept):
            raise ValueError(zh)
        return kept

    return rule


def choice(*words: str) -> Rule:
    return pattern("|".join(map(re.escape, words)), f"应为 {'、'.join(words)} 之一")


def number(most: int) -> Rule:
    def rule(value: str) -> str:
        if not (value.isascii() and value.isdigit() and len(value) <= 10 and int(value) <= most):
            raise ValueError(f"应为 0 至 {most} 的整数")
        return value

    return rule


def base64_of(most: int) -> Rule:
    def rule(value: str) -> str:
        kept = _SPACES.sub("", value)
        try:
            size = len(base64.b64decode(kept, validate=True))
        except (binascii.Error, ValueError):
            raise ValueError("不是有效的 base64") from None
        if not 1 <= size <= most:
            raise ValueError(f"解码后应为 1 至 {most} 字节")
        return kept

    return rule


def _image_type(value: str) -> str:
    kept = value.lower().removeprefix(".")
    return "jpeg" if kept == "jpg" else kept


S64, S255, O255, O2000 = token(1, 64), token(1, 255), token(0, 255), text(2000)
_prefix_form = pattern(r"[^/.\s]+(\.[^/.\s]+)+", "不是有效的前缀")


def prefix(value: str) -> str:
    if len(value) > 64:
        raise ValueError("前缀最多 64 个字符")
    return _prefix_form(value)


CREDIT_CODE = pattern("[0-9A-Z]{18}", "统一社会信用代码应为18位")
REGION = pattern("[0-9]{6}", "行政区划代码应为6位数字")
_IMAGE = base64_of(MOST_IMAGE_BYTES)
_IMAGE_TYPE = pattern("jpeg|png|bmp", "影像类型应为 jpeg、png 或 bmp", _image_type)
_EMAIL = pattern(r"(?=.{1,128}$)[^@\s]+@[^@\s]+", "不是有效的电子邮箱")
_PHONE = pattern(r"[0-9+ .\-]{5,32}", "不是有效的电话号码")
_CERTIFICATE_TYPE = pattern("[13]", "证照类型应为 1 或 3", lambda value: value.lstrip("0"))
_TRID = token(3, 64)
_BOOL = pattern("true|false", "应为 true 或 false", lambda value: {"1": "true", "0": "false"}.get(value, value))
_LANGUAGE = pattern("[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*", "不是语言标记")

CONTACT = (Part("name", S64), Part("email", _EMAIL), Part("phone", _PHONE))
LEGAL_PERSON = (
    Part("name", S64),
    Part("idType", pattern("[1-6]", "证件类型应为 1 至 6")),
    Part("idNo", S64),
    Part("idImgType", _IMAGE_TYPE),
    Part("idImg", _IMAGE),
)
_REGIONS = ("entProvinceCode", "entCityCode", "entCountyCode")
ENTERPRISE = (
    Part("entType", pattern("[1-5]", "单位性质应为 1 至 5")),
    Part("entCrCode", CREDIT_CODE, also=("entCrtCode",)),
    Part("entCrtImg", _IMAGE),
    Part("entCrtImgType", _IMAGE_TYPE),
    Part("entNameCn", S255),
    *(Part(name, REGION) for name in _REGIONS),
    Part("entAddrCn", S255),
    Part("entNameEn", O255, least=0),
    Part("entAddrEn", O255, least=0),
    Part("entWebSite", O255, least=0),
    Part("entDesc", O2000, least=0),
    Part("contact", shape=CONTACT),
    Part("legalPerson", shape=LEGAL_PERSON),
)
# What an incremental update may say.
CHANGEABLE = tuple(
    Part(part.name, part.rule, part.shape, 0)
    for part in ENTERPRISE
    if part.name in (*_REGIONS, "entAddrCn", "entNameEn", "entAddrEn", "entWebSite", "entDesc", "contact")
)

ENT_CHECK = (
    Part("shrUserId", S64),
    Part("entCrtType", _CERTIFICATE_TYPE),
    Part("entCrtCode", S64, also=("entCrCode",)),
)
ENT_CREATE = (Part("shrPrefix", prefix), *ENTERPRISE)
ENT_UPDATE = (
    Part("shrPrefix", prefix, least=0),
    Part("shrUserId", S64, least=0),
    Part("entId", S64),
    Part("chgAll", shape=ENTERPRISE, least=0),
    Part("chg", shape=CHANGEABLE, least=0),
)
ENT_ID = (Part("entId", S64),)
ENT_ID_OR_NONE = (Part("entId", token(0, 64), least=0),)  # some say so that there is none
ENT_AUDIT = (
    Part("clTRID", S64), Part("svTRID", S64), Part("entId", S64), Part("state", number(255)),
    Part("auditResult", number(255)), Part("auditResultMsg", O2000),
)  # fmt: skip
PREFIX_CHECK = (Part("shrPrefix", prefix), Part("prefix", prefix))
PREFIX_CREATE = (Part("shrPrefix", prefix), Part("entId", S64), Part("prefix", prefix))
PREFIX_AUDIT = (
    *ENT_AUDIT[:3],
    Part("prefix", prefix),
    *ENT_AUDIT[3:],
)

LABEL = token(1, 255)
_PUBLIC_KEY_TYPES = (("type", choice("dsa_pub_key", "rsa_pub_key", "secret_key"), None),)
_PUBLIC_KEY = base64_of(64 * 1024)
# They equal the bits of HS_ADMIN: mapped by name, never by order.
PERMISSIONS = (
    "add_handle", "delete_handle", "add_na", "delete_na", "modify_value", "delete_value", "add_value", "modify_admin",
    "remove_admin", "add_admin", "authorized_read", "list_handle",
)  # fmt: skip
ADMINISTRATOR = (
    Part("adminIndex", number(2**32 - 1)),
    Part("pubkey", _PUBLIC_KEY, attributes=_PUBLIC_KEY_TYPES),
    Part("permissionList", shape=(Part("permission", choice(*PERMISSIONS), least=0, most=12),)),
)
INTERFACE = (
    Part("serviceType", choice("query", "admin")),
    Part("protocol", choice("tcp", "udp", "http")),
    Part("port", number(65_535)),
)
SITE = (
    Part("siteIndex", number(2**32 - 1)),
    Part("protocolVersion", token(1, 16)),
    Part(
        "serviceInfo",
        shape=(
            Part("serverID", number(2**32 - 1)),
            Part("addr", token(3, 45), least=0, most=16, attributes=(("ip", choice("v4", "v6"), "v4"),)),
            Part("pubkey", _PUBLIC_KEY, least=0, attributes=_PUBLIC_KEY_TYPES),
            Part("serviceInterfaces", shape=INTERFACE, least=0, most=16),
        ),
        least=0,
        most=64,
    ),
)
CLIENT_STATUSES = (
    "clientHold", "clientDeleteProhibited", "clientUpdateProhibited", "clientRenewProhibited", "clientTransferProhibited",
)  # fmt: skip
STATUSES = (
    "ok", "linked", "inactive", *CLIENT_STATUSES, *(name.replace("client", "server") for name in CLIENT_STATUSES),
    "pendingCreate", "pendingDelete", "pendingUpdate", "pendingTransfer", "pendingRenew",
)  # fmt: skip
_STATUS_MARKS = (("s", choice(*STATUSES), None), ("lang", _LANGUAGE, None))
_CONTACT_REFERENCE = Part(
    "contact", token(3, 16), least=0, most=64, attributes=(("type", choice("admin", "billing", "tech"), None),)
)
_URL = Part("url", LABEL, least=0, most=64, also=("URL",))
_ADMINISTRATORS = Part("administrator", shape=ADMINISTRATOR, least=0, most=64)
_SITES = Part("siteInfo", shape=SITE, least=0, most=64)
_PROOFS = (Part("cert", LABEL, least=0), Part("signature", token(1, 8192), least=0))
_HELD = (
    _CONTACT_REFERENCE,
    _URL,
    Part("administratorList", shape=(_ADMINISTRATORS,), least=0),
    Part("siteList", shape=(_SITES,), least=0),
)
_KIND = Part("type", choice("handle", "oid", "ecode", "epc", "other"))
ONE_NAME = (Part("name", LABEL),)
NAMES = (Part("name", LABEL, most=100),)
IDENTIFIER_CREATE = (*ONE_NAME, _KIND, *_HELD)
IDENTIFIER_UPDATE = (
    *ONE_NAME,
    Part("add", shape=(_CONTACT_REFERENCE, _URL, _ADMINISTRATORS, _SITES, *_PROOFS), least=0),
    Part(
        "rem",
        shape=(
            _CONTACT_REFERENCE,
            _URL,
            Part("adminIndex", number(2**32 - 1), least=0, most=64),
            Part("siteIndex", number(2**32 - 1), least=0, most=64),
        ),
        least=0,
    ),
    Part(
        "chg",
        shape=(
            Part("status", token(0, 255), least=0, attributes=_STATUS_MARKS),
            _ADMINISTRATORS,
            _SITES,
            *_PROOFS,
        ),
        least=0,
    ),
)
IDENTIFIER_CHECKED = (
    Part(
        "cd",
        shape=(
            Part("name", LABEL, attributes=(("avail", _BOOL, None),)),
            Part("reason", token(1, 32), least=0, attributes=(("lang", _LANGUAGE, None),)),
        ),
        most=100,
    ),
)
IDENTIFIER_INFO = (*ONE_NAME, _KIND, Part("status", token(0, 255), most=11, attributes=_STATUS_MARKS), *_HELD)

OBJECT_URIS = (Part("objURI", LABEL, most=64), Part("svcExtension", shape=(Part("extURI", LABEL, most=64),), least=0))
LOGIN = (
    Part("clID", token(3, 16)),
    Part("pw", token(6, 16)),
    Part("newPW", token(6, 16), least=0),
    Part("options", shape=(Part("version", choice("1.0")), Part("lang", _LANGUAGE))),
    Part("svcs", shape=OBJECT_URIS),
)
TRID = _TRID
