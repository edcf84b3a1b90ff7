"""Charts: cost of a key by text length, and latency by number of typists."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from benchmarks.peers.registry import PEERS
from training.evaluation.pictures import BLUE, GREEN, GREY, ORANGE, SOFT, STYLE, WIDTH, write_png

Figures = Mapping[str, Any]

_PEER_COLOURS: Final = {"starcast": BLUE, "tutorial": ORANGE, "gradio": GREEN}
_COSTS: Final = {
    "pytorch": ("PyTorch float32, text read whole", ORANGE),
    "engine": ("Starcast, text read whole", GREY),
    "typing": ("Starcast, one more token typed", BLUE),
}
_KIND_TITLES: Final = {
    "short": "Short reviews  (up to 250 characters)",
    "long": "Long reviews  (from 2,000 characters on)",
}
_NOTICED_MS: Final = 100


def draw_cost(forward: Figures, path: Path) -> None:
    """Draw the medians of ``forward.json`` by tokens, with a band from the 10th to the 90th percentile."""
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(WIDTH, 5))
        axes = figure.subplots()
        lengths = [int(tokens) for tokens in forward["lengths"]]
        for name, (label, colour) in _COSTS.items():
            points = [each[name] for each in forward["lengths"].values() if name in each]
            if points:
                low, high = ([point[key] for point in points] for key in ("p10_ms", "p90_ms"))
                axes.fill_between(lengths, low, high, color=colour, alpha=0.16, linewidth=0)
                axes.plot(lengths, [point["median_ms"] for point in points], color=colour, marker="o", label=label)
        _log_axes(axes, lengths, "tokens of the text")
        axes.set_ylabel("milliseconds  (band: 10th to 90th percentile)")
        axes.set_title("What a key costs the model")
        axes.legend(loc="upper left")
        write_png(figure, path)


def draw_latency(typists: Figures, path: Path) -> None:
    """Draw the p95 of ``typists.json`` by number of typists; hollow dots are runs that lost a newest key."""
    with matplotlib.style.context(["default", STYLE]):
        kinds = list(dict.fromkeys(record["kind"] for record in typists["scenarios"]))
        figure = Figure(figsize=(WIDTH, 5))
        row = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
        for axes, kind in zip(row, kinds, strict=True):
            records = [each for each in typists["scenarios"] if each["kind"] == kind and "failed" not in each]
            _draw_latencies(axes, records)
            for floor in (each for each in typists["floor"] if each["kind"] == kind):
                axes.axhline(floor["whole"]["p50"], color=SOFT, linewidth=1, linestyle=":", label="bare forward pass")
            axes.axhline(_NOTICED_MS, color=GREY, linewidth=1, linestyle="--")
            _log_axes(axes, sorted({record["typists"] for record in records}), "typists")
            axes.set_title(_KIND_TITLES[kind])
        row[0].set_ylabel("p95 from key to answer, milliseconds")
        figure.legend(*row[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
        write_png(figure, path)


def _draw_latencies(axes: Axes, records: list[Figures]) -> None:
    for name, colour in _PEER_COLOURS.items():
        points = [
            (record["typists"], record["latency_ms"]["p95"], record["lost_last_keys"])
            for record in records
            if record["peer"] == name and record["latency_ms"]["p95"] is not None
        ]
        if points:
            numbers, values, lost = zip(*points, strict=True)
            axes.plot(numbers, values, color=colour, linewidth=2, label=PEERS[name].title)
            faces = ["white" if each else colour for each in lost]
            axes.scatter(numbers, values, color=faces, edgecolors=colour, zorder=3)


def _log_axes(axes: Axes, places: list[int], label: str) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xticks(places, [str(place) for place in places])
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    axes.minorticks_off()
    axes.set_xlabel(label)
    axes.grid()
