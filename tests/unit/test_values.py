"""Handle values: what a body may say, what is wrong with it and where, what is stored, what is shown."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from core.errors import FieldProblem
from core.value_intake import check_size, parse_values
from core.values import (
    MAX_DATA_BYTES,
    MAX_PACKED_BYTES,
    MAX_VALUES,
    SECRET_PERMISSIONS,
    HandleValue,
    difference,
    iso_time,
    keep_timestamps,
    pack,
    render,
    unpack,
    without_timestamps,
)


def parsed(raw: Any) -> tuple[list[HandleValue], list[tuple[str, str]]]:
    problems: list[FieldProblem] = []
    values = parse_values(raw, "values", problems)
    return values, [(problem.path, problem.slug) for problem in problems]


def value(**changed: Any) -> dict[str, Any]:
    return {"index": 1, "type": "URL", "data": {"format": "string", "value": "x"}} | changed


def reference(**changed: Any) -> dict[str, Any]:
    return {"handle": "0.NA/88.118.8", "index": 300} | changed


def nested(levels: int) -> Any:
    data: Any = {}
    for _ in range(levels - 1):
        data = {"a": data}
    return data


@pytest.mark.parametrize(
    ("raw", "path", "slug"),
    [
        (value(index=0), ".index", "index-invalid"),
        (value(index=2**32), ".index", "index-invalid"),
        (value(index=True), ".index", "index-invalid"),
        (value(index="1"), ".index", "index-invalid"),
        (value(index=1.0), ".index", "index-invalid"),
        (value(type=""), ".type", "type-invalid"),
        (value(type="中" * 86), ".type", "type-invalid"),
        (value(type="A\nB"), ".type", "type-invalid"),
        (value(type="\ud800"), ".type", "type-invalid"),
        (value(type=None), ".type", "type-invalid"),
        (value(data=None), ".data", "data-invalid"),
        (value(data=7), ".data", "data-invalid"),
        (value(data={"format": "string"}), ".data", "data-invalid"),
        (value(data={"format": "xml", "value": ""}), ".data.format", "format-unknown"),
        (value(data={"format": [], "value": ""}), ".data.format", "format-unknown"),
        (value(data={"value": 7}), ".data.value", "data-invalid"),
        (value(data={"format": "vlist", "value": {}}), ".data.value", "data-invalid"),
        (value(data={"format": "admin", "value": []}), ".data.value", "data-invalid"),
        (value(data={"format": "base64", "value": "***"}), ".data.value", "data-invalid"),
        (value(data={"format": "base64", "value": "中"}), ".data.value", "data-invalid"),
        (value(data={"format": "hex", "value": "abc"}), ".data.value", "data-invalid"),
        (value(data="x" * (MAX_DATA_BYTES + 1)), ".data.value", "data-too-large"),
        (value(data="中" * (MAX_DATA_BYTES // 3 + 1)), ".data.value", "data-too-large"),
        (value(data={"format": "vlist", "value": ["x" * MAX_DATA_BYTES]}), ".data.value", "data-too-large"),
        (value(data={"format": "site", "value": nested(300)}), ".data.value", "data-too-deep"),
        (value(data={"format": "site", "value": nested(33)}), ".data.value", "data-too-deep"),
        (value(ttl=-1), ".ttl", "ttl-invalid"),
        (value(ttl=2**31), ".ttl", "ttl-invalid"),
        (value(ttl=True), ".ttl", "ttl-invalid"),
        (value(ttl="86400"), ".ttl", "ttl-invalid"),
        (value(ttl="2026-01-31T10:00:00"), ".ttl", "ttl-invalid"),
        (value(ttl="1969-12-31T23:59:59Z"), ".ttl", "ttl-invalid"),
        (value(ttl="2106-02-07T06:28:16Z"), ".ttl", "ttl-invalid"),
        (value(references={}), ".references", "references-invalid"),
        (value(references="a/b"), ".references", "references-invalid"),
        (value(references=[{"handle": "a/b", "index": 1}] * 101), ".references", "references-too-many"),
        (value(references=["a/b"]), ".references[0]", "not-an-object"),
        (value(references=[reference(), reference(hanlde="x")]), ".references[1].hanlde", "member-unknown"),
        (value(references=[reference(handle="")]), ".references[0].handle", "handle-invalid"),
        (value(references=[reference(handle="a/\n")]), ".references[0].handle", "handle-invalid"),
        (value(references=[reference(handle="中" * 683)]), ".references[0].handle", "handle-invalid"),
        (value(references=[reference(handle=None)]), ".references[0].handle", "handle-invalid"),
        (value(references=[reference(index=-1)]), ".references[0].index", "index-invalid"),
        (value(references=[reference(index=2**32)]), ".references[0].index", "index-invalid"),
        (value(references=[reference(index=True)]), ".references[0].index", "index-invalid"),
        (value(permissions="111"), ".permissions", "permissions-invalid"),
        (value(permissions="1112"), ".permissions", "permissions-invalid"),
        (value(permissions=1110), ".permissions", "permissions-invalid"),
        (value(type="HS_SECKEY", permissions="1110"), ".permissions", "secret-public"),
        (value(type="HS_SECKEY", permissions="1101"), ".permissions", "secret-public"),
        (value(tpye="URL"), ".tpye", "member-unknown"),
        ("text", "", "not-an-object"),
    ],
)
def test_each_wrong_member_is_named_with_its_path(raw: Any, path: str, slug: str) -> None:
    assert parsed([raw])[1] == [(f"values[0]{path}", slug)]


@pytest.mark.parametrize("raw", [None, [], {}, "x", 0])
def test_values_must_be_a_list_with_something_in_it(raw: Any) -> None:
    assert parsed(raw)[1] == [("values", "values-missing")]


def test_everything_wrong_is_said_at_once() -> None:
    _, problems = parsed([value(index=-1, ttl="x"), value(), value(type=7), value(index=1)])
    assert problems == [
        ("values[0].index", "index-invalid"),
        ("values[0].ttl", "ttl-invalid"),
        ("values[2].type", "type-invalid"),
        ("values[3].index", "index-twice"),
    ]


def test_too_many_values_are_refused_without_reading_them() -> None:
    assert parsed([value(index=n) for n in range(1, MAX_VALUES + 1)])[1] == []
    assert parsed([{"bad": 1}] * (MAX_VALUES + 1))[1] == [("values", "values-too-many")]


def test_the_exact_borders_are_inside() -> None:
    raw = [
        value(index=2**32 - 1, ttl=2**31 - 1, type="中" * 85),
        value(index=1, ttl=0, data="x" * MAX_DATA_BYTES),
        value(index=2, data={"format": "site", "value": nested(32)}, ttl="2106-02-07T06:28:15Z"),
        value(index=3, ttl="1970-01-01T00:00:00Z", references=[reference(handle="中" * 682, index=0)] * 100),
    ]
    values, problems = parsed(raw)
    assert not problems
    assert [found.index for found in values] == [1, 2, 3, 2**32 - 1], "values are kept in order of index"


def test_usual_members_may_be_left_out_and_data_may_be_bare_text() -> None:
    short, _ = parsed([{"index": 1, "type": "URL", "data": "x"}])
    long, _ = parsed([value(ttl=86400, permissions="1110", timestamp="2020-01-01T00:00:00Z")])
    assert short == long == [HandleValue(1, "URL", "x")]


def test_a_secret_is_not_public_even_when_nobody_says_so() -> None:
    found, problems = parsed([{"index": 300, "type": "HS_SECKEY", "data": "open sesame"}])
    assert not problems
    assert found[0].permissions == SECRET_PERMISSIONS and not found[0].public


def test_stored_values_are_compact() -> None:
    assert pack([HandleValue(2001, "MODEL", "BAV99")]) == b'[[2001,"MODEL","BAV99"]]'
    assert pack([HandleValue(1, "A", "b", ttl_seconds=5)]) == b'[[1,"A","b","string",5]]'
    assert pack([HandleValue(1, "A", "b", expires_at=9)]) == b'[[1,"A","b","string",86400,14,null,9]]'
    assert pack([HandleValue(1, "A", "b", references=(("c/d", 2),))]) == (
        b'[[1,"A","b","string",86400,14,null,null,[["c/d",2]]]]'
    )
    assert pack([HandleValue(1, "A", {"b": 1, "a": 2}, "site")]) == pack(
        [HandleValue(1, "A", {"a": 2, "b": 1}, "site")]
    )


def test_the_size_of_all_values_together_is_bounded() -> None:
    problems: list[FieldProblem] = []
    check_size(b"x" * MAX_PACKED_BYTES, "values", problems)
    assert not problems
    check_size(b"x" * (MAX_PACKED_BYTES + 1), "values", problems)
    assert [problem.slug for problem in problems] == ["values-too-large"]


def test_a_value_that_did_not_change_keeps_its_time() -> None:
    old = [
        HandleValue(1, "A", "same", timestamp=100),
        HandleValue(2, "B", "old", timestamp=100),
        HandleValue(3, "C", "c"),
    ]
    new = [HandleValue(1, "A", "same"), HandleValue(2, "B", "new"), HandleValue(3, "C", "c"), HandleValue(4, "D", "d")]
    dated = keep_timestamps(new, old, 200)
    assert [one.timestamp for one in dated] == [100, 200, None, 200]
    assert [one.data for one in dated] == ["same", "new", "c", "d"]


@pytest.mark.parametrize(("was", "now"), [(1, True), (1, 1.0), (0, False), ([1], [True])])
def test_json_values_that_python_calls_equal_are_different(was: Any, now: Any) -> None:
    old, new = [HandleValue(1, "A", {"x": was}, "site", timestamp=100)], [HandleValue(1, "A", {"x": now}, "site")]
    dated = keep_timestamps(new, old, 200)
    assert orjson.dumps(dated[0].data) == orjson.dumps({"x": now}), "the new content must not be lost"
    assert dated[0].timestamp == 200
    assert [found["kind"] for found in difference(old, new)] == ["changed"]


def test_the_difference_names_each_index_once_and_hides_secrets() -> None:
    old = [HandleValue(1, "A", "x", timestamp=5), HandleValue(2, "HS_SECKEY", "s3cret", permissions=12)]
    new = [
        HandleValue(1, "A", "x"),
        HandleValue(2, "HS_SECKEY", "0ther", permissions=12),
        HandleValue(3, "C", "y" * 500),
    ]
    found = difference(old, new)
    assert [(one["index"], one["kind"]) for one in found] == [(2, "changed"), (3, "added")]
    assert b"s3cret" not in orjson.dumps(found) and b"0ther" not in orjson.dumps(found)
    assert len(found[1]["sent"]["value"]) < 210
    assert [one["kind"] for one in difference(new, old)] == ["changed", "removed"]


def test_content_is_compared_without_times() -> None:
    dated = pack([HandleValue(1, "A", "x", timestamp=7), HandleValue(2, "B", "y", ttl_seconds=9, timestamp=8)])
    assert without_timestamps(dated) == pack([HandleValue(1, "A", "x"), HandleValue(2, "B", "y", ttl_seconds=9)])


def test_shown_as_handle_clients_expect_it() -> None:
    assert render(HandleValue(1, "URL", "x"), 1769853600) == {
        "index": 1,
        "type": "URL",
        "data": {"format": "string", "value": "x"},
        "ttl": 86400,
        "timestamp": "2026-01-31T10:00:00Z",
    }
    assert render(HandleValue(1, "URL", "x", permissions=2, timestamp=60), 0)["permissions"] == "0010"
    assert iso_time(60) == "1970-01-01T00:01:00Z"


def test_what_was_stored_is_read_back() -> None:
    values = [
        HandleValue(1, "A", "x"),
        HandleValue(7, "B", ["l"], "vlist", 5, 15, 99),
        HandleValue(8, "C", "x", expires_at=0),
        HandleValue(9, "D", "x", references=(("a/b", 1), ("0.NA/中", 0))),
    ]
    assert unpack(pack(values)) == values


def test_references_and_absolute_times_to_live_are_read_as_they_are_shown() -> None:
    sent = value(ttl="2020-01-01T08:00:00+08:00", references=[reference(), reference(index=0)])
    [found], problems = parsed([sent])
    assert not problems
    assert (found.expires_at, found.ttl_seconds) == (1_577_836_800, 86_400)
    assert found.references == (("0.NA/88.118.8", 300), ("0.NA/88.118.8", 0)), "in their order"
    shown = render(found, 60)
    assert shown["ttl"] == "2020-01-01T00:00:00Z", "long past, and answered as it is: it is about caches"
    assert shown["references"] == sent["references"]
    assert parsed([shown])[0] == [found]
    assert "references" not in render(HandleValue(1, "A", "x"), 60)


@pytest.mark.parametrize("more", [{"expires_at": 9}, {"ttl_seconds": 9}, {"references": (("a/b", 1),)}])
def test_a_reference_or_another_time_to_live_is_content(more: dict[str, Any]) -> None:
    """What is said of a value with another is not the same again, and has a time of its own."""
    old, new = [HandleValue(1, "A", "x", timestamp=100)], [HandleValue(1, "A", "x", **more)]
    assert keep_timestamps(new, old, 200)[0].timestamp == 200
    assert keep_timestamps(new, keep_timestamps(new, old, 200), 300)[0].timestamp == 200
    [found] = difference(old, new)
    assert found["kind"] == "changed" and found["registered"] != found["sent"]
    assert without_timestamps(pack(old)) != without_timestamps(pack(new))
