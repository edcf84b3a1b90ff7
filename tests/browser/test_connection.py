"""Poor connections: answers out of order, WebSockets blocked, a server that is away, a model that sleeps."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from model_core.fake import FakeClassifier
from model_core.labels import STARS
from tests.browser.proxy import proxy_to
from tests.browser.server_by_hand import SOCKET, ServerByHand
from tests.browser.steps import bars, expect_fresh, rate, shown_seqs, type_review
from tools.servers import RunningServer, start_server

IS_ON_TOP = """element => {
    const { left, top, width, height } = element.getBoundingClientRect();
    return element.contains(document.elementFromPoint(left + width / 2, top + height / 2));
}"""


def test_answers_that_come_out_of_order_never_show(page: Page, fake_server: RunningServer) -> None:
    server = ServerByHand(page)
    page.goto(fake_server.http)
    seqs = []
    for text in ("A film", "A fine film", "A fine film, but dull"):
        page.locator("#review").fill(text)
        # Sends it past the one that is under way.
        page.locator("#review").press("Control+Enter")
        seqs.append(server.wait_for(page, text))
    for seq, stars in ((seqs[2], 3), (seqs[0], 10), (seqs[1], 9)):
        server.answer(seq, stars)
    expect(page.locator("#expected")).to_have_text("3.0")
    page.locator("#review").fill("A fine film, but dull at last")
    server.answer(server.wait_for(page, "A fine film, but dull at last"), 4)
    expect(page.locator("#expected")).to_have_text("4.0")
    assert shown_seqs(page) == [seqs[2], max(server.texts)]


def test_the_page_is_there_and_takes_a_text_before_any_answer(page: Page, fake_server: RunningServer) -> None:
    page.route_web_socket(SOCKET, lambda socket: None)
    page.route("**/api/v1/**", lambda route: None)
    page.goto(fake_server.http)
    type_review(page, "Typed before the model is awake")
    assert page.evaluate("performance.getEntriesByName('first-contentful-paint').length") == 1
    assert page.get_by_role("meter").count() == len(STARS)
    expect(page.locator("#freshness")).to_have_attribute("data-state", "stale")
    assert page.locator("#review").input_value() == "Typed before the model is awake"


def test_where_websockets_are_blocked_http_gives_the_same_numbers_and_the_socket_comes_back(
    page: Page, fake_server: RunningServer
) -> None:
    connection = page.locator("#connection")
    with proxy_to(fake_server.port) as proxy:
        page.goto(proxy.http)
        text = "A film that is rated the long way round"
        type_review(page, text, delay_ms=5)
        expect_fresh(page)
        expect(connection).to_have_attribute("data-transport", "http")
        expect(page.locator("#freshness-words")).to_have_text("Live, over HTTP")
        assert proxy.refused >= 1
        assert page.locator("#review").input_value() == text
        (rating,) = FakeClassifier().classify([text])
        assert list(bars(page).values()) == pytest.approx(rating.probabilities, abs=1e-6)
        expect(page.locator("#contributions")).to_have_attribute("data-state", "shown", timeout=20_000)
        seqs = shown_seqs(page)
        assert seqs == sorted(set(seqs))

        proxy.blocks_websockets = False
        expect(connection).to_have_attribute("data-transport", "websocket", timeout=30_000)
        rate(page, text + ", and now straight on")
        (rating,) = FakeClassifier().classify([text + ", and now straight on"])
        assert list(bars(page).values()) == pytest.approx(rating.probabilities, abs=1e-6)
    expect(page.locator("#alert")).to_have_text(re.compile("connection is lost"), timeout=20_000)


@pytest.mark.parametrize(("header", "place"), [("Host", "#alert"), ("Upgrade", "#room-hint")])
def test_the_page_names_the_header_that_a_proxy_does_not_pass_on(
    page: Page, fake_server: RunningServer, header: str, place: str
) -> None:
    with proxy_to(fake_server.port, drops=header) as proxy:
        page.goto(proxy.http)
        expect(page.locator(place)).to_contain_text(header)


def test_a_page_below_a_path_says_that_it_needs_a_host_name_of_its_own(page: Page, fake_server: RunningServer) -> None:
    page.goto(fake_server.http)
    expect(page.locator(".unstyled")).to_be_hidden()
    # There its files are not found. An error on the console would fail the test.
    page.route("**/*.css", lambda route: route.fulfill(body="", content_type="text/css"))
    page.reload()
    expect(page.locator(".unstyled")).to_be_visible()


def test_a_lost_connection_is_said_once_and_the_newest_text_is_rated_at_the_press_of_a_button(
    page: Page, data_dir: Path
) -> None:
    banner = page.locator("#alert")
    with start_server(data_dir, STARCAST_BACKEND="fake") as server:
        page.goto(server.http)
        rate(page, "typed before")
        expect(banner).to_be_empty()
    expect(banner).to_have_text(re.compile("Keep typing"), timeout=30_000)
    page.locator("#review").press("End")
    type_review(page, " and after")
    expect(page.locator("#freshness")).to_have_attribute("data-state", "offline")
    with start_server(data_dir, port=server.port, STARCAST_BACKEND="fake"):
        page.locator("#retry").click()
        expect_fresh(page)
        expect(banner).to_be_empty()
        assert page.locator("#review").input_value() == "typed before and after"


def test_without_a_network_it_says_so_and_comes_back_with_it(page: Page, data_dir: Path) -> None:
    banner = page.locator("#alert")
    with start_server(data_dir, STARCAST_BACKEND="fake") as server:
        page.goto(server.http)
        rate(page, "typed before")
        page.context.set_offline(True)
    expect(banner).to_have_text(re.compile("You are offline"), timeout=30_000)
    page.locator("#review").press("End")
    type_review(page, " and after")
    with start_server(data_dir, port=server.port, STARCAST_BACKEND="fake"):
        page.context.set_offline(False)
        expect_fresh(page)
        expect(banner).to_be_empty()
        assert page.locator("#review").input_value() == "typed before and after"


# A tall field on a desktop, a phone, and a zoom of 400 %, at which the panel does not stick.
@pytest.mark.parametrize(("width", "height", "language"), [(1280, 800, "/"), (360, 740, "/"), (320, 256, "/ru/")])
def test_who_types_at_the_end_of_a_long_text_sees_that_the_connection_is_lost_and_nothing_moves(
    page: Page, fake_server: RunningServer, width: int, height: int, language: str
) -> None:
    page.set_viewport_size({"width": width, "height": height})
    page.goto(fake_server.http + language)
    field, alert, retry = (page.locator(f"#{each}") for each in ("review", "alert", "retry"))
    rate(page, "A long text, and longer.\n" * 60)
    field.evaluate("field => { field.style.height = '1600px'; }")
    field.press("Control+End")
    type_review(page, "The end")
    expect(page.locator("#connection")).to_have_attribute("data-in-sight", "true" if width == 360 else "false")
    places = [field.bounding_box(), page.evaluate("[scrollX, scrollY]")]
    page.context.set_offline(True)
    expect(alert).not_to_be_empty(timeout=30_000)
    expect(alert).to_be_in_viewport(ratio=1)
    expect(retry).to_be_in_viewport(ratio=1)
    assert [field.bounding_box(), page.evaluate("[scrollX, scrollY]")] == places
    words = alert.inner_text()
    assert page.get_by_text(words).filter(visible=True).count() == 1
    expect(page.locator("#freshness")).to_be_hidden()
    for each in (alert, retry):
        assert each.evaluate(IS_ON_TOP), words
    box = page.locator(".banner").bounding_box()
    assert box is not None
    # Most of the window is left to the text.
    assert box["height"] < height / 4
    assert page.evaluate("document.documentElement.scrollWidth") == width
    type_review(page, ", or not")
    assert field.input_value().endswith("The end, or not")
    page.locator("#connection").evaluate("place => place.scrollIntoView({ block: 'center' })")
    expect(page.locator("#connection")).to_have_attribute("data-in-sight", "true")
    expect(alert).to_be_in_viewport(ratio=1)
    badge = page.locator("#connection").bounding_box()
    banner = page.locator(".banner").bounding_box()
    assert badge is not None
    assert banner is not None
    assert abs(banner["y"] + banner["height"] / 2 - badge["y"] - badge["height"] / 2) < 2


def test_http_carries_on_where_websockets_are_blocked_after_its_script_could_not_be_loaded(
    page: Page, fake_server: RunningServer
) -> None:
    scripts: list[str] = []
    page.on("request", lambda request: scripts.append(request.url) if "http-socket" in request.url else None)
    with proxy_to(fake_server.port) as proxy:
        proxy.blocks_websockets = False
        page.goto(proxy.http)
        rate(page, "A film that is rated the short way round")
        assert scripts == [], "few need it"
        with page.expect_event("requestfailed", lambda request: "http-socket" in request.url):
            page.context.set_offline(True)
        proxy.blocks_websockets = True
        page.context.set_offline(False)
        rate(page, "A film that is rated the long way round")
        expect(page.locator("#connection")).to_have_attribute("data-transport", "http")
