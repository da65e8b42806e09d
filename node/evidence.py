"""The evidence of a year for the award: what was registered and resolved, counted twice, bound to the audit, and signed.

The signature is a JSON Web Signature with the content detached (RFC 7515 appendix F, RS256) over the member `evidence` written as
JSON with sorted members and nothing between them; the key is the one that the node's answers to Handle clients are signed
with, and its public half is in the signature's header. Reading is done in one snapshot of the database.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import jwt
import orjson
from jwt.algorithms import RSAAlgorithm

from core.directory import read_node_id
from core.sqlfiles import load_sql
from core.timestamps import rfc3339
from node.version import VERSION
from resolver.handle.identity import Identity
from resolver.usage.award import RULE_EN, RULE_ZH, Year, days_counted
from resolver.usage.report import BEIJING

_SQL = load_sql("node", "evidence.sql")
_ALGORITHM = "RS256"
FORM = "biaojie-evidence/1"


async def read_evidence(connection: Any, year: int, now: datetime) -> dict[str, Any]:
    """The calendar year of Beijing, as far as it is over. Raises as asyncpg does."""
    first, last = datetime(year, 1, 1, tzinfo=BEIJING), min(datetime(year + 1, 1, 1, tzinfo=BEIJING), now)
    today = min(now.astimezone(BEIJING).date(), date(year + 1, 1, 1))
    days = (date(year, 1, 1), today)
    midnight = datetime(today.year, today.month, today.day, tzinfo=BEIJING)
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        registered = await connection.fetch(_SQL["registered_by_month"], first, last)
        of_whole_days = await connection.fetchval(_SQL["registered_in"], first, midnight)
        rows = await connection.fetchval(_SQL["recount"], first, last, timeout=3_600)
        resolved = await connection.fetch(_SQL["resolved_by_month"], *days)
        kinds = await connection.fetch(_SQL["resolved_by_kind"], *days)
        lost = await connection.fetchrow(_SQL["lost"], first, last)
        seal = await connection.fetchrow(_SQL["newest_seal"])
        node = await read_node_id(connection)
    registrations = sum(row["registrations"] for row in registered)
    resolutions = sum(row["resolutions"] or 0 for row in resolved)
    award = Year(year, registrations, resolutions, days_counted(year, today), of_whole_days).as_json()
    return {
        "form": FORM,
        "made_at": rfc3339(now),
        "node": {"id": node, "software": f"biaojie {VERSION}"},
        "year": year,
        "until": rfc3339(last),
        "registrations": {
            **award["registrations"],
            "a_day": award["registrations_a_day"],
            "rows": rows,
            "rows_equal_counters": rows == registrations,
            "months": [dict(row) for row in registered],
        },
        "resolutions": {
            **award["resolutions_a_day"],
            "lost_with_killed_workers": lost["lost"],
            "runs_of_unknown_loss": lost["unknown"],
            "months": [{"month": row["month"], "resolutions": row["resolutions"] or 0} for row in resolved],
            "kinds": [dict(row) for row in kinds],
        },
        "audit": None
        if seal is None
        else {"seal": seal["number"], "hash": seal["hash"].hex(), "sealed_at": rfc3339(seal["sealed_at"])},
        "rule": {"en": RULE_EN, "zh": RULE_ZH},
    }


def signed(evidence: dict[str, Any], identity: Identity) -> dict[str, Any]:
    """The document: `evidence`, and `signature` over it."""
    jwk = RSAAlgorithm.to_jwk(identity.key.public_key(), as_dict=True)
    header = {"jwk": {name: jwk[name] for name in ("kty", "n", "e")}}
    token = jwt.PyJWS().encode(
        _written(evidence), identity.key, _ALGORITHM, headers=header, is_payload_detached=True, sort_headers=True
    )
    return {"evidence": evidence, "signature": token}


def signer_of(document: dict[str, Any]) -> dict[str, str]:
    """The public key (JWK) that the document was signed with and is as it was signed. Raises `ValueError`."""
    try:
        evidence, token = document["evidence"], str(document["signature"])
        jwk = jwt.get_unverified_header(token)["jwk"]
        key = RSAAlgorithm.from_jwk(jwk)
        jwt.PyJWS().decode(token, key, [_ALGORITHM], detached_payload=_written(evidence))  # type: ignore[arg-type]
    except (KeyError, TypeError, jwt.InvalidTokenError, jwt.InvalidKeyError) as wrong:
        raise ValueError(str(wrong)) from None
    return {name: str(jwk[name]) for name in ("kty", "n", "e")}


def _written(evidence: Any) -> bytes:
    return orjson.dumps(evidence, option=orjson.OPT_SORT_KEYS)
