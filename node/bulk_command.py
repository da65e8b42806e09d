"""`biaojie bulk FILE`: send a file to a running node, show the plan, confirm, follow the job to its end.

The same file is the same job, so a call that was broken off is simply made again.
"""

from __future__ import annotations

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

from core.settings import Settings
from node.console import Refused, say
from node.demo.client import Client
from node.running import read_private

KEY_VARIABLE = "BIAOJIE_KEY"

_READ_BYTES = 1 * 2**20
_LOOK_SECONDS = 0.5
_ENDED = ("done", "failed", "cancelled")
_NO_DEADLINE = aiohttp.ClientTimeout(total=None, sock_connect=10)


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
        await _publish_templates(caller, templates_beside(path))
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

    async def send(self, method: str, path: str, body: bytes) -> dict[str, Any]:
        headers = {**self.headers, "Content-Type": "application/json"}
        try:
            async with self.session.request(method, self.base_url + path, data=body, headers=headers) as answer:
                return _checked(answer.status, orjson.loads(await answer.read()))
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


async def _publish_templates(caller: _Caller, path: Path) -> None:
    """Those that an export wrote beside its file: rows name them, so they must be there first."""
    if not path.is_file():
        return
    lines = path.read_bytes().splitlines()
    for line in lines:
        await caller.send("POST", "/api/v1/templates", line)
    say(f"biaojie: {len(lines)} templates of {path.name} are published 模板已发布")


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
