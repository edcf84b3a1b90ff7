"""The rating over the text as it was typed: looking back on it, replaying it, and coming back."""

import re

import pytest
from playwright.sync_api import Page, expect

from model_core.fake import FakeClassifier
from tests.browser.steps import bars, expect_fresh, rate, type_review
from tools.servers import RunningServer

# The first is one word: the beginnings of several would be rated afterwards, and be moments too.
MOMENTS = ("Slow", "Slow at first and then", "Slow at first and then what an ending it has")


def open_with_moments(page: Page, server: RunningServer) -> list[dict[int, float]]:
    """Rate one text after another; the bars of each."""
    page.goto(server.http)
    seen = []
    for text in MOMENTS:
        rate(page, text)
        seen.append(bars(page))
    return seen


def test_dragging_back_shows_the_text_and_the_bars_of_then_and_leaves_the_field_alone(
    page: Page, fake_server: RunningServer
) -> None:
    seen = open_with_moments(page, fake_server)
    slider = page.locator("#moment")
    slider.focus()
    for index in (1, 0):
        page.keyboard.press("ArrowLeft")
        expect(page.locator("#moment-text")).to_have_text(MOMENTS[index])
        assert bars(page) == seen[index]
        expect(page.locator("#freshness")).to_have_attribute("data-state", "past")
        assert f"Moment {index + 1} of 3" in (slider.get_attribute("aria-valuetext") or "")
        assert page.locator("#review").input_value() == MOMENTS[-1]
    page.keyboard.press("End")
    assert bars(page) == seen[-1]
    expect_fresh(page)


def test_a_button_leads_back_to_now(page: Page, fake_server: RunningServer) -> None:
    seen = open_with_moments(page, fake_server)
    expect(page.locator("#now")).to_be_disabled()
    page.locator("#moment").fill("0")
    page.locator("#now").click()
    expect_fresh(page)
    assert bars(page) == seen[-1]
    expect(page.locator("#timeline")).to_have_attribute("data-state", "now")


def test_a_key_leads_back_to_now_and_counts(page: Page, fake_server: RunningServer) -> None:
    seen = open_with_moments(page, fake_server)
    page.locator("#moment").fill("0")
    expect(page.locator("#timeline")).to_have_attribute("data-state", "past")
    page.locator("#review").press("End")
    type_review(page, "!")
    expect_fresh(page)
    expect(page.locator("#timeline")).to_have_attribute("data-state", "now")
    assert bars(page) not in seen


def test_a_replay_shows_every_moment_once_more_and_ends_now(page: Page, fake_server: RunningServer) -> None:
    seen = open_with_moments(page, fake_server)
    page.evaluate(
        """() => {
            window.replayed = [];
            const text = document.getElementById("moment-text");
            new MutationObserver(() => window.replayed.push(text.textContent)).observe(text, {childList: true});
        }"""
    )
    page.locator("#replay").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#replay")).to_have_attribute("data-playing", "true")
    expect(page.locator("#replay")).to_have_attribute("data-playing", "false", timeout=20_000)
    assert page.evaluate("window.replayed")[:3] == list(MOMENTS)
    expect_fresh(page)
    assert bars(page) == seen[-1]
    assert page.locator("#review").input_value() == MOMENTS[-1]


def test_a_replay_can_be_stopped(page: Page, fake_server: RunningServer) -> None:
    page.emulate_media(reduced_motion="reduce")
    open_with_moments(page, fake_server)
    page.locator("#replay").click()
    expect(page.locator("#timeline")).to_have_attribute("data-state", "past")
    page.locator("#replay").click()
    expect(page.locator("#timeline")).to_have_attribute("data-state", "now")
    expect_fresh(page)


def test_the_curve_ends_with_the_text_and_begins_anew_with_another(page: Page, fake_server: RunningServer) -> None:
    open_with_moments(page, fake_server)
    expect(page.locator("#moment")).to_have_attribute("max", "2")
    rate(page, "")
    expect(page.locator("#timeline")).to_have_attribute("data-state", "empty")
    expect(page.locator("#replay")).to_be_disabled()
    for text in ("Two", "Two hours of my life that I want back"):
        rate(page, text)
    expect(page.locator("#moment")).to_have_attribute("max", "1")
    assert (page.locator("#timeline-line").get_attribute("d") or "").startswith("M0.00,")


def test_markup_in_a_moment_stays_text(page: Page, fake_server: RunningServer) -> None:
    page.goto(fake_server.http)
    markup = "<script>document.title=1</script><img/src=x/onerror=alert(1)>fine"
    rate(page, markup)
    rate(page, markup + " film")
    page.locator("#moment").fill("0")
    expect(page.locator("#moment-text")).to_have_text(markup)
    assert page.locator("#moment-text *").count() == 0


def test_a_text_that_came_all_at_once_gets_a_curve_of_its_beginnings(page: Page, fake_server: RunningServer) -> None:
    page.goto(fake_server.http)
    page.locator("button[data-example=pan]").click()
    expect(page.locator("#replay")).to_be_enabled(timeout=20_000)
    expect(page.locator("#moment")).to_have_attribute("max", "12")
    example = page.locator("#review").input_value()
    page.locator("#moment").fill("1")
    beginning = page.locator("#moment-text").inner_text()
    assert 1 < len(beginning) < len(example) / 4
    assert example.startswith(beginning)
    (rating,) = FakeClassifier().classify([beginning])
    assert list(bars(page).values()) == pytest.approx(rating.probabilities, abs=1e-6)


def test_one_moment_is_a_level_with_its_dot_at_the_right(page: Page, fake_server: RunningServer) -> None:
    # Where the server has no time for the beginnings.
    page.route("**/api/v1/predict/batch", lambda route: route.fulfill(json={"results": []}))
    page.goto(fake_server.http)
    with page.expect_response("**/api/v1/predict/batch"):
        rate(page, "A fine film that came all at once")
    assert re.fullmatch(r"M0\.00,([\d.]+)L100\.00,\1", page.locator("#timeline-line").get_attribute("d") or "")
    expect(page.locator("#timeline-dot")).to_have_attribute("style", re.compile("left: 100%"))
    expect(page.locator("#moment-text")).to_have_text("The curve grows with the text.")
    expect(page.locator("#replay")).to_be_disabled()


def test_while_one_types_no_beginnings_are_asked_for(page: Page, fake_server: RunningServer) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "predict" in request.url else None)
    page.goto(fake_server.http)
    type_review(page, "A fine film without a pause in it", delay_ms=20)
    # An explanation comes after a longer pause than beginnings would.
    expect(page.locator("#contributions")).to_have_attribute("data-state", "shown", timeout=20_000)
    assert asked == []
