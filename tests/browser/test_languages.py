"""The page in Russian has no English words left."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.steps import press_pause
from tools.servers import RunningServer

REVIEW = "A warm, funny and beautifully acted film. One of the best of the year."
# Names, which are the same in every language.
NAMES = {
    *("Starcast", "ELECTRA", "MiniLM", "TF", "IDF", "HTTP", "HTML", "API", "WebSocket", "JavaScript", "JSON", "CSV"),
    *("F1", "MIT", "Apache", "Maas", "Wang", "Clark", "id", "cookie"),
}
# What a person wrote, what a machine reads, and what says itself that it is in another language.
NOT_OURS = (
    "script, noscript, style, textarea, code, pre, [lang=en], .facts dd, #marked, #extremes, #moment-text, #model"
)
WORDS = """notOurs => {
    const all = [document.title, document.querySelector("meta[name=description]").content];
    const read = root => {
        for (const element of root.querySelectorAll("*")) {
            if (element.shadowRoot) read(element.shadowRoot);
            if (element.closest(notOurs)) continue;
            for (const name of ["aria-label", "aria-valuetext", "placeholder", "title", "alt"])
                if (element.hasAttribute(name)) all.push(element.getAttribute(name));
            for (const node of element.childNodes)
                if (node.nodeType === Node.TEXT_NODE) all.push(node.data);
        }
    };
    read(document.body);
    return all.filter(words => words.trim());
}"""


def english(page: Page) -> list[str]:
    """Words of Latin letters in what people see and hear, hidden parts included."""
    found = page.evaluate(WORDS, NOT_OURS)
    assert len(found) > 10
    words = [word for text in found for word in re.findall(r"[A-Za-z][A-Za-z0-9-]+", text)]
    return [word for word in words if word.removeprefix("all-").split("-")[0] not in NAMES]


@pytest.mark.parametrize("path", ["/", f"/watch/{'A' * 22}/", "/model/", "/about/", "/widget/"])
def test_a_russian_page_has_no_english_words(page: Page, fake_server: RunningServer, path: str) -> None:
    page.goto(f"{fake_server.http}/ru{path}")
    expect(page.locator("html")).to_have_attribute("lang", "ru")
    assert english(page) == []
    if page.locator("textarea").count():
        page.locator("textarea").first.fill(REVIEW)
        expect(page.get_by_role("status").filter(has_text="звёзд")).to_have_count(1, timeout=20_000)
        assert english(page) == []


def test_no_english_words_come_while_one_shares_keeps_and_disagrees(page: Page, fake_server: RunningServer) -> None:
    page.goto(f"{fake_server.http}/ru/")
    page.locator("#review").fill(REVIEW)
    expect(page.locator("#contributions")).to_have_attribute("data-state", "shown", timeout=20_000)
    page.locator("#room-open").click()
    expect(page.locator("#room-shared")).to_be_visible()
    page.locator("input[name=given]").last.check()
    page.locator("#feedback-send").click()
    expect(page.locator("#feedback-note")).not_to_be_empty()
    press_pause(page)
    assert english(page) == []


def test_numbers_are_written_as_russians_write_them(page: Page, fake_server: RunningServer) -> None:
    page.goto(f"{fake_server.http}/ru/")
    page.locator("#review").fill(REVIEW)
    expect(page.locator("#expected")).to_have_text(re.compile(r"^\d,\d$"), timeout=20_000)
    page.goto(f"{fake_server.http}/ru/model/")
    expect(page.locator(".tiles")).to_contain_text(re.compile(r"\d,\d"))


def test_stars_are_counted_as_russians_count_them(page: Page, fake_server: RunningServer) -> None:
    """The last number of an interval decides."""
    page.goto(f"{fake_server.http}/ru/")
    words = "%(chance)s likely %(from)s to %(to)s stars"
    intervals = page.evaluate("words => [2, 4, 7, 10].map(high => django.ngettext(words, words, high))", words)
    assert [re.findall(r"зв\w+", interval) for interval in intervals] == [["звезды"]] * 2 + [["звёзд"]] * 2


def test_the_header_leads_to_the_same_page_in_the_other_language(page: Page, fake_server: RunningServer) -> None:
    page.goto(f"{fake_server.http}/model/")
    page.get_by_role("link", name="Русский").click()
    expect(page).to_have_url(f"{fake_server.http}/ru/model/")
    page.get_by_role("link", name="English").click()
    expect(page).to_have_url(f"{fake_server.http}/model/")
