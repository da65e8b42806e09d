"""Applications as a state machine: any sequence of moves, over the API and the real database, does what the table says."""

from __future__ import annotations

import itertools
from typing import Any

import asyncpg
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from core.sealing import Vault
from core.top_level import Verdict
from registry.applications.courier import LOCK, Courier
from registry.applications.expiry import expire_some
from registry.applications.self_approval import SelfApproval
from registry.applications.states import EDITABLE, MOVES, Actor, Move, State
from tests.applicant import Application, apply, credit_code
from tests.harness import Node

_numbers = itertools.count(1)
_ALL = [*(move for move in MOVES), "edit", "first-key"]
_OF_ENTERPRISE = (Move.SUSPEND, Move.RESUME, Move.REVOKE)


class Model:
    """What the table says should be, beside what is."""

    def __init__(self, node: Node, connection: Any, courier: Courier, application: Application) -> None:
        self.node, self.connection, self.courier, self.application = node, connection, courier, application
        self.state, self.moves, self.fetched = State.DRAFT, 0, False

    async def step(self, move: Any) -> None:
        if move == "edit":
            answer = await self.application.applicant.call("PATCH", self.application.path, {"nature": 2})
            assert (answer.status == 200) == (self.state in EDITABLE), (self.state, answer.body)
        elif move == "first-key":
            answer = await self.application.move("first-key")
            assert (answer.status == 201) == (self.state is State.ACTIVE and not self.fetched), (
                self.state,
                answer.body,
            )
            self.fetched = self.fetched or answer.status == 201
        else:
            after = MOVES[move].leads.get(self.state)
            assert await self._try(move) == (after is not None), (self.state, move)
            self.moves += after is not None
            self.state = after or self.state
        await self.check()

    async def _try(self, move: Move) -> bool:
        if MOVES[move].actor in (Actor.NODE, Actor.TOP_LEVEL):
            return await self._above(move)
        if move in _OF_ENTERPRISE:
            return await self._enterprise(move)
        answer = await self.application.move(move, "r" if MOVES[move].needs_reason else None)
        assert answer.status in (200, 409), answer.body
        assert answer.status == 200 or answer.json["state"] == self.state
        return answer.status == 200

    async def _above(self, move: Move) -> bool:
        """The node hands over, and the top level decides, only what there is to be."""
        before = await self.application.state()
        if move is Move.EXPIRE:
            aged = "UPDATE application SET changed_at = now() - interval '2 days' WHERE id = $1"
            await self.connection.execute(aged, self.application.number)
            await expire_some(self.connection, 1)
        elif move is Move.HAND_OVER:
            for row in await self._tasks("queued"):
                await self.courier._handed_over(self.connection, row["id"])
        elif before == State.PENDING:
            for row in await self._tasks("queued", "submitted"):
                await self.courier.apply(self.connection, Verdict(row["id"], move is Move.ACCEPT, "r"))
        return await self.application.state() != before

    async def _enterprise(self, move: Move) -> bool:
        number = (await self.node.operator.get(self.application.path)).json["enterprise_id"]
        if number is None or self.state not in (State.ACTIVE, State.SUSPENDED, State.REVOKED):
            return False  # of an enterprise that may be here already: not about this application
        body = {"reason": "r"} if MOVES[move].needs_reason else None
        return (await self.node.operator.post(f"/api/v1/enterprises/{number}:{move}", body)).status == 200

    async def _tasks(self, *states: str) -> list[Any]:
        query = "SELECT id FROM top_level_task WHERE application_id = $1 AND state = ANY ($2::text[]) ORDER BY id"
        return list(await self.connection.fetch(query, self.application.number, list(states)))

    async def check(self) -> None:
        seen = (await self.node.operator.get(self.application.path)).json
        assert (seen["state"], len(seen["history"])) == (self.state, self.moves + 1)
        assert seen["history"][-1]["to"] == self.state
        if seen["prefix"]:
            prefix = (await self.node.operator.get(f"/api/v1/prefixes/{seen['prefix']}")).json["state"]
            expected = {"approved": "awaiting", "pending": "submitted"}
            assert prefix == expected.get(self.state, self.state.value), (self.state, prefix)


async def test_any_sequence_of_moves_does_what_the_table_says(node: Node, database: str) -> None:
    connection = await asyncpg.connect(database)
    await connection.execute("SELECT pg_advisory_lock($1)", LOCK)  # the node's courier keeps still
    directory = _NoDirectory()
    courier = Courier(connection, directory, Vault(), SelfApproval())  # type: ignore[arg-type]

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
    @given(st.lists(st.sampled_from(_ALL), max_size=14), st.sampled_from(["", "approved", "active"]))
    def walked(moves: list[Any], begun: str) -> None:
        sequences.append((begun, moves))

    sequences: list[tuple[str, list[Any]]] = []
    walked()
    begin = {"": [], "approved": [Move.SUBMIT, Move.REVIEW, Move.APPROVE]}
    begin["active"] = [*begin["approved"], Move.HAND_OVER, Move.ACCEPT]
    for begun, moves in sequences:
        number = next(_numbers)
        application = await apply(node, name=f"己 {number}", credit_code=credit_code(number), state="draft")
        model = Model(node, connection, courier, application)
        for move in [*begin[begun], *moves]:
            await model.step(move)
    await connection.close()


class _NoDirectory:
    async def prefixes_changed(self, _: Any) -> None:
        return None
