"""One rule, two ways: what a registration alone decides and what a bulk job decides of whole columns must be the same."""

from __future__ import annotations

from typing import Any

import polars as pl
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.access import Prefix
from core.data_types import check_of
from core.pattern import matcher
from core.template import Template
from core.template_intake import parse_items
from core.template_item import TemplateItem
from registry.bulk.admit import admit
from registry.bulk.columns import fits
from registry.bulk.law import Admitted, Cells, judge
from registry.bulk.layout import Column, Target
from tests.property.patterns import patterns

LAWS = settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
HEX = "0123456789abcdef" * 4

NUMBERS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-1000, max_value=1000).map(str),
    st.from_regex(r"-?[0-9]{1,20}(\.[0-9]{1,20})?", fullmatch=True),
    st.sampled_from(["-0", "0.0", "007", "+1", "1.", ".5", "1e3", "٣", "９", "1 ", "1\n", "NaN", "inf", "12.5", "12.50", "-12.500000000000000001"]),
)  # fmt: skip
BOUNDS = st.sampled_from(["-12.5", "0", "12.5", "999999999999999999.999999999999999999", "0.000000000000000001"])
DAYS = st.one_of(
    st.dates().map(str),
    st.datetimes().map(lambda at: at.isoformat() + "Z"),
    st.sampled_from(
        ["2026-02-29", "2024-02-29", "0000-01-01", "2026-1-1", "2026-01-31T24:00:00Z", "2026-01-31T08:30:00+08:00",
         "2026-01-31t08:30:00z", "2026-01-31T08:30:60Z", "2026-01-31T08:30Z", "2026-04-31", "2026-01-31\n", "２026-01-31"]
    ),
)  # fmt: skip
URLS = st.one_of(
    st.text(alphabet="aZ0.-/?#:[]%é @", max_size=20).map(lambda rest: f"https://{rest}"),
    st.sampled_from(
        ["http://a", "HTTPS://a.b/c?d#e", "ftp://a", "http:///x", "http://-a", "http://a-", "http://[::1]:80/x", "http://a:99999999", "http://中国/"]
    ),
    st.integers(2_030, 2_060).map(lambda size: "http://a/" + "x" * (size - 9)),
)  # fmt: skip
REFERENCES = st.one_of(
    st.text(alphabet="8.1/ aéX\t中", max_size=12),
    st.sampled_from(["88.118.8/x", "88..8/x", ".8/x", "8./x", "8/", "/x", "8 8/x", f"{'8' * 64}/x", f"{'8' * 65}/x", f"8/{'x' * 253}", f"8/{'x' * 254}"]),
)  # fmt: skip
FILES = st.sampled_from(
    [f"sha256:{HEX} https://a/b", f"sm3:{HEX} http://a", f"md5:{HEX} http://a", f"sha256:{HEX.upper()} http://a", f"sha256:{HEX}  http://a", f"sha256:{HEX[1:]} http://a", HEX]
)  # fmt: skip
WORDS = (
    st.text(max_size=12)
    | st.text(alphabet="ab1-Z\n ", max_size=12)
    | st.sampled_from(["true", "false", "True", "TRUE", "red", "绿"])
)
ANYTHING = st.one_of(NUMBERS, DAYS, URLS, REFERENCES, FILES, WORDS)


def rules(data_type: str) -> st.SearchStrategy[dict[str, Any]]:
    small = st.integers(0, 6)
    lengths = {"min_length": small, "max_length": st.integers(6, 20)}
    return {
        "string": st.fixed_dictionaries({}, optional={**lengths, "pattern": patterns()}),
        "number": st.fixed_dictionaries({}, optional={"minimum": BOUNDS.filter(lambda b: float(b) <= 0), "maximum": BOUNDS.filter(lambda b: float(b) >= 0)}),
        "date": st.fixed_dictionaries({}, optional={"minimum": st.just("1999-12-31"), "maximum": st.just("2026-06-30")}),
        "url": st.fixed_dictionaries({}, optional={"max_length": st.integers(5, 30), "pattern": st.just("https?://a.*")}),
        "enumeration": st.just({"choices": ["red", "绿", "1", "true"]}),
        "reference": st.fixed_dictionaries({}, optional={"pattern": st.just(r"88\.118\.8/.+")}),
    }.get(data_type, st.just({}))  # fmt: skip


@st.composite
def template_items(draw: st.DrawFn) -> list[dict[str, Any]]:
    found = []
    for index in range(2000, 2000 + draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["string", "number", "date", "boolean", "url", "enumeration", "reference", "file"]))
        item = {
            "index": index,
            "type": f"T{index}",
            "name_zh": "名",
            "name_en": "N",
            "data_type": kind,
            **draw(rules(kind)),
        }
        item["required"], item["enabled"] = draw(st.booleans()), draw(st.sampled_from([True, True, True, False]))
        item["visibility"] = draw(st.sampled_from(["public", "partners", "private"]))
        found.append(item)
    return found


def template_of(raw: list[dict[str, Any]]) -> Template:
    problems: list[Any] = []
    items = parse_items(raw, problems)
    assert not problems, problems
    return Template(7, "88.118.8/META_X", "88.118.8/META_x", items)


def fitting(item: dict[str, Any]) -> st.SearchStrategy[str]:
    """Texts that have a chance, so that yes is drawn as often as no."""
    by_kind = {"number": NUMBERS, "date": DAYS, "boolean": WORDS, "url": URLS, "reference": REFERENCES, "file": FILES}
    if item["data_type"] == "enumeration":
        return st.sampled_from(item["choices"])
    if "pattern" in item and item["data_type"] == "string":
        return st.text(alphabet="aZ1-中é.\\[& x_", min_size=1, max_size=6)
    return by_kind.get(item["data_type"], WORDS)


def plain_reference(text: str) -> bool:
    """Whether a reference is beyond doubt of the Handle form; others the columns leave to the slow way."""
    return not text or (text.isascii() and text[0] in "0123456789" and "." in text.partition("/")[0])


@LAWS
@given(st.data())
def test_a_column_is_decided_as_each_of_its_values(data: st.DataObject) -> None:
    raw = data.draw(template_items())
    for item, said in zip(template_of(raw).items, raw, strict=True):
        texts = data.draw(
            st.lists(fitting(said) | ANYTHING, min_size=1, max_size=20).map(lambda ts: [t for t in ts if t])
        )
        frame = pl.DataFrame({"text": pl.Series(texts, dtype=pl.String)})
        columnar = frame.select(fits(item, pl.col("text")).alias("good"))["good"].to_list() if texts else []
        columnar = columnar * len(texts) if len(columnar) == 1 < len(texts) else columnar
        check = check_of(item)
        for text, good in zip(texts, columnar, strict=True):
            alone = item.enabled and (check is None or check(text) is None)
            if item.data_type == "reference" and not plain_reference(text):
                assert alone or not good, "handed back to the slow way"
            else:
                assert good == alone, (item, text)


@LAWS
@given(st.data())
def test_rows_are_admitted_and_packed_as_the_law_says(data: st.DataObject) -> None:
    raw = data.draw(template_items())
    target = Target(Prefix("88.118.8", "88.118.8", 1, "x", False, False), template_of(raw), {})
    columns = [(at, Column(item["type"], item["index"], item["type"])) for at, item in enumerate(raw)]
    cells = st.tuples(*(st.just("") | fitting(item) | ANYTHING for item in raw))
    rows = data.draw(st.lists(cells, min_size=1, max_size=8))
    frame = pl.DataFrame(
        {"row": range(2, 2 + len(rows)), "identifier": [f"r{n}" for n in range(len(rows))]}
        | {f"c{at}": [row[at] for row in rows] for at, _ in columns},
        schema_overrides={"row": pl.UInt64} | {f"c{at}": pl.String for at, _ in columns},
    )
    decided = admit(frame, columns, target)
    told = {row["row"]: row["value"] for row in decided.admitted.iter_rows(named=True)}
    for number, row in enumerate(rows, 2):
        verdict = judge(
            Cells(number, f"r{number - 2}", [(c, t) for (_, c), t in zip(columns, row, strict=True)]), target
        )
        surely = all(plain_reference(t) for item, t in zip(raw, row, strict=True) if item["data_type"] == "reference")
        if number in told:
            assert isinstance(verdict, Admitted) and verdict.value == told[number]
        else:
            assert not (isinstance(verdict, Admitted) and surely), (raw, row)


@LAWS
@example(pattern=r"^\w+[^a-c&&\-]\.$", text="aZ.")
@given(pattern=patterns(), text=st.text(alphabet="abZ19-_&~.[]^\n é中", max_size=8))
def test_a_pattern_means_the_same_to_both(pattern: str, text: str) -> None:
    item = TemplateItem(2000, "T", "t", "t", False, pattern=pattern, max_length=512)
    assert pl.select(fits(item, pl.lit(text))).item() == matcher(pattern)(text)
