"""The page in a real browser, through the proxy and over TLS, while servers are killed."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.steps import expect_fresh, type_review
from tests.conftest import require_program
from tools.chromium import ARGUMENTS, HEADLESS_NAMES
from tools.reviews import REVIEWS
from tools.topology.site import Site


@pytest.fixture
def page() -> Iterator[Page]:
    """An empty page that trusts the site's certificate, and must end without a breach of its policy."""
    path = require_program(*HEADLESS_NAMES)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        page = browser.new_context(ignore_https_errors=True).new_page()
        said: list[str] = []
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("console", lambda message: said.append(message.text))
        yield page
        browser.close()
    assert not [words for words in said if "Content Security Policy" in words or "Error:" in words]


@pytest.mark.long
def test_who_types_while_each_server_is_killed_sees_the_newest_text_rated(page: Page, site: Site) -> None:
    page.goto(site.url)
    expect(page.locator("#connection")).to_have_attribute("data-state", "open")
    review = ""
    for number, sentence in enumerate(REVIEWS[3].split(". ")[:3]):
        type_review(page, sentence, delay_ms=5)
        review += sentence
        expect_fresh(page)
        site.replicas[number].process.kill()
        type_review(page, " And on. ", delay_ms=5)
        review += " And on. "
        expect_fresh(page)
        site.restart_replica(number)
    assert page.locator("#review").input_value() == review
