from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from scipy.special import softmax

from model_core.backends.attention import rate
from model_core.checkpoint import read_config
from model_core.tokenizer import TextTokenizer
from tests.factories import dataset_files, tiny_model, write_archive, write_tuned
from tests.tiny import tiny_config, tiny_tokenizer
from tests.training.teachers import write_mpnet
from training import distill
from training.data import DataError, Review, in_validation
from training.distill import main, rater
from training.trainer.soft_labels import (
    KINDS,
    Library,
    SoftLabels,
    TextName,
    read_soft_labels,
    texts_to_rate,
    with_soft,
    write_soft_labels,
)


@pytest.fixture(autouse=True)
def in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.distill.computes_in_bf16", lambda device: False)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small dataset with five reviews that have no rating."""
    files = dataset_files()
    for number in range(5):
        files[f"aclImdb/train/unsup/{number}_0.txt"] = (
            f"The film was good or bad, number {number}. Short. It is a film of the plot."
        )
    return write_archive(tmp_path_factory.mktemp("data") / "aclImdb.tar.gz", files)


@pytest.fixture(scope="module")
def library(data: Path) -> Library:
    return Library(data)


# Names


def test_each_kind_is_of_what_it_says(library: Library) -> None:
    names = {kind: texts_to_rate(library, kind) for kind in KINDS}
    texts = {kind: [library.text(name) for name in names[kind]] for kind in KINDS}
    assert sorted(texts["rated"]) == sorted(review.text for review in library.rated.values())
    assert sorted(texts["unrated"]) == sorted(library.unrated)
    assert len(names["rated-beginnings"]) == len(library.rated)
    assert all(name.offset == 0 for name in names["rated-beginnings"])
    assert len({len(text) for text in texts["unrated-beginnings"]}) > 1
    assert set(texts["sentences"]) == {
        "It is a film of the plot.",
        *(f"The film was good or bad, number {number}." for number in range(5)),
    }


def test_the_order_is_drawn_once_and_for_all(library: Library) -> None:
    for kind in KINDS:
        assert texts_to_rate(library, kind) == texts_to_rate(library, kind)
    assert texts_to_rate(library, "rated") != sorted(texts_to_rate(library, "rated"))


def test_a_name_of_no_review_is_refused(library: Library) -> None:
    for name in (TextName(2, 99, 0, 1), TextName(0, 999, 0, 1), TextName(7, 0, 0, 1)):
        with pytest.raises(DataError, match="no review"):
            library.text(name)


# Files


def labels_of(library: Library) -> SoftLabels:
    names = texts_to_rate(library, "unrated")
    return SoftLabels(names, np.random.default_rng(0).dirichlet(np.ones(8), size=len(names)))


def test_soft_labels_are_read_as_they_were_written(library: Library, tmp_path: Path) -> None:
    labels = labels_of(library)
    write_soft_labels(tmp_path / "new" / "unrated-000.safetensors", labels, library)
    for path in (tmp_path / "new", tmp_path / "new" / "unrated-000.safetensors"):
        read = read_soft_labels(path, library)
        assert read.names == labels.names
        np.testing.assert_allclose(read.probabilities, labels.probabilities, atol=1e-3)
        np.testing.assert_allclose(read.probabilities.sum(axis=1), 1)


def test_a_file_holds_no_text(library: Library, tmp_path: Path) -> None:
    write_soft_labels(tmp_path / "soft.safetensors", labels_of(library), library)
    assert b"film" not in (tmp_path / "soft.safetensors").read_bytes()
    with safe_open(tmp_path / "soft.safetensors", "np") as file:
        assert set(file.keys()) == {"names", "probabilities"}
        assert file.get_tensor("probabilities").dtype == np.float16


def test_soft_labels_of_other_texts_are_refused(library: Library, tmp_path: Path) -> None:
    write_soft_labels(tmp_path / "soft.safetensors", labels_of(library), library)
    files = dataset_files()
    for number in range(5):
        files[f"aclImdb/train/unsup/{number}_0.txt"] = f"Another text than the one that was rated, {number}."
    other = Library(write_archive(tmp_path / "other.tar.gz", files))
    with pytest.raises(DataError, match="other texts"):
        read_soft_labels(tmp_path / "soft.safetensors", other)


def test_a_file_that_holds_none_is_refused(library: Library, tmp_path: Path) -> None:
    (tmp_path / "soft.safetensors").write_bytes(b"none")
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "soft.safetensors", tmp_path / "nowhere", tmp_path / "empty"):
        with pytest.raises(DataError, match="no soft labels"):
            read_soft_labels(path, library)


# Rating


def by_hand(folder: Path, seed: int, texts: list[str]) -> np.ndarray:
    """Probabilities [texts, 8], one text at a time."""
    config, _ = read_config(folder)
    tokenizer = TextTokenizer.for_config(tiny_tokenizer(), config)
    with torch.inference_mode():
        rows = [rate(tiny_model(seed), [tokenizer.encode(text).input_ids], 0, config)[0].numpy() for text in texts]
    return np.asarray(softmax(rows, axis=1))


@pytest.mark.parametrize("attention", ["full", "block-causal"])
def test_a_checkpoint_rates_texts_as_it_is_served(library: Library, tmp_path: Path, attention: str) -> None:
    folder = write_tuned(
        tmp_path, seed=1, config=tiny_config(attention=attention, block=4 if attention != "full" else 16)
    )
    names = texts_to_rate(library, "unrated")
    expected = by_hand(folder, 1, [library.text(name) for name in names])
    np.testing.assert_allclose(rater(str(folder), library, 0.08)(names), expected, atol=1e-5)


def test_tf_idf_learns_from_no_film_that_it_rates(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    learned: list[set[str]] = []

    class Counting:
        def __init__(self, reviews: list[Review]) -> None:
            self.number = len(learned)
            learned.append({review.group for review in reviews})

    def rate_all(model: Counting, texts: list[str]) -> np.ndarray:
        return np.full((len(texts), 8), float(model.number))

    monkeypatch.setattr(distill, "fit_tfidf", lambda reviews, prefix_share: Counting(reviews))
    monkeypatch.setattr(distill, "_probabilities", rate_all)
    names = texts_to_rate(library, "rated")
    rows = rater("tf-idf", library, 0.3)(names)
    assert set().union(*learned)
    for name, row in zip(names, rows, strict=True):
        film = library.rated[name.folder, name.number].group
        if in_validation(film, 0.3):
            assert row[0] == pytest.approx(np.mean(range(len(learned))))
            assert all(film not in films for films in learned)
        else:
            assert film not in learned[int(row[0])]


# Learning from them


def test_rated_reviews_have_mixed_targets_and_other_texts_the_teachers(library: Library) -> None:
    held_out, *train = library.rated.values()
    place = {(int(review.stars > 5), review.number): index for index, review in enumerate(train)}
    names = [
        TextName(*next(name for name, review in library.rated.items() if review is held_out), 0, len(held_out.text)),
        TextName(2, 3, 0, 8),
        TextName(2, 1, 0, len(library.unrated[1])),
        TextName(1, 4, 0, len(library.rated[1, 4].text)),
        TextName(0, 9, 0, 6),
    ]
    probabilities = np.random.default_rng(1).dirichlet(np.ones(8), size=5)
    data = with_soft(train, SoftLabels(names, probabilities), library, weight=0.25)
    assert data.texts[data.rated :] == [library.unrated[1], library.unrated[3][:8], library.rated[0, 9].text[:6]]
    assert (data.rated, data.parts) == (len(train), 2)
    np.testing.assert_allclose(data.targets[data.rated :].numpy(), probabilities[[2, 1, 4]], atol=1e-6)
    mixed = data.targets[place[1, 4]].numpy()
    expected = 0.25 * probabilities[3]
    expected[train[place[1, 4]].label] += 0.75
    np.testing.assert_allclose(mixed, expected, atol=1e-6)
    other = data.targets[place[1, 5]]
    assert other.max() == 1


# The command line


def run_main(data: Path, teacher: Path | str, output: Path, *arguments: str) -> int:
    return main(["--data", str(data), "--teacher", str(teacher), "--output", str(output), *arguments])


def test_the_command_rates_in_parts_and_goes_on_where_it_was_stopped(
    data: Path, library: Library, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distill, "PART_TEXTS", 2)
    teacher, output = write_tuned(tmp_path / "teacher"), tmp_path / "soft"
    arguments = ("--kinds", "unrated", "sentences", "--parts", "2")
    assert run_main(data, teacher, output, *arguments) == 0
    assert f"{output}: 4 files" in capsys.readouterr().out
    files = sorted(path.name for path in output.glob("*.safetensors"))
    assert files == [f"{kind}-00{part}.safetensors" for kind in ("sentences", "unrated") for part in (0, 1)]
    before = (output / "unrated-000.safetensors").stat().st_mtime_ns
    (output / "unrated-001.safetensors").unlink()
    assert run_main(data, teacher, output, *arguments) == 0
    assert (output / "unrated-000.safetensors").stat().st_mtime_ns == before
    assert len(read_soft_labels(output, library).names) == 8


def test_a_teacher_of_training_teacher_rates_too(data: Path, library: Library, tmp_path: Path) -> None:
    folder = write_mpnet(tmp_path / "teacher")
    (folder / "teacher.json").write_text('{"max_tokens": 24, "head_share": 0.25}')
    assert run_main(data, folder, tmp_path / "soft", "--kinds", "rated") == 0
    assert len(read_soft_labels(tmp_path / "soft", library).names) == len(library.rated)


def test_another_teacher_is_not_mixed_with_this_one(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed, status in ((1, 0), (2, 1)):
        teacher = write_tuned(tmp_path / "teacher", seed)
        assert run_main(data, teacher, tmp_path / "soft", "--kinds", "unrated") == status
    assert "labels of another teacher" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", ["--data", "--teacher"])
def test_an_error_is_one_line_and_a_status(
    data: Path, initial: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], wrong: str
) -> None:
    arguments = {"--data": str(data), "--teacher": str(initial), "--output": str(tmp_path / "soft")}
    arguments[wrong] = "/nowhere"
    assert main([part for pair in arguments.items() for part in pair]) == 1
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert "/nowhere" in line
