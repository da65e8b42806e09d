"""Every file gives the verdicts that the slow, obviously right way gives: fuzzed, and the hostile cases by name."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import registry.bulk.pieces
from core.access import Prefix
from core.template import Template, TemplateItem
from core.values import HandleValue, pack
from registry.bulk.admit import admit
from registry.bulk.decoding import Decoder
from registry.bulk.layout import Column, Target
from registry.bulk.pieces import Pieces
from registry.bulk.prepare import prepare
from registry.bulk.refusals import refusal_paths
from registry.bulk.verdict_files import read_verdicts
from tests.bulk.conftest import ITEMS
from tests.bulk.reference import decode, expect

TEMPLATE = Template(7, "88.118.8/META_X", "88.118.8/META_x", tuple(TemplateItem(**item) for item in ITEMS))
COLUMNS = [(2000, "MODEL"), (2001, "NOTE"), (2002, "MAKER")]
HEADER = "identifier,MODEL,NOTE,MAKER"


def target(*, template: bool = True, case_sensitive: bool = False) -> Target:
    prefix = Prefix("88.118.8", "88.118.8", 1, "x", case_sensitive, False)
    return Target(prefix, TEMPLATE if template else None, {})


def read(octets: bytes, wanted: Target, monkeypatch_block: int | None = None) -> tuple[dict, dict, set]:
    """Admitted (key → row, packed), refused (row → slug), unchanged rows."""
    import csv

    directory = Path(tempfile.mkdtemp(prefix="biaojie-bulk-"))
    try:
        source = directory / "source"
        source.write_bytes(octets)
        pieces = Pieces(directory / "job")
        from registry.bulk import decoding

        before = decoding.BLOCK_BYTES
        Decoder.__init__.__defaults__ = (monkeypatch_block or before,)
        try:
            prepare(source, "csv", wanted, pieces, lambda _: None)
        finally:
            Decoder.__init__.__defaults__ = (before,)
        admitted = {}
        for path in sorted(pieces.directory.glob("piece-*.ipc")):
            for row in pl.read_ipc(path).iter_rows(named=True):
                admitted[row["key"]] = (row["row"], row["value"].encode())
        refused = {}
        for path in refusal_paths(pieces.directory):
            with path.open(encoding="utf-8", newline="") as file:
                refused.update({int(line[0]): line[3] for line in csv.reader(file)})
        unchanged = {row for rows in read_verdicts(pieces.directory) for row, _, _ in rows}
        return admitted, refused, unchanged
    finally:
        shutil.rmtree(directory)


def same_as_reference(octets: bytes, encoding: str = "utf-8", block: int | None = None, **more: bool) -> None:
    wanted = target(**more)
    expected = expect(decode(octets, encoding), wanted, COLUMNS)
    assert read(octets, wanted, block) == (expected.admitted, expected.refused, expected.unchanged)


PIECES = st.sampled_from(
    ["a", "A", "b1", "88.118.8/", "88.118.9/", "1.5/", "/", '"', '""', '"x"', "\\", ",", ",", ",", "\n", "\n", "\r\n", "\r", "\0", "\x01",
     "\t", " ", "é", "e\u0301", "中", "🔧", "\u2028", "\u202e", "\x85", "\x1f", "'", ";", "\n\n", '","', '"\n"', "M,n,k\n", "x1,M,,\n", "x2,M,n,k\n"]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=40).map("".join)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=TEXTS, block=st.sampled_from([1, 7, 64, 1 << 20]), template=st.booleans(), case=st.booleans())
def test_any_text_gives_the_verdicts_of_the_reference(text: str, block: int, template: bool, case: bool) -> None:
    header = HEADER if template else "identifier,2000:MODEL,2001:NOTE,2002:MAKER"
    same_as_reference(f"{header}\n{text}".encode(), block=block, template=template, case_sensitive=case)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(st.tuples(*[st.text(max_size=12) | st.sampled_from(["", "a", "M", "88.118.8/a"])] * 4), max_size=30),
    ending=st.sampled_from(["\n", "\r\n"]),
)
def test_well_written_rows_of_any_text(rows: list[tuple[str, ...]], ending: str) -> None:
    import csv
    import io

    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=ending).writerows([HEADER.split(","), *rows])
    octets = text.getvalue().encode("utf-8", "replace")
    same_as_reference(octets)


@settings(max_examples=150, deadline=None)
@given(
    octets=st.lists(
        st.sampled_from(
            [b"x1,M,", b"\xd6\xd0", b"\xe4\xb8\xad", b"\xff", b"\x81", b"\n", b",n", b"\x00", b"a,b,c,d\n"]
        ),
        max_size=30,
    ).map(b"".join)
)
def test_bytes_of_mixed_encodings_cost_only_their_rows(octets: bytes) -> None:
    whole = f"{HEADER}\n中,M,说明,甲\n".encode() * 40 + octets
    same_as_reference(whole)


@settings(max_examples=300, deadline=None)
@given(
    texts=st.lists(
        st.text(max_size=30) | st.sampled_from(['"', "\\", "\x00\x1f\x7f", "\u2028\u2029", "🔧", "\\u0041"]),
        min_size=3,
        max_size=3,
    )
)
def test_packing_is_that_of_the_registry(texts: list[str]) -> None:
    columns = [(at, Column(kind, index, kind)) for at, (index, kind) in enumerate(COLUMNS)]
    frame = pl.DataFrame(
        {"row": [1], "identifier": ["a"], **{f"c{at}": [text] for at, text in enumerate(texts)}},
        schema_overrides={"row": pl.UInt64, "c0": pl.String, "c1": pl.String, "c2": pl.String},
    )
    decided = admit(frame, columns, target(template=False))
    if not any(texts):
        assert len(decided.rest) == 1
        return
    values = [HandleValue(index, kind, text) for (index, kind), text in zip(COLUMNS, texts, strict=True) if text]
    assert decided.admitted["value"][0].encode() == pack(values)


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "utf-8-sig", "utf-8"])
def test_encodings_are_detected(encoding: str) -> None:
    text = f"{HEADER}\n" + "".join(f"电阻-{n},型号{n},㐀 说明 {n},甲企业\n" for n in range(500))
    same_as_reference_of_text(text, text.encode(encoding))


def test_a_few_lines_in_another_encoding_do_not_decide() -> None:
    """Half the UTF-8 lines also read as GB18030; they must not be taken for it."""
    lines = [f"电阻{n},型号,甲乙,丙丁".encode() for n in range(60)] + [
        f"电容{n},型号,甲乙,丙".encode("gb18030") for n in range(30)
    ]
    admitted, refused, _ = read((HEADER + "\n").encode() + b"\n".join(lines), target())
    assert len(admitted) == 60 and set(refused.values()) == {"row-unreadable"} and "88.118.8/电阻7" in admitted


def same_as_reference_of_text(text: str, octets: bytes) -> None:
    expected = expect(text, target(), COLUMNS)
    assert len(expected.admitted) > 10
    assert read(octets, target()) == (expected.admitted, expected.refused, expected.unchanged)


def test_a_cell_of_ten_megabytes_is_refused_and_its_neighbours_are_not() -> None:
    big = "x" * 10_000_000
    octets = f'{HEADER}\na,M,n,k\nb,M,{big},k\nc,M,"{big}\n{big[:5_000_000]}",k\nd,M,n,k\n'.encode()
    admitted, refused, _ = read(octets, target())
    assert set(admitted) == {"88.118.8/A", "88.118.8/D"}
    assert refused == {3: "data-too-large", 4: "data-too-large"}


def test_a_line_that_never_ends_costs_one_row() -> None:
    octets = f"{HEADER}\na,M,n,k\n".encode() + b"z" * (40 * 2**20) + b"\nd,M,n,k\n"
    admitted, refused, _ = read(octets, target())
    assert (set(admitted), refused) == ({"88.118.8/A", "88.118.8/D"}, {3: "row-unreadable"})


def test_rows_in_any_order_over_many_runs_come_out_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    import random

    monkeypatch.setattr("registry.bulk.prepare._RUN_ROWS", 50)
    monkeypatch.setattr(registry.bulk.pieces, "RANGE_ROWS", 512)
    numbers = [random.Random(1).randrange(4_000) for _ in range(5_000)]
    octets = (HEADER + "\n" + "".join(f"k{n:05d},M,{n % 7 and 1},k\n" for n in numbers)).encode()
    expected = expect(octets.decode(), target(), COLUMNS)
    assert read(octets, target(), 4_096) == (expected.admitted, expected.refused, expected.unchanged)
