"""Write the figures of ``metrics.json`` into a model card or another page, so that no number is copied by hand.

``python -m training.card METRICS.json PAGE.md …`` replaces the part of each page between ``<!-- figures -->`` or
``<!-- short -->`` and ``<!-- end -->``.
"""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.errors import TrainingError
from training.report import Metrics, ReportError, read_metrics

_FIGURES = {
    "accuracy": "label right",
    "binary_accuracy": "positive or negative right",
    "within_one": "within one label",
    "macro_f1": "macro-F1",
    "mae": "mean error of the expected value",
    "qwk": "quadratic weighted kappa",
    "nll": "negative log-likelihood",
    "ece": "expected calibration error",
}
_FILM_FIGURES = {
    "accuracy": "eight classes right",
    "within_one": "within one class",
    "mae": "mean error of the expected value, stars",
}
"""What the figures of film ratings are called instead."""
_SHORT = ("accuracy", "binary_accuracy", "within_one", "mae")
_COMPETITORS = {
    "tfidf": "TF-IDF + logistic regression, whole {texts}",
    "tfidf_prefix": "the same, beginnings too",
}
_RIGHT = {"reviews": "eight classes", "texts": "right"}


def short(metrics: Metrics) -> str:
    """Return the four main figures of whole reviews as a Markdown table."""
    rows = [(label, _shown(name, metrics["full"][name])) for name, label in _named(metrics).items() if name in _SHORT]
    return _table([f"official {metrics['split']} set, {metrics['full']['reviews']:,} reviews", "Starcast, int8"], rows)


def figures(metrics: Metrics) -> str:
    """Return all figures of the model card as Markdown: whole texts, beginnings, typing, calibration and int8."""
    texts = "reviews" if _is_film(metrics) else "texts"
    name = "Starcast" if _is_film(metrics) else metrics["model"]["name"]
    judged = {f"{name}, int8": metrics}
    judged |= {
        words.format(texts=texts): metrics["competitor"][key]
        for key, words in _COMPETITORS.items()
        if key in metrics["competitor"]
    }
    names = _named(metrics)
    full = metrics["full"]
    low, high = full["intervals"]["accuracy"]
    whole = [(label, *(_shown(key, each["full"][key]) for each in judged.values())) for key, label in names.items()]
    lengths = list(metrics["prefix"])
    reviews = metrics["prefix"][lengths[0]]["reviews"]
    beginnings = [
        (f"{judge}: {_RIGHT[texts]}, %", *(f"{100 * each['prefix'][length]['accuracy']:.1f}" for length in lengths))
        for judge, each in judged.items()
    ]
    if "binary_accuracy" in full:
        sides = [f"{100 * metrics['prefix'][length]['binary_accuracy']:.0f}" for length in lengths]
        beginnings.append((f"{name}: positive or negative, %", *sides))
    parts = [
        f"```\n{metrics['command']}\n```",
        _table([f"{full['reviews']:,} {metrics['split']} {texts}", *judged], whole),
        f"95 % interval of the accuracy (bootstrap): {100 * low:.1f} to {100 * high:.1f} %.{_stated(metrics)}",
        _table([f"first tokens ({reviews:,} {metrics['split']} {texts})", *lengths], beginnings),
        _typing({judge: each["typing"] for judge, each in judged.items()}, texts),
        f"Expected calibration error over all lengths together: {metrics['calibration']['ece_all_prefixes']:.3f}.",
        *([_against_float(metrics["int8_against_float"], texts)] if "int8_against_float" in metrics else []),
    ]
    return "\n\n".join(parts)


def _is_film(metrics: Metrics) -> bool:
    return "binary_accuracy" in metrics["full"]


def _named(metrics: Metrics) -> dict[str, str]:
    """Return the figures that the labels allow, with their names."""
    names = {**_FIGURES, **_FILM_FIGURES} if _is_film(metrics) else _FIGURES
    return {figure: label for figure, label in names.items() if figure in metrics["full"]}


def _stated(metrics: Metrics) -> str:
    stated, other = metrics.get("stated_rating"), metrics.get("no_stated_rating")
    if not stated or not other:
        return ""
    return (
        f' Of the {stated["reviews"]:,} reviews that state a rating such as "7/10" '
        f"{_shown('accuracy', stated['accuracy'])} are right, of the others {_shown('accuracy', other['accuracy'])}."
    )


def renew(page: str, metrics: Metrics) -> str:
    """Return the page with new figures. Raises ReportError if it has no place for them."""
    content = {"figures": figures, "short": short}

    def replaced(match: re.Match[str]) -> str:
        return f"<!-- {match[1]} -->\n\n{content[match[1]](metrics)}\n\n<!-- end -->"

    renewed, count = re.subn(r"<!-- (figures|short) -->.*?<!-- end -->", replaced, page, flags=re.DOTALL)
    if not count:
        raise ReportError("there is no <!-- figures --> or <!-- short --> with an <!-- end -->")
    return renewed


def _typing(typed: Mapping[str, Metrics], texts: str) -> str:
    first = next(iter(typed.values()))
    rating, stars = ("rating", ", stars") if texts == "reviews" else ("label", "")
    rows = [(f"{rating} changes per 100 keys", *(f"{each['flips_per_100_keys']:.1f}" for each in typed.values()))]
    if "move_per_key" in first:
        moves = (f"{each['move_per_key']:.2f}" for each in typed.values())
        rows.append((f"expected value moves per key{stars}", *moves))
    rows.append(("right at a key", *(_shown("accuracy", each["accuracy"]) for each in typed.values())))
    return _table([f"typing, {first['reviews']:,} {texts}, {first['keystrokes']:,} keys", *typed], rows)


def _against_float(found: Metrics, texts: str) -> str:
    has_values = "mean_stars_difference" in found["whole"]
    rows = [
        (
            f"whole {texts}" if name == "whole" else f"first {name} tokens",
            _shown("accuracy", each["int8_accuracy"]),
            _shown("accuracy", each["float_accuracy"]),
            _shown("accuracy", each["agreement"]),
            *([f"{each['mean_stars_difference']:.3f}", f"{each['max_stars_difference']:.2f}"] if has_values else []),
        )
        for name, each in found.items()
        if name != "reviews"
    ]
    header = ["right", "in float32", "same class" if texts == "reviews" else "same label"]
    if has_values:
        header += ["stars apart, mean" if texts == "reviews" else "apart, mean", "at most"]
    return _table([f"int8 on {found['reviews']:,} {texts}", *header], rows)


def _shown(figure: str, value: float) -> str:
    if "accuracy" in figure or figure == "within_one":
        return f"{100 * value:.1f} %"
    return f"{value:.2f}" if figure == "mae" else f"{value:.3f}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [header, ["---"] * len(header), *rows])


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.card", description=__doc__)
    parser.add_argument("metrics", type=Path, metavar="METRICS.json", help="file written by training.evaluate --output")
    parser.add_argument("pages", type=Path, nargs="+", metavar="PAGE.md", help="pages to update")
    options = parser.parse_args(argv)
    try:
        metrics: Any = read_metrics(options.metrics)
        for page in options.pages:
            page.write_text(renew(page.read_text(encoding="utf-8"), metrics), encoding="utf-8")
    except (TrainingError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
