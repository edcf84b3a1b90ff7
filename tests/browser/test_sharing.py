"""How a text leaves the page, or stays in the browser: links, files, history, feedback."""

import csv
import io
import json
import sqlite3
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.browser.steps import expect_fresh, rate
from tools.servers import RunningServer

TEXT = "Ещё 🎬 “fine” & 100% <script>document.title=1</script>\nwarm, funny and beautifully acted"


def copied_link(page: Page) -> str:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("#copy-link").click()
    expect(page.locator("#copy-link")).to_have_text("Copied")
    return str(page.evaluate("navigator.clipboard.readText()"))


def test_a_link_brings_the_text_to_another_browser_and_never_to_the_server(
    page: Page, browser: Browser, fake_server: RunningServer
) -> None:
    page.goto(fake_server.http)
    page.locator("#review").fill(TEXT)
    expect_fresh(page)
    link = copied_link(page)
    context = browser.new_context()
    other = context.new_page()
    asked: list[str] = []
    other.on("request", lambda request: asked.append(request.url))
    other.goto(link)
    expect(other.locator("#review")).to_have_value(TEXT)
    expect_fresh(other)
    assert other.title().startswith("Starcast")
    assert "#" not in other.url, "a reload must not bring it again over what is written since"
    assert asked
    assert not [url for url in asked if link.partition("#")[2] in url]
    context.close()


def test_a_link_that_is_opened_over_a_text_keeps_that_text_at_hand(page: Page, fake_server: RunningServer) -> None:
    page.goto(fake_server.http)
    page.locator("#review").fill("my own text")
    page.evaluate("location.hash = 'text=shared%20text'")
    expect(page.locator("#review")).to_have_value("shared text")
    page.locator("#restore").click()
    expect(page.locator("#review")).to_have_value("my own text")
    page.evaluate("location.hash = 'z=damaged!'")
    expect(page.locator("#note")).to_contain_text("damaged")
    expect(page.locator("#review")).to_have_value("my own text")


def test_a_linked_text_is_replayed_by_itself_and_no_text_that_comes_after_it(
    page: Page, fake_server: RunningServer
) -> None:
    replay, slider = page.locator("#replay"), page.locator("#moment")
    page.goto(f"{fake_server.http}/#text=ok")
    expect(page.locator("#review")).to_have_value("ok")
    expect_fresh(page)
    page.locator("button[data-example=rave]").click()
    expect(slider).to_have_attribute("max", "12", timeout=20_000)
    # A replay begins together with the curve, and takes longer than this look.
    expect(replay).to_have_attribute("data-playing", "false")
    page.evaluate("location.hash = 'text=A%20fine%20film%20to%20the%20end'")
    expect(replay).to_have_attribute("data-playing", "true", timeout=20_000)


def test_where_a_page_may_not_copy_the_link_is_shown_to_be_copied_by_hand(
    page: Page, fake_server: RunningServer
) -> None:
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.goto(fake_server.http)
    page.locator("#copy-link").click()
    expect(page.locator("#note")).to_contain_text("no text yet")
    page.locator("#review").fill("ok")
    page.locator("#copy-link").click()
    expect(page.locator("#text-link")).to_be_focused()
    assert page.locator("#text-link").input_value() == f"{fake_server.http}/#text=ok"


def test_files_hold_text_rating_and_how_it_came_about(page: Page, fake_server: RunningServer) -> None:
    page.goto(fake_server.http)
    page.locator("#review").press_sequentially("A fine", delay=20)
    expect_fresh(page)
    page.locator("#review").fill(f"A fine film. {TEXT}")
    expect_fresh(page)
    page.locator("#more summary").click()
    with page.expect_download() as download:
        page.locator("#save-json").click()
    assert download.value.suggested_filename.endswith(".json")
    content = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    assert content["text"] == f"A fine film. {TEXT}"
    assert content["rating"]["is_of_this_text"]
    # The headline settles a little later than the bars.
    expect(page.locator("#expected")).to_have_text(f"{content['rating']['expected_stars']:.1f}")
    assert len(content["timeline"]) > 1
    assert content["timeline"][-1]["text"] == content["text"]
    with page.expect_download() as download:
        page.locator("#save-csv").click()
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_bytes().decode("utf-8-sig"), newline="")))
    assert [row["text"] for row in rows] == [moment["text"] for moment in content["timeline"]]
    assert [float(row["expected_stars"]) for row in rows] == [row["expected_stars"] for row in content["timeline"]]


def test_the_browser_keeps_nothing_until_it_is_told_to_and_forgets_when_told_to(
    page: Page, fake_server: RunningServer
) -> None:
    page.goto(fake_server.http)
    page.locator("#review").fill("a fine film that nobody keeps")
    expect_fresh(page)
    page.reload()
    assert page.evaluate("localStorage.length") == 0
    # The text of this tab would be kept as soon as it is switched on.
    rate(page, "")
    page.locator("#more summary").click()
    page.locator("#history-on").check()
    kept = page.locator("#history-list .kept")
    page.locator("#review").fill(TEXT)
    expect(kept).to_have_count(1)
    page.locator("#review").fill("quite another one")
    expect(kept).to_have_count(2)
    page.reload()
    page.locator("#more summary").click()
    expect(page.locator("#history-on")).to_be_checked()
    assert page.title().startswith("Starcast")
    kept.nth(1).click()
    expect(page.locator("#review")).to_have_value(TEXT)
    page.locator("#history-on").uncheck()
    page.locator("#history-clear").click()
    expect(kept).to_have_count(0)
    assert page.evaluate("localStorage.length") == 0


def stored(server: RunningServer) -> list[tuple[str, int]]:
    with sqlite3.connect(server.log.parent / "starcast.sqlite3") as database:
        return list(database.execute("SELECT text, stars FROM live_feedback ORDER BY id"))


def test_feedback_is_stored_when_the_button_is_pressed_and_not_before(page: Page, fake_server: RunningServer) -> None:
    before = stored(fake_server)
    page.goto(fake_server.http)
    page.locator("#review").fill(TEXT)
    expect_fresh(page)
    send = page.locator("#feedback-send")
    expect(send).to_be_disabled()
    page.locator('#feedback input[value="7"]').check()
    expect(send).to_be_enabled()
    assert stored(fake_server) == before
    send.click()
    expect(page.locator("#feedback-note")).to_contain_text("stored")
    assert stored(fake_server) == [*before, (TEXT, 7)]
    expect(send).to_be_disabled()


def test_feedback_that_cannot_be_stored_says_so_and_typing_goes_on(page: Page, fake_server: RunningServer) -> None:
    page.goto(fake_server.http)
    page.route("**/api/v1/feedback", lambda route: route.abort("connectionrefused"))
    page.locator("#review").fill(TEXT)
    page.get_by_role("radio", name="9 stars").check()
    page.locator("#feedback-send").click()
    expect(page.locator("#feedback-note")).to_contain_text("could not be stored")
    expect(page.locator('#feedback input[value="9"]')).to_be_checked()
    page.locator("#review").fill("A fine film, all the same")
    expect_fresh(page)
