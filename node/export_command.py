"""`biaojie export PREFIX FILE`: a whole prefix into a file, and its templates into another beside it.

The file gets its name when it is whole: what was broken off stays behind as `FILE.part`.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlencode

import aiohttp
import orjson
from tqdm import tqdm

from core.settings import Settings
from node.bulk_command import KEY_VARIABLE, templates_beside
from node.console import Refused, say
from node.running import read_private, with_base_url, with_running

_NO_DEADLINE = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=120)
_READ_BYTES = 1 * 2**20
_ENDINGS = {".csv": "csv", ".parquet": "parquet"}


async def run(settings: Settings, options: argparse.Namespace) -> int:
    reachable = with_base_url(with_running(settings), options.base_url)
    more = {"template": options.template, "names": options.names, "encoding": options.encoding}
    return await export(reachable, options.prefix, options.file, format_=options.format, key=options.key, more=more)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("prefix", help="whose identifiers 所属前缀")
    parser.add_argument("file", type=Path, help="where to 输出文件")
    parser.add_argument("--format", choices=("ndjson", "csv", "parquet"), help="else by the file's name 文件格式")
    parser.add_argument("--template", help="CSV for people: a column an item of this template 按模板项分列的 CSV")
    parser.add_argument("--names", choices=("zh", "en"), help="of those columns (default zh) 列名语言")
    parser.add_argument("--encoding", choices=("utf-8", "utf-8-bom", "gb18030"), help="of a CSV CSV 编码")
    parser.add_argument("--key", help="key of the enterprise; else BIAOJIE_KEY, else demo.json 企业密钥")
    parser.add_argument("--base-url", help="the node, where it is not the one running on this data directory 节点地址")


async def export(
    settings: Settings, prefix: str, path: Path, *, format_: str | None, key: str | None, more: dict[str, str | None]
) -> int:
    """`more` are further parameters of the call. Raises `Refused`."""
    demo = read_private(settings.data_dir / "demo.json") or {}
    credential = key or os.environ.get(KEY_VARIABLE) or demo.get("enterprise_key")
    if not credential:
        raise Refused(f"No key: give --key or {KEY_VARIABLE}", f"缺少密钥：请使用 --key 或 {KEY_VARIABLE}")
    chosen = format_ or _ENDINGS.get(path.suffix.lower(), "ndjson")
    query = {"prefix": prefix, "format": chosen, **{name: text for name, text in more.items() if text}}
    beside = templates_beside(path)
    async with aiohttp.ClientSession(timeout=_NO_DEADLINE) as session:
        fetch = _Fetch(session, f"{settings.public_url}/api/v1/export", {"Authorization": f"Bearer {credential}"})
        if "template" not in query:  # one for people has no need of them
            await fetch.into(beside, {"prefix": prefix, "what": "templates"})
        await fetch.into(path, query)
    if chosen == "ndjson":
        await asyncio.to_thread(_check_end, path)
    say(f"biaojie: {path} ({path.stat().st_size:,} bytes) is whole 导出完成")
    if "template" not in query:
        say(
            f"biaojie: its templates are in {beside}; `biaojie bulk` publishes them first 其模板在 {beside}，导入时会先行发布"
        )
    return 0


class _Fetch:
    """Writes answers into files."""

    def __init__(self, session: aiohttp.ClientSession, url: str, headers: dict[str, str]) -> None:
        self._session, self._url, self._headers = session, url, headers

    async def into(self, path: Path, query: dict[str, str]) -> None:
        """Raises `Refused`; the file has its name only when all of it is there."""
        unfinished = path.with_name(f"{path.name}.part")
        try:
            async with self._session.get(f"{self._url}?{urlencode(query)}", headers=self._headers) as answer:
                if answer.status != 200:
                    raise _refused(answer.status, await answer.read())
                with (
                    unfinished.open("wb") as file,
                    tqdm(unit="B", unit_scale=True, desc=path.name, mininterval=0.2) as bar,
                ):
                    async for octets in answer.content.iter_chunked(_READ_BYTES):
                        await asyncio.to_thread(file.write, octets)
                        bar.update(len(octets))
        except (aiohttp.ClientError, TimeoutError) as wrong:
            raise Refused(
                f"The export was broken off ({wrong}); call again", f"导出中断（{wrong}）；请重新执行"
            ) from None
        unfinished.replace(path)


def _check_end(path: Path) -> None:
    """An NDJSON file says itself that it is whole. Raises `Refused`."""
    digest, last = hashlib.sha256(), b""
    with path.open("rb") as file:
        for block in _lines(file):
            digest.update(last)
            last = block
    try:
        said = orjson.loads(last)["export"]["sha256"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        said = None
    if said != digest.hexdigest():
        raise Refused(f"{path} does not end as an export does", f"{path} 的结尾与导出文件不符")


def _lines(file: BinaryIO) -> Iterator[bytes]:
    return iter(file.readline, b"")


def _refused(status: int, body: bytes) -> Refused:
    try:
        said = orjson.loads(body)
        return Refused(
            f"The node answered {status}: {said['en']['detail']}", f"节点返回 {status}：{said['zh']['detail']}"
        )
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return Refused(f"The node answered {status}", f"节点返回 {status}")
