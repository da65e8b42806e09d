"""`biaojie sync drill`: the rehearsal on the servers of a running node, in a database of its own; its report in two files."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import orjson
from pydantic import SecretStr

from core.settings import Settings
from node.console import Refused, say
from node.drill.evidence import report_text
from node.running import require_database, with_running

_FOLDER = "drills"


async def run_drill(settings: Settings, options: argparse.Namespace) -> int:
    """0 when everything passed. Raises `Refused`."""
    from node.drill.running import NAMES, drill  # a whole worker and the box: no other command needs them
    from node.drill.stand import own_database

    if unknown := set(options.scenario) - set(NAMES):
        named = ", ".join(sorted(unknown))
        raise Refused(f"{named}: there are {', '.join(NAMES)}", f"{named}：可选 {'、'.join(NAMES)}")
    reachable = with_running(settings)
    async with own_database(require_database(reachable)) as url:
        own = reachable.model_copy(update={"database_url": SecretStr(url)})
        report = await drill(own, options.scenario or NAMES)
    json_file, text_file = _written(report, options.report or settings.data_dir / _FOLDER)
    if options.json:
        say(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode())
    else:
        say(report_text(report))
        say(f"biaojie: {json_file}\nbiaojie: {text_file}")
    return 0 if report["passed"] else 1


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "scenario",
        nargs="*",
        help="only these of 仅执行其中: access, data, monitoring, takeover, transport, authentication",
    )
    parser.add_argument("--json", action="store_true", help="as JSON 以 JSON 输出")
    parser.add_argument("--report", type=Path, help="where the report goes 报告目录")


def _written(report: dict[str, Any], folder: Path) -> tuple[Path, Path]:
    name = f"drill-{report['at'].replace(':', '').replace('-', '')}"
    json_file, text_file = folder / f"{name}.json", folder / f"{name}.md"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        json_file.write_bytes(orjson.dumps(report, option=orjson.OPT_INDENT_2))
        text_file.write_text(report_text(report), "utf-8")
    except OSError as wrong:
        raise Refused(f"The report cannot be written: {wrong}", f"无法写入报告：{wrong}") from None
    return json_file, text_file
