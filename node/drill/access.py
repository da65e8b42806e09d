"""4.1 Application for access: enterprises and prefixes by EPP, passed and refused by the audit, with everything lost that can be."""

from __future__ import annotations

import base64
from dataclasses import dataclass

from node.drill.evidence import Found
from node.drill.stand import Stand, until
from registry.credit_code import is_credit_code

FAULTS = ("vanish", "lose_answer", "http_error", "garbage", "bad_signature", "duplicate", "slow")
_PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=")
# Of nobody: what would give a person away in a log, looked for in 5.1.
PERSONAL = {"phone": "13900001234", "number": "440524188001010014", "mail": "drill@example.invalid"}
_LAST = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_IMAGES = ("business-licence", "legal-person-id-front")
_PATIENCE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Applicant:
    number: int
    token: str
    prefix: str

    @property
    def path(self) -> str:
        return f"/api/v1/applications/{self.number}"


async def access(stand: Stand, found: Found) -> None:
    found.faults = FAULTS
    faulty = {"vanish": 1, "lose_answer": 1, "http_error": 2, "garbage": 1, "bad_signature": 1, "duplicate": 1}
    stand.turn(audit="approve")
    passed = await apply(stand, "演练企业甲", credit_code(1), f"{stand.settings.node_prefix}.1001")
    await until(lambda: _written(stand), _PATIENCE_SECONDS)  # so that it is the command that meets the faults
    stand.turn(audit="approve", slow_milliseconds=5, **faulty)
    state = await _settled(stand, passed, "active")
    found.check("审核通过后前缀生效", "a prefix is active once the audit has passed it", state == "active", state=state)
    stand.turn(audit="reject", audit_message="材料不清晰")
    refused = await apply(stand, "演练企业乙", credit_code(2), f"{stand.settings.node_prefix}.1002")
    state = await _settled(stand, refused, "rejected")
    _, seen = await stand.call("GET", refused.path, key=refused.token)
    reasons = [one.get("reason") for one in seen["history"] if one.get("reason")]
    told = any("材料不清晰" in str(reason) for reason in reasons)
    found.check(
        "审核驳回连同原因告知申请人", "a refusal reaches the applicant with its reason", state == "rejected" and told, state=state,
        reasons=reasons,
    )  # fmt: skip
    await _ordered(stand, found, passed)
    _once(stand, found, passed, refused)


async def apply(stand: Stand, name: str, code: str, prefix: str) -> Applicant:
    """An application with its images, approved by the operator of this node. Raises ValueError where the node refuses it."""
    body = {
        "name": name, "credit_code": code, "nature": 4, "region": "110108", "industry": "6513", "address": "演练路 1 号",
        "contact": {"name": "演练员", "email": PERSONAL["mail"], "mobile": PERSONAL["phone"], "id_number": PERSONAL["number"]},
        "legal_person": {"name": "演练员", "id_number": PERSONAL["number"]}, "hosting": "here", "prefix": prefix,
    }  # fmt: skip
    status, made = await stand.call("POST", "/api/v1/applications", body)
    if status != 201:
        raise ValueError(f"the application is refused: {status} {made}")
    applicant = Applicant(made["id"], made["token"], prefix)
    for kind in _IMAGES:
        await stand.call("PUT", f"{applicant.path}/images/{kind}", key=applicant.token, raw=_PNG)
    for move in ("review", "approve"):
        status, said = await stand.call("POST", f"{applicant.path}:{move}", key=stand.operator_key)
        if status != 200:
            raise ValueError(f"{move} is refused: {status} {said}")
    return applicant


async def _written(stand: Stand) -> bool:
    return bool(await stand.pool.fetchval("SELECT count(*) FROM peering_command WHERE state = 'queued'"))


async def state_of(stand: Stand, applicant: Applicant) -> str:
    _, seen = await stand.call("GET", applicant.path, key=applicant.token)
    return str(seen["state"])


async def _settled(stand: Stand, applicant: Applicant, *states: str) -> str:
    async def there() -> bool:
        await stand.exchange()
        return await state_of(stand, applicant) in states

    await until(there, _PATIENCE_SECONDS)
    return await state_of(stand, applicant)


async def _ordered(stand: Stand, found: Found, applicant: Applicant) -> None:
    """The top level suspends and resumes; the message comes twice."""
    for wish, expected in (("suspend", "suspended"), ("resume", "active")):
        stand.turn(duplicate=1)
        stand.desk.audit(applicant.prefix, wish, "")
        state = await _settled(stand, applicant, expected)
        found.check(f"顶级节点指令 {wish} 得到执行", f"{wish} by the top level is done", state == expected, state=state)
    stand.turn()


def _once(stand: Stand, found: Found, *applicants: Applicant) -> None:
    rows = stand.desk.store.all("newest_log", most=10_000)
    made = [row for row in rows if row["verb"] == "create" and row["code"] in (1000, 1001)]
    pairs = [f"{row['cl_trid']} / {row['sv_trid']} {row['about']} {row['code']}" for row in reversed(made)]
    for applicant in applicants:
        times = sum(row["about"] == applicant.prefix for row in made)
        found.check(
            f"前缀 {applicant.prefix} 只创建一次", f"{applicant.prefix} was created once", times == 1, times=times
        )
    found.check("clTRID / svTRID 记录", "pairs of clTRID and svTRID", bool(pairs), pairs=pairs)


def credit_code(number: int) -> str:
    """One that holds, of nobody."""
    beginning = f"91110108{number:09d}"
    return next(code for last in _LAST if is_credit_code(code := beginning + last))
