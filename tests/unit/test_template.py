"""Templates: which definitions are taken, and what values must look like to fit one."""

from __future__ import annotations

from typing import Any

import pytest

from core.errors import FieldProblem
from core.template import Template, check_values
from core.template_intake import parse_items
from core.template_item import TemplateItem
from core.values import HandleValue

ITEMS = (TemplateItem(2001, "MODEL", "型号", "Model", True), TemplateItem(2002, "NOTE", "备注", "Note", False))
TEMPLATE = Template(1, "88.118.8/META_PART", "88.118.8/META_part", ITEMS)


def an_item(**changed: Any) -> dict[str, Any]:
    return {"index": 2001, "type": "MODEL", "name_zh": "型号", "name_en": "Model", "required": True} | changed


def checked(*values: HandleValue) -> list[tuple[str, str]]:
    problems: list[FieldProblem] = []
    check_values(TEMPLATE, list(values), "values", problems)
    return [(problem.path, problem.slug) for problem in problems]


def read(raw: Any) -> tuple[tuple[TemplateItem, ...], list[tuple[str, str]]]:
    problems: list[FieldProblem] = []
    items = parse_items(raw, problems)
    return items, [(problem.path, problem.slug) for problem in problems]


def test_values_that_fit_have_no_problems() -> None:
    assert checked(HandleValue(2001, "MODEL", "BAV99")) == []
    assert checked(HandleValue(2001, "MODEL", "BAV99"), HandleValue(2002, "NOTE", "x")) == []


def test_everything_that_does_not_fit_is_named() -> None:
    assert checked(HandleValue(1, "URL", "x"), HandleValue(2002, "MODEL", "x")) == [
        ("values[0].index", "index-not-in-template"),
        ("values[1].type", "type-not-in-template"),
        ("values", "value-required"),
    ]


def test_items_come_out_in_order_of_index() -> None:
    items, problems = read([an_item(index=2002, type="NOTE"), an_item()])
    assert not problems
    assert [item.index for item in items] == [2001, 2002]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (None, [("items", "items-missing")]),
        ([], [("items", "items-missing")]),
        ([an_item()] * 501, [("items", "items-missing")]),
        (["x"], [("items[0]", "not-an-object")]),
        ([an_item(index=1999)], [("items[0].index", "index-invalid")]),
        ([an_item(index=True)], [("items[0].index", "index-invalid")]),
        ([an_item(index=2**32)], [("items[0].index", "index-invalid")]),
        ([an_item(type="")], [("items[0].type", "text-invalid")]),
        ([an_item(name_zh="a\nb")], [("items[0].name_zh", "text-invalid")]),
        ([an_item(name_en="x" * 101)], [("items[0].name_en", "text-invalid")]),
        ([an_item(required="yes")], [("items[0].required", "not-boolean")]),
        ([an_item(), an_item()], [("items", "index-twice"), ("items", "type-twice")]),
        ([an_item(type=7, required=1), 5], [("items[0].type", "text-invalid"), ("items[0].required", "not-boolean"), ("items[1]", "not-an-object")]),
    ],
)  # fmt: skip
def test_a_wrong_definition_says_everything_that_is_wrong(raw: Any, expected: list[tuple[str, str]]) -> None:
    assert read(raw)[1] == expected
