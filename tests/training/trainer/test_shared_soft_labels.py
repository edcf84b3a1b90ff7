"""The soft labels of the repository are of the published dataset, and know its ratings."""

import numpy as np
import pytest

from tests.system.test_golden import ARCHIVE
from tools.servers import REPOSITORY
from training.trainer.soft_labels import KINDS, Library, part_path, read_soft_labels

FOLDER = REPOSITORY / "training" / "soft_labels" / "teacher"

pytestmark = [
    pytest.mark.long,
    pytest.mark.ci,
    pytest.mark.skipif(not ARCHIVE.exists(), reason="the dataset archive is not at hand: see STARCAST_TEST_DATA"),
]


def test_shared_soft_labels_belong_to_the_texts_of_the_dataset_and_its_ratings() -> None:
    library = Library(ARCHIVE)
    labels = read_soft_labels(FOLDER, library)
    whole = [
        (row, review.label)
        for row, name in enumerate(labels.names)
        if (review := library.review(name)) and name.chars == len(review.text)
    ]
    assert len(whole) >= 25_000
    rows, classes = np.array(whole).T
    assert (labels.probabilities[rows].argmax(axis=1) == classes).mean() > 0.5


def test_the_parts_of_each_kind_are_the_first_ones_without_a_gap() -> None:
    for kind in KINDS:
        parts = sorted(FOLDER.glob(f"{kind}-[0-9]*.safetensors"))
        assert parts == [part_path(FOLDER, kind, number) for number in range(len(parts))]
