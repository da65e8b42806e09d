"""The EPP server of the box, whatever the transport: a document in, a document out, each command one transaction.

Judged in this order: well-formed, structure, values, clTRID known, authority, existence, status, duplication.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from core.errors import FieldProblem
from sync.epp.commands import Command, CommandFault, Hello, read_command
from sync.epp.names import ENT, EPP, IDENTIFIER, PREFIX
from sync.epp.replies import Data, Greeting, Offence, Queued, Reply, read_time, write_greeting, write_reply
from sync.toplevel import enterprises, identifiers, prefixes
from sync.toplevel.answers import Refusal, Said
from sync.toplevel.dials import Dials, decision, take, turned
from sync.toplevel.store import Store, as_text

log = logging.getLogger(__name__)
SERVER = "国家顶级节点标识业务管理系统(仿真)"
_LEAST_STORED_FAILURE = 2400  # what failed without being done may be tried again under its clTRID
_POLLED = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """`replayed`: given before. `code` 0: a greeting."""

    document: bytes
    code: int
    replayed: bool = False


class Desk:
    """The box without its doors. `clock` gives seconds since 1970."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self.store, self._clock = store, clock
        self.dials = turned(Dials(), store.fact("dials") or {}, [])

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds(), UTC)

    def seconds(self) -> float:
        """Its clock may be dialled wrong."""
        return self._clock() + self.dials.clock_skew_seconds

    def turn(self, wish: Any) -> list[FieldProblem]:
        """Turn dials, for good; the problems, and then none was turned."""
        problems: list[FieldProblem] = []
        self.dials = turned(self.dials, wish, problems)
        if not problems:
            with self.store.transaction():
                self.store.put_fact("dials", self.dials.as_json())
        return problems

    def take(self, fault: str) -> bool:
        has, self.dials = take(self.dials, fault)
        return has

    def greeting(self) -> Answer:
        return Answer(write_greeting(Greeting(SERVER, self.now())), 0)

    def answer(self, account: Any, document: bytes) -> Answer:
        """Of an account that has proved who it is."""
        digest = hashlib.sha256(document).digest()
        with self.store.transaction():
            sv_trid = self.store.next_sv_trid()
            try:
                command = read_command(document)
            except CommandFault as wrong:
                return self._refused(account, wrong, sv_trid)
            if isinstance(command, Hello):
                return self.greeting()
            forgets = self.take("forget") if command.transforms else False
            if command.transforms and not forgets:
                held = self.store.one("reply", app_id=account["app_id"], cl_trid=command.cl_trid)
                if held is not None:
                    return self._held(account, command, held, digest, sv_trid)
            said = self._said(account, command, sv_trid)
            answered = self._written(account, command, said, sv_trid)
            if command.transforms and not forgets and said.code < _LEAST_STORED_FAILURE:
                self.store.run(
                    "keep_reply",
                    app_id=account["app_id"],
                    cl_trid=command.cl_trid,
                    digest=digest,
                    document=answered.document,
                )
            return answered

    def _held(self, account: Any, command: Command, held: Any, digest: bytes, sv_trid: str) -> Answer:
        if held["digest"] == digest:
            return Answer(bytes(held["document"]), 1000, replayed=True)
        zh = "clTRID 已用于另一条命令"
        return self._written(account, command, Said(2002, (Offence(EPP, "clTRID", command.cl_trid, zh),)), sv_trid)

    def _said(self, account: Any, command: Command, sv_trid: str) -> Said:
        if command.verb in ("create", "update") and self.take("reject"):
            return Said(self.dials.reject_code, (Offence(EPP, command.verb, "", "按调节拒绝"),))
        try:
            return self._execute(account, command, sv_trid)
        except Refusal as refusal:
            return refusal.said

    def _execute(self, account: Any, command: Command, sv_trid: str) -> Said:
        store = self.store
        match command.verb, command.namespace:
            case "login", _:
                return Said(1000)
            case "logout", _:
                return Said(1500)
            case "poll", _:
                return self._acknowledge(account, command) if command.values["op"] == "ack" else self._deliver(account)
            case "check", namespace if namespace == ENT:
                return enterprises.check(store, account, command)
            case "create", namespace if namespace == ENT:
                return enterprises.create(store, account, command)
            case "update", namespace if namespace == ENT:
                return enterprises.update(store, account, command, sv_trid, audited=self.dials.update_audit)
            case "check", namespace if namespace == PREFIX:
                return prefixes.check(store, account, command)
            case "create", namespace if namespace == PREFIX:
                audit_at = self._clock() + self.dials.audit_delay_milliseconds / 1000
                code = self.dials.pending_code
                return prefixes.create(store, account, command, sv_trid, self.now(), audit_at, code)
            case _, namespace if namespace == IDENTIFIER:
                return identifiers.execute(store, account, command)
        return Said(2101)

    def _deliver(self, account: Any) -> Said:
        rows = self.store.all("waiting_messages", app_id=account["app_id"], most=_POLLED)
        if not rows:
            return Said(1300)
        row = rows[1] if len(rows) > 1 and self.take("reorder") else rows[0]
        count = self.store.value("count_waiting", app_id=account["app_id"])
        queue = Queued(count, str(row["id"]), read_time(row["queued_at"]), row["text"])
        return Said(1301, data=Data(row["namespace"], "resData", orjson.loads(row["content"])), queue=queue)

    def _acknowledge(self, account: Any, command: Command) -> Said:
        """Any of the first few: a queue dialled out of order delivers others than the first."""
        number = command.values["msgID"]
        rows = self.store.all("waiting_messages", app_id=account["app_id"], most=2)
        if number not in {str(row["id"]) for row in rows}:
            raise Refusal(2303, EPP, "msgID", number, "消息不存在，或不在队首")
        self.store.run("acknowledge", id=int(number), app_id=account["app_id"])
        return Said(1000, queue=Queued(self.store.value("count_waiting", app_id=account["app_id"]), number))

    def audit(self, prefix: str, wish: str, words: str) -> str:
        """What an examiner or the clerk decides about a prefix; the state after. Raises `MoveImpossible`."""
        with self.store.transaction():
            return prefixes.move(self.store, prefix, wish, words, self._later(), 2 if self.take("duplicate") else 1)

    def audit_update(self, enterprise: int, *, accepted: bool, words: str) -> None:
        """Raises `MoveImpossible`."""
        with self.store.transaction():
            prefixes.decide_update(self.store, enterprise, accepted=accepted, words=words, now=self._later())

    def clerk(self) -> int:
        """A round of the audit clerk, by policy and rules; how many were decided."""
        decided = 0
        for row in self.store.all("due_for_audit", now=self._clock()):
            result, words = decision(self.dials, row["prefix"])
            if result != "hold":
                self.audit(row["prefix"], result, words)
                decided += 1
        if self.dials.audit != "hold":
            for row in self.store.all("enterprises_in_audit"):
                accepted = self.dials.audit == "approve"
                self.audit_update(row["id"], accepted=accepted, words=self.dials.audit_message)
                decided += 1
        return decided

    def _later(self) -> datetime:
        """Now, and after every message before: two of a millisecond would have no order."""
        last = read_time(self.store.fact("last_queued") or "") if not self.dials.clock_skew_seconds else None
        now = self.now()
        if last is not None and now <= last < now + timedelta(seconds=60):
            now = last + timedelta(milliseconds=1)
        if not self.dials.clock_skew_seconds:
            self.store.put_fact("last_queued", as_text(now))
        return now

    def _written(self, account: Any, command: Command, said: Said, sv_trid: str) -> Answer:
        reply = Reply(said.code, sv_trid, command.cl_trid, offences=said.offences, queue=said.queue, data=said.data)
        values = command.values
        about = next(
            (str(values[name]) for name in ("prefix", "name", "entCrCode", "entId", "msgID") if name in values), ""
        )
        self._log(account, command.cl_trid, sv_trid, command.verb, about, said.code)
        return Answer(write_reply(reply), said.code)

    def _refused(self, account: Any, wrong: CommandFault, sv_trid: str) -> Answer:
        fault = wrong.fault
        offences = (Offence(fault.namespace, fault.name, fault.value, fault.zh),) if fault.zh and fault.name else ()
        self._log(account, wrong.cl_trid, sv_trid, "", fault.name, fault.code)
        return Answer(write_reply(Reply(fault.code, sv_trid, wrong.cl_trid, offences=offences)), fault.code)

    def _log(self, account: Any, cl_trid: str, sv_trid: str, verb: str, about: str, code: int) -> None:
        now = as_text(self.now())
        self.store.run(
            "write_log", at=now, app_id=account["app_id"], cl_trid=cl_trid, sv_trid=sv_trid, verb=verb, about=about[:64],
            code=code,
        )  # fmt: skip
