"""Out of one node and into an empty one: nothing differs, whatever the format."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from core.migrate import migrate
from tests.bulk.conftest import Bulk, runner_process
from tests.bulk.test_round_trip import as_csv, components, publish
from tests.conftest import Servers
from tests.harness import ROOT, Api, Node, at, settings_for, take_aboard, text_value, worker_here

TIMES = ("version", "created_at", "changed_at")  # a node's own: an export does not carry them


@pytest.fixture
async def empty(servers: Servers, session: Any, tmp_path: Path) -> AsyncIterator[Bulk]:
    """Another node, with the same enterprise and prefix and nothing else."""
    name = f"test_empty_{tmp_path.name[-20:]}".replace("-", "_").lower()
    admin = await asyncpg.connect(servers.named("postgres"))
    await admin.execute(f'CREATE DATABASE "{name}"')
    url = servers.named(name)
    await migrate(url)
    directory = tmp_path / "empty"
    directory.mkdir()
    settings = settings_for(url, servers.redis_url, data_dir=directory)
    try:
        async with worker_here(settings) as base_url:
            node = await take_aboard(settings, Api(base_url, session))
            with runner_process(settings, directory):
                yield Bulk(node, "", url)
    finally:
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await admin.close()


async def examples(bulk: Bulk) -> None:
    """The components, and of everything that can become of an identifier one."""
    node, call = bulk.node, bulk.node.owner.call
    await publish(bulk)
    told = {
        "version": "7",
        "name_zh": "电机",
        "name_en": "Motor",
        "description": "三相",
        "industry": "3812",
        "carrier": 1,
    }
    narrow = [
        {"index": 2000, "type": "SERIAL", "name_zh": "序列号", "name_en": "Serial", "required": True},
        {"index": 2001, "type": "PRICE", "name_zh": "价格", "name_en": "Price", "visibility": "partners"},
        {"index": 2002, "type": "MADE", "name_zh": "日期", "name_en": "Made", "data_type": "date"},
    ]
    motor = {"identifier": f"{node.prefix}/META_motor", "items": narrow, **told}
    made = await node.owner.post("/api/v1/templates", motor)
    assert made.status == 201, made.body
    values = [
        text_value(2000, "SERIAL", "1"),
        text_value(2001, "PRICE", "9.99"),
        text_value(2002, "MADE", "2026-01-31"),
    ]
    shown = [values[0], values[1] | {"visibility": "private"}, values[2]]
    for name, said in (("narrow", values), ("shown", shown)):
        body = {"identifier": f"{node.prefix}/{name}", "template": motor["identifier"], "values": said}
        made = await node.owner.post("/api/v1/identifiers", body)
        assert made.status == 201, made.body
    done = await bulk.load(as_csv(components()))
    assert done["created"] == 3_000, done
    named = f"{node.prefix}/"
    values = [
        text_value(1, "DESC", 'quote " comma , semicolon ; line\r\nbreak \t tab'),
        {"index": 2, "type": "BIN", "data": {"format": "base64", "value": "AAECAwT/"}},
        {"index": 3, "type": "HEX", "data": {"format": "hex", "value": "00ff"}},
        {"index": 100, "type": "HS_ADMIN", "data": {"format": "admin", "value": {"handle": "0.NA/88", "index": 200}}},
        {"index": 101, "type": "HS_VLIST", "data": {"format": "vlist", "value": [{"handle": "a/b", "index": 1}]}},
        text_value(5, "TTL", "x", ttl=0),
        text_value(14, "UNTIL", "x", ttl="2027-01-31T10:00:00Z", references=[{"handle": "a/中 b", "index": 0}]),
        text_value(6, "PRIVATE", "秘密", visibility="private"),
        text_value(7, "PARTNERS", "伙伴", visibility="partners"),
        text_value(8, "PERMISSIONS", "x", permissions="1111"),
        text_value(9, "HS_SECKEY", "secret"),
        text_value(10, "NUL", "a\0b"),
        text_value(11, "EMPTY", ""),
        text_value(12, "FORMULA", '=HYPERLINK("http://example.org")'),
        text_value(13, "ASTRAL", "𠮷野家 🏭 \U0010ffff"),
        text_value(4_294_967_295, "LAST", "last"),
    ]
    bodies = [
        {"identifier": f"{named}every-kind", "values": values},
        {"identifier": f"{named}Mixed Case/中文 𠮷?&#%,\"'", "values": [text_value(1, "A", "b")]},
        {"identifier": f"{named}=1+1", "values": [text_value(1, "A", "@b")]},
        *(
            {"identifier": f"{named}{name}", "values": [text_value(1, "A", name)]}
            for name in ("revised", "gone", "back")
        ),
        {"identifier": f"{named}typed", "template": bulk.template, "values": [text_value(2000, "MODEL", "BAV99")]},
    ]
    for body in bodies:
        answer = await node.owner.post("/api/v1/identifiers", body)
        if body["identifier"].endswith("typed") and answer.status == 422:
            continue  # the template asks for more
        assert answer.status == 201, answer.body
    revised = await call(
        "PUT",
        f"/api/v1/identifiers/{at(named + 'revised')}",
        {"values": [text_value(1, "A", "new"), values[0] | {"index": 2}]},
    )
    assert revised.status == 200, revised.body
    for name in ("gone", "back"):
        said = {"reason": '召回, "recall"', "successor": f"{named}revised" if name == "gone" else None}
        assert (await node.owner.post(f"/api/v1/identifiers/{named}{name}/withdraw", said)).status == 200
    assert (await node.owner.post(f"/api/v1/identifiers/{named}back/restore")).status == 200


async def exported(api: Api, prefix: str, **query: str) -> bytes:
    answer = await api.get(
        f"/api/v1/export?prefix={prefix}" + "".join(f"&{name}={text}" for name, text in query.items())
    )
    assert answer.status == 200, answer.body
    return answer.body


async def records(node: Node) -> dict[str, Any]:
    found: dict[str, Any] = {}
    after = ""
    while True:
        page = (await node.owner.get(f"/api/v1/identifiers?prefix={node.prefix}&limit=1000{after}")).json
        for one in page["items"]:
            plain = {name: part for name, part in one.items() if name not in TIMES}
            plain["values"] = [{n: p for n, p in value.items() if n != "timestamp"} for value in one["values"]]
            if "withdrawn" in plain:
                plain["withdrawn"] = {n: p for n, p in plain["withdrawn"].items() if n != "at"}
            found[one["identifier"]] = plain
        if page["next"] is None:
            return found
        after = f"&after={at(page['next'])}"


@pytest.mark.parametrize(
    "query", [{"format": "ndjson"}, {"format": "csv"}, {"format": "csv", "encoding": "gb18030"}, {"format": "parquet"}],
    ids=lambda query: "-".join(query.values()),
)  # fmt: skip
async def test_an_export_is_taken_back_without_a_difference(bulk: Bulk, empty: Bulk, query: dict[str, str]) -> None:
    await examples(bulk)
    node, other = bulk.node, empty.node
    assert node.prefix == other.prefix
    for line in (await exported(node.owner, node.prefix, what="templates")).splitlines():
        made = await other.owner.post("/api/v1/templates", raw=line, headers={"Content-Type": "application/json"})
        assert made.status == 201, made.body
    assert await exported(other.owner, other.prefix, what="templates") == await exported(
        node.owner, node.prefix, what="templates"
    )
    octets = await exported(node.owner, node.prefix, **query)
    done = await empty.load(octets, named=False, format=query["format"])
    assert (done["state"], done["refused"], done["changed"]) == ("done", 0, 0), done["plan"]["refused_samples"]
    assert done["created"] == done["rows"] >= 3_006
    assert await exported(other.owner, other.prefix, **query) == octets, "the same bytes again"
    assert await records(node) == await records(other)
    if query["format"] != "parquet":  # there the same file is the same job, and a byte more makes another file
        again = await empty.load(octets + b"\n", named=False, format=query["format"])
        assert (again["unchanged"], again["created"], again["refused"]) == (done["rows"], 0, 0), again
    packed = "SELECT key, shown, status, withdrawal::json ->> 'reason' AS reason, convert_from(value, 'UTF8') FROM identifier ORDER BY key"
    here, there = [{row["key"]: tuple(row) for row in await side.sql(packed)} for side in (bulk, empty)]
    same = [key for key in here if not key.endswith(("/REVISED",)) and "META_" not in key]
    assert len(same) >= 3_000 and all(here[key] == there[key] for key in same), (
        "the stored bytes too, where nothing was revised"
    )


async def test_ndjson_says_that_it_is_whole(bulk: Bulk) -> None:
    for name in "abc":
        await bulk.node.owner.post(
            "/api/v1/identifiers", {"identifier": f"{bulk.node.prefix}/{name}", "values": [text_value(1, "A", "x")]}
        )
    octets = await exported(bulk.node.owner, bulk.node.prefix)
    *lines, last = octets.splitlines(keepends=True)
    said = orjson.loads(last)["export"]
    assert said == {"rows": 3, "sha256": hashlib.sha256(b"".join(lines)).hexdigest()}


async def test_csv_for_people_has_a_column_an_item(bulk: Bulk) -> None:
    await publish(bulk)
    await bulk.load(as_csv(components()[:20]))
    await bulk.node.owner.post(
        "/api/v1/identifiers", {"identifier": f"{bulk.node.prefix}/other", "values": [text_value(1, "A", "x")]}
    )
    for names, status, first in (("zh", "状态", "型号"), ("en", "status", "Model")):
        octets = await exported(
            bulk.node.owner,
            bulk.node.prefix,
            format="csv",
            template=at(bulk.template),
            names=names,
            encoding="utf-8-bom",
        )
        assert octets.startswith(b"\xef\xbb\xbf") and octets.count(b"\xef\xbb\xbf") == 1
        header, *rows = list(csv.reader(io.StringIO(octets.decode("utf-8-sig"), newline="")))
        assert header[:2] == ["identifier", status] and first in " ".join(header) and len(rows) == 20, (
            "only those of the template"
        )
        assert all(row[1] == "active" and any(row[2:]) for row in rows)


async def test_an_export_is_of_one_moment(bulk: Bulk) -> None:
    """What is registered or revised while the file is on its way is not in it."""
    prefix, owner = bulk.node.prefix, bulk.node.owner
    await bulk.load(b"identifier,1:A\n" + b"".join(b"n%06d,%s\n" % (n, b"x" * 300) for n in range(40_000)), named=False)
    async with owner.session.get(
        f"{owner.base_url}/api/v1/export?prefix={prefix}", headers={"Authorization": f"Bearer {owner.key}"}
    ) as answer:
        first = await answer.content.readany()
        await owner.post("/api/v1/identifiers", {"identifier": f"{prefix}/zzz", "values": [text_value(1, "A", "x")]})
        await owner.put(f"/api/v1/identifiers/{prefix}/n039999", {"values": [text_value(1, "A", "changed")]})
        octets = first + await answer.content.read()
    assert (
        b"zzz" not in octets
        and b"changed" not in octets
        and orjson.loads(octets.splitlines()[-1])["export"]["rows"] == 40_000
    )


async def test_a_third_export_waits_and_one_that_nobody_reads_lets_go(bulk: Bulk) -> None:
    prefix, owner = bulk.node.prefix, bulk.node.owner
    await bulk.load(
        b"identifier,1:A\n" + b"".join(b"n%06d,%s\n" % (n, b"x" * 1_000) for n in range(40_000)), named=False
    )
    url, headers = f"{owner.base_url}/api/v1/export?prefix={prefix}", {"Authorization": f"Bearer {owner.key}"}
    slow = [await owner.session.get(url, headers=headers) for _ in range(2)]
    assert [answer.status for answer in slow] == [200, 200]
    third = await owner.get(f"/api/v1/export?prefix={prefix}")
    assert (third.status, third.json["slug"]) == (503, "exports-busy") and int(third.headers["Retry-After"]) > 0
    for answer in slow:
        answer.close()

    async def free() -> bool:
        return (await owner.get(f"/api/v1/export?prefix={prefix}&what=templates")).status == 200

    for _ in range(200):
        if await free():
            break
        await asyncio.sleep(0.05)
    assert await free()


async def test_a_lost_database_breaks_the_file_off(bulk: Bulk) -> None:
    """The reader sees that the last chunk never came."""
    import aiohttp

    prefix, owner = bulk.node.prefix, bulk.node.owner
    await bulk.load(
        b"identifier,1:A\n" + b"".join(b"n%06d,%s\n" % (n, b"x" * 1_000) for n in range(60_000)), named=False
    )
    url, headers = (
        f"{owner.base_url}/api/v1/export?prefix={prefix}&format=csv",
        {"Authorization": f"Bearer {owner.key}"},
    )
    async with owner.session.get(url, headers=headers) as answer:
        await answer.content.readany()
        ended = await bulk.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'biaojie-export' AND datname = current_database()"
        )
        assert len(ended) == 1
        with pytest.raises(aiohttp.ClientError):
            await answer.content.read()


async def test_a_withdrawn_row_takes_a_key_that_may_withdraw(bulk: Bulk) -> None:
    line = orjson.dumps(
        {"identifier": "w", "status": "withdrawn", "withdrawn": {"reason": "r"}, "values": [text_value(1, "A", "x")]}
    )
    key = await bulk.node.operator.post(
        "/api/v1/keys", {"role": "enterprise", "enterprise_id": 1, "scopes": ["register", "revise", "read-private"]}
    )
    assert key.status == 201, key.body
    sent = await bulk.send(
        line, named=False, auto="1", format="ndjson", api=bulk.node.operator.with_key(key.json["key"])
    )
    done = await bulk.wait(sent.json["id"])
    assert (done["refused"], done["plan"]["refused_samples"][0]["slug"]) == (1, "scope-not-enough"), done
    done = await bulk.load(line + b"\n", named=False, format="ndjson")
    assert done["created"] == 1, done
    assert (await bulk.node.anybody.get(f"/api/handles/{bulk.node.prefix}/w")).status in (200, 404, 410)
    one = await bulk.node.owner.get(f"/api/v1/identifiers/{bulk.node.prefix}/w")
    assert (one.json["status"], one.json["withdrawn"]["reason"]) == ("withdrawn", "r")
    active = orjson.dumps({"identifier": "w", "values": [text_value(1, "A", "x")]})
    done = await bulk.load(active, named=False, format="ndjson")
    assert (done["refused"], done["changed"]) == (1, 0), "an import brings nobody back"


async def test_existing_ones_are_withdrawn_by_a_row_that_says_so(bulk: Bulk) -> None:
    await bulk.load(b"identifier,1:A\nw,x\nstays,y\n", named=False)
    line = orjson.dumps(
        {"identifier": "w", "status": "withdrawn", "withdrawn": {"reason": "r"}, "values": [text_value(1, "A", "x")]}
    )
    done = await bulk.load(line, named=False, format="ndjson")
    assert (done["changed"], done["refused"]) == (1, 0), done
    one = await bulk.node.owner.get(f"/api/v1/identifiers/{bulk.node.prefix}/w")
    assert (one.json["status"], one.json["version"]) == ("withdrawn", 2)
    other = orjson.dumps(
        {
            "identifier": "w",
            "status": "withdrawn",
            "withdrawn": {"reason": "another"},
            "values": [text_value(1, "A", "x")],
        }
    )
    assert (await bulk.load(other, named=False, format="ndjson"))["refused"] == 1


async def test_the_commands_carry_a_prefix_from_node_to_node(bulk: Bulk, empty: Bulk, tmp_path: Path) -> None:
    """`biaojie export`, then `biaojie bulk`, which publishes the templates beside the file first, and retires them after it."""
    await publish(bulk)
    await bulk.load(as_csv(components()[:50]))
    assert (
        await bulk.node.owner.post(f"/api/v1/templates/{at(bulk.template)}:retire", {"reason": "改版"})
    ).status == 200
    path = tmp_path / "whole.ndjson"

    async def command(side: Bulk, *arguments: str) -> subprocess.CompletedProcess[str]:
        owner = side.node.owner
        said = [*arguments, "--key", str(owner.key), "--base-url", owner.base_url]
        return await asyncio.to_thread(
            subprocess.run, [sys.executable, "-m", "node.entry", *said], capture_output=True, text=True, timeout=60, cwd=ROOT,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    out = await command(bulk, "export", bulk.node.prefix, str(path))
    assert out.returncode == 0 and not list(tmp_path.glob("*.part")), out.stderr
    for _ in range(2):  # the second time all of it is there, and the template is retired already
        into = await command(empty, "bulk", str(path), "--prefix", empty.node.prefix, "--yes")
        assert into.returncode == 0 and "50 created" in into.stdout, into.stdout + into.stderr
        template = (await empty.node.owner.get(f"/api/v1/templates/{at(bulk.template)}")).json
        assert (template["state"], template["retired"]["reason"]) == ("retired", "改版"), template
    assert await exported(empty.node.owner, empty.node.prefix) == path.read_bytes()
    beside = path.with_name("whole.ndjson.templates.ndjson").read_bytes()
    assert await exported(empty.node.owner, empty.node.prefix, what="templates") == beside
    refused = await command(bulk, "export", "88.118.77", str(tmp_path / "none.csv"))
    assert refused.returncode == 1 and "403" in refused.stderr and "Traceback" not in refused.stderr
