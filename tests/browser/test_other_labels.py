"""The page, a watcher and the widget with models that do not rate films, and a model swapped in under a typist."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from model_core.checkpoint import write_config
from model_core.labels import STARS, LabelSet
from tests.browser.axe import violations
from tests.browser.steps import rate
from tests.labelled import LABEL_SETS, MANY, ORDINAL, PAGE
from tests.tiny import tiny_config
from tools.servers import REPOSITORY, RunningServer, start_server

TEXT = "It was a long way, and not a bad one."


@pytest.fixture(scope="module", params=LABEL_SETS.values(), ids=list(LABEL_SETS))
def labels(request: pytest.FixtureRequest) -> LabelSet:
    chosen: LabelSet = request.param
    return chosen


@pytest.fixture(scope="module")
def server(labels: LabelSet, data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with a fake model of these labels: of its checkpoint, there is only the config."""
    folder = tmp_path_factory.mktemp("labelled")
    write_config(folder, tiny_config(labels=labels, prior=(1 / len(labels),) * len(labels), page=PAGE), {})
    with start_server(data_dir, STARCAST_BACKEND="fake", STARCAST_CHECKPOINT=str(folder)) as server:
        yield server


def shares(page: Page, place: str) -> list[float]:
    """The percent of each visible bar, in one look."""
    meters = page.locator(f"{place} [role=meter]")
    return [float(share) for share in meters.evaluate_all("meters => meters.map(meter => meter.ariaValueNow)")]


def check_bars(page: Page, labels: LabelSet) -> None:
    meters = page.locator("#label-chart [role=meter]")
    expect(meters).to_have_count(len(labels))
    expect(page.locator("#film-chart")).to_be_hidden()
    assert meters.evaluate_all("meters => meters.map(meter => meter.ariaLabel)") == list(labels.names)
    assert sum(shares(page, "#label-chart")) == pytest.approx(100, abs=0.05 * len(labels))


def test_the_page_shows_its_labels_and_its_own_words(page: Page, server: RunningServer, labels: LabelSet) -> None:
    page.goto(server.http)
    expect(page).to_have_title(PAGE.title)
    expect(page.locator("h1")).to_have_text(PAGE.title)
    expect(page.locator("#review")).to_have_attribute("placeholder", PAGE.placeholder)
    rate(page, TEXT)
    check_bars(page, labels)
    found = shares(page, "#label-chart")
    likeliest = labels.names[found.index(max(found))]
    expect(page.locator("#verdict")).to_contain_text(likeliest)
    expect(page.locator("#label-numbers tr")).to_have_count(len(labels))
    if labels.values is None:
        expect(page.locator("#expected")).to_be_hidden()
    else:
        expect(page.locator("#expected")).to_have_text(re.compile(r"\d\.\d"))
    expect(page.locator("#timeline-line")).to_have_attribute("d", re.compile("M"))
    expect(page.locator("#contributions")).to_have_attribute("data-state", "shown")
    page.locator("button[data-example]").click()
    expect(page.locator("#review")).to_have_value(PAGE.examples[0])


def test_axe_finds_nothing_in_the_page_of_other_labels(page: Page, server: RunningServer, labels: LabelSet) -> None:
    # Colours in the middle of a fade are none that anybody reads.
    page.emulate_media(reduced_motion="reduce")
    page.goto(server.http)
    rate(page, TEXT)
    expect(page.locator("#contributions")).to_have_attribute("data-state", "shown")
    expect(page.locator("#feedback input")).to_have_count(len(labels))
    assert violations(page) == []


def test_a_label_is_given_as_feedback(page: Page, server: RunningServer, labels: LabelSet) -> None:
    page.goto(server.http)
    rate(page, TEXT)
    choices = page.locator("#feedback input")
    expect(choices).to_have_count(len(labels))
    choice = page.locator(f'#feedback input[value="{labels.names[1]}"]')
    expect(choice).to_be_visible()
    choice.check()
    page.locator("#feedback-send").click()
    expect(page.locator("#feedback-note")).to_have_text("Thank you. Your rating is stored.")


def test_who_watches_sees_the_same_bars(
    page: Page, context: BrowserContext, server: RunningServer, labels: LabelSet
) -> None:
    page.goto(server.http)
    rate(page, TEXT)
    page.locator("#room-open").click()
    link = page.locator("#room-link")
    expect(link).to_have_value(re.compile("/watch/"))
    watcher = context.new_page()
    watcher.goto(link.input_value())
    expect(watcher.locator("#watched-text")).to_have_text(TEXT)
    expect(watcher.locator("#freshness")).to_have_attribute("data-state", re.compile("fresh|prior"))
    check_bars(watcher, labels)
    assert shares(watcher, "#label-chart") == shares(page, "#label-chart")
    watcher.close()


def test_the_widget_has_a_bar_for_each_label(page: Page, server: RunningServer, labels: LabelSet) -> None:
    page.goto(f"{server.http}/widget/")
    page.locator("#comment").fill(TEXT)
    expect(page.locator("starcast-meter .verdict")).not_to_have_text("Start typing")
    expect(page.locator("starcast-meter [role=meter]")).to_have_count(len(labels))
    found = shares(page, "starcast-meter")
    assert sum(found) == pytest.approx(100, abs=0.05 * len(labels))
    expect(page.locator("starcast-meter .verdict")).to_contain_text(labels.names[found.index(max(found))])


def test_fifty_labels_are_all_there_and_the_rest_is_folded(page: Page, server: RunningServer, labels: LabelSet) -> None:
    page.goto(server.http)
    rate(page, TEXT)
    rows = labels is MANY
    expect(page.locator("#label-chart")).to_have_attribute("data-layout", "rows" if rows else "columns")
    expect(page.locator("#label-chart details")).to_have_count(0)


@pytest.mark.long
@pytest.mark.training
@pytest.mark.long
@pytest.mark.ci
def test_a_model_swapped_in_under_a_typist_shows_its_bars_without_a_reload(
    page: Page, data_dir: Path, static_dir: Path, two_models: Path, tmp_path: Path
) -> None:
    # PyTorch takes seconds to load, and most tests do without.
    from tests.factories import write_checkpoint
    from training.golden import write_golden

    folder = tmp_path / "checkpoints" / "verdicts"
    config = tiny_config(labels=ORDINAL, prior=(0.4, 0.2, 0.4), page=PAGE)
    names: dict[str, Any] = {"id2label": ORDINAL.id2label, "label2id": ORDINAL.label2id}
    write_checkpoint(folder, config=config, **names)
    write_golden(folder)
    (tmp_path / "static").symlink_to(static_dir)
    environment = {"STARCAST_CHECKPOINT": str(two_models / "one"), "STARCAST_DATA_DIR": str(tmp_path)}
    manage = [sys.executable, "manage.py"]
    variables = {**os.environ, **environment, "STARCAST_SECRET_KEY": "x" * 60}
    subprocess.run([*manage, "migrate", "--verbosity", "0"], cwd=REPOSITORY, env=variables, check=True)
    with start_server(tmp_path, STARCAST_CHECKPOINT=environment["STARCAST_CHECKPOINT"]) as server:
        page.goto(server.http)
        rate(page, TEXT)
        expect(page.locator("#film-chart [role=meter]")).to_have_count(len(STARS))
        page.evaluate("window.isSamePage = true")
        subprocess.run([*manage, "model", "use", "verdicts"], cwd=REPOSITORY, env=variables, check=True)
        expect(page.locator("#label-chart [role=meter]")).to_have_count(len(ORDINAL), timeout=60_000)
        expect(page.locator("#label-chart [role=meter]").first).to_have_attribute("data-probability", re.compile(r"\d"))
        check_bars(page, ORDINAL)
        page.locator("#review").press_sequentially(" More.")
        expect(page.locator("#freshness")).to_have_attribute("data-state", re.compile("fresh|prior"))
        subprocess.run([*manage, "model", "use", "--default"], cwd=REPOSITORY, env=variables, check=True)
        expect(page.locator("#film-chart")).to_be_visible(timeout=60_000)
        expect(page.locator("#label-chart")).to_be_hidden()
        assert page.evaluate("window.isSamePage")
        assert json.loads(page.evaluate("JSON.stringify(window.shownSeqs)"))
