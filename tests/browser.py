"""A real Chromium without a window, which tests drive; Debian's package is used, nothing is downloaded."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import ConsoleMessage, Dialog, Page, Request, sync_playwright

PATIENCE_MS = 60_000


@contextmanager
def browsing() -> Iterator[tuple[Page, list[str]]]:
    """A page, and what went wrong on it: errors of scripts, what its policy refused, addresses beyond this machine."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("there is no chromium; `apt-get install chromium` brings it")
    with sync_playwright() as driver:
        # In a container there is no user namespace for its sandbox, and every page is our own.
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 850})
        page.set_default_timeout(PATIENCE_MS)
        wrong: list[str] = []
        _listen(page, wrong)
        try:
            yield page, wrong
        finally:
            browser.close()


def _listen(page: Page, wrong: list[str]) -> None:
    def said(message: ConsoleMessage) -> None:
        if message.type == "error":
            wrong.append(f"console: {message.text}")

    def asked(dialog: Dialog) -> None:
        wrong.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def requested(request: Request) -> None:
        if not _here(request.url):
            wrong.append(f"asked for {request.url}")

    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    page.on("console", said)
    page.on("dialog", asked)
    page.on("request", requested)


def _here(url: str) -> bool:
    return url.startswith(("http://127.0.0.1:", "file://", "data:", "blob:"))
