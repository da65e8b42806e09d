"""What a reader is told: which values, in which form, and where a browser is sent."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from core.record import Record, Status
from core.values import HandleValue, pack
from resolver.answers import (
    chosen,
    handle_answer,
    handle_body,
    is_web_address,
    public_values,
    redirect_target,
    withdrawn_answer,
)

MOMENT = datetime(2026, 1, 31, 10, tzinfo=UTC)
VALUES = [
    HandleValue(1, "URL", "https://example.org/a"),
    HandleValue(2, "T", "t"),
    HandleValue(3, "T.A", "ta"),
    HandleValue(4, "T.A.B", "tab"),
    HandleValue(5, "TX", "tx"),
    HandleValue(6, "COST", "secret price", permissions=12),
]


def record(*values: HandleValue, **changed: Any) -> Record:
    fields: dict[str, Any] = {"version": 3, "status": Status.ACTIVE, "template_id": None, "withdrawal": None} | changed
    return Record("88.118.8/X", "88.118.8/x", pack(list(values)), created_at=MOMENT, changed_at=MOMENT, **fields)


@pytest.mark.parametrize(
    ("types", "indexes", "found"),
    [
        ([], [], [1, 2, 3, 4, 5, 6]),
        (["T"], [], [2]),  # itself only
        (["T."], [], [2, 3, 4]),  # itself and every subtype, not TX
        (["T.A."], [], [3, 4]),
        (["T.A"], [], [3]),
        (["t"], [], []),  # types compare exactly
        (["URL", "T"], [], [1, 2]),
        ([], [5, 1], [1, 5]),
        (["URL"], [5], [1, 5]),  # a union
        (["URL"], [1], [1]),  # each value once
        (["NONE"], [99], []),
        (["."], [], []),
    ],
)
def test_types_and_indexes_choose_the_union_in_order_of_index(
    types: list[str], indexes: list[int], found: list[int]
) -> None:
    assert [value.index for value in chosen(VALUES, types, set(indexes))] == found


def test_only_public_values_leave_the_house() -> None:
    whole = record(*VALUES)
    assert [value.index for value in public_values(whole)] == [1, 2, 3, 4, 5]
    assert b"secret price" not in handle_body(whole)


def test_the_handle_form_says_so_when_nothing_is_left_to_show() -> None:
    assert orjson.loads(handle_body(record(VALUES[0]))) == {
        "responseCode": 1,
        "handle": "88.118.8/x",
        "values": [
            {
                "index": 1, "type": "URL", "data": {"format": "string", "value": "https://example.org/a"}, "ttl": 86400,
                "timestamp": "2026-01-31T10:00:00Z",
            }
        ],
    }  # fmt: skip
    assert handle_answer(record(VALUES[5]), []) == {"responseCode": 200, "handle": "88.118.8/x", "values": []}


def test_a_withdrawn_record_tells_reason_and_successor_and_no_values() -> None:
    gone = record(*VALUES, status=Status.WITHDRAWN, withdrawal='{"reason": "召回", "successor": "88.118.8/y"}')
    answer = withdrawn_answer(gone)
    assert answer["withdrawn"] == {"at": "2026-01-31T10:00:00Z", "reason": "召回", "successor": "88.118.8/y"}
    assert answer["responseCode"] == 100 and "values" not in answer


@pytest.mark.parametrize(
    ("address", "location"),
    [
        ("https://example.org/a?b=c&d=%20#e", "https://example.org/a?b=c&d=%20#e"),
        ("http://192.0.2.1:8080/", "http://192.0.2.1:8080/"),
        ("http://[2001:db8::1]/x", "http://[2001:db8::1]/x"),
        ("https://例子.中国/零件", "https://%E4%BE%8B%E5%AD%90.%E4%B8%AD%E5%9B%BD/%E9%9B%B6%E4%BB%B6"),
        ("javascript:alert(1)", None),
        ("JaVaScRiPt:alert(1)", None),
        (" javascript:alert(1)", None),
        ("data:text/html,<script>", None),
        ("file:///etc/passwd", None),
        ("ftp://example.org", None),
        ("//example.org/a", None),
        ("/local", None),
        ("https:example.org", None),
        ("https://", None),
        ("https:///path", None),
        ("https://?x", None),
        ("http://[::1", None),
        ("https://example.org/\r\nSet-Cookie: a=b", None),
        ("https://example.org/\n", None),
        ("https://example.org/\x00", None),
        ("https://example.org/\u202e", None),
        ("https://example.org/\u2028", None),
        ("https://example.org/a b", None),
        ("https://example.org\\@evil.example", None),
        ('https://example.org/"><script>', None),
        ("https://example.org/" + "x" * 2000, None),
        ("", None),
    ],
)
def test_a_browser_is_sent_to_web_addresses_only(address: str, location: str | None) -> None:
    assert redirect_target([HandleValue(1, "URL", address)]) == location
    assert is_web_address(address) == (location is not None)


def test_the_first_usable_url_value_counts() -> None:
    values = [HandleValue(1, "DESC", "https://no.example"), HandleValue(2, "URL", "javascript:x")]
    values += [HandleValue(3, "URL", {"a": 1}, "site"), HandleValue(4, "URL.X", "https://sub.example")]
    assert redirect_target(values) is None
    values += [HandleValue(5, "URL", "https://yes.example"), HandleValue(6, "URL", "https://second.example")]
    assert redirect_target(values) == "https://yes.example"
