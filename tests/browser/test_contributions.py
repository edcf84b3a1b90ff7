"""What words and sentences add: shown once typing pauses, gone at the next key, and right for any text."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.steps import expect_fresh, rate, type_review
from tools.servers import RunningServer

# The text that is marked, without the numbers that stand beside it.
PLAIN = """marked => {
    const copy = marked.cloneNode(true);
    copy.querySelectorAll(".weight").forEach(weight => weight.remove());
    return copy.textContent;
}"""


def expect_explained(page: Page, text: str) -> None:
    expect(page.locator("#contributions")).to_have_attribute("data-state", "shown", timeout=20_000)
    assert page.locator("#marked").evaluate(PLAIN) == text


@pytest.mark.parametrize(
    "text",
    [
        "Fine film. A dull end, though.",
        "Great 👍🏽 film 👨‍👩‍👧! Naïve, but fun.",
        "<script>document.title = 'no'</script> <b>a bold film</b> & <img src=x onerror=alert(1)>",
        "סרט נפלא ומרגש. הסוף קצת ארוך.",
        "First line of it\n\nsecond one\twith  spaces ",
    ],
    ids=["plain", "emoji", "markup", "right-to-left", "lines"],
)
def test_the_marked_text_is_the_text_to_the_letter(page: Page, fake_server: RunningServer, text: str) -> None:
    page.goto(fake_server.http)
    rate(page, text)
    expect_explained(page, text)
    assert page.locator("#marked .sentence").count() >= 1
    assert page.locator("#marked .word").count() >= 4
    assert page.locator("#marked :is(script, img, b)").count() == 0
    assert page.title().startswith("Starcast")


def test_a_word_that_raises_and_one_that_lowers_differ_by_more_than_their_hue(
    page: Page, real_server: RunningServer
) -> None:
    page.goto(real_server.http)
    rate(page, "A beautiful and moving film with a weak ending.")
    expect_explained(page, "A beautiful and moving film with a weak ending.")
    style = "element => getComputedStyle(element).textDecorationStyle"
    assert page.locator("#marked .word[data-sign=up]").first.evaluate(style) == "solid"
    assert page.locator("#marked .word[data-sign=down]").first.evaluate(style) == "wavy"
    lowers = page.locator("#extremes .item", has=page.locator("[data-sign=down]")).first
    expect(lowers).to_have_text(re.compile(r"^weak−\d\.\d+$"))
    expect(page.locator(".legend")).to_be_visible()


def test_the_next_key_drops_them_and_moves_nothing(page: Page, fake_server: RunningServer) -> None:
    page.goto(fake_server.http)
    rate(page, "Fine film. A dull end, though.")
    expect_explained(page, "Fine film. A dull end, though.")
    panel = page.locator("#contributions")
    height = panel.evaluate("element => element.offsetHeight")
    page.locator("#review").press("End")
    # In one step, before the pause that brings them back.
    page.evaluate(
        """() => {
            const review = document.getElementById("review");
            review.value += "!";
            review.dispatchEvent(new Event("input"));
            const panel = document.getElementById("contributions");
            window.afterKey = [panel.dataset.state, panel.offsetHeight, marked.textContent];
        }"""
    )
    assert page.evaluate("window.afterKey") == ["waiting", height, ""]
    expect_explained(page, "Fine film. A dull end, though.!")


def test_while_one_types_nothing_is_explained(page: Page, fake_server: RunningServer) -> None:
    asked: list[str] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: asked.append(str(frame))))
    page.goto(fake_server.http)
    type_review(page, "A fine film without a pause in it", delay_ms=20)
    expect_explained(page, "A fine film without a pause in it")
    assert sum('"explain"' in frame for frame in asked) == 1


def test_a_text_that_is_too_short_to_tell_is_not_explained(page: Page, fake_server: RunningServer) -> None:
    asked: list[str] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: asked.append(str(frame))))
    page.goto(fake_server.http)
    rate(page, "Fine film it is")
    expect_explained(page, "Fine film it is")
    # The sentence for screen readers comes after the pause that an explanation waits for.
    expect(page.locator("#status")).to_have_text(re.compile("of 10 stars"))
    rate(page, " ")
    expect(page.locator("#status")).to_have_text("")
    expect_fresh(page)
    expect(page.locator("#contributions")).to_have_attribute("data-state", "waiting")
    assert sum('"explain"' in frame for frame in asked) == 1
