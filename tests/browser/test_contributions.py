"""What words and sentences add: marked in the field once typing pauses, gone at the next key, right for any text."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.server_by_hand import ServerByHand
from tests.browser.steps import expect_fresh, rate, type_review
from tools.servers import RunningServer

# Behind the letters of the field are the same letters, which end with a mark of no width.
PLAIN = "marked => marked.textContent.replace(/\u200b$/, '')"


def expect_explained(page: Page, text: str) -> None:
    expect(page.locator("#contributions")).to_have_attribute("data-state", "shown", timeout=30_000)
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


def test_the_marks_wrap_and_scroll_as_the_field_does(page: Page, fake_server: RunningServer) -> None:
    text = "A fine film it is, and so on. " * 12 + "Incomprehensibilities" * 5 + "\n\nTwo hours. " * 9 + "\n"
    page.goto(fake_server.http)
    rate(page, text)
    expect_explained(page, text)
    sizes = """() => ["review", "marked"].map(id => {
        const {clientWidth, clientHeight, scrollHeight, scrollTop} = document.getElementById(id);
        return [clientWidth, clientHeight, scrollHeight, scrollTop];
    })"""
    field = page.locator("#review")
    for width in (320, 360, 500, 703, 704, 1100):
        page.set_viewport_size({"width": width, "height": 800})
        for part in (0, 0.5, 1):
            field.evaluate("(field, part) => field.scrollTo(0, part * field.scrollHeight)", part)
            # The observer and the scroll event come with the next frame.
            page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            review, marked = page.evaluate(sizes)
            assert marked == review, (width, part)


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


def test_with_forced_colours_the_marks_are_seen_and_the_letters_behind_the_field_are_not(
    page: Page, fake_server: RunningServer
) -> None:
    page.emulate_media(forced_colors="active")
    page.goto(fake_server.http)
    rate(page, "Fine film. A dull end, though.")
    expect_explained(page, "Fine film. A dull end, though.")
    clear = "rgba(0, 0, 0, 0)"
    for mark in page.locator("#marked .word[data-sign]").all():
        color, line = mark.evaluate(
            "mark => [getComputedStyle(mark).color, getComputedStyle(mark).textDecorationColor]"
        )
        assert color == clear
        assert line != clear
    assert page.locator("#review").evaluate("field => getComputedStyle(field).backgroundColor").endswith(", 0)")


def test_what_is_marked_is_named_for_those_who_do_not_see_it(page: Page, fake_server: RunningServer) -> None:
    page.goto(fake_server.http)
    rate(page, "Fine film. A dull end, though.")
    expect_explained(page, "Fine film. A dull end, though.")
    expect(page.locator("#marked")).to_have_attribute("aria-hidden", "true")
    marked = page.locator("#marked .word[data-sign]").all_inner_texts()
    named = page.locator("#extremes .word").all_inner_texts()
    assert set(named) <= set(marked)
    assert len(named) == min(3, page.locator("#marked .word[data-sign=up]").count()) + min(
        3, page.locator("#marked .word[data-sign=down]").count()
    )


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


def test_from_the_question_on_it_says_that_words_are_worked_out_and_also_if_they_are_refused(
    page: Page, fake_server: RunningServer
) -> None:
    server = ServerByHand(page)
    page.goto(fake_server.http)
    panel, about = page.locator("#contributions"), page.locator("#about-words")
    page.locator("#review").fill("A fine film")
    seq = server.wait_for(page, "A fine film")
    server.answer(seq, 9)
    expect(panel).to_have_attribute("data-state", "asked")
    expect(panel.locator(".hint")).to_be_hidden()
    working = about.inner_text()
    assert working
    server.refuse(seq, "overloaded")
    expect(panel).to_have_attribute("data-state", "refused")
    expect(about).not_to_have_text(working)
    page.locator("#review").fill("A fine film!")
    expect(panel).to_have_attribute("data-state", "waiting")
    expect(panel.locator(".hint")).to_be_visible()


def test_a_lost_connection_ends_the_wait_for_words(page: Page, fake_server: RunningServer) -> None:
    server = ServerByHand(page)
    page.goto(fake_server.http)
    panel = page.locator("#contributions")
    page.locator("#review").fill("A fine film")
    server.answer(server.wait_for(page, "A fine film"), 9)
    expect(panel).to_have_attribute("data-state", "asked")
    server.close(4503)
    expect(panel).to_have_attribute("data-state", "waiting")


def test_what_was_too_long_to_be_sent_is_marked_as_not_read_too(page: Page, fake_server: RunningServer) -> None:
    server = ServerByHand(page)
    page.goto(fake_server.http)
    text, most = "Fine. " * 4_000, 20_000
    page.locator("#review").fill(text)
    seq = server.wait_for(page, text[:most])
    server.answer(seq, 9, truncated=True)
    expect(page.locator("#contributions")).to_have_attribute("data-state", "asked")
    server.explain(seq, unread=[{"begin": 600, "end": 18_000}])
    expect(page.locator("#contributions")).to_have_attribute("data-state", "shown")
    assert page.locator("#marked .unread").all_text_contents() == [text[600:18_000], text[most:]]
