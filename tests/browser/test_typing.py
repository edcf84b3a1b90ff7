"""A person at the page, in a real browser with the shipped model: the last key always counts."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect

from model_core.labels import STARS
from model_core.loading import load_classifier
from tests.browser.steps import bars, expect_fresh, shown_seqs, type_review
from tools.reviews import REVIEWS
from tools.servers import REPOSITORY, RunningServer, start_server

REVIEW = REVIEWS[3]


def test_a_review_typed_key_by_key_ends_where_the_command_line_does(page: Page, real_server: RunningServer) -> None:
    page.goto(real_server.http)
    expect(page.locator("#connection")).to_have_attribute("data-state", "open")
    type_review(page, REVIEW, delay_ms=25)
    expect_fresh(page)
    assert page.locator("#review").input_value() == REVIEW
    seqs = shown_seqs(page)
    assert len(seqs) > 10, "bars must move while one types"
    assert seqs == sorted(set(seqs)), "an answer never goes back, and is shown once"
    finished = subprocess.run(
        [sys.executable, "manage.py", "classify", REVIEW], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    rating = json.loads(finished.stdout)
    shown = bars(page)
    assert list(shown) == list(STARS)
    assert list(shown.values()) == pytest.approx(rating["probabilities"], abs=1e-6)
    assert page.locator("#expected").inner_text() == f"{rating['expected_stars']:.1f}"
    for stars, probability in shown.items():
        meter = page.locator(f'[role="meter"][data-stars="{stars}"]')
        assert float(meter.get_attribute("aria-valuenow") or "nan") == pytest.approx(100 * probability, abs=0.06)
        assert f"{stars} star" in (meter.get_attribute("aria-valuetext") or "")


def test_three_hundred_fast_keys_lose_none(page: Page, real_server: RunningServer) -> None:
    page.goto(real_server.http)
    text = (REVIEWS[18] * 2)[:300]
    type_review(page, text, delay_ms=0)
    expect_fresh(page)
    assert page.locator("#review").input_value() == text
    [rating] = load_classifier(settings.STARCAST_CHECKPOINT, threads=1).classify([text])
    assert list(bars(page).values()) == pytest.approx(rating.probabilities, abs=1e-6)


def test_an_empty_page_shows_the_prior_and_says_that_it_is_too_early(page: Page, fake_server: RunningServer) -> None:
    page.goto(fake_server.http)
    expect(page.locator("#freshness")).to_have_attribute("data-state", "prior")
    expect(page.locator("#rating")).to_have_attribute("data-state", "nothing")
    assert sum(bars(page).values()) == pytest.approx(1, abs=1e-3)


def test_the_caret_stays_where_it_is(page: Page, real_server: RunningServer) -> None:
    page.goto(real_server.http)
    review = page.locator("#review")
    review.fill("A fine film with a weak end")
    expect_fresh(page)
    review.evaluate("element => element.setSelectionRange(7, 7)")
    page.keyboard.type("old ")
    expect_fresh(page)
    assert review.input_value() == "A fine old film with a weak end"
    assert review.evaluate("element => element.selectionStart") == 11


def test_markup_in_a_review_stays_text(page: Page, real_server: RunningServer) -> None:
    page.goto(real_server.http)
    page.locator("#review").fill('<img src=x onerror="document.title=1"><script>document.title=2</script> a fine film')
    expect_fresh(page)
    assert page.title().startswith("Starcast")


def test_a_server_that_restarts_rates_the_newest_text_by_itself(page: Page, data_dir: Path) -> None:
    with start_server(data_dir, STARCAST_BACKEND="fake") as server:
        page.goto(server.http)
        type_review(page, "typed before", delay_ms=5)
        expect_fresh(page)
    expect(page.locator("#connection")).to_have_attribute("data-state", re.compile("reconnecting|connecting"))
    type_review(page, " and typed while it was away", delay_ms=5)
    expect(page.locator("#freshness")).to_have_attribute("data-state", re.compile("offline|stale"))
    before = bars(page)
    with start_server(data_dir, port=server.port, STARCAST_BACKEND="fake"):
        expect_fresh(page)
        assert page.locator("#review").input_value() == "typed before and typed while it was away"
        assert bars(page) != before


def test_a_paste_is_rated(page: Page, real_server: RunningServer) -> None:
    page.goto(real_server.http)
    page.locator("#review").fill("An awful, dull, lifeless film. The worst I have seen. " * 300)
    expect_fresh(page)
    expect(page.locator("#rating")).to_have_attribute("data-side", "negative")
