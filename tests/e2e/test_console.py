"""The console of the HTTP API in a real browser: under our policy, from our own files, against the real server."""

from playwright.sync_api import Page, expect

from tests.servers import RunningServer


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
