"""Receive a file: a job of it, or the job that it is already."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import orjson

from core.access import Prefix, Principal, Scope, require_scope, require_writer
from core.database import store_errors
from core.errors import FieldProblem, IdentifierMalformed, ParameterInvalid
from core.identifier import fold_case, parse_identifier
from core.template import Template, template_retired
from registry.bulk.files import BulkFiles
from registry.bulk.jobs import SQL, Job, Wish, create_job, read_job, same_job
from registry.bulk.layout import parse_mapping
from registry.ownership import hold_prefix
from registry.room import Registry
from registry.store import AuditLine, Origin, write_audit
from registry.verbs.read import named_prefix
from registry.verbs.register import no_template

FORMATS = ("csv", "ndjson", "xlsx", "parquet")
_BY_TYPE = {
    "text/csv": "csv",
    "application/csv": "csv",
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
    "application/jsonl": "ndjson",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.apache.parquet": "parquet",
}
_BY_NAME = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson", ".xlsx": "xlsx",
    ".parquet": "parquet",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameters of the call, as sent."""

    prefix: str | None
    template: str | None
    format: str | None
    auto: bool
    mapping: str | None
    content_type: str
    file_name: str | None
    size: int | None


async def receive_file(
    registry: Registry, files: BulkFiles, principal: Principal, origin: Origin, asked: Asked,
    chunks: AsyncIterator[bytes], limit: int,
) -> tuple[Job, bool]:  # fmt: skip
    """The job, and whether this call made it. The same file for the same prefix, template and mapping is the same job, as
    long as that one was not cancelled and has not failed.

    Errors: `ParameterInvalid`, `PrefixNotYours`, `ScopeNotEnough` (it takes `register` and `revise`), `PrefixSuspended`,
    `BodyTooLarge`, `DiskFull`, `StoreUnavailable`.
    """
    named = named_prefix(asked.prefix)
    prefix = require_writer(principal, await registry.directory.fresh_prefix(fold_case(named)), named, Scope.REGISTER)
    require_scope(principal, Scope.REVISE)  # rows of a file that exist already are revised
    template = await _template(registry, prefix, asked.template)
    mapping = _mapping(asked.mapping)
    if asked.format is not None and asked.format not in FORMATS:
        raise _parameter(
            "format", "format-unknown", f"must be one of {', '.join(FORMATS)}", f"必须是 {'、'.join(FORMATS)} 之一"
        )
    upload = await files.receive(chunks, asked.size, limit)
    format_ = asked.format or guess_format(asked.content_type, asked.file_name, upload.head)
    template_id = template.id if template else None
    with store_errors():
        if mapping is None:
            saved = await registry.pool.fetchval(SQL["saved_mapping"], prefix.key, template_id)
            mapping = orjson.loads(saved) if saved else None
        said = orjson.dumps(
            [upload.digest.hex(), prefix.key, template_id, format_, mapping], option=orjson.OPT_SORT_KEYS
        )
        wish = Wish(
            hashlib.sha256(said).digest(), upload.digest, upload.size, asked.file_name, prefix.key, template_id, format_,
            mapping, asked.auto,
        )  # fmt: skip
        async with registry.pool.acquire() as connection, connection.transaction():
            await hold_prefix(connection, principal, prefix)
            made = await create_job(connection, wish, origin.actor, origin.source, origin.request_id)
            if made is not None:
                await write_audit(connection, [AuditLine(origin, "bulk-receive", f"{prefix.shown} job {made}", 0)])
                if asked.mapping is not None:
                    await connection.execute(
                        SQL["save_mapping"], prefix.key, template_id, orjson.dumps(mapping).decode()
                    )
        job_id = made if made is not None else await same_job(registry.pool, wish.identity)
        job = await read_job(registry.pool, job_id) if job_id is not None else None
    if job is None:  # the other one ended between the two statements
        raise _parameter(
            "prefix", "job-ended", "the job of this file just ended; send it again", "该文件的任务刚刚结束，请重新提交"
        )
    return job, made is not None


def guess_format(content_type: str, file_name: str | None, head: bytes) -> str:
    """By Content-Type, by the end of the file name, by how the file begins."""
    if found := _BY_TYPE.get(content_type):
        return found
    for ending, found in _BY_NAME.items():
        if file_name and file_name.lower().endswith(ending):
            return found
    if head.startswith(b"PK\x03\x04"):
        return "xlsx"
    if head.startswith(b"PAR1"):
        return "parquet"
    return "ndjson" if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{" else "csv"


async def _template(registry: Registry, prefix: Prefix, text: str | None) -> Template | None:
    if not text:
        return None
    try:
        named = parse_identifier(text)
    except IdentifierMalformed as wrong:
        raise ParameterInvalid(errors=(wrong.at("template"),)) from None
    found = await registry.directory.fresh_template(named)
    if found is None:
        raise ParameterInvalid(errors=(await no_template(registry, prefix, named, "template"),))
    if found.retired:
        raise ParameterInvalid(errors=(template_retired(found.identifier, "template"),))
    return found


def _mapping(text: str | None) -> dict[str, str] | None:
    if text is None:
        return None
    try:
        raw: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        raw = None
    mapping = parse_mapping(raw)
    if mapping is None:
        raise _parameter(
            "mapping",
            "mapping-invalid",
            'must be a JSON object of column name → item type, as in {"型号": "MODEL"}',
            '必须是 JSON 对象：列名 → 模板项类型，例如 {"型号": "MODEL"}',
        )
    return mapping


def _parameter(name: str, slug: str, en: str, zh: str) -> ParameterInvalid:
    return ParameterInvalid(errors=(FieldProblem(name, slug, en, zh),))
