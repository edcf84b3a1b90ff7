"""``starcast live``: typed text is rated and drawn, and the program ends when asked to."""

import asyncio
import io
import json
import sys
from dataclasses import replace
from typing import Any

import pytest
from starcast_client import LiveRating, Refused, State
from starcast_client.cli import main
from starcast_client.messages import Prediction, parse
from starcast_client.terminal import LiveApp, bar, draw, standing_out, summary
from textual.widgets import Static, TextArea

from tests.clients.fake_server import Visit, error, fake_server, prediction, works


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("share", "drawn"), [(0, "        "), (1, "█" * 8), (0.5, "████    "), (1 / 64, "▏       "), (0.99, "███████▉")]
)
def test_a_bar_is_as_long_as_its_share(share: float, drawn: str) -> None:
    assert bar(share, cells=8) == drawn


async def test_typed_text_is_rated_and_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = asyncio.Event()
    show = LiveApp._show

    def note(app: LiveApp, rating: LiveRating) -> None:
        show(app, rating)
        if rating.text == "Fine":
            shown.set()

    monkeypatch.setattr(LiveApp, "_show", note)
    async with fake_server(works) as server:
        app = LiveApp(server.url)
        async with app.run_test() as pilot:
            await pilot.press(*"Fine")
            await shown.wait()
            assert app.query_one(TextArea).text == "Fine"
            assert "5.5 stars expected, 50% positive" in str(app.query_one("#summary", Static).render())
            bars = str(app.query_one("#bars", Static).render())
            assert [line.split()[0] for line in bars.strip().splitlines()] == ["1", "2", "3", "4", "7", "8", "9", "10"]
            show(app, rated(label="[/x]", expected_value=None, interval=None, positive=None))
            assert "[/x] 12%" in str(app.query_one("#summary", Static).render())
            await pilot.press("ctrl+l")
            assert app.query_one(TextArea).text == ""
            await pilot.press("ctrl+q")
        assert app.failure is None


def rated(**fields: Any) -> LiveRating:
    prediction_of = parse(json.dumps(prediction(1)))
    assert isinstance(prediction_of, Prediction)
    return replace(prediction_of.of("A film"), **fields)


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"label": "ok", "expected_value": None, "interval": None, "positive": None}, "ok 60%"),
        (
            {"label": "ok", "expected_value": 2.25, "interval": (1, 4), "positive": 0.4},
            "ok 60%, 2.25 expected, 1 to 4, 40% positive",
        ),
        ({"label": "ok", "expected_value": 2.25, "interval": (1, 5), "positive": None}, "ok 60%, 2.25 expected"),
    ],
)
def test_a_rating_is_summed_up_by_what_its_labels_have(fields: dict[str, Any], line: str) -> None:
    assert summary(rated(probabilities=(0.2, 0.6, 0.2), **fields), (1, 2, 5)) == line


FIGURES = "7.9 stars expected, 4 to 9, 80% positive"


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"state": None}, FIGURES),
        ({"state": "says"}, FIGURES),
        ({"state": "leans"}, f"Leans positive: {FIGURES}"),
        ({"state": "either_way"}, f"Could go either way: {FIGURES}"),
        ({"state": "says", "interval": (1, 10)}, "7.9 stars expected, 80% positive"),
    ],
)
def test_a_summary_is_as_sure_as_the_state_and_has_no_interval_of_all_stars(fields: dict[str, Any], line: str) -> None:
    assert summary(rated(**{"expected_value": 7.94, "interval": (4, 9), "positive": 0.8, **fields})) == line


def test_without_sides_it_leans_to_a_label() -> None:
    rating = rated(label="ok", probabilities=(0.6, 0.4), positive=None, expected_value=None, state="leans")
    assert summary(rating, None).startswith("Leans ok")


@pytest.mark.parametrize("state", ["unreadable", "no_opinion"])
def test_a_text_that_says_nothing_gets_no_number_and_no_bar_stands_out(state: str) -> None:
    rating = rated(state=state)
    assert not any(sign.isdigit() for sign in summary(rating))
    assert standing_out(rating) is None
    assert standing_out(rated(is_prior=True)) is None
    assert standing_out(rated(state="says")) == rating.label
    assert {str(span.style) for span in draw(rating.labels, rating.probabilities).spans} <= {""}


def test_names_of_labels_stand_in_one_column() -> None:
    lines = str(draw(("bad", "très bien"), (0.25, 0.75), "très bien")).splitlines()
    assert [line.index("█") for line in lines] == [10, 10]
    lines = str(draw(("bad", "x" * 200), (0.25, 0.75), "bad")).splitlines()
    assert [line.index("█") for line in lines] == [31, 31]


def test_of_more_than_50_labels_the_rest_shares_one_line() -> None:
    labels = tuple(f"kind {number}" for number in range(60))
    shares = (*(0.01,) * 59, 0.41)
    drawn = draw(labels, shares, "kind 59")
    *lines, rest = str(drawn).splitlines()
    assert [line[:7] for line in lines] == [f"{label:<7}" for label in labels[:50]]
    assert rest.split() == ["10", "more", "█" * 20, "50%"]
    assert [str(drawn[span.start : span.end]).strip() for span in drawn.spans] == [rest]
    assert len(str(draw(labels[:50], shares[:50], "kind 0")).splitlines()) == 50


async def test_a_refusal_ends_it_with_the_reason() -> None:
    async def refuses(visit: Visit) -> None:
        await visit.say(**error("key_missing"))
        await visit.connection.close(4503)

    async with fake_server(refuses) as server:
        app = LiveApp(server.url)
        assert await app.run_async(headless=True) == 1
        assert "key_missing" in str(app.failure)


async def test_it_says_why_there_is_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = asyncio.Event()
    show_state = LiveApp._show_state

    def note(app: LiveApp, state: State) -> None:
        show_state(app, state)
        if state is State.RECONNECTING:
            shown.set()

    async def full(visit: Visit) -> None:
        await visit.say(**error("server_full", retryable=True))
        await visit.connection.close(4010)

    monkeypatch.setattr(LiveApp, "_show_state", note)
    async with fake_server(full) as server:
        app = LiveApp(server.url)
        async with app.run_test():
            await shown.wait()
            assert "(server_full: as the test wants)" in str(app.query_one("#state", Static).render())


@pytest.mark.parametrize("missing", ["__stdin__", "__stderr__"])
def test_without_a_terminal_it_says_so_and_starts_nothing(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("__stdin__", "__stderr__"):
        monkeypatch.setattr(sys, name, io.StringIO() if name == missing else Terminal())
    monkeypatch.setattr(LiveApp, "run", None)
    assert main(["live"]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert len(output.err.splitlines()) == 1
    assert "terminal" in output.err


def test_what_ended_it_goes_to_the_error_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("__stdin__", "__stderr__"):
        monkeypatch.setattr(sys, name, Terminal())

    def fail(app: LiveApp) -> int:
        app.failure = Refused(4503)
        return 1

    monkeypatch.setattr(LiveApp, "run", fail)
    assert main(["live"]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert "starcast live: refused with 4503" in output.err


def test_help_says_how_to_quit(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["live", "--help"])
    assert "Ctrl-Q quits" in capsys.readouterr().out
