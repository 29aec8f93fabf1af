"""The documentation site in a real browser: from a server and from the disk, wide and narrow, light and dark.

Requests to other hosts are blocked and fail the test. `make docs` builds the site before.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

pytestmark = pytest.mark.engines

ROOT = Path(__file__).parents[2]
SITE = ROOT / "site"
BROWSERS = ("chromium", "google-chrome")
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
NARROW: ViewportSize = {"width": 360, "height": 740}
WIDE: ViewportSize = {"width": 1280, "height": 800}


def pages_of(nav: object) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav.removesuffix(".md") + ".html"
    elif isinstance(nav, list | dict):
        for each in nav.values() if isinstance(nav, dict) else nav:
            yield from pages_of(each)


PAGES = list(pages_of(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    """The address of a loopback server of the site."""
    assert (SITE / "index.html").exists(), "build the site first: make docs"
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(SITE))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (make engines)")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("no Chromium is installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, headless=True, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(params=["served", "from disk"])
def origin(request: pytest.FixtureRequest, served: str) -> str:
    return served if request.param == "served" else SITE.as_uri()


class Watch:
    """A context of the browser that notes console errors and requests to anywhere but the origin, which it blocks."""

    def __init__(self, context: BrowserContext, origin: str) -> None:
        self._origin = origin
        self.faults: list[str] = []
        self.page: Page = context.new_page()
        context.route(re.compile("^https?://"), self._route)
        self.page.on("request", lambda request: self._note(request.url))
        self.page.on("console", lambda message: self._console(message.type, message.text))
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))

    def _route(self, route: Any) -> None:
        if self._is_own(route.request.url):
            route.continue_()
        else:
            route.abort()

    def _note(self, url: str) -> None:
        if not self._is_own(url):
            self.faults.append(f"request: {url}")

    def _console(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.faults.append(f"console: {text}")

    def _is_own(self, url: str) -> bool:
        return url.startswith((f"{self._origin}/", "data:", "blob:", "about:"))


@pytest.fixture
def watch(browser: Browser, origin: str, request: pytest.FixtureRequest) -> Iterator[Watch]:
    with browser.new_context(viewport=NARROW) as context:
        yield Watch(context, origin)


def test_every_page_opens_without_a_request_elsewhere_an_error_or_a_horizontal_scroll(
    watch: Watch, origin: str
) -> None:
    for name in PAGES:
        watch.page.goto(f"{origin}/{name}")
        watch.page.wait_for_load_state("networkidle" if origin.startswith("http") else "load")
        wide, visible = watch.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        if wide > visible:
            watch.faults.append(f"{name}: {wide} pixels wide, {visible} are visible")
        if not watch.page.title():
            watch.faults.append(f"{name}: has no title")
    assert watch.faults == []


def test_the_search_finds_a_page(watch: Watch, origin: str) -> None:
    watch.page.set_viewport_size(WIDE)
    watch.page.goto(f"{origin}/index.html")
    field = watch.page.locator("input[role=combobox]:visible")
    for _ in range(100):  # the key has no effect until the page's script has run
        watch.page.keyboard.press("/")
        watch.page.wait_for_timeout(100)
        if field.count():
            break
    field.fill("exit codes")
    watch.page.wait_for_selector(
        "a[href*='reference/exit-codes.html']:visible:has-text('Exit codes') mark", timeout=30_000
    )
    assert watch.faults == []


def test_the_page_follows_the_system_into_light_and_dark(browser: Browser, served: str) -> None:
    brightness = {}
    for scheme in ("light", "dark"):
        with browser.new_context(color_scheme=scheme) as context:
            page = context.new_page()
            page.goto(f"{served}/index.html")
            colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
            text = page.evaluate("getComputedStyle(document.querySelector('.md-typeset')).color")
            brightness[scheme] = [sum(map(int, re.findall(r"\d+", each)[:3])) for each in (colour, text)]
    (light, on_light), (dark, on_dark) = brightness["light"], brightness["dark"]
    assert light > 600 > on_light
    assert dark < 200 < on_dark


def test_a_request_elsewhere_would_be_seen(watch: Watch, origin: str) -> None:
    watch.page.goto(f"{origin}/index.html")
    watch.page.evaluate("fetch('https://example.org/font.woff2').catch(() => {})")
    watch.page.wait_for_timeout(200)
    assert any("https://example.org/font.woff2" in each for each in watch.faults)


@pytest.mark.parametrize("link", ["[x](nowhere.md)", "[x](reference/record.md#nowhere)", "[x][nowhere]"])
def test_the_strict_build_refuses_a_broken_link(link: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    page = tmp_path / "docs/tutorial.md"
    for text, is_sound in ((page.read_text(), True), (f"{page.read_text()}\n{link}\n", False)):
        page.write_text(text)
        build = [f"{sys.prefix}/docs/bin/zensical", "build", "--strict", "--clean"]
        done = subprocess.run(build, cwd=tmp_path, capture_output=True, check=False)
        assert (done.returncode == 0) is is_sound, done.stdout.decode()
