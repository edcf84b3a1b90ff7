import base64
import hashlib
import json
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.factories import dataset_files, make_review, write_archive, write_dataset
from training import data
from training.data import DataError, fingerprint, in_validation, load_split, main, read_reviews, read_unlabelled

FILES = dataset_files()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_dataset(tmp_path, FILES)


def test_the_archive_and_the_folder_give_the_same_reviews(archive: Path, folder: Path) -> None:
    reviews = read_reviews(archive, "train")
    assert len(reviews) == 72
    assert read_reviews(folder, "train") == read_reviews(folder.parent, "train") == reviews


def test_a_review_has_its_stars_text_and_film(archive: Path) -> None:
    by_sentiment = {review.text.split()[1]: review for review in reversed(read_reviews(archive, "train"))}
    great = by_sentiment["great"]
    assert (great.part, great.number, great.stars, great.label) == ("train", 0, 7, 4)
    assert great.text == "A great film, number 0.<br />"
    assert great.group == "http://www.imdb.com/title/trainpos0/usercomments"
    assert by_sentiment["awful"].group == "http://www.imdb.com/title/trainneg0/usercomments"


def test_reviews_come_in_one_order_however_the_archive_is_packed(archive: Path, tmp_path: Path) -> None:
    backwards = write_archive(tmp_path / "backwards.tar.gz", FILES, list(reversed(FILES)))
    assert read_reviews(backwards, "train") == read_reviews(archive, "train")


def test_names_with_a_leading_dot_are_read_too(archive: Path, tmp_path: Path) -> None:
    dotted = write_archive(tmp_path / "dotted.tar.gz", {f"./{name}": text for name, text in FILES.items()})
    assert read_reviews(dotted, "test") == read_reviews(archive, "test")


def test_unlabelled_reviews_and_the_other_part_are_left_out(archive: Path) -> None:
    for part in ("train", "test"):
        reviews = read_reviews(archive, part)
        assert {review.part for review in reviews} == {part}
        assert all(f"/{part}" in review.group for review in reviews)
        assert set(Counter(review.stars for review in reviews).values()) == {9}


def test_the_split_has_no_film_on_both_sides_and_loses_no_review(archive: Path) -> None:
    train, validation = (load_split(archive, split, 0.3) for split in ("train", "validation"))
    assert train
    assert validation
    assert not {review.group for review in train} & {review.group for review in validation}
    whole = read_reviews(archive, "train")
    assert sorted([*train, *validation], key=whole.index) == whole


def test_the_split_does_not_depend_on_what_else_is_there(archive: Path, tmp_path: Path) -> None:
    fewer = dataset_files(films=7)
    packed = write_archive(tmp_path / "fewer.tar.gz", fewer, list(reversed(fewer)))
    validation = load_split(packed, "validation", 0.3)
    assert len(validation) < len(load_split(archive, "validation", 0.3))
    assert set(validation) <= set(load_split(archive, "validation", 0.3))


def test_the_test_part_is_untouched_by_the_split(archive: Path) -> None:
    assert load_split(archive, "test", 0.3) == read_reviews(archive, "test")


def test_validation_takes_about_its_share_of_films() -> None:
    films = [f"http://www.imdb.com/title/tt{number}/usercomments" for number in range(5000)]
    assert sum(in_validation(film, 0.08) for film in films) / 5000 == pytest.approx(0.08, abs=0.015)
    assert not any(in_validation(film, 0) for film in films)
    small = {film for film in films if in_validation(film, 0.05)}
    assert small < {film for film in films if in_validation(film, 0.08)}


def test_a_films_side_never_changes() -> None:
    assert [in_validation(f"film/{number}", 0.3) for number in range(10)] == [
        int(hashlib.sha256(f"film/{number}".encode()).hexdigest()[:16], 16) / 2**64 < 0.3 for number in range(10)
    ]


def test_the_fingerprint_names_content_and_order() -> None:
    reviews = [make_review(0, 8, "good"), make_review(1, 1, "bad")]
    same = [make_review(0, 8, "good", film="another"), make_review(1, 1, "bad")]
    assert fingerprint(reviews) == fingerprint(same)
    others = (
        reviews[::-1],
        reviews[:1],
        [make_review(0, 9, "good"), reviews[1]],
        [make_review(0, 8, "Good"), reviews[1]],
    )
    assert len({fingerprint(other) for other in (reviews, *others)}) == 5


@pytest.mark.parametrize("text", ["I give it 7/10.", "8 out of 10", "a solid 6.5/10", "9 / 10", "3 out of ten"])
def test_a_review_that_states_its_rating_is_found(text: str) -> None:
    assert make_review(text=text).states_rating


@pytest.mark.parametrize(
    "text", ["In 2010 I saw 7 films.", "the stars shine", "9/11 is its topic", "1 of 10 films", "4 stars"]
)
def test_other_numbers_are_no_stated_rating(text: str) -> None:
    assert not make_review(text=text).states_rating


def test_counts_describe_a_split(archive: Path) -> None:
    described = data.describe(read_reviews(archive, "train"))
    assert described["reviews"] == 72
    assert described["films"] == 24
    assert described["stars"] == dict.fromkeys((1, 2, 3, 4, 7, 8, 9, 10), 9)
    assert described["stated_rating"] == 0


def assert_unreadable(path: Path, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_reviews(path, "train")


def test_a_missing_archive_is_said_with_the_command_that_fetches_it(tmp_path: Path) -> None:
    assert_unreadable(tmp_path / "none.tar.gz", "python -m training.data fetch")


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page.tar.gz").write_text("<html>Not found</html>")
    assert_unreadable(tmp_path / "page.tar.gz", "cannot read")


def test_an_archive_cut_short_is_refused(archive: Path, tmp_path: Path) -> None:
    content = archive.read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(content[: len(content) // 2])
    assert_unreadable(tmp_path / "cut.tar.gz", "cannot read")


@pytest.mark.parametrize("place", [0.1, 0.3, 0.5, 0.7, 0.9, 0.999])
def test_an_archive_with_one_wrong_bit_is_refused(archive: Path, tmp_path: Path, place: float) -> None:
    content = bytearray(archive.read_bytes())
    at = int(len(content) * place)
    content[at] ^= 0x10
    (tmp_path / "damaged.tar.gz").write_bytes(content)
    assert_unreadable(tmp_path / "damaged.tar.gz", "cannot read")


def test_an_archive_whose_compression_is_damaged_is_refused(tmp_path: Path) -> None:
    # Long enough for zlib itself to stumble in the middle of a review, where tarfile does not look after its errors.
    long_review = base64.b64encode(random.Random(1).randbytes(200_000)).decode()
    path = write_archive(tmp_path / "damaged.tar.gz", {**FILES, "aclImdb/train/pos/0_7.txt": long_review})
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = b"\xff" * 2000
    path.write_bytes(content)
    assert_unreadable(path, "cannot read")


def test_another_archive_is_refused(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "other.tar.gz", {"photos/cat.txt": "a cat"})
    assert_unreadable(path, "has no aclImdb/train reviews")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert_unreadable(tmp_path, "has no aclImdb/train reviews")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("aclImdb/train/urls_neg.txt", None, "has no"),
        ("aclImdb/train/urls_neg.txt", "http://www.imdb.com/title/only-one\n", "is damaged"),
        ("aclImdb/train/neg/0_1.txt", None, "is damaged"),
    ],
    ids=["no films", "too few films", "a review lost"],
)
def test_reviews_and_films_that_do_not_match_are_refused(
    tmp_path: Path, name: str, content: str | None, message: str
) -> None:
    files = {**FILES, name: content or ""}
    if content is None:
        del files[name]
    assert_unreadable(write_archive(tmp_path / "archive.tar.gz", files), message)
    assert_unreadable(write_dataset(tmp_path, files), message)


def test_a_review_whose_number_has_no_film_is_refused(tmp_path: Path) -> None:
    files = {name.replace("train/neg/0_1.txt", "train/neg/99_1.txt"): text for name, text in FILES.items()}
    assert_unreadable(write_archive(tmp_path / "archive.tar.gz", files), "no line in urls")


def test_text_that_is_not_utf8_is_refused(folder: Path) -> None:
    (folder / "train/pos/0_7.txt").write_bytes(b"caf\xe9")
    assert_unreadable(folder, "cannot read")


# The command line


def test_info_prints_the_counts_of_each_split(archive: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert data.main(["info", "--data", str(archive), "--validation-share", "0.3"]) == 0
    splits: dict[str, dict[str, int]] = {}
    for line in capsys.readouterr().out.splitlines():
        splits |= json.loads(line)
    assert list(splits) == ["train", "validation", "test"]
    assert splits["train"]["reviews"] + splits["validation"]["reviews"] == splits["test"]["reviews"] == 72


def test_fetch_writes_where_it_is_told(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    targets: list[Path] = []
    monkeypatch.setattr(data, "fetch", targets.append)
    assert data.main(["fetch", "--data", str(archive)]) == 0
    assert targets == [archive]


def test_an_error_is_one_line_and_a_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert data.main(["info", "--data", str(tmp_path / "none")]) == 1
    assert capsys.readouterr().err.startswith("error: cannot read")


@pytest.mark.parametrize("arguments", [["--help"], ["fetch", "--help"], ["info", "--help"]])
def test_help_is_given(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        data.main(arguments)
    assert "usage: python -m training.data" in capsys.readouterr().out


# Reviews without a rating, and the training part alone


def unlabelled_files() -> dict[str, str]:
    files = dataset_files()
    return {**files, "aclImdb/train/unsup/10_0.txt": "Tenth.", "aclImdb/train/unsup/2_0.txt": "Second."}


def test_unlabelled_reviews_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    expected = ["Not labelled.", "Second.", "Tenth."]
    assert read_unlabelled(write_archive(tmp_path / "a.tar.gz", unlabelled_files())) == expected
    assert read_unlabelled(write_dataset(tmp_path, unlabelled_files())) == expected


def test_an_archive_without_unlabelled_reviews_is_refused(tmp_path: Path) -> None:
    files = {name: text for name, text in dataset_files().items() if "unsup" not in name}
    with pytest.raises(DataError, match="unsup"):
        read_unlabelled(write_archive(tmp_path / "a.tar.gz", files))


def test_the_packed_training_part_reads_the_same_and_holds_no_test_review(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, packed = write_archive(tmp_path / "a.tar.gz", unlabelled_files()), tmp_path / "new" / "packed.tar.xz"
    assert main(["pack", "--data", str(source), "--output", str(packed)]) == 0
    assert str(packed) in capsys.readouterr().out
    assert read_reviews(packed, "train") == read_reviews(source, "train")
    assert read_unlabelled(packed) == read_unlabelled(source)
    with pytest.raises(DataError, match="no aclImdb/test"):
        read_reviews(packed, "test")


def test_a_rating_of_five_or_six_is_refused(tmp_path: Path) -> None:
    files = dataset_files()
    files["aclImdb/train/neg/999_5.txt"] = "Neither."
    with pytest.raises(DataError, match="999_5"):
        read_reviews(write_archive(tmp_path / "a.tar.gz", files), "train")
