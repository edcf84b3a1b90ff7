"""A real browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.conftest import require_program
from tests.timing import PATIENCE_S
from tools.chromium import ARGUMENTS, HEADLESS_NAMES

RECORD_SHOWN_SEQ = """
window.shownSeqs = [];
new MutationObserver(() => window.shownSeqs.push(Number(document.documentElement.dataset.shownSeq)))
  .observe(document, {attributes: true, subtree: true, attributeFilter: ["data-shown-seq"]});
"""

expect.set_options(timeout=PATIENCE_S * 1000)

ON_PURPOSE = (
    "WebSocket connection",
    "net::ERR_CONNECTION_REFUSED",
    "net::ERR_INTERNET_DISCONNECTED",
    "status of 503",
)
"""What the browser says of a server that a test stops, has stopped, or cut off."""


def errors_of(page: Page) -> list[str]:
    """A list that gets what the page will say on its console as an error. That a room is not found is none."""
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and not ("404" in message.text and "/watch/" in message.location["url"]):
            errors.append(message.text)

    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", note)
    return errors


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium. It ends with the module: its event loop would be in the way of asynchronous tests."""
    path = require_program(*HEADLESS_NAMES)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A window of the browser that the tests of a module share, so that each finds the static files in its cache."""
    with browser.new_context() as context:
        yield context


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """An empty page that records every number of an answer it shows, and must end without errors on its console.

    What it stored, and what a test allowed or switched off, goes with it.
    """
    page = context.new_page()
    errors = errors_of(page)
    page.add_init_script(RECORD_SHOWN_SEQ)
    yield page
    context.set_offline(False)
    context.clear_permissions()
    context.clear_cookies()
    storage = {"origin": "*", "storageTypes": "local_storage,session_storage,indexeddb"}
    context.new_cdp_session(page).send("Storage.clearDataForOrigin", storage)
    page.close()
    assert not [error for error in errors if not any(words in error for words in ON_PURPOSE)]
