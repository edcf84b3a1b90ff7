"""What one sees before the first key: the review that types itself, the focus, a draft, the text of a link."""

import re

from playwright.sync_api import Browser, Page, expect

from model_core.labels import STARS
from tests.browser.server_by_hand import ServerByHand, greeting_of_recorded
from tests.browser.steps import expect_fresh, rate, type_review
from tools.ghost import RECORDING, TEXT
from tools.servers import RunningServer


def recorded_stars() -> float:
    """What the whole review is expected to get."""
    (last,) = re.findall(r';([\d ]+)";', RECORDING.read_text())
    shares = [int(share) for share in last.split()]
    return sum(stars * share for stars, share in zip(STARS, shares, strict=True)) / sum(shares)


def open_untouched(page: Page, address: str) -> ServerByHand:
    """Open the page with a server whose model is the recorded one."""
    server = ServerByHand(page, greeting_of_recorded())
    page.goto(address)
    return server


def test_a_review_types_itself_sends_nothing_and_gives_way_to_the_first_key(
    page: Page, fake_server: RunningServer
) -> None:
    page.emulate_media(reduced_motion="no-preference")
    server = open_untouched(page, fake_server.http)
    review = page.locator("#review")
    placeholder = review.get_attribute("placeholder")
    expect(review).to_have_attribute("placeholder", TEXT)
    expect(page.locator("#rating")).to_have_attribute("data-state", "says")
    expect(page.locator("#expected")).to_have_text(f"{recorded_stars():.1f}")
    assert review.input_value() == ""
    assert set(server.texts.values()) <= {""}
    type_review(page, "D")
    expect(review).to_have_attribute("placeholder", placeholder or "")
    expect(page.locator("#rating")).to_have_attribute("data-state", "nothing")
    server.answer(server.wait_for(page, "D"), 2)
    expect(page.locator("#expected")).to_have_text("2.0")


def test_with_reduced_motion_the_review_stands_there_at_once(page: Page, fake_server: RunningServer) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.add_init_script(
        """addEventListener('DOMContentLoaded', () => {
            const field = document.getElementById('review');
            window.placeholders = [];
            new MutationObserver(() => window.placeholders.push(field.placeholder))
                .observe(field, { attributeFilter: ['placeholder'] });
        })"""
    )
    open_untouched(page, fake_server.http)
    expect(page.locator("#review")).to_have_attribute("placeholder", TEXT)
    assert page.evaluate("window.placeholders") == [TEXT]


def test_the_recording_is_of_the_shipped_model(page: Page, real_server: RunningServer) -> None:
    page.goto(real_server.http)
    expect(page.locator("#review")).to_have_attribute("placeholder", TEXT)
    shown = page.locator("#verdict").inner_text()
    page.locator("#review").fill(TEXT)
    expect_fresh(page)
    expect(page.locator("#rating")).to_have_attribute("data-side", "positive")
    assert shown.startswith("Positive")


def test_a_mouse_has_the_focus_in_the_field_and_a_finger_has_no_keyboard_in_its_way(
    browser: Browser, fake_server: RunningServer
) -> None:
    for mobile in (False, True):
        context = browser.new_context(is_mobile=mobile, has_touch=mobile)
        page = context.new_page()
        page.goto(fake_server.http)
        expect_fresh(page)
        assert page.evaluate("document.activeElement.id") == ("" if mobile else "review")
        context.close()


def test_a_draft_is_there_after_a_reload_and_in_the_other_language_until_it_is_emptied(
    page: Page, browser: Browser, fake_server: RunningServer
) -> None:
    page.goto(fake_server.http)
    rate(page, "A warm and funny film")
    page.locator(".languages a").click()
    expect(page.locator("html")).to_have_attribute("lang", "ru")
    expect(page.locator("#review")).to_have_value("A warm and funny film")
    expect_fresh(page)
    page.reload()
    expect(page.locator("#review")).to_have_value("A warm and funny film")
    other = browser.new_page()
    other.goto(fake_server.http)
    expect(other.locator("#review")).to_have_value("")
    other.close()
    rate(page, "")
    page.reload()
    expect(page.locator("#review")).to_have_value("")


def test_a_draft_is_kept_as_soon_as_the_page_is_out_of_sight(page: Page, fake_server: RunningServer) -> None:
    page.goto(fake_server.http)
    page.locator("#review").fill("A warm and funny film")
    # A phone may end a page in the background, and then there is no other event.
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert page.evaluate("Object.values(sessionStorage)") == ["A warm and funny film"]


def test_a_link_opens_into_a_replay(page: Page, fake_server: RunningServer) -> None:
    page.emulate_media(reduced_motion="no-preference")
    page.add_init_script(
        """new MutationObserver(records => records.forEach(({ target }) => {
            if (target.dataset.playing === 'true') window.hasPlayed = true;
        })).observe(document, { subtree: true, attributeFilter: ['data-playing'] })"""
    )
    page.goto(f"{fake_server.http}/#text=Slow%20at%20first%2C%20and%20then%20quite%20wonderful%2E")
    expect(page.locator("#timeline-title")).to_have_text("As it reads on")
    expect(page.locator("#replay")).to_have_attribute("data-playing", "false")
    assert page.evaluate("window.hasPlayed")
    expect_fresh(page)


def test_without_its_module_nothing_types_itself_and_a_link_says_what_is_wrong(
    page: Page, fake_server: RunningServer
) -> None:
    for name in ("ghost", "link-fragment"):
        page.route(f"**/{name}.*.js", lambda route: route.abort("connectionrefused"))
    with page.expect_event("requestfailed", lambda request: "/ghost." in request.url):
        open_untouched(page, fake_server.http)
    # The fixture fails the test if there is an error that nobody has caught.
    page.evaluate("location.hash = '#text=Fine%2E'")
    expect(page.get_by_role("status")).to_contain_text("The connection is lost")


def test_a_rating_of_another_text_is_dimmed_after_a_while_and_one_of_the_past_tinted(
    page: Page, fake_server: RunningServer
) -> None:
    server = ServerByHand(page)
    page.goto(fake_server.http)
    rating = page.locator("#rating")
    for text in ("Fine ", "Fine it "):
        page.locator("#review").fill(text)
        server.answer(server.wait_for(page, text), 9)
        expect(rating).to_have_attribute("data-old", "false")
    page.locator("#moment").fill("0")
    expect(rating).to_have_attribute("data-past", "true")
    page.locator("#now").click()
    expect(rating).to_have_attribute("data-past", "false")
    page.locator("#review").fill("Fine it is ")
    seq = server.wait_for(page, "Fine it is ")
    expect(rating).to_have_attribute("data-old", "true")
    server.answer(seq, 9)
    expect(rating).to_have_attribute("data-old", "false")


def test_the_badge_says_that_the_answer_is_late_also_to_those_who_type_on(
    page: Page, fake_server: RunningServer
) -> None:
    server = ServerByHand(page)
    page.goto(fake_server.http)
    page.locator("#review").fill("Fine ")
    server.answer(server.wait_for(page, "Fine "), 9)
    expect(page.locator("#freshness-words")).to_have_text("Matches your text")
    # Faster than the badge waits, and without an end.
    page.evaluate("setInterval(() => { review.value += 'e'; review.dispatchEvent(new Event('input')); }, 50)")
    expect(page.locator("#freshness-words")).to_have_text("Catching up")
