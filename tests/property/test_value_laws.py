"""Laws of values, records and templates, for any JSON that a client may send."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import FieldProblem
from core.record import Record, Status, decode_record, encode_record, record_from_row
from core.template import template_from_row
from core.template_intake import parse_items
from core.template_item import TemplateItem
from core.value_intake import _USUAL_TEXT, _USUAL_VALUES, check_size, pack_usual, parse_values, unpack_usual
from core.values import (
    FORMATS,
    SECRET_TYPES,
    HandleValue,
    difference,
    is_referable,
    keep_timestamps,
    pack,
    render,
    unpack,
    without_timestamps,
)
from resolver.answers import handle_answer, handle_body, public_values

LAWS = settings(deadline=None, max_examples=200)
texts = st.text(st.characters(codec="utf-8"), max_size=20)
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)
# Members with the right names and often the right content, so that many bodies are almost right.
almost_values = st.fixed_dictionaries(
    {},
    optional={
        "index": st.integers(-1, 4) | json_values,
        "type": st.sampled_from(["URL", "HS_SECKEY", "", "T.A"]) | json_values,
        "data": st.fixed_dictionaries(
            {"value": json_values}, optional={"format": st.sampled_from(sorted(FORMATS)) | json_values}
        )
        | json_values,
        "ttl": st.integers(-1, 2**31) | st.sampled_from(["2026-01-31T10:00:00Z", "2200-01-01T00:00:00Z"]) | json_values,
        "references": st.lists(
            st.fixed_dictionaries(
                {}, optional={"handle": texts | json_values, "index": st.integers(-1, 2**32), "x": texts}
            )
            | json_values,
            max_size=2,
        )
        | json_values,
        "permissions": st.sampled_from(["1110", "1100", "0011", "12"]) | json_values,
        "timestamp": json_values,
        "else": json_values,
    },
)
references = st.lists(st.tuples(texts.filter(is_referable), st.integers(0, 2**32 - 1)), max_size=3).map(tuple)
handle_values = st.lists(
    st.builds(
        HandleValue,
        st.integers(1, 2**32 - 1),
        texts.filter(bool),
        json_values,
        st.sampled_from(sorted(FORMATS)),
        st.just(86_400) | st.integers(0, 2**31 - 1),
        st.just(14) | st.integers(0, 15),
        st.none() | st.integers(1, 2**31),
        st.none() | st.integers(0, 2**32 - 1),
        st.just(()) | references,
    ).map(lambda value: value if value.expires_at is None else replace(value, ttl_seconds=86_400)),
    max_size=4,
    unique_by=lambda value: value.index,
).map(lambda values: sorted(values, key=lambda value: value.index))


usual_values = st.lists(
    st.fixed_dictionaries(
        {
            "index": st.integers(1, 9),
            "type": st.sampled_from(["URL", "零件", "A" * 60, "A" * 61, "\n", "HS_SECKEY"]),
            "data": st.fixed_dictionaries(
                {"format": st.sampled_from(["string", "hex"]), "value": texts | st.just("ab")}
            ),
        }
    ),
    max_size=4,
)


@LAWS
@given(usual_values | st.lists(almost_values, max_size=3) | json_values)
def test_usual_values_are_packed_as_if_they_had_been_read_one_by_one(raw: Any) -> None:
    packed = pack_usual(raw)
    if packed is not None:
        problems: list[FieldProblem] = []
        values = parse_values(raw, "values", problems)
        assert not problems and packed == pack(values)
        assert [(v, v.by_default) for v in unpack_usual(packed)] == [(v, v.by_default) for v in values]


def test_the_largest_usual_values_are_not_too_large() -> None:
    for text in ("\x00" * _USUAL_TEXT, "\U0001f600" * _USUAL_TEXT):
        kind = text[:60] if text.isprintable() else "x" * 60
        raw = [
            {"index": index, "type": kind, "data": {"format": "string", "value": text}}
            for index in range(1, _USUAL_VALUES + 1)
        ]
        problems: list[FieldProblem] = []
        packed = pack_usual(raw)
        assert packed is not None
        check_size(packed, "values", problems)
        assert problems == []


@LAWS
@given(json_values | st.lists(almost_values | json_values, max_size=4))
def test_any_json_is_values_or_has_problems_with_paths(raw: Any) -> None:
    problems: list[FieldProblem] = []
    values = parse_values(raw, "values", problems)
    for problem in problems:
        assert problem.path.startswith("values") and problem.slug and problem.en and problem.zh
    if not problems:
        assert len(values) == len(raw)
        assert len({value.index for value in values}) == len(values)
        assert not any(value.public for value in values if value.type in SECRET_TYPES)
        assert unpack(pack(values)) == values


@LAWS
@given(handle_values)
def test_values_survive_storage_and_equal_ones_have_equal_bytes(values: list[HandleValue]) -> None:
    packed = pack(values)
    assert pack(unpack(packed)) == packed
    assert [value.references for value in unpack(packed)] == [value.references for value in values]
    assert [orjson.dumps(value.data, option=orjson.OPT_SORT_KEYS) for value in unpack(packed)] == [
        orjson.dumps(value.data, option=orjson.OPT_SORT_KEYS) for value in values
    ]
    assert without_timestamps(without_timestamps(packed)) == without_timestamps(packed)


@LAWS
@given(handle_values, handle_values, st.integers(1, 2**31))
def test_dating_changes_nothing_but_times(old: list[HandleValue], new: list[HandleValue], now: int) -> None:
    undated = unpack(without_timestamps(pack(new)))
    dated = keep_timestamps(undated, old, now)
    assert without_timestamps(pack(dated)) == pack(undated)
    changed = {found["index"] for found in difference(old, undated)}
    for value in dated:
        assert (value.timestamp == now) or value.index not in changed
    assert difference(dated, undated) == []


@LAWS
@given(handle_values)
def test_what_a_client_reads_it_may_send_back(values: list[HandleValue]) -> None:
    """Only the values that could have been sent: render, parse, the same content."""
    shown = orjson.loads(orjson.dumps([render(value, 1) for value in values]))
    problems: list[FieldProblem] = []
    again = parse_values(shown, "values", problems)
    if values and not problems:
        assert pack(again) == without_timestamps(pack(values))


moments = st.datetimes(datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
records = st.builds(
    Record,
    texts,
    texts,
    handle_values.map(pack),
    st.integers(1, 2**31 - 1),
    st.sampled_from(Status),
    st.none() | st.integers(1, 2**31 - 1),
    st.none() | st.builds(lambda why, who: orjson.dumps({"reason": why, "successor": who}).decode(), texts, texts),
    moments,
    moments,
    st.none() | st.integers(1, 2**31 - 1),
)


@LAWS
@given(records)
def test_an_answer_made_at_once_is_the_one_made_value_by_value(record: Record) -> None:
    assert handle_body(record) == orjson.dumps(handle_answer(record, public_values(record)))


@LAWS
@given(records)
def test_a_record_survives_the_shared_cache(record: Record) -> None:
    stored = encode_record(record)
    assert decode_record(stored) == record
    assert int(stored[:10]) == record.version, "the script inside Redis compares these ten digits"


@LAWS
@given(records)
def test_columns_that_are_null_stand_for_the_usual(record: Record) -> None:
    row = {"key": record.key, "shown": None, "value": record.packed, "version": 1, "status": 1, "template_id": None}
    read = record_from_row(
        row | {"withdrawal": None, "created_at": record.created_at, "changed_at": None, "owner_id": None}
    )
    assert (read.identifier, read.changed_at) == (record.key, record.created_at)
    assert (read.reason, read.successor, read.withdrawn, read.etag) == (None, None, False, '"1"')


items = st.fixed_dictionaries(
    {
        "index": st.integers(1999, 2005) | json_values,
        "type": st.sampled_from(["A", "B", ""]) | json_values,
        "name_zh": st.just("型号") | json_values,
        "name_en": st.just("Model") | json_values,
    },
    optional={"required": st.booleans() | json_values},
)


@LAWS
@given(json_values | st.lists(items | json_values, max_size=4))
def test_any_json_is_a_template_or_has_problems_with_paths(raw: Any) -> None:
    problems: list[FieldProblem] = []
    found = parse_items(raw, problems)
    assert all(problem.path.startswith("items") for problem in problems)
    if not problems:
        assert len(found) == len(raw)
        stored = orjson.dumps([item.as_json() for item in found]).decode()
        row = {"id": 1, "key": "K", "identifier": "k", "items": stored}
        assert template_from_row(row).items == found == tuple(sorted(found, key=TemplateItem.__dict__["index"].__get__))
