"""Draw the results of ``training.evaluate``: prefix curve, reliability, confusion, flicker.

``python -m training.report METRICS.json --output docs/images`` writes four PNG pictures.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from model_core.labels import FIRST_POSITIVE_CLASS, NUM_LABELS, STARS
from training.errors import TrainingError
from training.evaluation.metrics import ECE_BINS
from training.evaluation.pictures import BLUE, GREY, INK, ORANGE, SOFT, STYLE, WIDTH, write_png

Metrics = Mapping[str, Any]

_COMPETITORS = {"tfidf_prefix": ("TF-IDF, also trained on beginnings", ORANGE), "tfidf": ("TF-IDF", GREY)}


class ReportError(TrainingError):
    """Figures to draw are missing."""


def read_metrics(path: Path) -> dict[str, Any]:
    """Read the output of ``training.evaluate --output``. Raises ReportError if figures are missing."""
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
        _ = metrics["confusion"], metrics["model"]["name"], metrics["split"]
        for judged in (metrics, *metrics.get("competitor", {}).values()):
            _ = judged["full"]["intervals"], judged["prefix"], judged["typing"]["accuracy_by_key"]
            _ = judged["calibration"]["bins_full"], judged["calibration"]["bins_all_prefixes"]
    except OSError as error:
        raise ReportError(f"cannot read {path}: {error.strerror}. {_cure(path)}") from error
    except ValueError as error:
        raise ReportError(f"{path} is not JSON: {error}") from error
    except KeyError as error:
        raise ReportError(f"{path} has no {error}, so it is old or incomplete. {_cure(path)}") from error
    except (AttributeError, TypeError) as error:
        raise ReportError(f"{path} was not written by training.evaluate. {_cure(path)}") from error
    return dict(metrics)


def _cure(path: Path) -> str:
    return f"Create it with: python -m training.evaluate --split test --competitor --output {path}"


def draw(metrics: Metrics, folder: Path) -> list[Path]:
    """Write the four pictures into ``folder``; the same figures give the same bytes."""
    pictures: dict[str, Callable[[Metrics], Figure]] = {
        "prefix-curve.png": prefix_curve,
        "reliability.png": reliability_diagram,
        "confusion.png": confusion_matrix,
        "flicker.png": flicker,
    }
    folder.mkdir(parents=True, exist_ok=True)
    with matplotlib.style.context(["default", STYLE]):
        for name, picture in pictures.items():
            write_png(picture(metrics), folder / name)
    return [folder / name for name in pictures]


def prefix_curve(metrics: Metrics) -> Figure:
    """Accuracy by number of typed tokens, with whole reviews last and 95 % intervals as bands."""
    figure = Figure(figsize=(WIDTH, 5.2))
    axes = figure.subplots()
    lengths = [int(tokens) for tokens in metrics["prefix"]]
    # Whole reviews are drawn one step after the longest beginning.
    places = np.log2([*lengths, 2 * lengths[-1]])
    for name, colour, figures in _series(metrics):
        points = [*figures["prefix"].values(), figures["full"]]
        low, high = np.array([point["intervals"]["accuracy"] for point in points]).T
        values = [point["accuracy"] for point in points]
        axes.fill_between(places, low, high, color=colour, alpha=0.16, linewidth=0)
        axes.plot(places[:-1], values[:-1], color=colour, marker="o", markersize=5, linewidth=2, label=name)
        axes.plot(places[-2:], values[-2:], color=colour, linewidth=2, linestyle=(0, (2, 1.5)))
        axes.plot(places[-1:], values[-1:], color=colour, marker="o", markersize=7)
    rows = np.array(metrics["confusion"]).sum(axis=1)
    common = rows.max() / rows.sum()
    axes.axhline(common, color=SOFT, linewidth=1, linestyle=":")
    axes.annotate(
        f"always {STARS[int(rows.argmax())]} ★", (places[-1], common), xytext=(0, -5), ha="right", va="top",
        textcoords="offset points", color=SOFT, fontsize=10,
    )  # fmt: skip
    axes.set_xticks(places, [*(str(tokens) for tokens in lengths), "whole\nreview"])
    axes.set_xlabel("tokens of the review that the model has seen")
    axes.set_ylabel("accuracy, one of 8 ratings  (band: 95 %)")
    axes.yaxis.set_major_formatter(_percents)
    axes.grid(axis="y")
    axes.legend(loc="upper left")
    beginnings = metrics["prefix"][str(lengths[0])]["reviews"]
    axes.set_title(
        f"How early the rating is right  ({metrics['split']} split: beginnings of {beginnings:,} reviews, "
        f"{metrics['full']['reviews']:,} whole)"
    )
    return figure


def reliability_diagram(metrics: Metrics) -> Figure:
    """Accuracy by confidence, for whole reviews and all beginnings together, above a histogram of the confidence."""
    figure = Figure(figsize=(WIDTH, 5.4))
    grid = figure.subplots(2, 2, sharex=True, sharey="row", height_ratios=(4, 1))
    # Without the competitor fitted only on whole reviews: three lines near one diagonal cannot be told apart.
    judged = [series for series in _series(metrics) if series[0] != _COMPETITORS["tfidf"][0]]
    columns = (("Whole reviews", "full"), ("Beginnings of all lengths", "all_prefixes"))
    for column, (title, part) in enumerate(columns):
        curve, histogram = grid[0, column], grid[1, column]
        curve.plot((0, 1), (0, 1), color=GREY, linewidth=1, linestyle="--")
        for row, (name, colour, figures) in enumerate(judged):
            calibration = figures["calibration"]
            _reliability_line(curve, calibration[f"bins_{part}"], colour, name)
            curve.text(0.96, 0.05 + 0.08 * row, f"ECE {calibration[f'ece_{part}']:.3f}", color=colour, ha="right")
        counts = np.array(metrics["calibration"][f"bins_{part}"]["count"])
        edges = np.arange(ECE_BINS) / ECE_BINS
        histogram.bar(edges, counts / counts.sum(), width=0.9 / ECE_BINS, align="edge", color=BLUE, alpha=0.55)
        curve.set_title(f"{title}  ({counts.sum():,} ratings)")
        curve.grid()
        histogram.set_xlabel("confidence")
        histogram.set_xlim(0, 1)
        histogram.set_xticks((0.2, 0.4, 0.6, 0.8))
        histogram.xaxis.set_major_formatter(_percents)
    _percent(grid[0, 0], "accuracy")
    grid[0, 0].set_ylim(0, 1)
    _percent(grid[1, 0], "ratings")
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def _reliability_line(axes: Axes, bins: Mapping[str, list[Any]], colour: str, label: str) -> None:
    # A bin with a thousandth of the ratings is only noise.
    kept = [index for index, count in enumerate(bins["count"]) if 1_000 * count > sum(bins["count"])]
    counts = np.array([bins["count"][index] for index in kept])
    confidence = [bins["confidence"][index] for index in kept]
    accuracy = [bins["accuracy"][index] for index in kept]
    axes.plot(confidence, accuracy, color=colour, linewidth=1.5, label=label)
    # The area of a dot shows its share of the ratings.
    axes.scatter(confidence, accuracy, s=6 + 300 * counts / counts.sum(), color=colour, linewidth=0, clip_on=False)


def confusion_matrix(metrics: Metrics) -> Figure:
    """The confusion matrix of whole reviews: for each true rating, the shares of predicted ratings."""
    counts = np.array(metrics["confusion"])
    totals = counts.sum(axis=1)
    shares = counts / np.maximum(totals, 1)[:, None]
    figure = Figure(figsize=(WIDTH, 6.2))
    axes = figure.subplots()
    axes.imshow(shares, cmap=LinearSegmentedColormap.from_list("blue", ("#ffffff", BLUE)), vmin=0, aspect="auto")
    for row in range(NUM_LABELS):
        for column in range(NUM_LABELS):
            dark = shares[row, column] > 0.6 * shares.max()
            axes.text(
                column, row, f"{100 * shares[row, column]:.0f}", ha="center", va="center",
                color="white" if dark else INK, weight="bold" if row == column else "normal",
            )  # fmt: skip
    # The line between negative and positive ratings, where mistakes matter most.
    for line in (axes.axhline, axes.axvline):
        line(FIRST_POSITIVE_CLASS - 0.5, color=INK, linewidth=1)
    axes.spines[:].set_visible(False)
    axes.set_xticks(range(NUM_LABELS), [f"{stars} ★" for stars in STARS])
    axes.set_yticks(range(NUM_LABELS), [f"{stars} ★  ({total:,})" for stars, total in zip(STARS, totals, strict=True)])
    axes.set_xlabel("rating of the model")
    axes.set_ylabel("true rating  (reviews)")
    axes.set_title(f"Where the whole reviews of each rating go, in %  ({metrics['split']} split)")
    return figure


def flicker(metrics: Metrics) -> Figure:
    """How much the rating moves from key to key, next to its accuracy: a constant would never move."""
    series = [(name, colour, figures["typing"]) for name, colour, figures in _series(metrics)]
    figure = Figure(figsize=(WIDTH, 4.6))
    flips, moves, curve = figure.subplots(1, 3, width_ratios=(1, 1, 2.2))
    for axes, key, title, digits in (
        (flips, "flips_per_100_keys", "Flips in 100 keys", "%.1f"),
        (moves, "move_per_key", "Stars moved by a key", "%.3f"),
    ):
        bars = axes.bar(
            range(len(series)), [typing[key] for *_, typing in series], color=[colour for _, colour, _ in series]
        )
        axes.bar_label(bars, fmt=digits, padding=2)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_title(title)
        axes.margins(y=0.12)
        # Width for three bars, so that a single bar does not fill the axes.
        axes.set_xlim(len(series) / 2 - 2, len(series) / 2 + 1)
    for name, colour, typing in series:
        by_key = typing["accuracy_by_key"]
        curve.plot(range(len(by_key)), list(by_key.values()), color=colour, marker="o", linewidth=2, label=name)
    lasts = [int(last) for last in metrics["typing"]["accuracy_by_key"]]
    firsts = [1, *(last + 1 for last in lasts)]
    curve.set_xticks(range(len(lasts)), [f"{first}–{last}" for first, last in zip(firsts, lasts, strict=False)])
    curve.tick_params(axis="x", labelsize=10)
    curve.margins(x=0.07)
    curve.set_xlabel("keys")
    _percent(curve, "")
    curve.set_title("Accuracy meanwhile")
    curve.grid(axis="y")
    figure.legend(*curve.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=10)
    typed = metrics["typing"]
    figure.suptitle(
        f"How calm the rating is while typing  ({typed['reviews']:,} reviews, {typed['keystrokes']:,} keys)",
        x=0.09 / WIDTH, ha="left", fontsize=12,
    )  # fmt: skip
    return figure


def _series(metrics: Metrics) -> Iterator[tuple[str, str, Metrics]]:
    """Return name, colour and figures of the model and then of the competitors."""
    yield metrics["model"]["name"], BLUE, metrics
    judged = metrics.get("competitor", {})
    for key, (name, colour) in _COMPETITORS.items():
        if key in judged:
            yield name, colour, judged[key]


def _percent(axes: Axes, label: str) -> None:
    axes.set_ylabel(label)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(_percents)


def _percents(value: float, _: float) -> str:
    return f"{100 * value:.0f} %"


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.report", description=__doc__)
    parser.add_argument("metrics", type=Path, metavar="METRICS.json", help="file written by training.evaluate --output")
    parser.add_argument("--output", type=Path, default=Path("docs/images"), help="folder of the pictures (%(default)s)")
    options = parser.parse_args(argv)
    try:
        metrics = read_metrics(options.metrics)
        if len(metrics["confusion"]) != NUM_LABELS:
            raise ReportError(f"{options.metrics} has other labels; the pictures are of film ratings")
    except TrainingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for path in draw(metrics, options.output):
        print(path)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
