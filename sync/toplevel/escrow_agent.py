"""The escrow agent of the box: takes files, and once the written statement is there verifies, decrypts, reads and counts (§8.4),
then notifies the report service. A deposit is in the copy whole or not at all.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import threading
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from sync.escrow.documents import (
    FAILED,
    MISSING,
    PASSED,
    DocumentInvalid,
    Finding,
    Notification,
    Report,
    read_notification,
    read_report,
    write_notification,
)
from sync.escrow.names import DIFF, FileName, deposit_id, is_sunday, read_file_name, utc_text
from sync.escrow.packing import join, plain_reader
from sync.escrow.pgp import Certificate, OpenPgpFailed, SecretKey, new_secret_key
from sync.escrow.reading import DepositInvalid, read_deposit
from sync.toplevel.escrow_codes import NOTIFICATION, Known, finding, judge_notification
from sync.toplevel.escrow_copy import COPIES, DOCUMENTS, CopyRefused, EscrowStore

log = logging.getLogger(__name__)
NAME = "仿真数据托管机构"
_FAULTS = {
    2001: "The deposit could not be read",
    2004: "Deposit count mismatch",
    2201: "The prefix of the header is another one",
    2202: "Differential deposit for a Sunday",
}
_DISABLED = 2005
_INBOX, _WORK, _KEY = "escrow-inbox", "escrow-work", "escrow-agent.asc"


class EscrowAgent:
    """`now` gives the time; `directory` is the box's own."""

    def __init__(self, directory: Path, now: Callable[[], datetime]) -> None:
        self.documents = EscrowStore(directory, DOCUMENTS)
        self.copies = EscrowStore(directory, COPIES)  # for reading; each deposit is taken on a connection of its own
        self._directory, self._now = directory, now
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()
        self._untold: list[tuple[str, Notification]] = []

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        self.documents.close()
        self.copies.close()

    async def certificate(self) -> str:
        return await asyncio.to_thread(lambda: key_of(self._directory).certificate)

    def introduce(self, sln: str, certificate: str, created: date) -> None:
        """A secondary node and the key that signs its deposits, confirmed off line."""
        with self.documents.transaction():
            self.documents.put_fact(sln, "certificate", certificate)
            if self.documents.fact(sln, "created") is None:
                self.documents.put_fact(sln, "created", created.isoformat())

    def known(self, sln: str) -> Known:
        verdicts = self.documents.rows("verdicts", sln)
        passed = frozenset(date.fromisoformat(day) for day, status, _, _ in verdicts if status == PASSED)
        notified = frozenset((id_, revision) for _, _, id_, revision in verdicts if id_ is not None)
        created = date.fromisoformat(self.documents.fact(sln, "created") or "2000-01-01")
        return Known(sln, created, self._now(), self.documents.fact(sln, "enabled") is not False, passed, notified)

    def place(self, name: FileName) -> Path:
        """Where an upload goes."""
        return self.folder(name.sln) / str(name)

    def folder(self, sln: str) -> Path:
        """Of a node's uploads."""
        folder = self._directory / _INBOX / sln
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def begin(self, statement: FileName) -> None:
        """The statement is there, so all is: verified beside everything else."""
        task = asyncio.create_task(self._verified(statement))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settled(self) -> None:
        """Nothing is being verified any more."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _verified(self, statement: FileName) -> None:
        received = self._now()
        async with self._turn:
            try:
                report = read_report(self.place(statement).read_bytes())
            except (DocumentInvalid, OSError) as wrong:
                log.warning("the statement %s cannot be read: %s", statement, wrong)
                return
            if (report.id, report.revision) in self.known(statement.sln).notified:
                return  # sent again: it has had its answer
            said = await asyncio.to_thread(self._judge, statement, report)
            self.notify(statement.sln, replace(said, received_at=received, verified_at=self._now()))
            if said.status == PASSED:
                self._tidy(statement)

    def _judge(self, statement: FileName, report: Report) -> Notification:
        """In a thread, on connections of its own."""
        sln, wrong, counted = statement.sln, None, dict(report.counts)
        work = self._directory / _WORK / sln
        copies = EscrowStore(self._directory, COPIES)
        try:
            if report.kind == DIFF and is_sunday(statement.day):
                raise CopyRefused(2202, "星期日须提交全量")
            counted = self._taken(statement, report, copies, work)
        except CopyRefused as refused:
            wrong = Finding(refused.code, _FAULTS[refused.code], refused.description)
        except (OpenPgpFailed, DepositInvalid, zipfile.BadZipFile, OSError, EOFError, ValueError) as broken:
            wrong = Finding(2001, _FAULTS[2001], str(broken)[:300])
        finally:
            last_full = copies.last_full(sln)
            copies.close()
            shutil.rmtree(work, ignore_errors=True)
        status = PASSED if wrong is None else FAILED
        findings: tuple[Finding, ...] = () if wrong is None else (wrong,)
        told = replace(report, counts=counted)
        return Notification(NAME, statement.day, status, last_full=last_full, findings=findings, report=told)

    def _taken(self, statement: FileName, report: Report, copies: EscrowStore, work: Path) -> dict[str, int]:
        parts, signatures = self._files(statement)
        plain = join(parts, signatures, self._signers(statement.sln), key_of(self._directory), work)
        with plain_reader(plain) as file:
            head, counted = copies.take(
                statement.sln, read_deposit(file), lambda head: _agrees(head, report, statement)
            )
        return counted if head.counts else dict(report.counts)

    def _signers(self, sln: str) -> Certificate:
        """Of the node: its certificate, and those before it until it tells otherwise; read on a connection of this thread's."""
        documents = EscrowStore(self._directory, DOCUMENTS)
        try:
            held, former = documents.fact(sln, "certificate"), documents.fact(sln, "former")
        finally:
            documents.close()
        if held is None:
            raise OpenPgpFailed("the node's certificate is not known here")
        return Certificate(held, former or "")

    def _files(self, statement: FileName) -> tuple[list[Path], list[Path]]:
        """Parts from S1 on without a hole, and a signature for each. Raises `CopyRefused`."""
        parts: list[Path] = []
        signatures: list[Path] = []
        while (part := self.place(replace(statement, form="inde", part=len(parts) + 1))).exists():
            signature = self.place(replace(statement, form="sig", part=len(parts) + 1))
            if not signature.exists():
                raise CopyRefused(2001, f"缺少签名文件 {signature.name}")
            parts.append(part)
            signatures.append(signature)
        if not parts:
            raise CopyRefused(2001, "缺少托管文件")
        return parts, signatures

    def _tidy(self, statement: FileName) -> None:
        """Files of revisions that were refused are of no use to a restoration."""
        for path in self.folder(statement.sln).iterdir():
            try:
                name = read_file_name(path.name)
            except ValueError:  # an upload that broke off, or is going on
                continue
            if name.day == statement.day and (name.revision, name.kind) != (statement.revision, statement.kind):
                path.unlink(missing_ok=True)

    def notify(self, sln: str, said: Notification) -> Finding:
        """What the report service makes of it; while the interface is disabled (2005) it is told again later."""
        found = self.receive(sln, write_notification(said))
        if found.code == _DISABLED:
            self._untold.append((sln, said))
        return found

    def receive(self, sln: str, document: bytes) -> Finding:
        """A notification from an agent."""
        try:
            said = read_notification(document)
        except DocumentInvalid as wrong:
            return finding(2001, NOTIFICATION, str(wrong))
        found = judge_notification(said, self.known(sln))
        if found.code == 1000:
            report = said.report
            id_, revision = (None, None) if report is None else (report.id, report.revision)
            with self.documents.transaction():
                self.documents.put_notification(sln, said.day, said.status, id_, revision, self._now(), document)
        else:
            log.warning("a notification about %s was not taken: %s", said.day, found)
        return found

    def close_day(self, sln: str, day: date) -> Finding | None:
        """At 23:59:59: a day without a processed deposit gets its DRFN."""
        if any(row[0] == day.isoformat() for row in self.documents.rows("verdicts", sln)):
            return None
        return self.notify(sln, Notification(NAME, day, MISSING, last_full=self.copies.last_full(sln)))

    def clerk(self) -> None:
        """What could not be told, and yesterday, which is over for every node that is known."""
        untold, self._untold = self._untold, []
        for sln, said in untold:
            self.notify(sln, said)
        yesterday = self._now().date() - timedelta(days=1)
        for (sln,) in self.documents.rows("introduced"):
            if yesterday >= self.known(sln).created:
                self.close_day(sln, yesterday)


_making = threading.Lock()


def key_of(directory: Path) -> SecretKey:
    """The agent's own, made at its first use; whoever comes meanwhile waits."""
    path = directory / _KEY
    with _making:
        if not path.exists():
            new = path.with_suffix(".new")
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                file.write(new_secret_key("仿真数据托管机构 <agent@localhost>"))
            new.replace(path)
    return SecretKey(path.read_text("utf-8"))


def _agrees(head: Any, report: Report, statement: FileName) -> None:
    """The deposit is the one that its statement and its file names speak of. Raises `CopyRefused`."""
    told = (head.id, head.kind, head.revision, utc_text(head.watermark))
    wanted = (report.id, report.kind, report.revision, utc_text(report.watermark))
    named = (deposit_id(statement.day), statement.kind, statement.revision)
    if told != wanted or told[:3] != named or dict(head.counts) != dict(report.counts):
        raise CopyRefused(2004, f"托管数据 {told} 与报告 {wanted} 或文件名 {named} 不一致")
