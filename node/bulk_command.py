"""`biaojie bulk FILE`: send a file to a running node, show the plan, confirm, follow the job to its end.

The same file is the same job, so a call that was broken off is simply made again.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import orjson
from tqdm import tqdm

from core.identifier import encode_path
from core.settings import Settings
from node.console import Refused, say
from node.demo.client import Client
from node.running import read_private, with_base_url, with_running

KEY_VARIABLE = "BIAOJIE_KEY"

_READ_BYTES = 1 * 2**20
_LOOK_SECONDS = 0.5
_ENDED = ("done", "failed", "cancelled")
_RETIRED = "retired"
_NO_REASON = "retired before the export 导出前已停用"
_NO_DEADLINE = aiohttp.ClientTimeout(total=None, sock_connect=10)


async def run(settings: Settings, options: argparse.Namespace) -> int:
    reachable = with_base_url(with_running(settings), options.base_url)
    return await bulk(
        reachable,
        options.file,
        prefix=options.prefix,
        template=options.template,
        key=options.key,
        yes=options.yes,
        mapping=options.mapping,
        format_=options.format,
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="CSV, NDJSON or XLSX 文件")
    parser.add_argument("--prefix", help="whose identifiers (default: that of demo.json) 所属前缀")
    parser.add_argument("--template", help="data template, an identifier 数据模板标识")
    parser.add_argument("--key", help="key of the enterprise; else BIAOJIE_KEY, else demo.json 企业密钥")
    parser.add_argument(
        "--format", choices=("csv", "ndjson", "xlsx", "parquet"), help="else by name and content 文件格式"
    )
    parser.add_argument("--mapping", help='JSON, column to item type, as in {"型号": "MODEL"} 列与模板项的对应关系')
    parser.add_argument("--yes", action="store_true", help="merge without asking 不询问直接合并")
    parser.add_argument("--base-url", help="the node, where it is not the one running on this data directory 节点地址")


async def bulk(
    settings: Settings, path: Path, *, prefix: str | None, template: str | None, key: str | None, yes: bool,
    mapping: str | None = None, format_: str | None = None,
) -> int:  # fmt: skip
    """Exit status 0 when the job is done and refused nothing, 1 otherwise. Raises `Refused`."""
    if not path.is_file():
        raise Refused(f"There is no file {path}", f"文件 {path} 不存在")
    demo = read_private(settings.data_dir / "demo.json") or {}
    credential = key or os.environ.get(KEY_VARIABLE) or demo.get("enterprise_key")
    if not credential:
        raise Refused(f"No key: give --key or {KEY_VARIABLE}", f"缺少密钥：请使用 --key 或 {KEY_VARIABLE}")
    named = prefix or demo.get("prefix")
    if not named:
        raise Refused("No prefix: give --prefix", "缺少前缀：请使用 --prefix")
    query = {"prefix": named, "template": template, "mapping": mapping, "format": format_, "file_name": path.name}
    async with aiohttp.ClientSession(timeout=_NO_DEADLINE) as session:
        caller = _Caller(session, settings.public_url, str(credential))
        to_retire = await _publish_templates(caller, templates_beside(path))
        job = await _send(caller, path, {name: text for name, text in query.items() if text})
        job = await _follow(caller, job, ("planned", *_ENDED), "planning 生成计划")
        if job["state"] == "planned":
            _show_plan(job)
            if not yes and not await asyncio.to_thread(_agreed):
                say(
                    f"biaojie: job {job['id']} waits; the same command goes on with it 任务 {job['id']} 等待确认，重新执行本命令即可继续"
                )
                return 1
            job = await caller.json("POST", f"/api/v1/bulk-jobs/{job['id']}/confirm")
        job = await _follow(caller, job, _ENDED, "merging 合并")
        if job["state"] == "done" and not job["refused"]:  # rows that are sent again would need them
            await _retire_templates(caller, to_retire)
        return await _report(caller, job, path)


def templates_beside(path: Path) -> Path:
    """Where the templates of an exported file are."""
    return path.with_name(f"{path.name}.templates.ndjson")


class _Caller:
    """Calls with the key; an answer that is not 2xx is `Refused` with what it says."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, key: str) -> None:
        self.session = session
        self.base_url = base_url
        self.key = key
        self.headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
        self._patient = Client(base_url, session)

    async def json(self, method: str, path: str) -> dict[str, Any]:
        status, answer = await self._patient.call(method, path, self.key)
        return _checked(status, answer)

    async def post(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        headers, octets = {**self.headers, "Content-Type": "application/json"}, orjson.dumps(body)
        try:
            async with self.session.post(self.base_url + path, data=octets, headers=headers) as answer:
                return answer.status, orjson.loads(await answer.read())
        except (aiohttp.ClientError, orjson.JSONDecodeError) as wrong:
            raise Refused(f"The node did not answer ({wrong})", f"节点没有应答（{wrong}）") from None

    async def upload(self, path: str, body: AsyncIterator[bytes], size: int) -> dict[str, Any]:
        headers = {**self.headers, "Content-Type": "application/octet-stream", "Content-Length": str(size)}
        try:
            async with self.session.post(self.base_url + path, data=body, headers=headers) as answer:
                return _checked(answer.status, orjson.loads(await answer.read()))
        except (aiohttp.ClientError, orjson.JSONDecodeError) as wrong:
            raise Refused(
                f"The file could not be sent ({wrong}); call again, what is there is kept",
                f"文件发送失败（{wrong}）；请重新执行",
            ) from None


async def _publish_templates(caller: _Caller, path: Path) -> list[tuple[str, str]]:
    """Those that an export wrote beside its file: rows name them, so they must be there first. Gives (identifier, reason) of
    those that are to be retired after the rows; what this node retired already stays so."""
    if not path.is_file():
        return []
    lines, to_retire = path.read_bytes().splitlines(), []
    for number, line in enumerate(lines, 1):
        body = _template(path, number, line)
        retired, reason = body.get("state") == _RETIRED, body.pop("reason", None)
        if retired:
            del body["state"]
        status, answer = await caller.post("/api/v1/templates", body)
        if retired and status == 409 and answer.get("state") == _RETIRED:
            continue
        _checked(status, answer)
        if retired:
            to_retire.append((answer["identifier"], reason or _NO_REASON))
    say(f"biaojie: {len(lines)} templates of {path.name} are published 模板已发布")
    return to_retire


async def _retire_templates(caller: _Caller, to_retire: list[tuple[str, str]]) -> None:
    for identifier, reason in to_retire:
        path = f"/api/v1/templates/{encode_path(identifier)}:retire"
        _checked(*await caller.post(path, {"reason": reason}))
    if to_retire:
        say(f"biaojie: {len(to_retire)} of them are retired, as they were 其中已停用的模板已恢复为停用状态")


def _template(path: Path, number: int, line: bytes) -> dict[str, Any]:
    """Raises `Refused`."""
    try:
        return dict(orjson.loads(line))
    except (orjson.JSONDecodeError, TypeError, ValueError):
        raise Refused(f"Line {number} of {path} is no template", f"{path} 第 {number} 行不是模板") from None


def _checked(status: int, answer: Any) -> dict[str, Any]:
    if 200 <= status < 300:
        return dict(answer)
    said = answer if isinstance(answer, dict) else {}
    en, zh = (said.get(tongue, {}).get("detail", "") for tongue in ("en", "zh"))
    raise Refused(f"The node answered {status}: {en}", f"节点返回 {status}：{zh}")


async def _send(caller: _Caller, path: Path, query: dict[str, str]) -> dict[str, Any]:
    """The job of this file: one that is under way already, else a new one."""
    digest = await asyncio.to_thread(_digest, path)
    known = await caller.json("GET", "/api/v1/bulk-jobs?" + urlencode({"prefix": query["prefix"], "sha256": digest}))
    for job in known["items"]:
        same = job["template"] == query.get("template") and "mapping" not in query
        if same and job["state"] not in ("failed", "cancelled"):
            say(f"biaojie: job {job['id']} is of this file already ({job['state']}) 该文件已有任务 {job['id']}")
            if job["state"] == "paused":
                return await caller.json("POST", f"/api/v1/bulk-jobs/{job['id']}/resume")
            return dict(job)
    size = path.stat().st_size
    with tqdm(total=size, unit="B", unit_scale=True, desc="sending 上传", mininterval=0.2) as bar:

        async def blocks() -> AsyncIterator[bytes]:
            with path.open("rb") as file:
                while octets := await asyncio.to_thread(file.read, _READ_BYTES):
                    yield octets
                    bar.update(len(octets))

        return await caller.upload("/api/v1/bulk-jobs?" + urlencode(query), blocks(), size)


async def _follow(caller: _Caller, job: dict[str, Any], states: tuple[str, ...], title: str) -> dict[str, Any]:
    """Until the job is in one of the states; a bar shows how far it is."""
    with tqdm(total=1000, desc=title, bar_format="{desc}: {percentage:3.0f}%|{bar}| {elapsed}", mininterval=0.2) as bar:
        while job["state"] not in states:
            await asyncio.sleep(_LOOK_SECONDS)
            job = await caller.json("GET", f"/api/v1/bulk-jobs/{job['id']}")
            bar.n = round(job["progress"] * 1000)
            bar.refresh()
            if job["state"] == "paused":
                raise Refused(
                    f"Job {job['id']} was paused; call again to resume it",
                    f"任务 {job['id']} 已暂停；重新执行本命令可继续",
                )
    return job


def _show_plan(job: dict[str, Any]) -> None:
    plan = job["plan"]
    say(f"biaojie: job {job['id']}: {job['rows']:,} rows: {plan['new']:,} new, {plan['same']:,} the same, {plan['changed']:,} changed, "
        f"{job['refused']:,} refused, {job['unchanged']:,} repeated; about {plan['estimated_seconds']} s")  # fmt: skip
    say(
        f"biaojie：任务 {job['id']}：共 {job['rows']:,} 行，新增 {plan['new']:,}，相同 {plan['same']:,}，变更 {plan['changed']:,}，拒绝 {job['refused']:,}"
    )
    if plan["unknown_columns"]:
        say(f"  ignored columns 忽略的列: {', '.join(plan['unknown_columns'])}")
    for one in plan["refused_samples"]:
        say(f"  row {one['row']}: {one['column']}: {one['slug']}: {one['en']} {one['zh']}")


def _agreed() -> bool:
    if not sys.stdin.isatty():
        return False
    return input("Merge? 是否合并? [y/N] ").strip().lower() in ("y", "yes", "是")


async def _report(caller: _Caller, job: dict[str, Any], path: Path) -> int:
    if job["problem"]:
        say(f"biaojie: {job['problem']['en']}\nbiaojie：{job['problem']['zh']}")
    say(f"biaojie: job {job['id']} is {job['state']}: {job['created']:,} created, {job['unchanged']:,} unchanged, "
        f"{job['changed']:,} changed, {job['refused']:,} refused 新增、未变、变更、拒绝")  # fmt: skip
    if job["refused"]:
        beside = path.with_name(f"{path.name}.verdicts.csv")
        url = f"{caller.base_url}/api/v1/bulk-jobs/{job['id']}/verdicts"
        async with caller.session.get(url, headers=caller.headers) as answer:
            with beside.open("wb") as file:
                async for octets in answer.content.iter_chunked(_READ_BYTES):
                    file.write(octets)
        say(f"biaojie: why, row by row 逐行原因: {beside}")
    return 0 if job["state"] == "done" and not job["refused"] else 1


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
