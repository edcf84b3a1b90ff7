"""The console of the HTTP API in a real browser: under our policy, from our own files, against the real server."""

import re

from playwright.sync_api import Page, expect

from tests.browser.axe import COLOURS, violations
from tools.servers import RunningServer

WHITE = "rgb(255, 255, 255)"
DARK = re.compile("dark-mode")


def test_a_request_is_tried_out_and_nothing_is_fetched_from_elsewhere(page: Page, fake_server: RunningServer) -> None:
    elsewhere: list[str] = []
    page.on(
        "request",
        lambda request: None if request.url.startswith((fake_server.http, "data:")) else elsewhere.append(request.url),
    )
    page.goto(f"{fake_server.http}/api/docs")
    operation = page.locator("#operations-ratings-predict")
    operation.get_by_role("button").first.click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table tbody .response-col_status")).to_contain_text("200", timeout=30_000)
    expect(operation.locator(".live-responses-table")).to_contain_text("expected_stars")
    assert elsewhere == []


def test_the_console_can_be_read_in_either_theme_and_leads_home(page: Page, fake_server: RunningServer) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto(f"{fake_server.http}/api/docs")
    expect(page.locator(".opblock").first).to_be_visible(timeout=20_000)
    for operation in page.locator(".opblock").all():
        operation.get_by_role("button").first.click()
    expect(page.locator(".opblock-body")).to_have_count(page.locator(".opblock").count())
    expect(page.locator("body")).not_to_have_css("background-color", WHITE)
    expect(page.locator("html")).to_have_class(DARK)
    # Its controls and headings are Swagger UI's own.
    assert [each for each in violations(page, rules=COLOURS) if "contrast" in each] == []
    page.emulate_media(color_scheme="light")
    expect(page.locator("body")).to_have_css("background-color", WHITE)
    expect(page.locator("html")).not_to_have_class(DARK)
    # Colours in the middle of a fade are none that anybody reads.
    page.evaluate(
        """async () => {
            const fades = document.getAnimations().filter(each => each instanceof CSSTransition);
            await Promise.allSettled(fades.map(each => each.finished));
        }"""
    )
    assert [each for each in violations(page) if "contrast" in each or "landmark" in each] == []
    expect(page.locator("#console")).not_to_contain_text("never")
    page.get_by_role("link", name="Starcast", exact=True).click()
    expect(page.locator("#review")).to_be_visible()
