"""The pages in a real browser, at the width of a phone and of a desk, in both languages, without JavaScript."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp.test_utils import TestServer

from core.identifier import encode_path
from tests.paper_node import HOSTILE, RECORDS, make_app

CHROMIUM = "/usr/bin/chromium" if Path("/usr/bin/chromium").exists() else shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine; apt-get install chromium"),
]
playwright = pytest.importorskip("playwright.async_api", reason="Playwright is not installed")

ARGUMENTS = [
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
SIZES = {"phone": {"width": 360, "height": 740}, "desk": {"width": 1280, "height": 900}}
PATHS = ["/", "/docs", "/errors", "/errors/identifier-malformed", "/lookup?identifier=x", "/88.118.8/NOPE", "/99.1/X"]
PATHS += [
    "/88.118.8/DOWN",
    "/88.118.8/REFERRED",
    "/20.500.1/M8x25",
    "/20.500.1/DOWN",
    "/88.118.8/BAV99%2C215?stale",
    *("/" + encode_path(each.identifier) for each in RECORDS),
]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def base() -> AsyncIterator[str]:
    async with TestServer(make_app()) as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browser() -> AsyncIterator[playwright.Browser]:
    async with playwright.async_playwright() as driver:
        found = await driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield found
        await found.close()


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("size", list(SIZES))
async def test_pages_fit_keep_quiet_and_ask_nobody_else(
    browser: playwright.Browser, base: str, size: str, language: str
) -> None:
    context = await browser.new_context(viewport=SIZES[size], locale=language)
    page = await context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    for path in PATHS:
        answer = await page.goto(base + path)
        assert answer is not None
        for details in await page.locator("details").all():
            await details.evaluate("found => found.open = true")
        width, room = await page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert width <= room, path
        assert await page.evaluate("document.documentElement.lang") == language
    # The browser itself notes that a page came with an error status; nothing else may be said.
    assert [text for text in said if "the server responded with a status of" not in text] == []
    assert [url for url in asked if not url.startswith((base + "/", "data:"))] == []
    await context.close()


@pytest.mark.parametrize("identifier", [RECORDS[0].identifier, "88.118.8/a b#c?d%e+f&gΩ/h", f"88.118.8/{HOSTILE}"])
async def test_the_search_works_without_javascript(browser: playwright.Browser, base: str, identifier: str) -> None:
    context = await browser.new_context(java_script_enabled=False, locale="zh-CN")
    page = await context.new_page()
    await page.goto(base + "/?lang=en")
    await page.get_by_role("searchbox", name="Identifier").fill(identifier)
    await page.keyboard.press("Enter")
    await page.wait_for_url(lambda url: "/lookup" not in url and "88.118.8" in url)
    assert identifier in await page.locator(".identifier").text_content()
    assert page.url.endswith("?lang=en")
    await page.get_by_role("link", name="中文").click()
    await page.wait_for_url("**lang=zh")
    assert identifier in await page.locator(".identifier").text_content()
    assert "已在本节点注册" in await page.locator("main").inner_text()
    await context.close()


async def test_the_search_may_end_at_the_manufacturers_own_site(browser: playwright.Browser, base: str) -> None:
    """The policy's `form-action` holds against redirects too: it must let them pass."""
    page = await browser.new_page()
    await page.goto(base)
    await page.locator("#identifier").fill("88.118.8/ELSEWHERE")
    await page.keyboard.press("Enter")
    await page.wait_for_url("http://localhost:*/")
    await page.close()


async def test_a_malformed_search_is_explained_where_it_was_typed(browser: playwright.Browser, base: str) -> None:
    page = await browser.new_page(locale="zh-CN")
    await page.goto(base)
    await page.locator("#identifier").fill("没有斜杠")
    await page.get_by_role("button").click()
    assert "标识格式不正确" in await page.get_by_role("alert").inner_text()
    assert await page.locator("#identifier").input_value() == "没有斜杠"
    await page.close()


async def test_the_keyboard_reaches_everything_and_shows_where_it_is(browser: playwright.Browser, base: str) -> None:
    page = await browser.new_page(viewport=SIZES["phone"], locale="en")
    await page.goto(base)
    seen = []
    for _ in range(8):
        await page.keyboard.press("Tab")
        seen.append(
            await page.evaluate(
                """() => { const found = document.activeElement, style = getComputedStyle(found), box = found.getBoundingClientRect();
                return [found.className || found.id || found.tagName, style.outlineStyle, parseFloat(style.outlineWidth), box.left]; }"""
            )
        )
    assert [name for name, *_ in seen[:4]] == ["skip", "brand", "switch", "identifier"]
    assert all(style == "solid" and width >= 2 and left >= 0 for _, style, width, left in seen)
    await page.close()


async def test_dark_is_dark_and_paper_is_white(browser: playwright.Browser, base: str) -> None:
    page = await browser.new_page(color_scheme="dark")
    await page.goto(base)
    ground = "getComputedStyle(document.body).backgroundColor"
    assert await page.evaluate(ground) == "rgb(19, 22, 26)"
    await page.emulate_media(media="print", color_scheme="light")
    assert await page.evaluate(ground) == "rgb(255, 255, 255)"
    assert not await page.locator(".search").is_visible()
    await page.close()
