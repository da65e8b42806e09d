"""XLSX: the first sheet, written out as CSV beside the file and read as that; row numbers are those of the sheet.

A sheet has at most 1,048,576 rows, so reading it cell by cell is bounded. Numbers stand as they are written in the sheet,
whole ones without a fraction; dates and times as ISO 8601.
"""

from __future__ import annotations

import csv
import zipfile
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from registry.bulk.layout import LayoutWrong

MAX_UNPACKED_BYTES = 2 * 2**30


def sheet_to_csv(source: Path, target: Path) -> None:
    """Raises `LayoutWrong` when the file is no workbook, or would unpack to too much."""
    try:
        with zipfile.ZipFile(source) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > MAX_UNPACKED_BYTES:
                raise LayoutWrong(
                    "workbook-too-large",
                    "the workbook unpacks to more than 2 GiB; send CSV",
                    "工作簿解压后超过 2 GiB；请改用 CSV",
                )
        sheet = CalamineWorkbook.from_path(str(source)).get_sheet_by_index(0)
        with target.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            for _ in range(sheet.start[0] if sheet.start else 0):
                file.write("\n")
            for row in sheet.iter_rows():
                cells = [_text(cell) for cell in row]
                if any(cells):
                    writer.writerow(cells)
                else:
                    file.write("\n")
    except (CalamineError, zipfile.BadZipFile, OSError, IndexError) as wrong:
        raise LayoutWrong(
            "workbook-unreadable", f"the file is not a workbook that can be read: {wrong}", "无法读取该工作簿文件"
        ) from wrong


def _text(cell: Any) -> str:
    if isinstance(cell, str):
        return cell.replace("\r\n", "\n").replace("\r", "\n")
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 2**53 else repr(cell)
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell)
    return "" if cell is None else str(cell)
