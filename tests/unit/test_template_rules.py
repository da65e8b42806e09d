"""Data types, patterns, the life of a template, its definitions and its JSON Schema: each rule by its name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from core.data_types import RULES, check_of
from core.errors import BodyInvalid, FieldProblem, TemplateFixed, TemplateState
from core.pattern import MAX_MATCHED, MAX_PATTERN, PatternWrong, matcher, plain
from core.template import Template, fit_values
from core.template_intake import parse_items
from core.template_item import DATA_TYPES, Choice, TemplateItem
from core.template_life import MOVES, Move, State, require_move
from core.value_intake import parse_values
from core.values import VISIBILITIES, HandleValue
from registry.codes import industry, region
from registry.template_schema import schema
from registry.template_store import Held
from registry.template_wish import Definition, parse_wish

NAME = "88.118.8/META_part"
HEX = "0123456789abcdef" * 4
ITEM = {"index": 2001, "type": "T", "name_zh": "名", "name_en": "N"}
GOOD_AND_BAD = {
    "string": (["", "any text 任意"], []),
    "number": (["0", "-12.50", "999999999999999999.999999999999999999"], ["", "1e3", "007", "+1", ".5", "1.", "１", "1 ", "1" * 19]),
    "date": (["2026-01-31", "2024-02-29", "2026-01-31T08:30:00.123+08:00", "2026-01-31T00:00:00Z"],
             ["", "2026-02-29", "0000-01-01", "2026-1-1", "2026-01-31T24:00:00Z", "2026-01-31T08:30:60Z", "2026-01-31 08:30:00Z"]),
    "boolean": (["true", "false"], ["", "True", "1", "是"]),
    "url": (["http://a", "HTTPS://example.org:8443/a%20b?c=d#e", "http://[::1]/x"], ["", "ftp://a", "//a", "http://", "http://a b", "http://u:p@a", "http://a/é", "http://a/" + "x" * 2_048]),
    "reference": (["88.118.8/x", "88.118.8/型号 1"], ["", "88.118.8", "88..8/x", "/x", "8 8/x", f"8/{'x' * 254}"]),
    "file": ([f"sha256:{HEX} https://a/b", f"sm3:{HEX} http://a"], ["", HEX, f"md5:{HEX} http://a", f"sha256:{HEX.upper()} http://a"]),
    "enumeration": (["red", "绿"], ["", "blue", "RED"]),
}  # fmt: skip


def an_item(data_type: str, **more: Any) -> TemplateItem:
    choices = (Choice("red", "红", "Red"), Choice("绿", "绿", "Green")) if data_type == "enumeration" else ()
    return TemplateItem(2001, "T", "名", "N", False, data_type=data_type, choices=choices, **more)


def good(item: TemplateItem, text: str) -> bool:
    check = check_of(item)
    return check is None or check(text) is None


def slugs(raw: Any) -> list[tuple[str, str]]:
    problems: list[FieldProblem] = []
    parse_items(raw, problems)
    return [(problem.path.removeprefix("items[0]."), problem.slug) for problem in problems]


def test_every_data_type_has_examples() -> None:
    assert set(GOOD_AND_BAD) == set(DATA_TYPES) == set(RULES)


@pytest.mark.parametrize("data_type", DATA_TYPES)
def test_a_data_type_takes_what_it_is_and_nothing_else(data_type: str) -> None:
    taken, refused = GOOD_AND_BAD[data_type]
    assert [text for text in taken if not good(an_item(data_type), text)] == []
    assert [text for text in refused if good(an_item(data_type), text)] == []


def test_ranges_are_exact_and_include_their_bounds() -> None:
    item = an_item("number", minimum="0.1", maximum="0.3")
    assert [good(item, text) for text in ("0.1", "0.30", "0.300000000000000001", "0.099999999999999999")] == [
        True,
        True,
        False,
        False,
    ]
    days = an_item("date", minimum="2026-01-01", maximum="2026-01-31")
    assert [good(days, text) for text in ("2026-01-31T23:59:59-12:00", "2026-02-01", "2025-12-31T23:59:59Z")] == [
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"data_type": "float"}, [("data_type", "data-type-unknown")]),
        ({"data_type": []}, [("data_type", "data-type-unknown")]),
        ({"data_type": "number", "pattern": "x", "max_length": 3}, [("max_length", "rule-unfit"), ("pattern", "rule-unfit")]),
        ({"minimum": "1"}, [("minimum", "rule-unfit")]),
        ({"data_type": "boolean", "unit": "V"}, [("unit", "rule-unfit")]),
        ({"data_type": "number", "minimum": "2", "maximum": "1.5"}, [("maximum", "bound-invalid")]),
        ({"data_type": "number", "minimum": "1e3"}, [("minimum", "bound-invalid")]),
        ({"data_type": "number", "minimum": True}, [("minimum", "bound-invalid")]),
        ({"data_type": "date", "maximum": "2026-02-30"}, [("maximum", "bound-invalid")]),
        ({"data_type": "date", "minimum": "2026-02-02", "maximum": "2026-02-01"}, [("maximum", "bound-invalid")]),
        ({"pattern": "("}, [("pattern", "pattern-invalid")]),
        ({"pattern": 5}, [("pattern", "pattern-invalid")]),
        ({"pattern": "a", "max_length": MAX_MATCHED + 1}, [("max_length", "length-invalid")]),
        ({"data_type": "enumeration"}, [("choices", "choices-missing")]),
        ({"data_type": "enumeration", "choices": ["a"] * 201}, [("choices", "choices-missing")]),
        ({"data_type": "enumeration", "choices": ["a", "a"]}, [("choices", "choice-twice")]),
        ({"data_type": "enumeration", "choices": [{"code": "a", "fr": "x"}]}, [("choices[0].fr", "member-unknown")]),
        ({"unit": "x" * 21}, [("unit", "text-invalid")]),
        ({"visibility": "everybody"}, [("visibility", "visibility-unknown")]),
        ({"visiblity": "private"}, [("visiblity", "member-unknown")]),
    ],
)  # fmt: skip
def test_a_rule_that_does_not_fit_is_refused_by_its_name(item: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert slugs([ITEM | item]) == expected


def test_a_whole_definition_survives_being_stored() -> None:
    raw = [
        ITEM | {"pattern": "a+", "unit": "V", "visibility": "private"},
        ITEM | {"index": 2002, "type": "N", "data_type": "number", "minimum": -1, "maximum": 0.1},
        ITEM | {"index": 2003, "type": "E", "data_type": "enumeration", "choices": ["a", {"code": "b", "zh": "乙"}]},
    ]
    items = parse_items(raw, [])
    assert items[0].max_length == MAX_MATCHED, "what is matched is bounded"
    assert (items[1].minimum, items[1].maximum) == ("-1", "0.1")
    assert items[2].choices == (Choice("a", "a", "a"), Choice("b", "乙", "b"))
    assert parse_items([item.as_json() for item in items], []) == items


@pytest.mark.parametrize("pattern", ["", "(", ")", "a**", "a*?", "(?=a)", "(?P<n>a)", r"\1", r"\b", "[", "[]", "[z-a]", "[[a]", "a{2,1}", "a{1001}", "(a{50}){50}",
                                     "a{", "*", "a$b", "a^b", "x" * (MAX_PATTERN + 1), "(" * 30 + ")" * 30, "a\0"])  # fmt: skip
def test_what_is_no_pattern_of_the_dialect_is_refused(pattern: str) -> None:
    with pytest.raises(PatternWrong):
        matcher(pattern)


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        (r"^[A-Z]{3}-\d{6}$", ["ABC-123456"], ["ABC-123456\n", "xABC-123456", "ABC-１２３４５６"]),
        ("a|bc", ["a", "bc"], ["ac", "b", "abc"]),
        (r"\w+", ["aZ_9"], ["é", ""]),
        (r"[^\d]", ["a", "中", "\n"], ["1"]),
        (".", ["a", "中"], ["\n", ""]),
        ("[&&~-]+", ["&~-&"], ["a"]),
        ("(a|b)*a(a|b){3}", ["abbb"], ["bbbb"]),
    ],
)
def test_a_pattern_matches_the_whole_value(pattern: str, matching: list[str], others: list[str]) -> None:
    assert all(map(matcher(pattern), matching)) and not any(map(matcher(pattern), others))


def test_a_hostile_pattern_costs_no_more_than_its_text() -> None:
    matches = matcher("(a*)*(a|aa)*" + "(a?){50}" * 4 + "b")
    assert not matches("a" * MAX_MATCHED)
    assert plain("a") == "a"


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("move", Move)
def test_every_move_leads_where_the_table_says_or_is_refused(state: State, move: Move) -> None:
    ways = {
        (State.DRAFT, Move.CHANGE): State.DRAFT, (State.DRAFT, Move.DELETE): None, (State.DRAFT, Move.PUBLISH): State.PUBLISHED,
        (State.PUBLISHED, Move.PUBLISH): State.PUBLISHED, (State.PUBLISHED, Move.RETIRE): State.RETIRED,
        (State.PUBLISHED, Move.NEW_VERSION): State.PUBLISHED,
        (State.RETIRED, Move.RETIRE): State.RETIRED, (State.RETIRED, Move.NEW_VERSION): State.RETIRED,
    }  # fmt: skip
    assert set(MOVES) == set(Move)
    if (state, move) in ways:
        assert require_move(NAME, state, move) == ways[state, move]
    else:
        kind = TemplateFixed if move in (Move.CHANGE, Move.DELETE) else TemplateState
        with pytest.raises(kind) as refused:
            require_move(NAME, state, move)
        assert refused.value.extra == {"state": state.value}


def sent(said: dict[str, Any]) -> list[HandleValue]:
    value = {"index": 2001, "type": "T", "data": {"format": "string", "value": "x"}}
    return parse_values([value | said], "values", [])


@pytest.mark.parametrize("bound", VISIBILITIES)
@pytest.mark.parametrize("said", [None, *VISIBILITIES])
def test_an_items_visibility_is_the_default_and_the_bound(bound: str, said: str | None) -> None:
    template = Template(1, NAME.upper(), NAME, (an_item("string", visibility=bound),))
    problems: list[FieldProblem] = []
    values = sent({"visibility": said} if said else {})
    fitted = fit_values(template, values, "values", problems)
    wide = said is not None and list(VISIBILITIES).index(said) < list(VISIBILITIES).index(bound)
    assert [one.slug for one in problems] == (["visibility-too-wide"] if wide else [])
    if not wide:
        assert fitted[0].visibility == (said or bound)
        assert fitted[0].permissions == VISIBILITIES[said or bound]
    kept = fit_values(template, values, "values", [], values)
    assert kept[0].visibility == (said or bound)


def test_permissions_speak_of_visibility_too() -> None:
    template = Template(1, NAME.upper(), NAME, (an_item("string", visibility="private"),))
    problems: list[FieldProblem] = []
    fit_values(template, sent({"permissions": "1110"}), "values", problems)
    assert [(one.path, one.slug) for one in problems] == [("values[0].visibility", "visibility-too-wide")]
    assert fit_values(template, sent({"permissions": "1100"}), "values", [])[0].permissions == 0b1100


def test_rules_hold_text_to_be_text() -> None:
    template = Template(1, NAME.upper(), NAME, (an_item("number"),))
    problems: list[FieldProblem] = []
    fit_values(template, sent({"data": {"format": "hex", "value": "12"}}), "values", problems)
    assert [one.slug for one in problems] == ["data-not-text"]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("C", {"industryCategory": "C"}),
        ("397", {"industryCategory": "C", "industrySpecific": "39", "industryTrade": "397"}),
        ({"class": "3979"}, {"industryCategory": "C", "industrySpecific": "39", "industryTrade": "397", "industrySubclass": "3979"}),
        ({"category": "A", "class": "3979"}, "industry-differs"),
        ({"division": "397"}, "industry-invalid"),
        ("9999", "industry-invalid"),
        (39, "industry-invalid"),
        ({}, "industry-invalid"),
    ],
)  # fmt: skip
def test_industries_are_those_of_the_list(said: Any, expected: Any) -> None:
    body = {"identifier": NAME, "items": [ITEM], "industry": said}
    if isinstance(expected, dict):
        assert parse_wish(body).definition.facts == expected
    else:
        with pytest.raises(BodyInvalid) as wrong:
            parse_wish(body)
        assert [one.slug for one in wrong.value.errors] == [expected]


def test_the_code_lists_are_whole() -> None:
    found = industry.all_industries().values()
    assert [sum(one.level == level for one in found) for level in industry.LEVELS] == [20, 97, 473, 1381]
    for one in found:
        above = industry.find(one.parents[-1]) if one.parents else None
        assert (above.whole if above else {}) == {k: v for k, v in one.whole.items() if k != one.level}, one
    haidian = region.find("110108")
    assert haidian is not None and (haidian.name, haidian.level, haidian.parents) == (
        "海淀区",
        "county",
        ("110000", "110100"),
    )
    assert region.find("110199") is None
    beijing = region.province_of("110199")
    assert beijing is not None and beijing.name == "北京市"
    assert [region.province_of(text) for text in ("990000", "11", "１１０１０８", "")] == [None] * 4


def held(*items: TemplateItem) -> Held:
    definition = Definition(items, "1", {"name_zh": "元器件", "name_en": "Component", "description": "d"})
    return Held(1, NAME.upper(), NAME, State.PUBLISHED, definition, datetime(2026, 1, 1, tzinfo=UTC), None, None)


@pytest.mark.parametrize("data_type", DATA_TYPES)
def test_a_schema_takes_what_the_node_takes(data_type: str) -> None:
    """But for what JSON Schema cannot say: days that the calendar has not, the whole grammar of identifiers."""
    item = an_item(data_type, visibility="partners")
    made = schema(held(item), "https://node.example/api/v1/templates/")
    Draft202012Validator.check_schema(made)
    assert (made["title"], made["x-zh-title"]) == ("Component", "元器件")
    validator = Draft202012Validator(made)
    beyond = {"2026-02-29", "0000-01-01", "88..8/x", "8 8/x"}
    taken, refused = GOOD_AND_BAD[data_type]
    for text in [*taken, *refused]:
        for data in (text, {"format": "string", "value": text}, {"value": text}):
            body = {
                "identifier": "88.118.8/1",
                "template": NAME,
                "values": [{"index": 2001, "type": "T", "data": data}],
            }
            if text not in beyond:
                assert validator.is_valid(body) == good(item, text), (data, list(validator.iter_errors(body)))


@pytest.mark.parametrize(
    ("change", "valid"),
    [
        ({}, True),
        ({"values": []}, False),
        ({"values": [{"index": 2001, "type": "X", "data": "a"}]}, False),
        ({"values": [{"index": 2002, "type": "T", "data": "a"}]}, False),
        ({"values": [{"index": 2001, "type": "T", "data": "b"}]}, False),
        ({"values": [{"index": 2001, "type": "T", "data": "a", "visibility": "public"}]}, False),
        ({"values": [{"index": 2001, "type": "T", "data": "a", "permissions": "1110"}]}, False),
        ({"values": [{"index": 2001, "type": "T", "data": "a", "permissions": "1100"}]}, True),
        ({"values": [{"index": 2001, "type": "T", "data": "a", "visibility": "private"}]}, True),
        ({"template": "88.118.8/META_other"}, False),
        ({"identifier": "none"}, False),
        ({"colour": 1}, False),
    ],
)
def test_a_schema_describes_the_whole_body(change: dict[str, Any], valid: bool) -> None:
    item = TemplateItem(2001, "T", "名", "N", True, pattern="a+", max_length=9, visibility="partners")
    body = {"identifier": "88.118.8/1", "template": NAME, "values": [{"index": 2001, "type": "T", "data": "a"}]}
    assert Draft202012Validator(schema(held(item), "https://x/")).is_valid(body | change) == valid
