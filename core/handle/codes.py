"""Numbers of the protocol: operations, response codes, flags (RFC 3652 §2.2.2; those from 407, 603 and 2000 on are IDIS's)."""

from __future__ import annotations

from enum import IntEnum, IntFlag

MAJOR, MINOR = 2, 11  # the highest version spoken here


class Op(IntEnum):
    """Operation codes."""

    RESOLVE = 1
    SITE_INFO = 2
    CREATE = 100
    DELETE = 101
    ADD = 102
    REMOVE = 103
    MODIFY = 104
    LIST = 105
    ANSWER = 200
    VERIFY = 201
    HOME = 300
    UNHOME = 301
    LIST_HOMED = 302
    SESSION_SETUP = 400
    SESSION_END = 401
    SESSION_KEY = 402
    NEXT_TRANSACTION = 1000
    TRANSACTIONS = 1001
    DUMP = 1002
    CHECKPOINT = 1003
    LOGIN_PASSWORD = 2000
    LOGIN = 2001


class Code(IntEnum):
    """Response codes. Clients stop at one that is not among these."""

    REQUEST = 0
    SUCCESS = 1
    ERROR = 2
    BUSY = 3
    PROTOCOL_ERROR = 4
    UNSUPPORTED = 5
    RECURSION_TOO_DEEP = 6
    READ_ONLY = 7
    HANDLE_NOT_FOUND = 100
    HANDLE_EXISTS = 101
    HANDLE_INVALID = 102
    VALUES_NOT_FOUND = 200
    VALUE_EXISTS = 201
    VALUE_INVALID = 202
    SITE_OUT_OF_DATE = 300
    NOT_RESPONSIBLE = 301
    SERVICE_REFERRAL = 302
    PREFIX_REFERRAL = 303
    ADMIN_UNKNOWN = 400
    NOT_ALLOWED = 401
    AUTHENTICATION_NEEDED = 402
    AUTHENTICATION_FAILED = 403
    CREDENTIAL_INVALID = 404
    AUTHENTICATION_TIMEOUT = 405
    AUTHENTICATION_ERROR = 406
    LOGIN_AGAIN = 407
    LOGIN_FIRST = 408
    SESSION_TIMEOUT = 500
    SESSION_FAILED = 501
    SESSION_KEY_MISSING = 502
    RSA_KEY_NEEDED = 503
    SESSION_SETUP_INVALID = 504
    SESSION_REJECTED = 505
    DAILY_LIMIT = 603
    REGISTRATION_LIMIT = 604
    PREFIX_LIMIT = 605
    CREDENTIAL_CHECK_FAILED = 3001


CODES = frozenset(Code)
NAMES = {code: code.name.lower().replace("_", " ") for code in Code}


class Flag(IntFlag):
    """Bits of the op flags."""

    AUTH = 0x80000000  # asked of, or answered by, a primary server
    CERT = 0x40000000  # sign the answer
    ENCR = 0x20000000  # encrypt the answer
    RECU = 0x10000000  # resolve elsewhere if not here
    CACR = 0x08000000
    CONT = 0x04000000  # more messages of this answer follow
    KPAL = 0x02000000
    PUBL = 0x01000000  # public values only
    RRDG = 0x00800000  # put a digest of the request into the answer
    OVRW = 0x00400000
    MINT = 0x00200000
    DNRF = 0x00100000  # no referral
    TRUSTED = 0x00000002  # IDIS: look whether the values are those that were signed
    TRUSTY = 0x00000001  # IDIS: they are


REFERRED_FROM = 5  # minor version from which 303 is a referral
_BEFORE = {Code.VALUE_INVALID: 201, Code.READ_ONLY: 303, Code.PREFIX_REFERRAL: 302}


def spoken(code: int, minor: int) -> int:
    """A response code as it is said at a minor version: older clients know fewer, and take 303 for read-only."""
    if code not in CODES:
        return Code.ERROR
    return _BEFORE.get(Code(code), code) if minor < REFERRED_FROM else code
