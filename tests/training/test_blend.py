import json
from pathlib import Path

import numpy as np
import pytest

from tests.factories import dataset_files, write_archive
from training.blend import blend, common, fit_weights, main
from training.data import DataError, in_validation
from training.trainer.soft_labels import (
    Library,
    SoftLabels,
    TextName,
    part_path,
    read_soft_labels,
    texts_to_rate,
    write_soft_labels,
)

SHARE = 0.3


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archive(tmp_path_factory.mktemp("data") / "aclImdb.tar.gz", dataset_files(films=24))


def informed(classes: np.ndarray, sharpness: float, seed: int) -> np.ndarray:
    """Probabilities [texts, 8] that lean to the right class."""
    logits = np.random.default_rng(seed).normal(size=(len(classes), 8))
    logits[np.arange(len(classes)), classes] += sharpness
    return np.asarray(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True))


def test_weights_go_to_who_knows() -> None:
    classes = np.random.default_rng(0).integers(8, size=400)
    each = np.stack([informed(classes, 3, 1), np.full((400, 8), 1 / 8), informed(classes, 1, 2)])
    weights = fit_weights(each, classes)
    assert weights.weights[0] == max(weights.weights)
    nll = [-np.log(one[np.arange(400), classes]).mean() for one in each]
    assert weights.nll <= min(nll)
    np.testing.assert_allclose(weights.blend(each).sum(axis=1), 1)


def test_a_teacher_that_is_too_sure_is_made_less_so() -> None:
    classes = np.random.default_rng(0).integers(8, size=400)
    calm = informed(classes, 2, 1)
    sure = calm**3 / (calm**3).sum(axis=1, keepdims=True)
    weights = fit_weights(sure[None], classes)
    assert weights.space == "logarithms"
    # The logits have a variance of 1 and lean by 2: twice them would be right, and they come threefold.
    assert weights.weights[0] == pytest.approx(2 / 3, abs=0.15)


def test_only_what_all_have_rated_is_blended() -> None:
    names = [TextName(2, number, 0, 5) for number in range(4)]
    rows = np.random.default_rng(0).dirichlet(np.ones(8), size=4)
    labels, each = common([SoftLabels(names[:3], rows[:3]), SoftLabels(names[:0:-1], rows[:0:-1])])
    assert labels.names == names[1:3]
    np.testing.assert_array_equal(each, [rows[1:3], rows[1:3]])


def write_teacher(folder: Path, library: Library, sharpness: float, seed: int, *, beginnings: bool = True) -> Path:
    for kind in ("rated", "unrated", *(["rated-beginnings", "sentences"] if beginnings else [])):
        names = texts_to_rate(library, kind)  # type: ignore[arg-type]
        classes = np.array([review.label if (review := library.review(name)) else 0 for name in names], dtype=int)
        if names:
            labels = SoftLabels(names, informed(classes, sharpness, seed))
            write_soft_labels(part_path(folder, kind, 0), labels, library)  # type: ignore[arg-type]
    return folder


def test_the_blend_is_written_by_kind_with_its_weights(data: Path, tmp_path: Path) -> None:
    library = Library(data)
    teachers = [write_teacher(tmp_path / str(seed), library, sharpness=seed, seed=seed) for seed in (1, 3)]
    result = blend(teachers, tmp_path / "blend", library, SHARE)
    assert {path.name for path in (tmp_path / "blend").iterdir()} == {
        *("soft.json", "rated.safetensors", "unrated.safetensors", "rated-beginnings.safetensors"),
    }
    described = json.loads((tmp_path / "blend" / "soft.json").read_text())
    assert described["weights"].keys() == result.keys() == {"rated", "rated-beginnings"}
    held_out = [name for name in texts_to_rate(library, "rated") if in_validation(library.rated[name[:2]].group, SHARE)]
    assert result["rated"]["blend"]["reviews"] == len(held_out)
    assert result["rated"]["blend"]["nll"] == pytest.approx(result["rated"]["nll"], abs=1e-3)
    assert len(read_soft_labels(tmp_path / "blend", library).names) == 2 * len(library.rated) + 1


def test_without_beginnings_whole_reviews_give_the_weights(data: Path, tmp_path: Path) -> None:
    library = Library(data)
    teachers = [write_teacher(tmp_path / str(seed), library, seed, seed, beginnings=seed == 1) for seed in (1, 3)]
    assert blend(teachers, tmp_path / "blend", library, SHARE).keys() == {"rated"}
    assert not (tmp_path / "blend" / "sentences.safetensors").exists()


def test_teachers_that_rated_no_rated_review_cannot_be_weighed(data: Path, tmp_path: Path) -> None:
    library = Library(data)
    write_teacher(tmp_path / "one", library, 1, 1)
    (tmp_path / "one" / "rated-000.safetensors").unlink()
    with pytest.raises(DataError, match="fitted on rated reviews"):
        blend([tmp_path / "one"], tmp_path / "blend", library, SHARE)


def test_the_command_says_the_weights(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    teacher = write_teacher(tmp_path / "one", Library(data), 2, 1)
    arguments = [str(teacher), "--data", str(data), "--output", str(tmp_path / "blend"), "--validation-share", "0.3"]
    assert main(arguments) == 0
    assert "rated: " in capsys.readouterr().out
    assert main([str(tmp_path / "nowhere"), *arguments[1:]]) == 1
    assert "error: the weights are fitted" in capsys.readouterr().err
