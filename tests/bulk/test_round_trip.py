"""The 3,000 real components through every format: what resolves is what the file says."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

import orjson
import pytest

from core.identifier import fold_case
from core.values import HandleValue, pack
from node.demo.parts import TEMPLATE_ITEMS, read_makers
from tests.bulk.conftest import Bulk
from tests.harness import ROOT

HEADER = ["identifier", *(str(item["name_zh"]) for item in TEMPLATE_ITEMS[:-1])]


def components() -> list[list[str]]:
    """A row for each component, suffix first; two manufacturers' suffixes may be the same, so they are told apart."""
    rows, used = [], set()
    for maker in read_makers():
        for part in maker.components:
            suffix = part.suffix if fold_case(part.suffix) not in used else f"{maker.name}/{part.suffix}"
            used.add(fold_case(suffix))
            texts = dict.fromkeys(range(2000, 2007), "") | {index: text for index, _, text in part.values}
            rows.append([suffix, *texts.values()])
    assert len(rows) == 3_000
    return rows


def as_csv(rows: list[list[str]], encoding: str = "utf-8") -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([HEADER, *rows])
    return text.getvalue().encode(encoding)


def as_ndjson(rows: list[list[str]]) -> bytes:
    return b"\n".join(orjson.dumps(dict(zip(HEADER, row, strict=True))) for row in rows)


def as_xlsx(rows: list[list[str]]) -> bytes:
    """The smallest workbook that spreadsheets open: inline strings, one sheet."""

    def cell(text: str) -> str:
        return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(text)}</t></is></c>' if text else "<c/>"

    lines = "".join(f"<row>{''.join(map(cell, row))}</row>" for row in [HEADER, *rows])
    space = "http://schemas.openxmlformats.org"
    kinds = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    files = {
        "[Content_Types].xml": f'<Types xmlns="{space}/package/2006/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kinds}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kinds}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{space}/package/2006/relationships"><Relationship Id="r1" '
        f'Type="{space}/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{space}/spreadsheetml/2006/main" xmlns:r="{space}/officeDocument/2006/relationships">'
        '<sheets><sheet name="1" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{space}/package/2006/relationships"><Relationship Id="r1" '
        f'Type="{space}/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{space}/spreadsheetml/2006/main"><sheetData>{lines}</sheetData></worksheet>',
    }
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{text}')
    return made.getvalue()


async def publish(bulk: Bulk) -> None:
    bulk.template = f"{bulk.node.prefix}/META_component"
    made = await bulk.node.owner.post("/api/v1/templates", {"identifier": bulk.template, "items": TEMPLATE_ITEMS})
    assert made.status in (200, 201)


@pytest.mark.parametrize("form", ["csv", "gb18030", "ndjson", "xlsx"])
async def test_the_components_through_each_format(bulk: Bulk, form: str) -> None:
    await publish(bulk)
    rows = components()
    octets = {
        "csv": lambda: as_csv(rows),
        "gb18030": lambda: as_csv(rows, "gb18030"),
        "ndjson": lambda: as_ndjson(rows),
        "xlsx": lambda: as_xlsx(rows),
    }[form]()
    done = await bulk.load(octets)
    assert (done["state"], done["rows"], done["created"], done["refused"]) == ("done", 3_000, 3_000, 0), done
    stored = {row["key"]: row["value"] for row in await bulk.sql("SELECT key, value FROM identifier")}
    for suffix, *texts in rows:
        values = [
            HandleValue(int(item["index"]), str(item["type"]), text)
            for item, text in zip(TEMPLATE_ITEMS, texts, strict=False)
            if text
        ]
        assert stored[f"{bulk.node.prefix}/{fold_case(suffix)}"] == pack(values)
    for other in (as_csv(rows), as_ndjson(rows)):  # in another format nothing is new, and nothing changes
        again = await bulk.load(other + b"\n")
        assert (again["unchanged"], again["created"], again["changed"]) == (3_000, 0, 0)
    assert (await bulk.counts())[0] == 3_000


async def test_the_command_line_does_all_of_it(bulk: Bulk, tmp_path: Path) -> None:
    await publish(bulk)
    path = tmp_path / "部件.csv"
    path.write_bytes(as_csv([*components()[:50], ["broken", *[""] * 7]]))
    node = bulk.node
    command = [
        sys.executable, "-m", "node.entry", "bulk", str(path), "--prefix", node.prefix, "--template", bulk.template, "--key",
        str(node.owner.key), "--base-url", node.owner.base_url,
    ]  # fmt: skip

    import asyncio

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *more], capture_output=True, text=True, timeout=60, cwd=ROOT, stdin=subprocess.DEVNULL
        )

    asked = await asyncio.to_thread(run)
    assert asked.returncode == 1 and "50 new" in asked.stdout, asked.stderr
    assert (await bulk.counts())[0] == 0, "nobody agreed"
    done = await asyncio.to_thread(run, "--yes")
    assert "50 created" in done.stdout and "of this file already" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 1, "a row was refused"
    assert "values-missing" in path.with_name("部件.csv.verdicts.csv").read_text("utf-8-sig")
    assert "Traceback" not in done.stderr
