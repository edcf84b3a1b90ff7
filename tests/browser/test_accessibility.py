"""Accessibility: axe finds nothing, everything works by keyboard, and nothing depends on colour or motion."""

import re
from collections.abc import Callable, Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.axe import COLOURS, violations
from tests.browser.server_by_hand import VERDICTS, ServerByHand, greeting_of_recorded
from tools.servers import RunningServer

PATHS = ("/", f"/watch/{'A' * 22}/", "/model/", "/about/", "/widget/")
LANGUAGES = ("", "/ru")
PRAISE = "A warm, funny and beautifully acted film, one of the best of the year."
# Radio buttons are one stop, at the first where none is chosen.
INPUT = "input:not([type=radio]), label:first-of-type > input[type=radio]"
TABBABLE = f"a[href], button, {INPUT}, textarea, select, summary, [tabindex='0']"


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open pages with options of a browser context: theme, size, forced colours, reduced motion."""
    pages: list[Page] = []

    def open_page(address: str, width: int = 1280, **options: object) -> Page:
        page = browser.new_page(viewport={"width": width, "height": 800}, **options)  # type: ignore[arg-type]
        pages.append(page)
        page.goto(address)
        return page

    yield open_page
    for page in pages:
        page.close()


def rate(page: Page) -> None:
    page.locator("textarea").first.fill(PRAISE)
    expect(page.get_by_role("meter").last).not_to_have_attribute("aria-valuenow", "0", timeout=20_000)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", PATHS)
def test_axe_finds_nothing_on_any_page_in_either_theme_and_on_a_phone_nothing_is_wider_than_the_screen(
    open_page: Callable[..., Page], fake_server: RunningServer, path: str, language: str
) -> None:
    # Colours in the middle of a fade are none that anybody reads.
    page = open_page(f"{fake_server.http}{language}{path}", color_scheme="light", reduced_motion="reduce")

    def look() -> None:
        assert violations(page) == []
        page.emulate_media(color_scheme="dark")
        assert violations(page, rules=COLOURS) == []
        page.emulate_media(color_scheme="light")

    look()
    if page.locator("textarea").count():
        rate(page)
        look()
    page.set_viewport_size({"width": 360, "height": 800})
    # What is drawn to the width of the screen, such as the curve, follows it a frame later.
    page.wait_for_function("document.documentElement.scrollWidth === 360")
    assert violations(page) == []
    page.set_viewport_size({"width": 1280, "height": 800})
    for summary in page.locator("summary").all():
        summary.click()
    look()


@pytest.mark.parametrize(("theme", "language"), [("light", ""), ("dark", "/ru")])
def test_axe_finds_nothing_in_any_state_of_the_live_page(
    open_page: Callable[..., Page], fake_server: RunningServer, theme: str, language: str
) -> None:
    page = open_page(f"{fake_server.http}{language}/", color_scheme=theme, reduced_motion="reduce")
    page.locator("#more summary").click()
    page.locator("#history-on").check()
    rate(page)
    expect(page.locator("#contributions")).to_have_attribute("data-state", "shown", timeout=20_000)
    assert violations(page) == []
    page.locator("#room-open").click()
    expect(page.locator("#room-shared")).to_be_visible()
    page.locator("input[name=given]").last.check()
    page.locator("#feedback-send").click()
    expect(page.locator("#feedback-note")).not_to_be_empty()
    expect(page.locator("#history-list li")).to_have_count(1, timeout=20_000)
    page.locator("#pause").click()
    page.locator("#copy-link").click()
    assert violations(page) == []
    page.context.set_offline(True)
    expect(page.locator("#alert")).not_to_be_empty(timeout=20_000)
    assert violations(page) == []


@pytest.mark.parametrize(("theme", "language"), [("light", ""), ("dark", "/ru")])
def test_axe_finds_nothing_in_a_headline_old_or_new(
    page: Page, fake_server: RunningServer, theme: Literal["light", "dark"], language: str
) -> None:
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    server = ServerByHand(page, greeting_of_recorded())
    page.goto(f"{fake_server.http}{language}/")
    rating = page.locator("#rating")
    expect(rating).to_have_attribute("data-ghost", "true")
    found = {"ghost": violations(page, "#rating")}
    for name, changed in VERDICTS:
        page.locator("#review").fill(name)
        seq = server.wait_for(page, name)
        server.answer(seq, 10, **changed)
        expect(page.locator("html")).to_have_attribute("data-shown-seq", str(seq))
        expect(rating).to_have_attribute("data-old", "false")
        found[name] = violations(page, "#rating")
    page.locator("#moment").fill("0")
    expect(rating).to_have_attribute("data-past", "true")
    found["past"] = violations(page, "#rating")
    page.locator("#review").fill("not answered")
    expect(rating).to_have_attribute("data-old", "true")
    found["old"] = violations(page, "#rating")
    assert {name: each for name, each in found.items() if each} == {}


@pytest.mark.parametrize("path", PATHS)
def test_tab_reaches_everything_in_its_order_and_shows_where_it_is(
    open_page: Callable[..., Page], fake_server: RunningServer, path: str
) -> None:
    page = open_page(f"{fake_server.http}{path}")
    if path.startswith("/watch/"):  # What there is to reach changes once it is known that nobody writes.
        expect(page.get_by_role("status")).to_have_text(re.compile("no writer at this link"))
    name = "element => element.id || element.dataset.example || element.textContent.trim()"
    expected = page.eval_on_selector_all(
        TABBABLE,
        "all => all.filter(element => !element.disabled && element.checkVisibility({visibilityProperty: true}))"
        f".map({name})",
    )
    assert len(expected) > 5
    # The page may have put the focus into its field.
    page.evaluate("document.body.tabIndex = -1, document.body.focus(), document.body.removeAttribute('tabindex')")
    focused = f"""() => {{
        const element = document.activeElement;
        return [({name})(element), getComputedStyle(element).outlineStyle !== "none"];
    }}"""
    reached = []
    for _ in expected:
        page.keyboard.press("Tab")
        reached.append(page.evaluate(focused))
    assert reached == [[each, True] for each in expected]
    assert page.locator("[role=meter][tabindex]").count() == 0


def test_a_rating_can_be_had_paused_and_read_without_a_mouse(
    open_page: Callable[..., Page], fake_server: RunningServer
) -> None:
    page = open_page(fake_server.http)
    page.locator("#review").focus()
    page.keyboard.type(PRAISE)
    expect(page.locator("#freshness")).to_have_attribute("data-state", "fresh", timeout=20_000)
    page.locator("#more summary").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.locator("#pause")).to_have_attribute("data-paused", "true")
    expect(page.locator("td[data-stars]").first).to_be_visible()


def test_with_forced_colours_bars_stand_out_from_their_tracks(
    open_page: Callable[..., Page], fake_server: RunningServer
) -> None:
    for path, fill in (("/", "#rating .fill"), ("/widget/", "starcast-meter .fill")):
        page = open_page(f"{fake_server.http}{path}", forced_colors="active")
        rate(page)
        colour = "element => getComputedStyle(element).backgroundColor"
        bar = page.locator(fill).last
        assert bar.evaluate(colour) != bar.locator("..").evaluate(colour)
        assert violations(page) == []


@pytest.mark.parametrize(("motion", "moves"), [("reduce", False), ("no-preference", True)])
def test_bars_move_only_for_those_who_do_not_mind(
    open_page: Callable[..., Page], fake_server: RunningServer, motion: str, moves: bool
) -> None:
    for path, fill in (("/", "#rating .fill"), ("/widget/", "starcast-meter .fill")):
        page = open_page(f"{fake_server.http}{path}", reduced_motion=motion)
        durations = page.locator(fill).first.evaluate("element => getComputedStyle(element).transitionDuration")
        assert (durations != "0s") == moves
