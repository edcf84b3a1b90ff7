import base64
import hashlib
import http.server
import json
import random
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.factories import dataset_files, make_review, write_archive, write_dataset
from training import data
from training.data import DataError, fetch, fingerprint, in_validation, load_split, main, read_reviews, read_unlabelled

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
    assert great.film == "http://www.imdb.com/title/trainpos0/usercomments"
    assert by_sentiment["awful"].film == "http://www.imdb.com/title/trainneg0/usercomments"


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
        assert all(f"/{part}" in review.film for review in reviews)
        assert set(Counter(review.stars for review in reviews).values()) == {9}


def test_the_split_has_no_film_on_both_sides_and_loses_no_review(archive: Path) -> None:
    train, validation = (load_split(archive, split, 0.3) for split in ("train", "validation"))
    assert train
    assert validation
    assert not {review.film for review in train} & {review.film for review in validation}
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
    assert_unreadable(path, "holds no aclImdb/train reviews")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    assert_unreadable(tmp_path, "holds no aclImdb/train reviews")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("aclImdb/train/urls_neg.txt", None, "holds no"),
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


# Fetching, from a server of the test's own


CONTENT = bytes(range(256)) * 300
SHA1 = hashlib.sha1(CONTENT, usedforsecurity=False).hexdigest()


class Shop(http.server.ThreadingHTTPServer):
    """Serves CONTENT on a free port; what is asked for is kept in ``ranges``."""

    def __init__(self, *, honours_range: bool = True, breaks_after: int | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Counterman)
        self.honours_range = honours_range
        self.breaks_after = breaks_after
        self.ranges: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/archive.tar.gz"


class Counterman(http.server.BaseHTTPRequestHandler):
    server: Shop

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        begin = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.server.honours_range else 0
        body = CONTENT[begin:]
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.breaks_after])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the library
        pass


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setenv("no_proxy", "*")
    with Shop() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def fetch_from(shop: Shop, target: Path, size: int = len(CONTENT), sha1: str = SHA1) -> None:
    fetch(target, shop.url, size, sha1)


def part_of(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def test_the_archive_is_downloaded_into_a_new_folder(shop: Shop, tmp_path: Path) -> None:
    target = tmp_path / "data" / "archive.tar.gz"
    fetch_from(shop, target)
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    assert shop.ranges == [None]


def test_an_archive_that_is_there_is_not_fetched_again(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(CONTENT)
    fetch_from(shop, tmp_path / "archive")
    assert shop.ranges == []


def test_a_damaged_archive_that_is_there_is_replaced(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(CONTENT[:-1] + b"x")
    fetch_from(shop, tmp_path / "archive")
    assert (tmp_path / "archive").read_bytes() == CONTENT


def test_a_download_goes_on_where_an_earlier_one_ended(shop: Shop, tmp_path: Path) -> None:
    target = tmp_path / "archive"
    part_of(target).write_bytes(CONTENT[:1000])
    fetch_from(shop, target)
    assert shop.ranges == ["bytes=1000-"]
    assert target.read_bytes() == CONTENT


def test_a_server_that_knows_no_ranges_sends_all_of_it_anew(shop: Shop, tmp_path: Path) -> None:
    shop.honours_range = False
    target = tmp_path / "archive"
    part_of(target).write_bytes(b"?" * 1000)
    fetch_from(shop, target)
    assert target.read_bytes() == CONTENT


def test_a_finished_download_that_was_never_renamed_needs_no_server(shop: Shop, tmp_path: Path) -> None:
    target = tmp_path / "archive"
    part_of(target).write_bytes(CONTENT)
    fetch_from(shop, target)
    assert target.read_bytes() == CONTENT
    assert shop.ranges == []


def test_what_is_longer_than_the_archive_is_no_beginning_of_it(shop: Shop, tmp_path: Path) -> None:
    target = tmp_path / "archive.tar.gz"
    part_of(target).write_bytes(b"?" * (len(CONTENT) + 1))
    fetch_from(shop, target)
    assert target.read_bytes() == CONTENT


def test_a_connection_that_breaks_keeps_what_came_and_the_next_try_goes_on(shop: Shop, tmp_path: Path) -> None:
    target = tmp_path / "archive"
    shop.breaks_after = 5000
    with pytest.raises(DataError, match="run it again to resume"):
        fetch_from(shop, target)
    assert part_of(target).read_bytes() == CONTENT[:5000]
    shop.breaks_after = None
    fetch_from(shop, target)
    assert target.read_bytes() == CONTENT
    assert shop.ranges == [None, "bytes=5000-"]


@pytest.mark.parametrize(("size", "sha1"), [(len(CONTENT), "0" * 40), (len(CONTENT) + 1, SHA1)])
def test_another_file_than_the_published_one_is_refused_and_removed(
    shop: Shop, tmp_path: Path, size: int, sha1: str
) -> None:
    with pytest.raises(DataError, match="not the published archive"):
        fetch_from(shop, tmp_path / "archive", size, sha1)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_not_there_is_said(shop: Shop, tmp_path: Path) -> None:
    shop.server_close()
    with pytest.raises(DataError, match="cannot fetch"):
        fetch_from(shop, tmp_path / "archive")


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
