"""The model page's figures, read from the served checkpoint."""

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from live.pages.charts import Axes, Chart, Tick
from model_core.checkpoint import read_config
from model_core.labels import STARS

logger = logging.getLogger(__name__)

METRICS_FILE: Final = "metrics.json"

_COMPETITORS: Final = ("tfidf_prefix", "tfidf")
_SHADES: Final = 10
# Bins with less than a thousandth of the ratings are noise.
_MIN_BIN_SHARE: Final = 0.001

Metrics = Mapping[str, Any]


def model_card(folder: Path) -> dict[str, Any]:
    """Return the template context: ``model``, and ``figures`` (None if the checkpoint has none).

    Raises CheckpointError if there is no checkpoint.
    """
    config, architecture = read_config(folder)
    model = {
        "name": config.name,
        "version": config.version,
        "layers": architecture.get("num_hidden_layers"),
        "width": architecture.get("hidden_size"),
        "pieces": architecture.get("vocab_size"),
        "max_tokens": config.max_tokens,
        "block": config.block if config.attention == "block-causal" else None,
    }
    if not config.labels.is_film:
        plain = {"warning": config.warning, "labels": len(config.labels), **_read_plain(folder / METRICS_FILE)}
        return {"model": model, "figures": None, "plain": plain}
    return {"model": model, "figures": _read_figures(folder / METRICS_FILE)}


def _read_plain(path: Path) -> dict[str, Any]:
    """Return what is shown of a model that does not rate films: how often it is right. Empty if nothing is known."""
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
        full = metrics["full"]
        return {"texts": full["reviews"], "accuracy": _percent(full["accuracy"])}
    except (OSError, ValueError, LookupError, TypeError):
        return {}


def _read_figures(path: Path) -> dict[str, Any] | None:
    try:
        return _figures(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError, AttributeError, ZeroDivisionError) as error:
        logger.warning("%s does not hold what training.evaluate writes: %r", path, error)
        return None


def _figures(metrics: Metrics) -> dict[str, Any]:
    judged = {"starcast": metrics}
    judged |= {name: metrics["competitor"][name] for name in _COMPETITORS if name in metrics.get("competitor", {})}
    return {
        **_whole(metrics),
        "others": [{"kind": name, **_whole(each)} for name, each in judged.items() if each is not metrics],
        "stated": _percent(metrics["stated_rating"]["accuracy"]),
        "unstated": _percent(metrics["no_stated_rating"]["accuracy"]),
        "beginnings": metrics["prefix"][next(iter(metrics["prefix"]))]["reviews"],
        "prefix": [
            {
                "tokens": int(tokens),
                "accuracy": _percent(each["accuracy"]),
                "binary": _percent(each["binary_accuracy"]),
                "others": [
                    _percent(judged[name]["prefix"][tokens]["accuracy"]) for name in judged if name != "starcast"
                ],
            }
            for tokens, each in metrics["prefix"].items()
        ],
        "prefix_chart": _prefix_chart(judged),
        "reliability_chart": _reliability_chart(metrics["calibration"]),
        "calibration_error": _percent(metrics["calibration"]["ece_all_prefixes"]),
        "confusion": _confusion(metrics["confusion"]),
        "stars": STARS,
        "typing": _typing(metrics["typing"]),
        "typing_others": [
            {"kind": name, **_typing(each["typing"])} for name, each in judged.items() if each is not metrics
        ],
        "int8": _int8(metrics.get("int8_against_float", {})),
    }


def _whole(judged: Metrics) -> dict[str, Any]:
    full = judged["full"]
    low, high = full["intervals"]["accuracy"]
    return {
        "reviews": full["reviews"],
        "accuracy": _percent(full["accuracy"]),
        "accuracy_low": _percent(low),
        "accuracy_high": _percent(high),
        "binary": _percent(full["binary_accuracy"]),
        "within_one": _percent(full["within_one"]),
        "mae": full["mae"],
        "macro_f1": full["macro_f1"],
        "kappa": full["qwk"],
        "nll": full["nll"],
        "whole_calibration_error": _percent(full["ece"]),
    }


def _typing(typing: Metrics) -> dict[str, Any]:
    return {
        "reviews": typing["reviews"],
        "keys": typing["keystrokes"],
        "flips_per_100_keys": typing["flips_per_100_keys"],
        "move_per_key": typing["move_per_key"],
        "accuracy": _percent(typing["accuracy"]),
    }


def _int8(compared: Metrics) -> dict[str, Any] | None:
    """Return the comparison of int8 and float weights, or None if it was not measured."""
    if not compared:
        return None
    lengths = [length for length in compared if length != "reviews"]
    return {
        "reviews": compared["reviews"],
        "rows": [
            {
                "tokens": int(length) if length.isdigit() else None,
                "int8": _percent(compared[length]["int8_accuracy"]),
                "float": _percent(compared[length]["float_accuracy"]),
                "agreement": _percent(compared[length]["agreement"]),
                "mean": compared[length]["mean_stars_difference"],
                "most": compared[length]["max_stars_difference"],
            }
            for length in lengths
        ],
    }


def _prefix_chart(judged: Mapping[str, Metrics]) -> Chart:
    lengths = list(judged["starcast"]["prefix"])
    # The whole review is drawn one step after the longest beginning.
    axes = Axes(x_max=len(lengths), y_max=0.6)
    lines = []
    for name, each in reversed(list(judged.items())):
        judgements = [*(each["prefix"][length] for length in lengths), each["full"]]
        points = [(place, found["accuracy"]) for place, found in enumerate(judgements)]
        interval = [found["intervals"]["accuracy"] for found in judgements] if name == "starcast" else ()
        lines.append(axes.line(name, points, interval))
    ticks = [Tick(axes.x(place), length) for place, length in enumerate(lengths)]
    return Chart(tuple(lines), tuple(ticks), axes.percent_ticks())


def _reliability_chart(calibration: Metrics) -> Chart:
    axes = Axes(x_max=1, y_max=1)
    lines = [axes.line(part, _bins(calibration[f"bins_{part}"])) for part in ("all_prefixes", "full")]
    ticks = [Tick(axes.x(share), f"{100 * share:.0f}%") for share in (0.2, 0.4, 0.6, 0.8, 1)]
    return Chart(tuple(lines), tuple(ticks), axes.percent_ticks(), diagonal=axes.points([(0, 0), (1, 1)]))


def _bins(bins: Metrics) -> list[tuple[float, float]]:
    enough = _MIN_BIN_SHARE * sum(bins["count"])
    found = zip(bins["count"], bins["confidence"], bins["accuracy"], strict=True)
    return [(confidence, accuracy) for count, confidence, accuracy in found if count > enough]


def _confusion(rows: Sequence[Sequence[int]]) -> list[dict[str, Any]]:
    """Return the confusion matrix in percent of each row; ``shade`` is 0 to 10."""
    return [
        {
            "stars": stars,
            "cells": [
                {"percent": round(100 * count / sum(row)), "shade": round(_SHADES * count / sum(row))} for count in row
            ],
        }
        for stars, row in zip(STARS, rows, strict=True)
    ]


def _percent(share: float) -> float:
    return 100 * share
