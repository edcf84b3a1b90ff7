"""The widget in a page of another origin, whose policy allows nothing but what docs/widget.md asks for."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from model_core.fake import FakeClassifier
from model_core.labels import STARS
from tests.browser.foreign_site import ForeignSite, foreign_site
from tests.browser.server_by_hand import ServerByHand
from tests.browser.steps import compose
from tests.printed import blocks
from tests.system.test_keyed_server import apikey
from tools.servers import RunningServer, free_port, start_server
from tools.topology.services import listens, wait_until

PRAISE = "A warm, funny and beautifully acted film, one of the best of the year."


@pytest.fixture(scope="module")
def site() -> Iterator[ForeignSite]:
    with foreign_site() as site:
        yield site


@pytest.fixture(scope="module")
def server(site: ForeignSite, data_dir: Path) -> Iterator[RunningServer]:
    with start_server(data_dir, STARCAST_BACKEND="fake", STARCAST_ORIGINS=site.address) as server:
        yield server


def embed(site: ForeignSite, server: RunningServer, body: str) -> None:
    site.policy = f"default-src 'none'; script-src {server.http}; connect-src ws://localhost:{server.port}"
    site.html = f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A shop</title></head>
        <body>{body}<script type="module" src="{server.http}/widget.js"></script></body></html>"""


def expect_rated(page: Page) -> None:
    expect(page.locator("starcast-meter .number")).to_have_text(re.compile(r"\d"), timeout=20_000)


def test_the_widget_rates_a_field_of_a_foreign_page_under_a_strict_policy(
    page: Page, site: ForeignSite, server: RunningServer
) -> None:
    embed(site, server, '<textarea id="comment"></textarea><starcast-meter for="comment"></starcast-meter>')
    page.goto(site.address)
    meters = page.get_by_role("meter")
    expect(meters).to_have_count(len(STARS))
    expect(page.locator("starcast-meter .verdict")).to_have_text("Start typing")
    page.locator("#comment").press_sequentially(PRAISE, delay=5)
    expect_rated(page)
    assert page.locator("#comment").input_value() == PRAISE
    # In one look: between two, the answer to the last key may come.
    shares = meters.evaluate_all("meters => meters.map(meter => Number(meter.ariaValueNow))")
    assert sum(shares) == pytest.approx(100, abs=0.5)
    expect(meters.first).to_have_attribute("aria-valuetext", re.compile("^1 star, .* percent$"))
    # A style sheet that the policy refused would leave them without a colour.
    colours = page.eval_on_selector_all(
        "starcast-meter .fill", "fills => fills.map(fill => getComputedStyle(fill).backgroundColor)"
    )
    assert len(set(colours)) == len(STARS)
    expect(page.get_by_role("status")).to_have_text(re.compile("of 10 stars"))


def test_what_an_input_method_composes_is_rated_at_each_step(
    page: Page, site: ForeignSite, server: RunningServer
) -> None:
    embed(site, server, '<textarea id="comment"></textarea><starcast-meter for="comment"></starcast-meter>')
    page.goto(site.address)
    page.locator("#comment").focus()
    for composed in compose(page, ("ㅈ", "조", "좋")):
        (rating,) = FakeClassifier().classify([composed])
        expect(page.get_by_role("meter").first).to_have_attribute(
            "aria-valuenow", f"{100 * rating.probabilities[0]:.1f}"
        )
        assert page.locator("#comment").input_value() == composed


def test_a_field_may_come_late_leave_and_be_replaced(page: Page, site: ForeignSite, server: RunningServer) -> None:
    embed(site, server, '<p id="place"></p><starcast-meter for="comment"></starcast-meter>')
    page.goto(site.address)
    verdict = page.locator("starcast-meter .verdict")
    expect(verdict).to_have_text("Start typing")
    add = """text => {
        const field = document.createElement("input");
        field.id = "comment";
        field.value = text;
        document.getElementById("place").replaceChildren(field);
    }"""
    page.evaluate(add, PRAISE)
    expect_rated(page)
    page.evaluate("document.getElementById('comment').remove()")
    expect(verdict).to_have_text("Start typing")
    expect(page.locator("starcast-meter .number")).to_have_text("–")
    page.evaluate(add, "Another one that is dull, loud and endless, sadly.")
    expect_rated(page)


def test_the_page_hears_of_ratings_and_may_move_the_widget(
    page: Page, site: ForeignSite, server: RunningServer
) -> None:
    embed(site, server, '<input id="comment"><starcast-meter for="comment"></starcast-meter><div id="end"></div>')
    page.goto(site.address)
    page.evaluate(
        "addEventListener('rating', event => { document.title = event.detail?.stars ?? 'none'; }, {capture: true})"
    )
    page.locator("#comment").fill(PRAISE)
    expect(page).to_have_title(re.compile(r"^\d+$"))
    page.evaluate("document.getElementById('end').append(document.querySelector('starcast-meter'))")
    expect_rated(page)


def test_the_listeners_of_the_docs_hear_of_ratings(page: Page, site: ForeignSite, server: RunningServer) -> None:
    embed(site, server, '<input id="comment"><starcast-meter for="comment"></starcast-meter>')
    page.goto(site.address)
    _, example = blocks("widget.md", "html")
    # The policy of this page forbids scripts in it.
    page.evaluate(example.removeprefix('<script type="module">').removesuffix("</script>\n"))
    with page.expect_console_message(lambda message: re.fullmatch(r"\d+\.?\d*", message.text) is not None):
        page.locator("#comment").fill(PRAISE)
    with page.expect_console_message(lambda message: message.text == "no_field"):
        page.locator("#comment").evaluate("field => field.remove()")
        page.locator("starcast-meter").evaluate("meter => meter.setAttribute('for', 'nothing')")


def test_a_visitor_who_does_not_type_opens_no_connection(page: Page, site: ForeignSite, server: RunningServer) -> None:
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    embed(site, server, '<textarea id="comment"></textarea><starcast-meter for="comment"></starcast-meter>')
    page.goto(site.address)
    expect(page.get_by_role("meter")).to_have_count(len(STARS))
    assert sockets == []
    page.locator("#comment").focus()
    page.locator("#comment").fill(PRAISE)
    expect_rated(page)
    assert sockets == [server.ws]


def warning(text: str) -> Callable[[ConsoleMessage], bool]:
    return lambda message: message.type == "warning" and text in message.text


HEAR = """heard = [];
    const hear = ({ type, detail, target }) => {
        if (target.localName === "starcast-meter") heard.push([type, detail]);
    };
    for (const type of ["status", "error"]) addEventListener(type, hear, true);
"""


def test_the_page_hears_how_the_connection_does_and_what_is_refused(
    page: Page, site: ForeignSite, server: RunningServer
) -> None:
    by_hand = ServerByHand(page)
    page.add_init_script(HEAR)
    embed(site, server, '<textarea id="comment"></textarea><starcast-meter for="comment"></starcast-meter>')
    page.goto(site.address)
    page.locator("#comment").fill("A fine film")
    by_hand.refuse(by_hand.wait_for(page, "A fine film"), "text_too_long")
    page.wait_for_function("heard.length >= 2")
    page.locator("starcast-meter").evaluate("meter => meter.remove()")
    heard = page.evaluate("heard")
    assert [(kind, detail.get("state"), detail["code"]) for kind, detail in heard] == [
        ("status", "open", None),
        ("error", None, "text_too_long"),
    ]


def test_the_widget_says_of_what_its_rating_is_on_an_axis(page: Page, site: ForeignSite, server: RunningServer) -> None:
    page.emulate_media(reduced_motion="reduce")
    by_hand = ServerByHand(page)
    embed(site, server, '<textarea id="comment"></textarea><starcast-meter for="comment"></starcast-meter>')
    page.goto(site.address)
    field, card, words, axis = (
        page.locator(place)
        for place in ("#comment", "starcast-meter .card", "starcast-meter .words", "starcast-meter .axis")
    )
    expect(axis).to_have_text("50%")
    field.fill("A fine film.")
    expect(card).to_have_attribute("data-old", "true")
    by_hand.answer(by_hand.wait_for(page, "A fine film."), 9, truncated=True)
    expect(card).to_have_attribute("data-old", "false")
    expect(words).to_contain_text("the beginning and the end only")
    expect(axis).to_have_text("100%")
    field.fill("A fine film. Or")
    expect(card).to_have_attribute("data-old", "true")
    by_hand.answer(by_hand.wait_for(page, "A fine film. Or"), 9, probabilities=[0.1] * 6 + [0.2] * 2)
    expect(card).to_have_attribute("data-old", "false")
    expect(words).to_contain_text("80% likely")
    expect(axis).to_have_text("50%")
    fill, track = page.locator("starcast-meter [data-stars='9'] .track").evaluate(
        "track => [track.firstChild, track].map(each => each.getBoundingClientRect().top)"
    )
    height = page.locator("starcast-meter .track").first.evaluate("track => track.clientHeight")
    assert fill - track == pytest.approx((1 - 0.2 / 0.5) * height, abs=0.6)
    long = "word " * 5_000
    field.fill(long)
    by_hand.answer(by_hand.wait_for(page, long[:20_000]), 9, truncated=True)
    expect(words).to_contain_text("first 20,000 characters")


def test_a_form_that_is_reset_is_rated_no_more(page: Page, site: ForeignSite, server: RunningServer) -> None:
    fields = '<form><textarea id="comment"></textarea><button type="reset">Reset</button></form>'
    embed(site, server, f'{fields}<starcast-meter for="comment"></starcast-meter>')
    page.goto(site.address)
    page.locator("#comment").fill(PRAISE)
    expect_rated(page)
    page.get_by_role("button", name="Reset").click()
    expect(page.locator("starcast-meter .verdict")).to_have_text("Start typing", timeout=20_000)


@pytest.mark.parametrize(
    ("attributes", "said"),
    [("", 'set the attribute "for"'), ('for="nobody"', 'the id "nobody"'), ('for="secret"', "not a text field")],
)
def test_the_console_says_what_is_wrong_with_the_field(
    page: Page, site: ForeignSite, server: RunningServer, attributes: str, said: str
) -> None:
    embed(site, server, f'<input id="secret" type="password"><starcast-meter {attributes}></starcast-meter>')
    with page.expect_console_message(warning(said)):
        page.goto(site.address)


def test_the_console_says_that_the_policy_of_the_page_blocks_the_server(
    browser: Browser, site: ForeignSite, server: RunningServer
) -> None:
    embed(site, server, '<input id="comment"><starcast-meter for="comment"></starcast-meter>')
    site.policy = f"default-src 'none'; script-src {server.http}"
    # The browser has an error of its own for it, which the fixture would not let pass.
    other = browser.new_page()
    other.goto(site.address)
    with other.expect_console_message(warning(f"Add ws://localhost:{server.port} to its connect-src")):
        other.locator("#comment").focus()
    other.close()


def test_the_console_says_that_a_server_cannot_be_reached(page: Page, site: ForeignSite, server: RunningServer) -> None:
    attributes = f'for="comment" server="{site.address}"'
    embed(site, server, f'<input id="comment"><starcast-meter {attributes}></starcast-meter>')
    site.policy += f" {site.address.replace('http', 'ws')}"
    page.goto(site.address)
    with page.expect_console_message(warning("no connection to")):
        page.locator("#comment").focus()


@pytest.mark.parametrize(
    "attributes", ["", 'for="nobody"', 'for="comment" server="nonsense"', 'for="comment" server="http://["']
)
def test_a_wrong_attribute_leaves_the_page_alone(
    page: Page, site: ForeignSite, server: RunningServer, attributes: str
) -> None:
    embed(site, server, f'<textarea id="comment"></textarea><starcast-meter {attributes}></starcast-meter>')
    page.goto(site.address)
    page.locator("#comment").fill(PRAISE)
    expect(page.get_by_role("meter")).to_have_count(len(STARS))
    expect(page.locator("starcast-meter .number")).to_have_text("–")
    if "server" in attributes:
        expect(page.locator("starcast-meter .words")).not_to_be_empty()


def test_the_theme_is_the_pages_own_or_the_one_asked_for(page: Page, site: ForeignSite, server: RunningServer) -> None:
    widgets = [f"<starcast-meter {theme}></starcast-meter>" for theme in ("", 'theme="dark"', 'theme="auto"')]
    embed(site, server, "".join(widgets))
    page.emulate_media(color_scheme="dark")
    page.goto(site.address)
    expect(page.get_by_role("meter")).to_have_count(3 * len(STARS))
    light, dark, auto = page.eval_on_selector_all(
        "starcast-meter",
        "all => all.map(each => getComputedStyle(each.shadowRoot.querySelector('.card')).backgroundColor)",
    )
    assert light == "rgb(255, 255, 255)"
    assert dark == auto != light


def test_a_page_whose_origin_is_not_allowed_is_told_so_in_words(page: Page, site: ForeignSite, data_dir: Path) -> None:
    with start_server(data_dir, STARCAST_BACKEND="fake") as other:
        embed(site, other, '<input id="comment"><starcast-meter for="comment"></starcast-meter>')
        page.goto(site.address)
        with page.expect_console_message(warning(f"Add {site.address} to the server's setting STARCAST_ORIGINS")):
            page.locator("#comment").fill(PRAISE)
        expect(page.locator("starcast-meter .words")).to_contain_text("another site")


def test_the_demo_page_rates_and_hands_out_the_lines_to_copy(page: Page, server: RunningServer) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{server.http}/widget/")
    page.locator("#comment").fill(PRAISE)
    expect_rated(page)
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#snippet").inner_text()
    assert f'src="{server.http}/widget.js"' in copied
    expect(page.get_by_role("button", name="Copy", exact=True)).to_be_visible()


@pytest.mark.parametrize(("element", "text"), [("textarea", "A fine film\n"), ("input", "A fine film")])
def test_an_enter_asks_for_a_final_answer(
    page: Page, site: ForeignSite, server: RunningServer, element: str, text: str
) -> None:
    by_hand = ServerByHand(page)
    embed(site, server, f'<{element} id="comment"></{element}><starcast-meter for="comment"></starcast-meter>')
    page.goto(site.address)
    page.locator("#comment").press_sequentially("A fine film")
    by_hand.wait_for_any(page)
    page.locator("#comment").press("Enter")
    by_hand.wait_for_flush(page, by_hand.wait_for(page, text))
    assert page.locator("#comment").input_value() == text


def test_the_site_of_the_docs_shows_ratings_of_a_server_that_asks_for_keys_without_showing_its_key(
    page: Page, data_dir: Path, tmp_path: Path
) -> None:
    with start_server(data_dir, STARCAST_BACKEND="fake", STARCAST_REQUIRE_KEY="1") as keyed:
        key = apikey(data_dir, "create", "the shop")
        (example,) = blocks("widget.md", "python")
        port = free_port()
        shop_url = f"http://localhost:{port}"
        (tmp_path / "shop.py").write_text(
            example.replace("localhost:8000", f"localhost:{keyed.port}").replace("9000", str(port))
        )
        with subprocess.Popen(
            [sys.executable, "shop.py"],
            cwd=tmp_path,
            env={**os.environ, "STARCAST_KEY": key, "NO_PROXY": "localhost"},
            stderr=subprocess.DEVNULL,
        ) as shop:
            try:
                wait_until(lambda: listens(port), "the shop listens")
                with page.expect_response("**/token") as token:
                    page.goto(shop_url)
                    page.locator("#comment").press_sequentially(PRAISE)
                    expect_rated(page)
                assert key not in page.content() + token.value.text()
            finally:
                shop.terminate()
