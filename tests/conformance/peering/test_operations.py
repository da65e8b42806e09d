"""Heartbeat, statistics and takeover documents: samples, schemas, digests and signatures of the agreed form."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from sync.monitoring.documents import Halt, hourly_document, judge
from sync.monitoring.heartbeat import Beat, Service, heartbeat_document, read_reply
from sync.operations.canonical import NO_DIGEST, canonical, digest
from sync.operations.outcomes import Again, Rewind, There
from sync.operations.shapes import Heartbeat, Malformed, Manifest, Offer, Order, Statistics, read
from sync.operations.signatures import COUNTERSIGNER, ISSUER, DocumentRefused, require_signed, signed
from tests.conformance.peering.test_signatures import signer, verifier

HERE = Path(__file__).parent
OPS = HERE / "samples" / "ops"
KEYS = {name: verifier(name) for name in ("sln-88608", "ntln-bms")}
READ_HERE: list[tuple[str, type[BaseModel]]] = [
    ("heartbeat", Heartbeat), ("statistics", Statistics), ("statistics-correction", Statistics),
    ("statistics-empty-hour", Statistics), ("standby-manifest", Manifest), ("takeover-order", Order),
    ("handback-offer", Offer),
]  # fmt: skip
SIGNED = [
    ("standby-manifest", ISSUER), ("takeover-order", ISSUER), ("takeover-acceptance", COUNTERSIGNER),
    ("takeover-refusal", COUNTERSIGNER), ("handback-offer", ISSUER), ("handback-acceptance", COUNTERSIGNER),
]  # fmt: skip


def sample(name: str) -> Any:
    return json.loads((OPS / f"{name}.json").read_text())


def require_schema(name: str, document: Any) -> None:
    jsonschema.validate(document, json.loads((HERE / "jsonschema" / f"{name}.json").read_text()))


@pytest.mark.parametrize(("name", "shape"), READ_HERE, ids=[name for name, _ in READ_HERE])
def test_a_sample_is_read_and_every_field_of_it_is_needed_or_known(name: str, shape: type[BaseModel]) -> None:
    plain, _ = read(shape, canonical(sample(name)))
    assert plain == sample(name)
    for field in ("sln", "messageId", "sentAt", "format", "kind"):
        with pytest.raises(Malformed):
            read(shape, canonical({key: value for key, value in plain.items() if key != field}))
    with pytest.raises(Malformed):
        read(shape, canonical({**plain, "extra": 1}))


@pytest.mark.parametrize(("name", "role"), SIGNED, ids=[name for name, _ in SIGNED])
def test_the_signature_of_a_sample_holds_and_any_change_breaks_it(name: str, role: str) -> None:
    document = sample(name)
    require_signed(document, KEYS, role)
    for field in document:
        changed = copy.deepcopy(document)
        if field == "signatures":
            changed["signatures"][-1]["value"] = "AAAA" + changed["signatures"][-1]["value"][4:]
        else:
            changed[field] = "other"
        with pytest.raises(DocumentRefused):
            require_signed(changed, KEYS, role)
    with pytest.raises(DocumentRefused, match="key-unknown"):
        require_signed(document, {}, role)
    with pytest.raises(DocumentRefused, match="signature-missing"):
        require_signed({**document, "signatures": []}, KEYS, role)
    with pytest.raises(DocumentRefused, match="signature-missing"):
        require_signed(document, KEYS, ISSUER if role == COUNTERSIGNER else COUNTERSIGNER)


def test_a_countersignature_covers_the_signature_before_it() -> None:
    order = signed({"a": 1}, signer("ntln-bms"), ISSUER)
    both = signed(order, signer("sln-88608"), COUNTERSIGNER)
    require_signed(both, KEYS, COUNTERSIGNER)
    other = signed({"a": 1}, signer("sln-88608"), ISSUER)
    with pytest.raises(DocumentRefused):
        require_signed({**both, "signatures": [other["signatures"][0], both["signatures"][1]]}, KEYS, COUNTERSIGNER)


def test_digests_and_the_chain_of_the_samples_are_ours() -> None:
    first, second, third = (sample(f"statistics{more}") for more in ("", "-empty-hour", "-correction"))
    assert [digest(one["rows"]) for one in (first, second, third)] == [
        one["rowsDigest"] for one in (first, second, third)
    ]
    assert first["prevDigest"] == NO_DIGEST
    assert (second["prevDigest"], third["prevDigest"]) == (first["rowsDigest"], second["rowsDigest"])


plain = st.recursive(
    st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="ascii"), max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(plain)
def test_canonical_bytes_are_those_of_any_other_writer(value: Any) -> None:
    try:
        ours = canonical(value)
    except ValueError:  # a lone surrogate has no bytes
        return
    assert ours == json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


@pytest.mark.parametrize("value", [1.5, None, {"a": None}, [2**53], {"ü": 1}, {"a": [1.0]}])
def test_what_has_no_canonical_form_here_is_refused(value: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        canonical(value)


def test_what_is_said_is_valid_by_the_schema() -> None:
    now = datetime(2026, 11, 22, 4, 0, 5, tzinfo=UTC)
    row = sample("statistics")["rows"][0]
    hour = now.replace(hour=3, minute=0, second=0)
    for corrects in (None, 3):
        document = hourly_document("88.608", "0123456789", now, 7, hour, [row], NO_DIGEST, corrects)
        require_schema("ops-statistics", document)
        read(Statistics, canonical(document))
    services = [Service("resolution", "udp", "192.0.2.1:2641"), Service("iiidap", "https", "https://x/", "degraded")]
    beat = Beat("1.0", services, 1, 2, 3, 4, deposit={"id": "1", "watermark": "2026-11-22T00:00:00Z", "status": "DVPN"})
    document = heartbeat_document("88.608", "0123456789", now, beat)
    require_schema("ops-heartbeat", document)
    assert document["state"] == "degraded"
    read(Heartbeat, canonical(document))


def test_the_answers_are_judged_as_the_table_says() -> None:
    def told(name: str, status: int, seq: int) -> Any:
        return judge(seq, status, canonical(sample(f"statistics-reply-{name}")))

    assert isinstance(told("accepted", 200, 7343), There)
    assert isinstance(told("duplicate", 200, 7343), There)
    assert told("gap", 409, 7350) == Rewind(7344)
    assert isinstance(told("conflict", 409, 7343), Halt)
    assert isinstance(judge(1, 400, canonical(sample("error"))), Halt)
    for status, body in ((200, b"<html>"), (200, b"{}"), (503, b""), (500, b"{}"), (429, b"")):
        assert isinstance(judge(1, status, body), Again)
    assert isinstance(told("accepted", 200, 1), Again)  # an answer to something else is no answer
    assert isinstance(told("gap", 409, 7344), Halt)


def test_a_heartbeat_is_answered_by_its_own_reply_only() -> None:
    body = canonical(sample("heartbeat-reply"))
    found = read_reply("01JDAQ0000000000000000HB01", body)
    assert found is not None and (found.expect, found.next_seconds) == (7343, 60)
    for wrong in (read_reply("another-message", body), read_reply("x", b"{}"), read_reply("x", b"[")):
        assert wrong is None
