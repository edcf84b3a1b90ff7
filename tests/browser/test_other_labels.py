"""The page, a watcher and the widget with models that do not rate films, and a model swapped in under a typist."""

import contextlib
import itertools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from model_core.checkpoint import write_config
from model_core.labels import STARS, LabelSet
from tests.browser.axe import violations
from tests.browser.steps import expect_fresh, rate, shown_seqs
from tests.labelled import LABEL_SETS, MANY, ORDINAL, PAGE
from tests.tiny import tiny_config
from tools.servers import REPOSITORY, RunningServer, start_server

TEXT = "It was a long way, and not a bad one."


@pytest.fixture(scope="module", params=LABEL_SETS.values(), ids=list(LABEL_SETS))
def labels(request: pytest.FixtureRequest) -> LabelSet:
    chosen: LabelSet = request.param
    return chosen


@contextlib.contextmanager
def serving(labels: LabelSet, data_dir: Path, folder: Path) -> Iterator[RunningServer]:
    """Run a server with a fake model of these labels: of its checkpoint, there is only the config."""
    write_config(folder, tiny_config(labels=labels, prior=(1 / len(labels),) * len(labels), page=PAGE), {})
    with start_server(data_dir, STARCAST_BACKEND="fake", STARCAST_CHECKPOINT=str(folder)) as server:
        yield server


@pytest.fixture(scope="module")
def server(labels: LabelSet, data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server whose model has these labels."""
    with serving(labels, data_dir, tmp_path_factory.mktemp("labelled")) as server:
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


def test_the_page_shows_its_labels_and_its_own_words_and_axe_finds_nothing(
    page: Page, server: RunningServer, labels: LabelSet
) -> None:
    # Colours in the middle of a fade are none that anybody reads.
    page.emulate_media(reduced_motion="reduce")
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
    # Up to 50 are all there.
    layout = "rows" if labels is MANY else "columns"
    expect(page.locator("#label-chart")).to_have_attribute("data-layout", layout)
    expect(page.locator("#label-chart details")).to_have_count(0)
    if labels.values is None:
        expect(page.locator("#expected")).to_be_hidden()
    else:
        expect(page.locator("#expected")).to_have_text(re.compile(r"\d\.\d"))
    expect(page.locator("#timeline-line")).to_have_attribute("d", re.compile("M"))
    expect(page.locator("#contributions")).to_have_attribute("data-state", "shown")
    expect(page.locator("#feedback input")).to_have_count(len(labels))
    assert violations(page) == []
    page.locator("button[data-example]").click()
    expect(page.locator("#review")).to_have_value(PAGE.examples[0])


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


def test_labels_after_the_50th_are_folded_and_long_names_widen_nothing(
    page: Page, data_dir: Path, tmp_path: Path
) -> None:
    labels = LabelSet(tuple(f"<b>{number}</b>{'x' * 190}" for number in range(60)))
    page.set_viewport_size({"width": 390, "height": 844})
    with serving(labels, data_dir, tmp_path) as server:
        page.goto(server.http)
        rate(page, TEXT)
        check_bars(page, labels)
        meters = page.locator("#label-chart [role=meter]")
        expect(page.locator("#label-chart > [role=meter]")).to_have_count(50)
        expect(meters.nth(49)).to_be_visible()
        expect(meters.nth(50)).to_be_hidden()
        page.locator("#label-chart summary").click()
        expect(meters.nth(59)).to_be_visible()
        before = shares(page, "#label-chart details")
        rate(page, f"{TEXT} More.")
        assert len(before) == 10
        assert shares(page, "#label-chart details") != before
        expect(meters.nth(59)).to_be_visible()
        expect(page.locator("#contributions")).to_have_attribute("data-state", "shown")
        expect(page.locator("#feedback input")).to_have_count(len(labels))
        page.locator("details").evaluate_all("all => all.forEach(each => { each.open = true; })")
        assert page.evaluate("document.documentElement.scrollWidth") == 390


NOT_BETTER = 3
"""Exit status of a training whose model is no better than TF-IDF."""
SAID = {"bad": ("bad", "awful"), "ok": ("movie", "plot"), "good": ("good", "great")}


# In a process of its own, and one thread: this one shall not load PyTorch, nor spin where another has the core.
TRAIN = """
import sys
from pathlib import Path
from tests.factories import tiny_model, write_hugging_face
from training import classifier, data

folder = Path(sys.argv[1])
write_hugging_face(folder / "initial", tiny_model())
rows = str(folder / "rows")
assert data.main(["import", f"{rows}.csv", "--order", sys.argv[2], "--output", rows]) == 0
options = ["--data", rows, "--name", "verdicts", "--init", str(folder / "initial"), *sys.argv[3:]]
raise SystemExit(classifier.main(options))
"""


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A data folder whose checkpoint ``verdicts`` was trained on 60 made-up rows."""
    rows = ["text,label\n"]
    for number, (label, words) in enumerate(itertools.islice(itertools.cycle(SAID.items()), 60)):
        rows.append(f"{words[number % 2]} of the film {words[number // 3 % 2]} {number},{label}\n")
    (tmp_path / "rows.csv").write_text("".join(rows))
    small = ["--max-tokens", "32", "--block", "4", "--threads", "1", "--device", "cpu", "--precision", "fp32"]
    taught = ["--epochs", "10", "--patience", "0", "--learning-rate", "3e-3"]
    said = ["--title", PAGE.title, "--placeholder", PAGE.placeholder, "--example", PAGE.examples[0]]
    place = ["--run", str(tmp_path / "run"), "--output", str(tmp_path / "checkpoints" / "verdicts")]
    options = [*small, *taught, *said, *place]
    # TF-IDF is as good at rows as simple as these.
    assert python("-c", TRAIN, str(tmp_path), ",".join(SAID), *options, OMP_NUM_THREADS="1") == NOT_BETTER
    return tmp_path


def python(*arguments: str, **environment: str) -> int:
    """Run Python in the repository; return its exit status."""
    command = (sys.executable, *arguments)
    return subprocess.run(command, cwd=REPOSITORY, env={**os.environ, **environment}, check=False).returncode


def manage(data_dir: Path, *command: str) -> int:
    """Run a command of ``manage.py`` on the database of a server; return its exit status."""
    return python("manage.py", *command, STARCAST_DATA_DIR=str(data_dir), STARCAST_SECRET_KEY="x" * 60)


@pytest.mark.training
@pytest.mark.long
@pytest.mark.ci
@pytest.mark.timeout(900)
def test_a_model_trained_on_60_rows_is_swapped_in_under_typists_without_a_reload(
    page: Page, context: BrowserContext, trained: Path, data_dir: Path, static_dir: Path
) -> None:
    (trained / "static").symlink_to(static_dir)
    shutil.copy(data_dir / "starcast.sqlite3", trained)
    with start_server(trained) as server:
        typist, idle = page, context.new_page()
        title = {}
        for each in (typist, idle):
            each.goto(server.http)
            rate(each, TEXT)
            expect(each.locator("#film-chart [role=meter]")).to_have_count(len(STARS))
            each.evaluate("window.isSamePage = true")
            title[each] = each.title()
        # As a process of the server answers that has not switched yet.
        before = idle.request.get(server.http).text()
        idle.route(f"{server.http}/", lambda route: route.fulfill(body=before, content_type="text/html"), times=1)
        # Where TF-IDF is as good, a checkpoint has a warning.
        assert manage(trained, "model", "use", "verdicts", "--force") == 0
        typed = TEXT
        while typist.locator("#label-chart").is_hidden():
            typist.locator("#review").press_sequentially(" and")
            typed += " and"
        for each, text in ((typist, typed), (idle, TEXT)):
            expect(each.locator("#label-chart [role=meter]")).to_have_count(len(ORDINAL), timeout=60_000)
            expect(each.locator("#label-chart [role=meter]").first).to_have_attribute(
                "data-probability", re.compile(r"\d")
            )
            expect_fresh(each)
            check_bars(each, ORDINAL)
            expect(each.locator("#review")).to_have_value(text)
            expect(each).to_have_title(PAGE.title)
            expect(each.locator("h1")).to_have_text(PAGE.title)
            expect(each.locator("#review")).to_have_attribute("placeholder", PAGE.placeholder)
        expect(idle.locator("#status")).to_have_text(re.compile(re.escape(PAGE.title)))
        for label, words in SAID.items():
            rate(typist, f"{words[0]} of the film {words[1]} and")
            found = shares(typist, "#label-chart")
            assert ORDINAL.names[found.index(max(found))] == label
        typist.locator("button[data-example]").click()
        expect(typist.locator("#review")).to_have_value(PAGE.examples[0])
        typist.locator("#restore").click()
        assert manage(trained, "model", "use", "--default") == 0
        for each in (typist, idle):
            expect(each.locator("#film-chart")).to_be_visible(timeout=60_000)
            expect(each.locator("#label-chart")).to_be_hidden()
            expect(each).to_have_title(title[each])
            expect(each.locator("button[data-example=rave]")).to_be_visible()
            assert each.evaluate("window.isSamePage")
        seqs = shown_seqs(typist)
        assert seqs == sorted(seqs)
        idle.close()
