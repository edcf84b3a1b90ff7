"""The text field is never disturbed: input methods, undo, dictation, right-to-left text, large pastes, a pause."""

import pytest
from playwright.sync_api import Page, expect

from model_core.fake import FakeClassifier
from tests.browser.server_by_hand import ServerByHand
from tests.browser.steps import bars, compose, expect_fresh, press_pause, rate, shown_seqs, type_review
from tools.servers import RunningServer

LARGEST_TEXT = ("A review of very many words, most of which say little. " * 400)[:20_000]


def probabilities(text: str) -> list[float]:
    (rating,) = FakeClassifier().classify([text])
    return [round(p, 6) for p in rating.probabilities]


def shown(page: Page) -> list[float]:
    return [round(p, 6) for p in bars(page).values()]


@pytest.mark.parametrize(
    ("steps", "chosen"),
    [
        (("す", "すば", "すばら"), "素晴らしい"),
        (("ㅈ", "조", "좋"), "좋"),
        (("h", "hao", "hao k"), "好看"),
        (("t", "te", "tê", "tệ"), "tệ"),
    ],
    ids=["Japanese", "Korean", "Chinese", "Vietnamese"],
)
def test_a_text_in_composition_is_rated_at_each_step_and_not_disturbed(
    page: Page, fake_server: RunningServer, steps: tuple[str, ...], chosen: str
) -> None:
    page.goto(fake_server.http)
    rate(page, "Film: ")
    page.locator("#review").press("End")
    for composed in compose(page, steps):
        expect_fresh(page)
        assert page.locator("#review").input_value() == f"Film: {composed}"
        assert shown(page) == probabilities(f"Film: {composed}")
    # This replaces what is composed, and only while it still is.
    page.keyboard.insert_text(chosen)
    expect_fresh(page)
    assert page.locator("#review").input_value() == f"Film: {chosen}"
    assert shown(page) == probabilities(f"Film: {chosen}")


def test_latin_words_that_a_phone_composes_move_the_bars_at_every_key(page: Page, fake_server: RunningServer) -> None:
    page.goto(fake_server.http)
    page.locator("#review").focus()
    word = "wonderful"
    for typed in compose(page, [word[:end] for end in range(1, len(word) + 1)]):
        expect_fresh(page)
        assert shown(page) == probabilities(typed)
    assert page.locator("#review").evaluate("field => field.selectionStart") == len(word)


@pytest.mark.parametrize("noticed", ["focus", "blur", "change"])
def test_a_text_that_a_script_has_put_there_is_noticed(page: Page, fake_server: RunningServer, noticed: str) -> None:
    page.goto(fake_server.http)
    field = page.locator("#review")
    rate(page, "A fine film")
    (field.focus if noticed == "blur" else field.blur)()
    field.evaluate("field => { field.value = 'A dull film'; }")
    if noticed == "change":
        field.dispatch_event("change")
    else:
        (field.blur if noticed == "blur" else field.focus)()
    expect_fresh(page)
    page.wait_for_function(
        f"{probabilities('A dull film')[-1]} === "
        "Number(Number(document.querySelector('[role=meter][data-stars=\"10\"]').dataset.probability).toFixed(6))"
    )


def test_dictated_words_come_all_at_once_and_count(page: Page, fake_server: RunningServer) -> None:
    page.goto(fake_server.http)
    page.locator("#review").focus()
    page.keyboard.insert_text("I liked this film a lot")
    expect_fresh(page)
    assert shown(page) == probabilities("I liked this film a lot")


def test_undo_and_redo_work_as_ever_and_count(page: Page, fake_server: RunningServer) -> None:
    page.goto(fake_server.http)
    page.locator("#review").focus()
    page.keyboard.insert_text("A fine film")
    page.keyboard.insert_text(", sadly dull")
    expect_fresh(page)
    page.keyboard.press("Control+z")
    expect(page.locator("#review")).to_have_value("A fine film")
    expect_fresh(page)
    assert shown(page) == probabilities("A fine film")
    page.keyboard.press("Control+Shift+z")
    expect(page.locator("#review")).to_have_value("A fine film, sadly dull")
    expect_fresh(page)
    assert shown(page) == probabilities("A fine film, sadly dull")


def test_an_undo_takes_an_example_back_and_moves_neither_page_nor_focus(page: Page, fake_server: RunningServer) -> None:
    page.set_viewport_size({"width": 360, "height": 500})
    page.goto(fake_server.http)
    review = page.locator("#review")
    review.focus()
    page.keyboard.insert_text("Words of my own")
    example = page.locator("button[data-example=rave]")
    example.scroll_into_view_if_needed()
    at = page.evaluate("scrollY")
    example.press("Enter")
    expect(review).not_to_have_value("Words of my own")
    expect(example).to_be_focused()
    expect(page.locator("#restore")).to_be_visible()
    assert page.evaluate("scrollY") == at
    review.press("Control+z")
    expect(review).to_have_value("Words of my own")
    expect(page.locator("#restore")).to_be_hidden()
    expect_fresh(page)
    assert shown(page) == probabilities("Words of my own")
    page.keyboard.press("Control+Shift+z")
    expect(page.locator("#restore")).to_be_visible()
    page.locator("#restore").click()
    expect(review).to_have_value("Words of my own")


def test_where_a_browser_cannot_insert_a_text_an_example_comes_all_the_same(
    page: Page, fake_server: RunningServer
) -> None:
    page.add_init_script("document.execCommand = () => false")
    page.goto(fake_server.http)
    page.locator("button[data-example=rave]").click()
    expect(page.locator("#review")).not_to_have_value("")
    expect_fresh(page)
    assert shown(page) == probabilities(page.locator("#review").input_value())


def test_an_enter_sends_its_line_past_the_text_that_is_under_way(page: Page, fake_server: RunningServer) -> None:
    server = ServerByHand(page)
    page.goto(fake_server.http)
    for text in ("A", "A fine film"):
        page.locator("#review").fill(text)
    page.locator("#review").press("End")
    page.keyboard.press("Enter")
    seq = server.wait_for(page, "A fine film\n")
    server.wait_for_flush(page, seq)


def test_right_to_left_text_runs_from_the_right(page: Page, fake_server: RunningServer) -> None:
    page.goto(fake_server.http)
    rate(page, "סרט נפלא ומרגש מאוד")
    direction = "element => getComputedStyle(element).direction"
    assert page.locator("#review").evaluate(direction) == "rtl"
    assert page.locator("#marked").evaluate("element => element.dir") == "auto"
    rate(page, "A fine film it is")
    assert page.locator("#review").evaluate(direction) == "ltr"


def test_paused_bars_keep_still_and_then_catch_up(page: Page, fake_server: RunningServer) -> None:
    page.goto(fake_server.http)
    rate(page, "A fine film")
    before = shown(page)
    press_pause(page)
    expect(page.locator("#freshness")).to_have_attribute("data-state", "stale")
    # The way back stays in sight.
    expect(page.locator("#pause")).to_be_focused()
    page.locator("#more summary").click()
    expect(page.locator("#pause")).to_be_visible()
    seen = len(shown_seqs(page))
    page.locator("#review").press("End")
    type_review(page, " after all")
    expect(page.locator("#freshness-words")).to_have_text("Paused")
    assert (shown(page), len(shown_seqs(page))) == (before, seen)
    press_pause(page)
    expect_fresh(page)
    assert shown(page) == probabilities("A fine film after all")


def test_a_pasted_text_of_the_largest_size_stays_whole_and_is_rated_and_explained(
    page: Page, fake_server: RunningServer
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(fake_server.http)
    page.evaluate("text => navigator.clipboard.writeText(text)", LARGEST_TEXT)
    page.locator("#review").focus()
    page.keyboard.press("Control+v")
    expect(page.locator("#contributions")).to_have_attribute("data-state", "shown", timeout=30_000)
    assert page.locator("#review").input_value() == LARGEST_TEXT
    expect_fresh(page)
    assert shown(page) == probabilities(LARGEST_TEXT)
