"""Combine the soft labels of several teachers, with weights fitted on validation.

``python -m training.blend runs/soft/teacher runs/soft/shipped runs/soft/tf-idf --output runs/soft/blend`` combines the
labels of each text that all teachers have rated: by the weighted mean of the probabilities or of their logarithms,
whichever has the lower NLL on the reviews of the held-out films. Weights of logarithms need not sum to 1, so they also
scale the confidence. There is one set of weights for whole reviews, and one for beginnings, which sentences use too.
"""

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from model_core.labels import NUM_LABELS
from training.data import DataError, add_data_argument, add_validation_argument, in_validation
from training.errors import TrainingError
from training.evaluation.metrics import Floats, text_metrics
from training.trainer.soft_labels import (
    KINDS,
    Kind,
    Library,
    SoftLabels,
    begin_folder,
    read_soft_labels,
    write_soft_labels,
)

_FITTED_ON: dict[Kind, Kind] = {
    "rated": "rated",
    "unrated": "rated",
    "rated-beginnings": "rated-beginnings",
    "unrated-beginnings": "rated-beginnings",
    "sentences": "rated-beginnings",
}
_LEAST = 1e-6


@dataclass(frozen=True)
class Weights:
    """Weights of the teachers."""

    space: Literal["probabilities", "logarithms"]
    weights: tuple[float, ...]
    nll: float
    """NLL on the reviews that the weights were fitted on."""

    def blend(self, each: Floats) -> Floats:
        """Combine probabilities [teachers, texts, 8] into [texts, 8]."""
        return _mixed(self.space, np.array(self.weights), each)


def fit_weights(each: Floats, classes: NDArray[np.int64]) -> Weights:
    """Fit the weights with the lowest NLL. probabilities: [teachers, texts, 8], classes: [texts]."""
    count = len(each)
    rows = np.arange(len(classes))

    def nll(space: Literal["probabilities", "logarithms"], weights: Floats) -> float:
        return float(-np.log(np.maximum(_mixed(space, weights, each)[rows, classes], _LEAST)).mean())

    def simplex(free: Floats) -> Floats:
        weights = np.exp(free - free.max())
        return np.asarray(weights / weights.sum())

    start = np.zeros(count)
    mean = minimize(
        lambda free: nll("probabilities", simplex(free)), start, method="L-BFGS-B", bounds=[(-8, 8)] * count
    )
    logs = minimize(
        lambda weights: nll("logarithms", weights), start + 1 / count, method="L-BFGS-B", bounds=[(0, 4)] * count
    )
    found = (
        Weights("probabilities", _rounded(simplex(mean.x)), round(float(mean.fun), 4)),
        Weights("logarithms", _rounded(logs.x), round(float(logs.fun), 4)),
    )
    return min(found, key=lambda weights: weights.nll)


def _rounded(weights: Floats) -> tuple[float, ...]:
    return tuple(round(float(weight), 4) for weight in weights)


def _mixed(space: str, weights: Floats, each: Floats) -> Floats:
    if space == "probabilities":
        return np.asarray(np.tensordot(weights, each, axes=1))
    logits = np.tensordot(weights, np.log(np.maximum(each, _LEAST)), axes=1)
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def common(labels: Sequence[SoftLabels]) -> tuple[SoftLabels, Floats]:
    """Return the first teacher's labels of the texts that all have rated, and all labels [teachers, texts, 8]."""
    rows = [{name: row for row, name in enumerate(one.names)} for one in labels]
    names = [name for name in labels[0].names if all(name in other for other in rows)]
    each = np.stack(
        [one.probabilities[[index[name] for name in names]] for one, index in zip(labels, rows, strict=True)]
    ).reshape(len(labels), len(names), NUM_LABELS)
    return SoftLabels(names, each[0]), each


def blend(teachers: Sequence[Path], output: Path, library: Library, validation_share: float) -> dict[str, Any]:
    """Write one file per kind of text that all teachers have rated. Return weights and figures. Raises DataError."""
    rated = {kind: _read_kind(teachers, kind, library) for kind in KINDS}
    if rated["rated"] is None:
        raise DataError("the weights are fitted on rated reviews, but not all teachers have labelled those")
    result: dict[str, Any] = {}
    for source in ("rated", "rated-beginnings"):
        if (found := rated[source]) is None:
            continue
        labels, each = found
        held_out = {
            row: review
            for row, name in enumerate(labels.names)
            if (review := library.review(name)) and in_validation(review.group, validation_share)
        }
        if not held_out:
            raise DataError(f"the {source} texts that all teachers have rated include no held-out review")
        chosen = each[:, list(held_out)]
        reviews = list(held_out.values())
        classes = np.array([review.label for review in reviews])
        weights = fit_weights(chosen, classes)
        figures = {str(path): text_metrics(one, classes) for path, one in zip(teachers, chosen, strict=True)}
        result[source] = {**asdict(weights), "teachers": figures, "blend": text_metrics(weights.blend(chosen), classes)}
    begin_folder(output, {"teacher": [str(path) for path in teachers], "weights": result, "command": _command()})
    for kind, found in rated.items():
        fitted = result.get(_FITTED_ON[kind], result["rated"])
        if found is not None:
            labels, each = found
            mixed = Weights(fitted["space"], fitted["weights"], fitted["nll"]).blend(each)
            write_soft_labels(output / f"{kind}.safetensors", SoftLabels(labels.names, mixed), library)
    return result


def _command() -> str:
    return shlex.join(["python", "-m", "training.blend", *sys.argv[1:]])


def _read_kind(teachers: Sequence[Path], kind: Kind, library: Library) -> tuple[SoftLabels, Floats] | None:
    """Return the texts of a kind that all teachers have rated; None if there are none."""
    read = []
    for folder in teachers:
        files = sorted(folder.glob(f"{kind}-[0-9]*.safetensors"))
        if not files:
            return None
        parts = [read_soft_labels(file, library) for file in files]
        names = [name for part in parts for name in part.names]
        read.append(SoftLabels(names, np.concatenate([part.probabilities for part in parts])))
    labels, each = common(read)
    return (labels, each) if labels.names else None


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m training.blend", description=__doc__)
    parser.add_argument("teachers", type=Path, nargs="+", help="folders written by training.distill")
    add_data_argument(parser)
    parser.add_argument("--output", type=Path, default=Path("runs/soft/blend"), help="folder (%(default)s)")
    add_validation_argument(parser)
    options = parser.parse_args(argv)
    try:
        result = blend(options.teachers, options.output, Library(options.data), options.validation_share)
    except TrainingError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for source, found in result.items():
        print(
            f"{source}: {found['space']} {found['weights']}, NLL {found['nll']}, {found['blend']['accuracy']:.1%} right"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
