"""The rating over the text as it was typed: looking back on it, replaying it, and coming back."""

from playwright.sync_api import Page, expect

from tests.e2e.steps import bars, expect_fresh, rate, type_review
from tests.servers import RunningServer

MOMENTS = ("A slow start", "A slow start and then", "A slow start and then what an ending it has")


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
    for text in ("Two hours of my life", "Two hours of my life that I want back"):
        rate(page, text)
    expect(page.locator("#moment")).to_have_attribute("max", "1")
    assert (page.locator("#timeline-line").get_attribute("d") or "").startswith("M0.00,")


def test_markup_in_a_moment_stays_text(page: Page, fake_server: RunningServer) -> None:
    page.goto(fake_server.http)
    markup = "<script>document.title=1</script><img src=x onerror=alert(1)> fine"
    rate(page, markup)
    rate(page, markup + " film")
    page.locator("#moment").fill("0")
    expect(page.locator("#moment-text")).to_have_text(markup)
    assert page.locator("#moment-text *").count() == 0
