"""The look of the page: only the bars move, all text is readable, and an empty page has its words."""

import json
import re
from collections.abc import Callable
from itertools import pairwise

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.server_by_hand import GREETING, SOCKET, VERDICTS, ServerByHand
from tests.browser.steps import expect_fresh, press_pause, rate
from tools.servers import RunningServer

WIDTHS = (320, 360, 704, 768, 820, 1024, 1280)
LUMINANCE = """colour => {
    const context = new OffscreenCanvas(1, 1).getContext("2d");
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...context.getImageData(0, 0, 1, 1).data].map(value => {
        const share = value / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}"""
CHART_TOP = "document.querySelector('.chart').getBoundingClientRect().top + scrollY"


def tops(page: Page, place: str = CHART_TOP, widths: tuple[int, ...] = WIDTHS) -> dict[int, float]:
    """Where something stands, by the width of the window."""
    found = {}
    for width in widths:
        page.set_viewport_size({"width": width, "height": 800})
        found[width] = round(page.evaluate(place), 1)
    return found


def contrast(page: Page, element: str) -> float:
    style = f"getComputedStyle(document.querySelector('{element}'))"
    colours = [page.evaluate(f"({LUMINANCE})({style}.{name})") for name in ("color", "backgroundColor")]
    darker, lighter = sorted(colours)
    return float((lighter + 0.05) / (darker + 0.05))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_pressed_pause_button_can_be_read_with_the_pointer_still_on_it(
    page: Page, fake_server: RunningServer, theme: str
) -> None:
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    page.goto(fake_server.http)
    press_pause(page)
    page.locator("#pause").hover()
    expect(page.locator("#pause")).to_have_attribute("data-paused", "true")
    assert contrast(page, "#pause") > 4.5


@pytest.mark.parametrize("language", ["/", "/ru/"])
def test_no_verdict_moves_the_bars_at_any_width(page: Page, fake_server: RunningServer, language: str) -> None:
    server = ServerByHand(page)
    page.goto(fake_server.http + language)
    found = {"before any answer": tops(page)}
    for seq, (name, changed) in enumerate(VERDICTS, start=1):
        page.locator("#review").fill(name)
        server.answer(server.wait_for(page, name), 10, **changed)
        expect(page.locator("html")).to_have_attribute("data-shown-seq", str(seq + 1))
        found[name] = tops(page)
    assert {name: each for name, each in found.items() if each != found["before any answer"]} == {}


@pytest.mark.parametrize("language", ["/", "/ru/"])
def test_on_a_phone_whose_letters_are_enlarged_nothing_is_wider_than_the_screen(
    page: Page, fake_server: RunningServer, language: str
) -> None:
    server = ServerByHand(page)
    page.set_viewport_size({"width": 360, "height": 800})
    fonts = page.context.new_cdp_session(page)
    fonts.send("Page.setFontSizes", {"fontSizes": {"standard": round(16 * 1.3), "fixed": round(13 * 1.3)}})
    page.goto(fake_server.http + language)
    for name, changed in VERDICTS:
        page.locator("#review").fill(name)
        server.answer(server.wait_for(page, name), 10, **changed)
        page.wait_for_function("document.documentElement.scrollWidth === 360")


@pytest.mark.parametrize("language", ["/", "/ru/"])
def test_no_note_moves_what_stands_below_it(page: Page, fake_server: RunningServer, language: str) -> None:
    server = ServerByHand(page)
    page.goto(fake_server.http + language)
    widths = (360, 704, 768, 1280)
    bottom = "document.querySelector('.write').getBoundingClientRect().height"
    found = {"no note": tops(page, bottom, widths)}
    for code in ("text_too_long", "too_large", "model_unavailable", "internal", "never_heard_of"):
        page.locator("#review").fill(code)
        server.refuse(server.wait_for(page, code), code)
        expect(page.locator("#note")).not_to_be_empty()
        found[code] = tops(page, bottom, widths)
    page.locator("#review").fill("long")
    refusal = page.locator("#note").inner_text()
    server.answer(server.wait_for(page, "long"), 9, truncated=True)
    expect(page.locator("#note")).not_to_have_text(refusal)
    expect(page.locator("#note")).not_to_be_empty()
    found["truncated"] = tops(page, bottom, widths)
    assert {name: each for name, each in found.items() if each != found["no note"]} == {}


def test_an_empty_page_invites_without_a_number_and_says_so_again_once_emptied(
    page: Page, fake_server: RunningServer
) -> None:
    page.goto(fake_server.http)
    expect_fresh(page)

    def expect_invitation() -> None:
        expect(page.locator("#verdict")).to_have_text("Start typing")
        expect(page.locator("#interval")).to_have_text("The bars start to move as you type.")
        expect(page.locator("#expected")).to_be_hidden()
        expect(page.locator("#freshness-words")).to_have_text("Live")
        left = "element => element.getBoundingClientRect().left"
        chart_left = page.locator(".chart").evaluate(left)
        assert page.locator("#verdict").evaluate(left) == page.locator("#interval").evaluate(left) == chart_left

    expect_invitation()
    rate(page, "A fine film")
    expect(page.locator("#expected")).to_be_visible()
    rate(page, "")
    expect_invitation()


def test_two_words_that_tell_get_their_number(page: Page, real_server: RunningServer) -> None:
    page.goto(real_server.http)
    rate(page, "Good film")
    expect(page.locator("#expected")).to_have_text(re.compile(r"^[78]\.\d$"))
    expect(page.locator("#freshness-words")).to_have_text("Matches your text")
    rate(page, "The")
    expect(page.locator("#verdict")).to_have_text("No opinion yet")
    expect(page.locator("#freshness-words")).to_have_text("Live")
    expect(page.locator("#moment-text")).to_have_text("The curve starts with the first rating.")


def test_the_example_of_a_middling_review_is_rated_as_its_button_says(page: Page, real_server: RunningServer) -> None:
    page.goto(real_server.http)
    example = page.locator("button[data-example=middle]")
    expect(example).to_contain_text("5.5")
    example.click()
    expect(page.locator("#expected")).to_have_text("5.5")
    expect(page.locator("#rating")).to_have_attribute("data-state", "either_way")


def test_a_watcher_is_not_told_to_type(page: Page, fake_server: RunningServer) -> None:
    page.goto(f"{fake_server.http}/watch/{'A' * 22}/")
    expect(page.locator("#rating")).not_to_contain_text("you type")
    expect(page.locator("#verdict")).to_have_text("Nothing is written yet")


def test_bars_stand_as_high_as_their_share_of_the_axis_on_a_flat_foot(page: Page, fake_server: RunningServer) -> None:
    server = ServerByHand(page)
    page.emulate_media(reduced_motion="reduce")
    page.goto(fake_server.http)
    page.locator("#review").fill("so")
    server.answer(server.wait_for(page, "so"), 9, probabilities=[0.00001, 0, 0.01, 0.04, 0.09, 0.25, 0.36, 0.24999])
    expect(page.locator("#expected")).to_have_text("9.0")

    def height(stars: int) -> tuple[float, float]:
        track = page.locator(f"[role=meter][data-stars='{stars}'] .track")
        return tuple(
            track.evaluate(
                """track => {
                    const [outer, inner] = [track, track.firstChild].map(each => each.getBoundingClientRect());
                    return [outer.bottom - inner.top, outer.height];
                }"""
            )
        )

    expect(page.locator("#axis-top")).to_have_text("50%")
    for stars, share in ((4, 0.04), (7, 0.09), (8, 0.25), (9, 0.36)):
        bar, track = height(stars)
        assert bar == pytest.approx(share / 0.5 * track, abs=0.6)
    assert height(1)[0] == pytest.approx(2, abs=0.1)
    assert height(2)[0] == pytest.approx(0, abs=0.1)
    assert page.locator(".fill").first.evaluate("fill => getComputedStyle(fill).borderBottomLeftRadius") == "0px"
    meter = page.locator("[role=meter][data-stars='9']")
    expect(meter).to_have_attribute("aria-valuenow", "36.0")
    expect(meter.locator(".percent")).to_have_text("36%")


# The longest words, and words with a button beside them.
@pytest.mark.parametrize("code", [4520, 1012])
@pytest.mark.parametrize("language", ["/", "/ru/"])
def test_what_is_wrong_with_the_connection_takes_the_place_of_the_badge_and_moves_nothing(
    page: Page, fake_server: RunningServer, language: str, code: int
) -> None:
    server = ServerByHand(page)
    page.goto(fake_server.http + language)
    server.wait_for_any(page)
    badge, alert = page.locator("#freshness"), page.locator("#alert")
    expect(badge).to_be_visible()
    height = "document.getElementById('rating').offsetHeight"
    before = tops(page, height, WIDTHS)
    # The button comes beside the badge.
    press_pause(page)
    assert tops(page, height, WIDTHS) == before
    page.context.set_offline(True)
    page.route_web_socket(SOCKET, lambda _: None)
    server.close(code)
    expect(alert).to_be_visible()
    expect(badge).to_be_hidden()
    assert tops(page, height, WIDTHS) == before


@pytest.mark.parametrize("language", ["", "/ru"])
def test_a_watcher_without_a_connection_is_not_told_to_type_and_keeps_the_pause(
    page: Page, fake_server: RunningServer, language: str
) -> None:
    sockets: list[WebSocketRoute] = []

    def serve(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        if len(sockets) == 1:
            socket.send(json.dumps(GREETING))
            socket.send(json.dumps({"type": "room.state", "text": "", "is_fresh": False, "is_typist_here": True}))

    page.route_web_socket(re.compile("/ws/v1/watch/"), serve)
    page.goto(f"{fake_server.http}{language}/watch/{'A' * 22}/")
    expect(page.locator("#connection")).to_have_attribute("data-state", "open")
    expect(page.locator("#typist")).to_have_attribute("data-state", "here")
    height = "document.getElementById('rating').offsetHeight"
    before = tops(page, height, WIDTHS)
    page.context.set_offline(True)
    sockets[0].close(code=1012)
    expect(page.locator("#typist")).to_have_attribute("data-state", "looking")
    expect(page.locator("#alert")).to_have_text({"": "Reconnecting", "/ru": "Ждём связи"}[language])
    assert tops(page, height, WIDTHS) == before
    page.locator("#pause").click()
    expect(page.locator("#pause")).to_have_attribute("data-paused", "true")


def test_on_a_phone_the_curve_comes_before_what_one_shares(page: Page, fake_server: RunningServer) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(fake_server.http)
    curve, share = (page.locator(place).bounding_box() for place in ("#timeline", ".share"))
    assert curve is not None
    assert share is not None
    assert curve["y"] < share["y"]
    expect(page.locator("#gap-why")).to_be_visible()


def test_the_way_back_to_now_takes_no_room_until_it_is_needed_and_then_moves_nothing(
    page: Page, fake_server: RunningServer
) -> None:
    page.goto(fake_server.http + "/ru/")
    rate(page, "Slow")
    rate(page, "Slow at first")
    place = """replay => {
        const [own, panel] = [replay, replay.closest("section")].map(each => each.getBoundingClientRect());
        return [own.right - panel.left, own.top - panel.top, panel.height];
    }"""
    for width in (320, 360, 768, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        before = page.locator("#replay").evaluate(place)
        page.locator("#moment").fill("0")
        expect(page.locator("#now")).to_be_visible()
        assert page.locator("#replay").evaluate(place) == before
        page.locator("#now").click()
        expect(page.locator("#now")).to_be_hidden()


@pytest.mark.parametrize("path", ["/", f"/watch/{'A' * 22}/"])
def test_a_page_has_one_place_from_which_it_speaks(page: Page, fake_server: RunningServer, path: str) -> None:
    page.goto(fake_server.http + path)
    expect(page.locator("[role=status], [aria-live]")).to_have_count(1)


def test_sharing_and_feedback_are_announced(page: Page, fake_server: RunningServer) -> None:
    page.goto(fake_server.http)
    rate(page, "A fine film")
    status = page.get_by_role("status")
    # The headline is announced once typing has paused, and would take the place of what comes next.
    expect(status).not_to_have_text("")
    page.locator("#room-open").click()
    expect(status).to_have_text("No watchers yet")
    page.locator("input[name=given]").last.check()
    page.locator("#feedback-send").click()
    expect(status).to_have_text(re.compile("Thank you"))


def test_beside_the_bars_the_watched_text_begins_where_they_do_and_fills_its_column(
    page: Page, fake_server: RunningServer
) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    # Until the server has answered, it is no dead link.
    page.route_web_socket(re.compile("/ws/v1/watch/"), lambda socket: None)
    page.goto(f"{fake_server.http}/watch/{'A' * 22}/")
    box: Callable[[str], dict[str, float]] = lambda place: page.locator(place).bounding_box()  # type: ignore[assignment,return-value]  # noqa: E731
    assert abs(box("#watched-text")["y"] - box("#rating")["y"]) < 2
    assert box("#watched-text")["height"] > 0.7 * box("#rating")["height"]


def test_before_the_server_greets_the_page_has_its_shape(page: Page, fake_server: RunningServer) -> None:
    page.route_web_socket(SOCKET, lambda socket: None)
    page.goto(fake_server.http)
    assert page.evaluate(CHART_TOP) > 0
    expect(page.locator("#verdict")).to_have_text("Start typing")


@pytest.mark.parametrize("language", ["", "/ru"])
def test_on_a_phone_no_column_of_the_model_page_and_no_mark_of_its_charts_is_cut(
    page: Page, fake_server: RunningServer, language: str
) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{fake_server.http}{language}/model/")
    for summary in page.locator("summary").all():
        summary.click()
    too_wide = "all => all.filter(each => each.scrollWidth > each.clientWidth).length"
    assert page.locator(".scrolls").count() == 4
    assert page.locator(".scrolls, .scrolls th, .scrolls td").evaluate_all(too_wide) == 0
    cut = """ticks => ticks.filter(tick => {
        const [own, chart] = [tick, tick.ownerSVGElement].map(each => each.getBoundingClientRect());
        return own.left < chart.left || own.right > chart.right;
    }).map(tick => tick.textContent)"""
    assert page.locator(".line-chart .tick").evaluate_all(cut) == []


def test_the_wave_of_the_legend_and_the_words_that_weigh_most_touch_nothing(
    page: Page, fake_server: RunningServer
) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(fake_server.http + "/ru/")
    page.locator("#review").fill("A fine film it is, and so on. Two hours of my life and more. Nobody will miss it.")
    expect(page.locator("#contributions")).to_have_attribute("data-state", "shown", timeout=20_000)
    rows = page.locator(".legend > span").evaluate_all(
        "all => all.map(each => each.getBoundingClientRect()).map(({top, bottom}) => [top, bottom])"
    )
    below = [after[0] - before[1] for before, after in pairwise(rows) if after[0] > before[0]]
    assert below
    assert min(below) >= 8
    for row in page.locator(".extreme").all():
        title, words = row.locator("dt").bounding_box(), row.locator(".item").first.bounding_box()
        assert title is not None
        assert words is not None
        assert words["x"] - (title["x"] + title["width"]) >= 12


@pytest.mark.parametrize("size", [(640, 400), (667, 375), (480, 320)])
def test_on_a_phone_on_its_side_the_bars_leave_half_of_the_window_to_the_text(
    page: Page, fake_server: RunningServer, size: tuple[int, int]
) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    server = ServerByHand(page)
    page.goto(fake_server.http + "/ru/")
    places: dict[str, list[float]] = {}
    for name, changed in VERDICTS:
        page.locator("#review").fill(name)
        server.answer(server.wait_for(page, name), 10, **changed)
        expect(page.locator("html")).to_have_attribute("data-shown-seq", str(len(places) + 2))
        places[name] = page.evaluate(f"[{CHART_TOP}, document.getElementById('rating').offsetHeight]")
        assert places[name][1] < 0.55 * size[1]
    assert len({tuple(place) for place in places.values()}) == 1
    assert page.evaluate("document.documentElement.scrollWidth") == size[0]


def test_in_forced_colours_the_marks_lie_above_the_ground_of_the_letters(
    page: Page, fake_server: RunningServer
) -> None:
    page.emulate_media(forced_colors="active")
    page.goto(fake_server.http)
    page.locator("#review").fill("A warm and funny film, and so on.")
    expect(page.locator("#contributions")).to_have_attribute("data-state", "shown", timeout=20_000)
    field, marked = page.locator("#review"), page.locator("#marked")
    level = "element => Number(getComputedStyle(element).zIndex) || 0"
    assert marked.evaluate(level) > field.evaluate(level)
    # They take no click from the field.
    box = field.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 30, box["y"] + 20)
    page.keyboard.type("X")
    assert "X" in field.input_value()


def test_on_paper_text_and_bars_are_whole_and_nothing_is_to_be_pressed(page: Page, fake_server: RunningServer) -> None:
    page.goto(fake_server.http)
    rate(page, "A warm and funny film. " * 60)
    page.emulate_media(media="print")
    review = page.locator("#review")
    assert review.evaluate("field => field.scrollHeight <= field.clientHeight")
    expect(page.locator("#expected")).to_be_visible()
    fill = page.locator(".fill").first
    assert fill.bounding_box() is not None
    # Browsers leave backgrounds out unless they are asked for.
    assert fill.evaluate("fill => getComputedStyle(fill).printColorAdjust") == "exact"
    assert page.locator("button, summary").filter(visible=True).all_inner_texts() == []
