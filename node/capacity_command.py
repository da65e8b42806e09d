"""`biaojie capacity`: the card of this machine, from a node of its own that is started, measured and thrown away."""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import tempfile
from pathlib import Path

import uvloop

from core.settings import Settings
from core.web import now
from node.capacity.card import card_lines, largest
from node.capacity.measuring import Capacity
from node.capacity.search import P99_MILLISECONDS
from node.console import say
from node.load.own_node import plain_node
from node.version import VERSION

_REGISTERED, _SECONDS = 100_000, 2.0


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--seconds", type=float, default=_SECONDS, help="how long each rate is tried 每档速率的测量秒数"
    )
    parser.add_argument(
        "--registered", type=int, default=_REGISTERED, help="identifiers that are resolved 供解析的标识数"
    )
    parser.add_argument("--output", type=Path, help="file of the raw data (default: in BIAOJIE_DATA_DIR) 原始数据文件")
    parser.set_defaults(loop=uvloop.new_event_loop)


def _passed_on(settings: Settings) -> dict[str, str]:
    """What also holds for the node that is measured: how servers are found here, and how much memory a worker may use."""
    names = ("embedded", "embedded_account", "memory_cache_bytes")
    return {name: str(value) for name in names if (value := getattr(settings, name)) != ""}


async def capacity(settings: Settings, options: argparse.Namespace) -> int:
    """Exit status 0 where registrations and resolutions held some rate."""
    began = now()
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o711)
    output = options.output or settings.data_dir / f"capacity-{began:%Y%m%d-%H%M%S}.json"
    # On the disk that a node would use; other users may pass through, as the account of PostgreSQL must.
    place = Path(tempfile.mkdtemp(prefix="capacity-", dir=settings.data_dir)).resolve()
    place.chmod(0o711)
    say(
        "测量约需两分钟，将启动一个临时节点。Measuring takes up to two minutes, on a node that is thrown away afterwards."
    )
    try:
        with plain_node(place, settings.worker_count, None, **_passed_on(settings)) as node:
            doing = Capacity(node, options.registered, options.seconds, lambda name: say(f"  … {name}"))
            measured = await doing.measure()
    finally:
        shutil.rmtree(place, ignore_errors=True)
    for line in ["", *card_lines(measured, P99_MILLISECONDS)]:
        say(line)
    whole = largest(measured)
    raw = {
        "version": VERSION,
        "began": began.isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "workers": settings.worker_count,
        "p99_milliseconds": P99_MILLISECONDS,
        "machine": measured.machine,
        "memory_mebibytes": measured.memory_mebibytes,
        "disk_bytes_each": measured.disk_bytes_each,
        "free_bytes": measured.free_bytes,
        "largest": {
            name: getattr(whole, name) for name in ("resolutions_a_day", "registrations_a_year", "identifiers")
        },
        "measured": doing.raw,
    }
    output.write_text(json.dumps(raw, ensure_ascii=False) + "\n", "utf-8")
    say(f"原始数据 raw data: {output}")
    return 0 if measured.registering and measured.resolving else 1
