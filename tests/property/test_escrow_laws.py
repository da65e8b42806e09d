"""Laws of escrow: a record comes back as it was, digests agree with PostgreSQL's, and differentials miss and repeat nothing."""

from __future__ import annotations

import io
import itertools
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.values import HandleValue, pack
from sync.escrow.calendar import FILES_LOST, Base, is_fresh, plan, stands
from sync.escrow.making import SQL, Packing, make_deposit
from sync.escrow.names import DIFF, FULL, HELD, NODE, RECORD, is_sunday
from sync.escrow.packing import join, plain_reader
from sync.escrow.pgp import Certificate, SecretKey
from sync.escrow.proof import KindTotal, Proof, Range
from sync.escrow.reading import Gone, read_deposit
from sync.escrow.rows import Row, digest, write_delete, write_record
from sync.escrow.writing import TAIL, Head, write_head, write_proof, write_row
from tests.conftest import Servers, fresh_database
from tests.escrow_stage import furnish, quick_key

_TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=30)
_NAME = st.text(
    st.characters(
        min_codepoint=33, exclude_categories=("Cs", "Cc", "Zs", "Zl", "Zp"), exclude_characters="/\ufffe\uffff"
    ),
    min_size=1,
    max_size=20,
)
_VALUE = st.one_of(
    st.builds(lambda text: ("string", text), _TEXT),
    st.builds(lambda raw: ("hex", raw.hex()), st.binary(max_size=20)),
    st.builds(lambda text: ("base64", text), st.sampled_from(("", "AAEC", "AA==", "not canonical "))),
    st.builds(lambda text, number: ("site", {"a": text, "b": [number, None]}), _TEXT, st.integers(-9, 9)),
)  # fmt: skip
_TIME = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001


@st.composite
def rows(draw: Any) -> Row:
    values = [
        HandleValue(
            index, draw(_NAME), data, format_, draw(st.sampled_from((86_400, 0, 60))), draw(st.sampled_from((14, 12, 28, 0))),
            draw(st.none() | st.integers(0, 2**31)), draw(st.none() | st.integers(0, 2**32 - 1)),
            tuple(draw(st.lists(st.tuples(_NAME, st.integers(0, 2**32 - 1)), max_size=2))),
        )
        for index, (format_, data) in enumerate(draw(st.lists(_VALUE, max_size=5)), 1)
    ]  # fmt: skip
    small = st.integers(1, 2**31 - 1)
    return Row(
        draw(small), draw(st.sampled_from((1, 2))), draw(st.none() | small), draw(st.none() | small), draw(_TIME),
        draw(st.none() | _TIME), f"88.118/{draw(_NAME | st.sampled_from((' ', ' a  b ', '&amp;')))}", draw(st.none() | _NAME), draw(st.none() | _TEXT), pack(values),
    )  # fmt: skip


PROOF = Proof((Range("", 3, -(2**70)), Range('88.118/ü&"', 0, 0)), (KindTotal("prefix", 2, -5),))


def document(rows: list[Row]) -> bytes:
    head = Head(
        "20261123001",
        DIFF,
        1,
        datetime(2026, 11, 23, tzinfo=UTC),
        "20261122001",
        "88.118",
        {NODE: 0, RECORD: 1, HELD: 2},
    )
    said = [
        write_head(head, [write_delete("88.118/<gone>")]),
        *map(write_record, rows),
        write_row("enterprise", "1", '{"a": "<&>\ufffe"}'),
    ]
    return "".join([*said, write_proof(PROOF), TAIL]).encode()


@settings(max_examples=120, deadline=None)
@given(st.lists(rows(), max_size=4))
def test_records_come_back_as_they_were_and_are_valid(written: list[Row]) -> None:
    head, gone, *rest = read_deposit(io.BytesIO(document(written)))
    assert isinstance(head, Head) and head.previous == "20261122001" and gone == Gone(RECORD, "88.118/<gone>")
    assert rest[: len(written)] == written
    assert rest[-1] == PROOF


@pytest.fixture(scope="module")
async def kept(servers: Servers) -> AsyncIterator[Any]:
    async with fresh_database(servers) as url:
        connection = await asyncpg.connect(url)
        yield url, connection
        await connection.close()


async def test_digests_are_those_of_postgresql(kept: Any) -> None:
    _, connection = kept

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(rows())
    async def agree(row: Row) -> None:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(SQL["bring_back"], *row)
        assert await connection.fetchval(
            "SELECT identifier_digest(i) FROM identifier i WHERE key = $1", row.key
        ) == digest(row)
        await transaction.rollback()

    await _each(agree)


async def _each(law: Any) -> None:
    """Hypothesis calls a law without a loop; here each example runs in this one."""
    import asyncio
    import functools

    loop, inner = asyncio.get_running_loop(), law.hypothesis.inner_test

    def outer(*arguments: Any, **more: Any) -> None:
        asyncio.run_coroutine_threadsafe(inner(*arguments, **more), loop).result(60)

    law.hypothesis.inner_test = functools.wraps(inner)(outer)
    await asyncio.to_thread(law)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(0, 2), st.integers(0, 5)),
        st.tuples(st.just("savepoint"), st.integers(0, 2), st.integers(0, 5)),
        st.tuples(st.just("commit"), st.integers(0, 2), st.just(0)),
        st.tuples(st.just("rollback"), st.integers(0, 2), st.just(0)),
        st.tuples(st.just("deposit"), st.just(0), st.just(0)),
    ),
    min_size=3, max_size=14,
)  # fmt: skip


async def test_differentials_miss_nothing_and_tell_nothing_twice(kept: Any, tmp_path: Path) -> None:
    """Three writers whose transactions and savepoints are open across deposits, against a model: what one deposit shows and the one
    before did not, is what the differential carries."""
    url, connection = kept
    await furnish(connection, 0)
    writers = [await asyncpg.connect(url) for _ in range(3)]
    signer, opens = SecretKey(quick_key("node")), SecretKey(quick_key("agent"))
    packing = Packing(tmp_path, "88.118", Certificate(opens.certificate), signer, 2_000)
    number = [0]

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(STEPS)
    @example([("write", 0, 0), ("write", 1, 1), ("commit", 1, 0), ("deposit", 0, 0)])  # the later one ends first
    @example([("write", 0, 0), ("savepoint", 1, 1), ("deposit", 0, 0), ("commit", 1, 0), ("deposit", 0, 0)])
    async def exact(steps: list[tuple[str, int, int]]) -> None:
        await connection.execute("TRUNCATE escrow_deposit")
        await connection.execute("TRUNCATE identifier CASCADE")
        open_: dict[int, Any] = {}
        held: dict[int, int] = {}  # which writer has which key locked
        before: dict[str, int] | None = None
        day = date(2026, 11, 22)
        try:
            for verb, who, which in [
                *steps,
                ("deposit", 0, 0),
                *(("commit", one, 0) for one in range(3)),
                ("deposit", 0, 0),
            ]:
                if verb in ("write", "savepoint") and held.get(which, who) == who:
                    if who not in open_:
                        open_[who] = writers[who].transaction()
                        await open_[who].start()
                    held[which] = who
                    number[0] += 1
                    if verb == "savepoint":
                        async with writers[who].transaction():
                            await _write(writers[who], which, number[0])
                    else:
                        await _write(writers[who], which, number[0])
                elif verb in ("commit", "rollback") and who in open_:
                    await getattr(open_.pop(who), verb)()
                    held = {key: writer for key, writer in held.items() if writer != who}
                elif verb == "deposit":
                    before = await _deposit(connection, packing, opens, day, before)
                    day += timedelta(days=1)
        finally:
            for transaction in open_.values():
                await transaction.rollback()

    await _each(exact)
    for writer in writers:
        await writer.close()


async def _write(connection: Any, which: int, number: int) -> None:
    await connection.execute(
        "INSERT INTO identifier (key, value, version) VALUES ($1, '[]', $2) "
        "ON CONFLICT (key) DO UPDATE SET version = excluded.version",
        f"88.118.7/{which}", number,
    )  # fmt: skip


async def _deposit(
    connection: Any, packing: Packing, opens: SecretKey, day: date, before: dict[str, int] | None
) -> dict[str, int]:
    """Make it, have it accepted, and hold it against what the table shows."""
    newest = await connection.fetchrow("SELECT * FROM escrow_deposit ORDER BY day DESC LIMIT 1")
    base = (
        None
        if newest is None
        else Base(newest["id"], newest["day"], newest["cluster"], newest["cut_xid"], tuple(newest["told"]))
    )
    wish = plan(day, newest, base)
    assert wish is not None and (wish.kind == FULL) == (before is None or is_sunday(day))
    now = {row["key"]: row["version"] for row in await connection.fetch("SELECT key, version FROM identifier")}
    shutil.rmtree(packing.folder, ignore_errors=True)  # as the keeper does: parts of another example are of no use
    id_ = await make_deposit(connection, wish, packing, datetime.now(UTC))
    await connection.execute("UPDATE escrow_deposit SET state = 'accepted'")
    folder = packing.folder / f"{id_}_R0"
    parts = sorted(folder.glob("*.inde"), key=lambda path: int(path.name.split("_S")[1].split("_")[0]))
    signatures = [part.with_suffix(".sig") for part in parts]
    certificate = Certificate(SecretKey(str(packing.signer._key)).certificate)
    with plain_reader(join(parts, signatures, certificate, opens, packing.folder / "opened")) as file:
        told = [(piece.key, piece.version) for piece in read_deposit(file) if isinstance(piece, Row)]
    was = {} if wish.kind == FULL or before is None else before
    assert told == sorted((key, version) for key, version in now.items() if was.get(key) != version)
    return now


@given(
    st.dates(date(2026, 1, 1), date(2027, 1, 1)),
    st.integers(0, 9),
    st.sampled_from(("made", "sent", "accepted", "refused")),
)
def test_the_calendar_asks_for_a_full_deposit_on_sundays_and_after_any_gap(day: date, gap: int, state: str) -> None:
    base = Base("1", day - timedelta(days=gap), "c", 5, ())
    newest = {"day": day - timedelta(days=gap), "state": state, "revision": 0, "code": 2004}
    wish = plan(day, newest, base)
    if gap == 0 and state != "refused":
        assert wish is None
    else:
        assert wish is not None
        assert wish.kind == (DIFF if gap == 1 and not is_sunday(day) else FULL)
        assert wish.revision == (1 if gap == 0 else 0)
    lost = plan(
        day, newest | {"day": day, "state": "refused", "code": FILES_LOST}, Base("1", day - timedelta(1), "c", 5, ())
    )
    assert lost is not None and lost.kind == (FULL if is_sunday(day) else DIFF)
    assert (
        stands(base, "c", 10)
        and not stands(base, "d", 10)
        and not stands(base, "c", 2**31 + 5)
        and not stands(base, "c", 4)
    )


@pytest.mark.parametrize(
    ("now", "made_at", "fresh"),
    [
        ("17:35", "17:34", True),
        ("19:33", "17:34", True),
        ("19:34", "17:34", False),
        ("22:58", "22:50", True),
        ("22:59", "22:50", False),  # an hour to the deadline
        ("17:35", None, False),
    ],
)
def test_a_deposit_made_just_now_is_fresh_until_the_last_hour(now: str, made_at: str | None, fresh: bool) -> None:
    day = "2026-11-22T{}:00+00:00"
    made = datetime.fromisoformat(day.format(made_at)) if made_at else None
    assert is_fresh(datetime.fromisoformat(day.format(now)), made) is fresh


def test_reading_takes_no_more_memory_for_a_longer_deposit() -> None:
    """libxml2 keeps what it has validated where a schema makes it count."""

    at = datetime(2026, 11, 22, tzinfo=UTC)

    def grown(records: int) -> int:
        element = write_record(Row(1, 1, 1, None, at, None, "88.118.7/A", None, None, b'[[1,"T","x"]]'))
        pieces = itertools.chain(
            [write_head(Head("20261122001", FULL, 0, at, None, "88.118", {RECORD: records}), []).encode()],
            itertools.repeat(element.encode() * 100, records // 100),
            [TAIL.encode()],
        )
        before = _resident()
        assert sum(isinstance(piece, Row) for piece in read_deposit(_Stream(pieces))) == records
        return _resident() - before

    grown(2_000)  # what reading needs at all
    assert grown(40_000) < 2_000


class _Stream(io.RawIOBase):
    """A file of pieces that are made as it is read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._left = pieces, b""

    def read(self, most: int = -1) -> bytes:
        while len(self._left) < most and (piece := next(self._pieces, b"")):
            self._left += piece
        told, self._left = self._left[:most], self._left[most:]
        return told


def _resident() -> int:
    """KiB of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


_OPENING = """
import resource, sys
from pathlib import Path
from sync.escrow.pgp import Certificate, SecretKey
folder, most = Path(sys.argv[1]), int(sys.argv[2])
key = SecretKey((folder / "key").read_text())
resource.setrlimit(resource.RLIMIT_DATA, (most, most))
Certificate(key.certificate).verify(folder / "sealed", folder / "signature")
key.decrypt(folder / "sealed", folder / "plain")
"""


def test_a_part_is_verified_and_opened_in_bounded_memory(tmp_path: Path) -> None:
    """The file is mapped, and what the library holds of its own does not grow with it: 256 MiB are opened within 208."""
    size, most = 256 * 1024 * 1024, 208 * 1024 * 1024
    key = SecretKey(quick_key("agent"))
    (tmp_path / "key").write_text(str(key._key), "ascii")
    with (tmp_path / "whole").open("wb") as file:
        file.truncate(size)
    Certificate(key.certificate).encrypt(tmp_path / "whole", tmp_path / "sealed")
    key.sign(tmp_path / "sealed", tmp_path / "signature")
    assert (tmp_path / "sealed").stat().st_size >= size  # nothing was compressed
    command = [sys.executable, "-c", _OPENING, str(tmp_path), str(most)]
    done = subprocess.run(command, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-500:]
    assert (tmp_path / "plain").stat().st_size == size
    for path in tmp_path.iterdir():
        path.unlink()
