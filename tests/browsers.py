"""Chromium, and what a page says and asks for in it."""

import contextlib
import shutil

import pytest

SLOW_MS = 300_000  # no test of speed: the machine may be busy


@contextlib.contextmanager
def chromium(*flags):
    """Gives a browser; skips the test where there is none."""
    playwright = pytest.importorskip("playwright.sync_api")
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium found")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=found, args=["--no-sandbox", *flags], timeout=SLOW_MS)
        yield started
        started.close()


def new_tab(browser, width, height):
    """Returns a tab, and lists of what its pages say, as ("error", text), and of the addresses that they ask for."""
    tab = browser.new_page(viewport={"width": width, "height": height})
    tab.set_default_timeout(SLOW_MS)
    said, requests = [], []
    tab.on("console", lambda message: said.append((message.type, message.text)))
    tab.on("pageerror", lambda error: said.append(("error", str(error))))
    tab.on("request", lambda request: requests.append(request.url))
    return tab, said, requests
