"""The pages of the top-level node in a box in a real browser: they fit, keep quiet, and an examiner's clicks are done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from sync.toplevel.escrow_doors import AGENT
from tests.browser.test_pages_browser import ARGUMENTS, CHROMIUM, SIZES
from tests.top_level_box import Box, box_here

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine; apt-get install chromium"),
]
playwright = pytest.importorskip("playwright.async_api", reason="Playwright is not installed")
NAME = "深圳市示例精密制造股份有限公司"


@pytest.fixture
async def box(session: aiohttp.ClientSession, tmp_path: Path) -> AsyncIterator[Box]:
    async with box_here(tmp_path, session) as found:
        found.turn(audit="hold")
        furnish(found)
        yield found


def furnish(box: Box) -> None:
    """A prefix in audit, a heartbeat, an hour of statistics, and a deposit of each verdict."""
    store, agent = box.desk.store, box.app[AGENT]
    app_id = store.one("account_of_client", client="sln-demo")["app_id"]
    store._database.execute(
        "INSERT INTO enterprise (id, app_id, credit_code, name, content) VALUES (1, ?, '1', ?, '{}')", (app_id, NAME)
    )
    store._database.execute(
        "INSERT INTO prefix (prefix, shown, app_id, enterprise, state, cl_trid, sv_trid, created_at, note) "
        "VALUES ('88.118.1001', '88.118.1001', ?, 1, 4, 'c', 's', '2026-11-22T00:00:00.000Z', '')",
        (app_id,),
    )
    rows = [
        {"registered": 15_000, "resolved": 1_234_567, "notFound": 3}
        | dict.fromkeys(("updated", "deleted", "referred", "failed"), 0)
    ]
    with store.transaction():
        store.run("put_heartbeat", app_id=app_id, now=box.desk.seconds(), content=orjson.dumps({"state": "degraded"}))
        store.run(
            "keep_statistics", app_id=app_id, seq=1, hour="2026-11-21T08:00:00Z", corrects=None, rows_digest="", content_digest="",
            content=orjson.dumps({"rows": rows}), received_at="",
        )  # fmt: skip
    with agent.documents.transaction():
        for day, status, id_ in ((20, "DVPN", "20261120001"), (21, "DVFN", "20261121001"), (22, "DRFN", None)):
            revision = None if id_ is None else 0
            agent.documents.put_notification(
                "88.118", date(2026, 11, day), status, id_, revision, datetime.now(UTC), b""
            )


async def test_the_pages_of_the_box_fit_and_do_what_is_clicked(box: Box) -> None:
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for size in SIZES.values():
            for language, words in (
                ("zh-CN", ("降级", "未通过", "待审核的前缀：1")),
                ("en", ("degraded", "failed", "await an audit: 1")),
            ):
                context = await browser.new_context(viewport=size, locale=language)
                await seen(await context.new_page(), box.api.base_url, words)
                await context.close()
        page = await browser.new_page(locale="en")
        await page.goto(f"{box.api.base_url}/?lang=en")
        await page.get_by_label("Words").fill("good")
        await page.get_by_role("button", name="Approve").click()
        assert await page.get_by_text("normal: good").count() == 1
        await page.get_by_label("vanish").fill("2")
        await page.get_by_role("combobox").select_option("reject")
        await page.get_by_role("button", name="Set").click()
        assert (box.desk.dials.vanish, box.desk.dials.audit) == (2, "reject")
        await page.get_by_label("vanish").fill("-2")
        await page.get_by_role("button", name="Set").click()
        assert "must be a whole number" in await page.get_by_role("alert").inner_text() and box.desk.dials.vanish == 2
        await page.get_by_role("link", name="Monitoring and takeover").click()
        await page.get_by_role("button", name="Take over (drill)").click()
        assert "standby data" in await page.get_by_role("status").inner_text()  # there are none yet
        await browser.close()


async def seen(page: Any, base_url: str, words: tuple[str, ...]) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    text = ""
    for path in ("/", "/watch"):
        await page.goto(base_url + path)
        width, room = await page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert width <= room, path
        text += await page.inner_text("main")
    assert all(word in text for word in words) and NAME in text and "1,234,567" in text, text
    assert said == []
