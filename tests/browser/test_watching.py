"""Two people in two browsers: one writes, the other watches."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from tests.browser.conftest import ON_PURPOSE, errors_of
from tests.browser.server_by_hand import GREETING, ServerByHand, prediction
from tests.browser.steps import bars, expect_fresh
from tools.servers import RunningServer, start_server


@pytest.fixture
def friend(browser: Browser) -> Iterator[Page]:
    """A page of somebody else, in a browser context of its own, that must end without errors on its console."""
    context = browser.new_context()
    page = context.new_page()
    errors = errors_of(page)
    yield page
    context.close()
    assert not [error for error in errors if not any(words in error for words in ON_PURPOSE)]


def share(page: Page, server: RunningServer, path: str = "/") -> str:
    """Open the page and a room; return the link."""
    page.goto(server.http + path)
    expect(page.locator("#connection")).to_have_attribute("data-state", "open")
    page.locator("#room-open").click()
    expect(page.locator("#room-link")).to_have_value(re.compile("/watch/"))
    return page.locator("#room-link").input_value()


def expect_typist(friend: Page, state: str) -> None:
    expect(friend.locator("#typist")).to_have_attribute("data-state", state, timeout=30_000)


def test_a_watcher_follows_key_by_key_sees_the_same_bars_and_cannot_write(
    page: Page, friend: Page, real_server: RunningServer
) -> None:
    friend.goto(share(page, real_server))
    expect_typist(friend, "here")
    expect(page.locator("#room-watchers")).to_contain_text("1 watcher")
    text = "Warm, funny and beautifully acted. A fine old film."
    for count, character in enumerate(text, start=1):
        page.locator("#review").press_sequentially(character)
        expect(friend.locator("#watched-text")).to_have_text(text[:count])
    expect_fresh(page)
    expect_fresh(friend)
    assert bars(friend) == bars(page)
    assert friend.locator("#expected").inner_text() == page.locator("#expected").inner_text()

    assert friend.locator("main").locator("textarea, input:not([type=range]), [contenteditable]").count() == 0
    friend.locator("#watched-text").focus()
    friend.keyboard.type("mine")
    expect(friend.locator("#watched-text")).to_have_text(text)
    assert page.locator("#review").input_value() == text


def test_a_late_watcher_sees_the_current_text_and_markup_stays_text(
    page: Page, friend: Page, fake_server: RunningServer
) -> None:
    link = share(page, fake_server)
    text = '<img src=x onerror="document.title=1"><script>document.title=2</script> fine 🎬'
    page.locator("#review").fill(text)
    expect_fresh(page)
    friend.goto(link)
    expect(friend.locator("#watched-text")).to_have_text(text)
    expect_fresh(friend)
    assert bars(friend) == bars(page)
    assert friend.title().startswith("Starcast")
    # What words add is marked, and nothing else.
    assert friend.locator("#watched-text *:not(.word, .sentence)").count() == 0


def test_a_watcher_sees_what_words_and_sentences_add_until_the_next_key(
    page: Page, friend: Page, fake_server: RunningServer
) -> None:
    friend.goto(share(page, fake_server))
    expect(friend.locator("#contributions")).to_have_attribute("data-state", "waiting")
    page.locator("#review").fill("A fine film. Two hours of my life.")
    expect(page.locator("#contributions")).to_have_attribute("data-state", "shown", timeout=20_000)
    expect(friend.locator("#contributions")).to_have_attribute("data-state", "shown")
    expect(friend.locator("#extremes")).to_have_text(page.locator("#extremes").inner_text(), use_inner_text=True)
    marks = "all => all.map(each => [each.className, each.textContent, each.dataset.sign, each.dataset.strength])"
    assert friend.locator("#watched-text *").evaluate_all(marks) == page.locator("#marked *").evaluate_all(marks)
    page.locator("#review").press_sequentially("!")
    expect(friend.locator("#watched-text")).to_have_text("A fine film. Two hours of my life.!")
    expect(friend.locator("#contributions")).to_have_attribute("data-state", "waiting")
    assert friend.locator("#watched-text *").count() == 0


def test_a_room_ends_when_the_writer_stops_and_its_link_leads_nowhere_then(
    page: Page, friend: Page, data_dir: Path
) -> None:
    with start_server(data_dir, STARCAST_BACKEND="fake", STARCAST_ROOM_GRACE_S="1") as server:
        link = share(page, server)
        friend.goto(link)
        expect_typist(friend, "here")
        page.locator("#room-stop").click()
        expect_typist(friend, "left")
        expect(page.locator("#room")).to_have_attribute("data-state", "closed")
        friend.reload()
        expect_typist(friend, "none")
        again = share(page, server)
        assert again != link
        friend.goto(again)
        expect_typist(friend, "here")
        page.goto("about:blank")
        expect_typist(friend, "left")


def test_who_stops_and_shares_again_at_once_shares_a_new_room(
    page: Page, friend: Page, fake_server: RunningServer
) -> None:
    old = share(page, fake_server)
    page.evaluate("['room-stop', 'room-open'].forEach(id => document.getElementById(id).click())")
    expect(page.locator("#room-link")).not_to_have_value(old)
    expect(page.locator("#room")).to_have_attribute("data-state", "open")
    expect(page.locator("#room-stop")).to_be_focused()
    friend.goto(page.locator("#room-link").input_value())
    expect_typist(friend, "here")


def test_a_room_that_is_refused_can_be_asked_for_again(page: Page, fake_server: RunningServer) -> None:
    server = ServerByHand(page)
    page.goto(fake_server.http)
    for times in (1, 2):
        page.locator("#room-open").click()
        expect(page.locator("#room")).to_have_attribute("data-state", "open")
        server.refuse_room(page, times)
        expect(page.locator("#room")).to_have_attribute("data-state", "closed")
        expect(page.locator("#room-open")).to_be_focused()


def test_after_a_restart_of_the_server_both_go_on_in_the_same_room(page: Page, friend: Page, data_dir: Path) -> None:
    with start_server(data_dir, STARCAST_BACKEND="fake") as server:
        friend.goto(share(page, server))
        page.locator("#review").fill("written before")
        expect(friend.locator("#watched-text")).to_have_text("written before")
    page.locator("#review").press_sequentially(" and after")
    with start_server(data_dir, port=server.port, STARCAST_BACKEND="fake"):
        expect(friend.locator("#watched-text")).to_have_text("written before and after", timeout=30_000)
        expect_typist(friend, "here")
        expect(page.locator("#room-watchers")).to_contain_text("1 watcher")


def test_a_watcher_may_pause_the_bars(page: Page, friend: Page, fake_server: RunningServer) -> None:
    friend.goto(share(page, fake_server))
    page.locator("#review").fill("written before")
    expect(friend.locator("#watched-text")).to_have_text("written before")
    friend.locator("#pause").click()
    page.locator("#review").fill("written meanwhile")
    expect_fresh(page)
    expect(friend.locator("#watched-text")).to_have_text("written before")
    friend.locator("#pause").click()
    expect(friend.locator("#watched-text")).to_have_text("written meanwhile")


def test_a_watcher_looks_back_along_the_curve_while_the_writer_goes_on(
    page: Page, friend: Page, fake_server: RunningServer
) -> None:
    friend.goto(share(page, fake_server))
    for text in ("A slow", "A slow start", "A slow start, but fine"):
        page.locator("#review").fill(text)
        expect(friend.locator("#watched-text")).to_have_text(text)
        expect_fresh(friend)
    friend.locator("#moment").focus()
    friend.keyboard.press("Home")
    expect(friend.locator("#watched-text")).to_have_text("A slow")
    expect(friend.locator("#freshness")).to_have_attribute("data-state", "past")
    page.locator("#review").fill("A slow start, but fine in the end")
    expect(friend.locator("#moment")).to_have_attribute("max", "3")
    expect(friend.locator("#watched-text")).to_have_text("A slow")
    friend.locator("#now").click()
    expect(friend.locator("#watched-text")).to_have_text("A slow start, but fine in the end")
    expect_fresh(friend)
    assert bars(friend) == bars(page)


def test_without_websockets_sharing_is_off_and_the_page_says_so(page: Page, fake_server: RunningServer) -> None:
    page.add_init_script("""window.WebSocket = class {
      constructor() { setTimeout(() => this.onclose?.({ code: 1006 })); }
      close() {}
    };""")
    page.goto(fake_server.http)
    page.locator("#review").fill("A fine film, rated all the same")
    expect_fresh(page)
    expect(page.locator("#room-open")).to_be_disabled()
    expect(page.locator("#room-hint")).to_contain_text("needs a live connection")


def test_links_work_in_both_languages(page: Page, friend: Page, fake_server: RunningServer) -> None:
    link = share(page, fake_server, "/ru/")
    assert "/ru/watch/" in link
    for address, language in ((link, "ru"), (link.replace("/ru/", "/"), "en")):
        friend.goto(address)
        expect_typist(friend, "here")
        assert friend.locator("html").get_attribute("lang") == language


def test_a_dead_link_is_said_in_one_sentence_and_no_banner(page: Page, data_dir: Path) -> None:
    with start_server(data_dir, STARCAST_BACKEND="fake", STARCAST_ROOM_GRACE_S="1") as server:
        page.goto(f"{server.http}/watch/{'A' * 22}/")
        expect_typist(page, "none")
        expect(page.get_by_role("status")).to_have_text(re.compile("no writer at this link"))
        expect(page.locator("#connection")).to_have_attribute("data-state", "closed")
        expect(page.locator("#alert")).to_be_empty()
        expect(page.locator("#freshness-words")).to_be_empty()
        for empty in ("#rating", "#watched-text", "#contributions", "#timeline"):
            expect(page.locator(empty)).to_be_hidden()
        expect(page.get_by_text("You can read here")).to_be_hidden()
        expect(page.get_by_role("link", name="Write your own text")).to_be_visible()


def test_a_watcher_retries_until_the_typist_of_a_room_reconnects(page: Page, fake_server: RunningServer) -> None:
    """As when servers restart one by one: the watcher comes to another one before the writer does."""
    state = {"type": "room.state", "text": "before", "is_fresh": False, "is_typist_here": True}
    error = {"type": "error", "error": {"code": "room_not_found", "message": "", "retryable": False}}
    tries: list[WebSocketRoute] = []

    def serve(socket: WebSocketRoute) -> None:
        tries.append(socket)
        socket.send(json.dumps(GREETING))
        if len(tries) == 1:
            socket.send(json.dumps(state))
        elif len(tries) < 4:
            socket.send(json.dumps(error))
            socket.close(code=4522)
        else:
            socket.send(json.dumps({**state, "text": "and after"}))

    page.route_web_socket(re.compile("/ws/v1/watch/"), serve)
    page.goto(f"{fake_server.http}/watch/{'A' * 22}/")
    expect(page.locator("#watched-text")).to_have_text("before")
    tries[0].close(code=1012)
    expect_typist(page, "away")
    expect(page.locator("#connection")).to_have_attribute("data-state", re.compile("reconnecting|open"))
    expect(page.locator("#watched-text")).to_have_text("and after", timeout=20_000)
    expect_typist(page, "here")
    expect(page.locator("#alert")).to_be_empty()


def test_a_watcher_hears_the_headline_and_sees_when_it_is_not_of_what_the_writer_has_now(
    page: Page, fake_server: RunningServer
) -> None:
    sockets: list[WebSocketRoute] = []

    def serve(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        socket.send(json.dumps(GREETING))

    def tell(text: str, **changed: Any) -> None:
        state = {"type": "room.state", "text": text, "is_fresh": True, "is_typist_here": True}
        sockets[0].send(json.dumps({**state, "rating": prediction(1, 9, truncated=True), **changed}))

    def expect_old(is_old: bool) -> None:
        expect(page.locator("#rating")).to_have_attribute("data-old", str(is_old).lower())

    page.route_web_socket(re.compile("/ws/v1/watch/"), serve)
    page.goto(f"{fake_server.http}/watch/{'A' * 22}/")
    expect(page.locator("#note")).to_be_hidden()
    tell("A fine film.")
    expect_old(False)
    expect(page.locator("#freshness-words")).to_have_text("Matches what it read")
    expect(page.locator("#note")).to_contain_text("the beginning and the end")
    expect(page.get_by_role("status")).to_contain_text("9.0 of 10 stars")
    for old in ({"is_typist_here": False}, {"is_fresh": False}):
        tell("A fine film.", **old)
        expect_old(True)
        tell("A fine film.")
        expect_old(False)
    page.locator("#pause").click()
    expect_old(True)
    page.locator("#pause").click()
    expect_old(False)
    sockets[0].send(json.dumps({"type": "room.closed", "reason": "closed"}))
    expect(page.locator("#freshness-words")).to_have_text("The last rating")
    expect_old(False)
