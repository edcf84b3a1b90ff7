"""Steps and checks that many tests of the live page share."""

import re
from collections.abc import Iterable, Iterator

from playwright.sync_api import Page, expect


def type_review(page: Page, text: str, delay_ms: float = 0) -> None:
    page.locator("#review").press_sequentially(text, delay=delay_ms)


def compose(page: Page, steps: Iterable[str]) -> Iterator[str]:
    """Compose in the field with the focus, as an input method does; each step replaces the one before."""
    keyboard = page.context.new_cdp_session(page)
    for text in steps:
        keyboard.send("Input.imeSetComposition", {"text": text, "selectionStart": len(text), "selectionEnd": len(text)})
        yield text


def expect_fresh(page: Page) -> None:
    """Wait until the bars are for the text that one sees."""
    expect(page.locator("#freshness")).to_have_attribute("data-state", re.compile("fresh|prior"), timeout=20_000)


def press_pause(page: Page) -> None:
    """Pause the bars, or resume: until its first use the button is under "More"."""
    if not page.locator("#pause").is_visible():
        page.locator("#more summary").click()
    page.locator("#pause").click()


def rate(page: Page, text: str) -> None:
    """Have the text rated in place of whatever stands there."""
    page.locator("#review").fill(text)
    expect_fresh(page)


def bars(page: Page) -> dict[int, float]:
    """The probability that each bar shows, by its stars; all in one look, for an answer may come between two."""
    shown = page.get_by_role("meter").evaluate_all(
        "meters => meters.map(({ dataset }) => [Number(dataset.stars), Number(dataset.probability)])"
    )
    return {int(stars): float(probability) for stars, probability in shown}


def shown_seqs(page: Page) -> list[int]:
    """The numbers of all answers that were shown, in their order."""
    return list(page.evaluate("window.shownSeqs"))
