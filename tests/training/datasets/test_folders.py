import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from model_core.labels import FILM_RATINGS, LabelSet
from training.data import DataError, Review, in_validation, load_split, main
from training.datasets.folders import DATASET_FILE, LEFT_OUT_FILE, read_label_set, read_part

ROWS = [
    {"text": f"{word} number {number}", "label": label, "author": f"author {number // 3}"}
    for number in range(60)
    for word, label in (("how many", "number"), ("which town", "place"))
]


def write_csv(path: Path, rows: list[dict[str, Any]], delimiter: str = ",") -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_table(path: Path, rows: list[dict[str, Any]]) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        write_csv(path, rows, "," if path.suffix == ".csv" else "\t")
    return path


def imported(table: Path, *arguments: str) -> Path:
    output = table.parent / "data"
    assert main(["import", str(table), "--output", str(output), *arguments]) == 0
    return output


def counts_of(folder: Path) -> dict[str, int]:
    counts: dict[str, int] = json.loads((folder / DATASET_FILE).read_text())["counts"]
    return counts


def left_out(folder: Path) -> list[str]:
    return (folder / LEFT_OUT_FILE).read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_every_kind_of_table_gives_the_same_texts(tmp_path: Path, suffix: str) -> None:
    folder = imported(write_table(tmp_path / f"rows{suffix}", ROWS), "--test-share", "0")
    assert [(row.text, row.label) for row in read_part(folder, "train")] == [(r["text"], r["label"]) for r in ROWS]
    assert read_label_set(folder) == LabelSet(("number", "place"))


def test_a_dataset_folder_is_data_for_every_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = imported(write_csv(tmp_path / "rows.csv", ROWS))
    reviews = load_split(folder, "train", 0.2)
    assert {(review.label, review.name) for review in reviews} == {(0, "number"), (1, "place")}
    capsys.readouterr()
    assert main(["info", "--data", str(folder), "--validation-share", "0.2"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sum(next(iter(line.values()))["texts"] for line in lines) == len(ROWS)


def test_no_group_is_on_two_sides_of_a_split(tmp_path: Path) -> None:
    folder = imported(write_csv(tmp_path / "rows.csv", ROWS), "--group", "author", "--test-share", "0.3")
    splits = [load_split(folder, split, 0.3) for split in ("train", "validation", "test")]
    groups = [{review.group for review in reviews} for reviews in splits]
    assert all(groups)
    assert sum(map(len, groups)) == len(set.union(*groups)) == 20
    assert sum(map(len, splits)) == len(ROWS)


def test_rows_that_teach_nothing_are_left_out_and_named_by_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "rows.csv"
    lines = [
        *("text,label", "good one,good", "  ,good", "no label,", '"two', 'lines",bad', "Good  ONE,good"),
        *("either,good", "either,bad", "a,b,c", "bad one,bad"),
    ]
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    folder = imported(table, "--test-share", "0")
    assert [row.text for row in read_part(folder, "train")] == ["good one", "two\nlines", "bad one"]
    found = {line.partition(":")[0] for line in left_out(folder)}
    assert found == {f"rows.csv, line {number}" for number in (3, 4, 7, 8, 9, 10)}
    counts = counts_of(folder)
    assert (counts["rows"], counts["empty"], counts["bad"]) == (9, 1, 2)
    assert (counts["duplicate"], counts["conflicting"]) == (1, 2)
    assert "rows.csv, line 10: it has 3 cells" in capsys.readouterr().err


def test_names_of_labels_may_be_anything_but_white_space_counts_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("very  good\n", "😀", "<b>bold</b>", "a|b", "x" * 200)
    rows = [{"text": f"text {number}", "label": names[number % len(names)]} for number in range(20)]
    folder = imported(write_csv(tmp_path / "rows.csv", rows), "--test-share", "0")
    assert set(read_label_set(folder).names) == {"very good", *names[1:]}
    assert max(map(len, capsys.readouterr().out.splitlines())) < 80


def test_spaces_around_the_names_of_columns_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text, label\na, x\nb, y\n", encoding="utf-8")
    folder = imported(tmp_path / "rows.csv", "--test-share", "0")
    assert [(row.text, row.label) for row in read_part(folder, "train")] == [("a", "x"), ("b", "y")]


def test_a_text_of_the_test_part_is_not_trained_on(tmp_path: Path) -> None:
    test = write_csv(tmp_path / "test.csv", [ROWS[0], {**ROWS[1], "text": "another town"}])
    folder = imported(write_csv(tmp_path / "rows.csv", ROWS), "--test", str(test))
    assert [row.text for row in read_part(folder, "test")] == [ROWS[0]["text"], "another town"]
    assert ROWS[0]["text"] not in [row.text for row in read_part(folder, "train")]
    assert (counts_of(folder)["in_test"], counts_of(folder)["texts_on_both_sides"]) == (1, 0)


def test_all_rows_are_kept_on_request_and_the_leak_is_counted(tmp_path: Path) -> None:
    table = write_csv(tmp_path / "rows.csv", [*ROWS, ROWS[0]])
    folder = imported(table, "--test", str(table), "--keep-duplicates")
    assert len(read_part(folder, "train")) == len(read_part(folder, "test")) == len(ROWS) + 1
    assert counts_of(folder)["texts_on_both_sides"] == len(ROWS)


def test_an_order_makes_a_scale(tmp_path: Path) -> None:
    rows = [{"text": f"text {number}", "label": ("ok", "good", "bad", "god")[number % 4]} for number in range(12)]
    folder = imported(write_csv(tmp_path / "rows.csv", rows), "--order", "bad, ok, good", "--test-share", "0")
    assert read_label_set(folder) == LabelSet(("bad", "ok", "good"), "ordinal")
    assert [line.endswith("'god' is none of the labels") for line in left_out(folder)] == [True] * 3


def test_labels_that_are_numbers_have_values(tmp_path: Path) -> None:
    rows = [{"text": f"text {number}", "label": (1, 2.0, "2.5")[number % 3]} for number in range(12)]
    folder = imported(write_csv(tmp_path / "rows.csv", rows), "--values", "1,2,2.5", "--test-share", "0")
    assert read_label_set(folder) == LabelSet(("1", "2", "2.5"), "ordinal", (1, 2, 2.5))
    assert [review.label for review in load_split(folder, "train", 0)] == [0, 1, 2] * 4


def test_film_reviews_as_a_table_are_the_reviews_of_the_archive(archive: Path, tmp_path: Path) -> None:
    def table(part: str) -> Path:
        reviews = load_split(archive, "test" if part == "test" else "train", 0)
        rows = [{"review": r.text, "rating": r.stars, "film": r.group} for r in reviews]
        return write_csv(tmp_path / f"{part}.csv", rows)

    columns = ["--text", "review", "--label", "rating", "--group", "film", "--values", "1,2,3,4,7,8,9,10"]
    folder = imported(table("train"), *columns, "--test", str(table("test")), "--keep-duplicates")
    assert read_label_set(folder) is FILM_RATINGS

    def content(path: Path, split: Any) -> list[tuple[str, int, str]]:
        return [(review.text, review.stars, review.group) for review in load_split(path, split, 0.3)]

    for split in ("train", "validation", "test"):
        assert content(folder, split) == content(archive, split)


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        ("", [], "is empty"),
        ("text,kind\na,b\n", [], "has no column 'label'"),
        ("text,text,label\na,b,c\n", [], "has two columns 'text'"),
        ('text,label\n"never closed,good\n', [], "line 2: a quote is not closed"),
        ("text,label\na,same\nb,same\n", [], "at least two different labels"),
        ("text,label\na,bad\nb,good\n", ["--order", "bad,ok,good"], "no text for training has the label 'ok'"),
        ("text,label\na,1\nb,2\n", ["--values", "2,1"], "the values must ascend"),
        ("text,label\n" + "".join(f"a{n},b{n}\n" for n in range(201)), [], "201 different values"),
        ("text;label\na;x\nb;y\n", [], "--delimiter ';'"),
        ("Text,Label\na,x\nb,y\n", [], "--text"),
        ("text,label\n,x\n", [], "no row with a text and a label"),
        ("text,label\na,x\nb,y\n", ["--test-share", "1"], "--test-share 0"),
    ],
    ids=[
        "empty",
        "no column",
        "two columns",
        "quote",
        "one label",
        "unused",
        "descending",
        "too many",
        "semicolons",
        "other names",
        "no rows",
        "all for the test",
    ],
)
def test_a_table_that_makes_no_dataset_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, arguments: list[str], message: str
) -> None:
    (tmp_path / "rows.csv").write_text(content, encoding="utf-8")
    command = ["import", str(tmp_path / "rows.csv"), "--output", str(tmp_path / "data"), "--test-share", "0"]
    assert main([*command, *arguments]) == 1
    [line] = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert message in line
    assert not (tmp_path / "data").exists()


def test_a_tab_between_cells_is_named_as_the_message_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = write_csv(tmp_path / "rows.csv", ROWS, "\t")
    assert main(["import", str(table), "--output", str(tmp_path / "data")]) == 1
    assert r"--delimiter '\t'" in capsys.readouterr().err
    folder = imported(table, "--delimiter", r"\t", "--test-share", "0")
    assert [row.text for row in read_part(folder, "train")] == [row["text"] for row in ROWS]


@pytest.mark.parametrize("arguments", [["--delimiter", "ab"], ["--delimiter", ""], ["--values", "1,nan"]], ids=" ".join)
def test_what_is_no_delimiter_and_no_number_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["import", str(tmp_path / "rows.csv"), "--output", str(tmp_path / "data"), *arguments])
    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err


@pytest.mark.parametrize("name", ["rows.docx", "rows.parquet", "missing.csv"])
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, name: str) -> None:
    if not name.startswith("missing"):
        (tmp_path / name).write_text("no table", encoding="utf-8")
    assert main(["import", str(tmp_path / name), "--output", str(tmp_path / "data")]) == 1


def test_what_is_not_utf8_is_named_by_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rows.csv").write_bytes(b"text,label\nfine,a\ncaf\xe9,b\n")
    command = ["import", str(tmp_path / "rows.csv"), "--output", str(tmp_path / "data"), "--test-share", "0"]
    assert main(command) == 1
    assert "line 3: not utf-8" in capsys.readouterr().err
    assert main([*command, "--encoding", "cp1252"]) == 0
    assert read_part(tmp_path / "data", "train")[1].text == "café"
    (tmp_path / "rows.csv").write_text("text,label\nfine,a\nthé,b\n", encoding="utf-16")
    capsys.readouterr()
    assert main(command) == 1
    assert "utf-16" in capsys.readouterr().err
    assert main([*command, "--encoding", "utf-16"]) == 0
    assert read_part(tmp_path / "data", "train")[1].text == "thé"


def test_lines_of_json_that_are_none_are_named(tmp_path: Path) -> None:
    lines = [
        '{"text": "a", "label": true}',
        "",
        "no",
        "[1]",
        '{"text": 7, "label": "b"}',
        '{"text": "b", "label": false}',
    ]
    lines.append('{"text": "\\ud800", "label": true}')
    (tmp_path / "rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
    folder = imported(tmp_path / "rows.jsonl", "--test-share", "0")
    assert read_label_set(folder) == LabelSet(("false", "true"))
    assert [line.partition(":")[0] for line in left_out(folder)] == [f"rows.jsonl, line {n}" for n in (3, 4, 5, 7)]


def test_a_folder_with_something_else_is_not_replaced(tmp_path: Path) -> None:
    table = write_csv(tmp_path / "rows.csv", ROWS)
    other = tmp_path / "other"
    other.mkdir()
    (other / "letter.txt").write_text("keep me")
    assert main(["import", str(table), "--output", str(other)]) == 1
    assert (other / "letter.txt").read_text() == "keep me"
    assert imported(table) == imported(table)


def test_a_damaged_dataset_folder_is_refused(tmp_path: Path) -> None:
    folder = imported(write_csv(tmp_path / "rows.csv", ROWS), "--test-share", "0")
    (folder / "train.jsonl").write_text('{"text": "a", "label": "other"}\n')
    with pytest.raises(DataError, match="none of its labels"):
        load_split(folder, "train", 0)
    (folder / "train.jsonl").write_text("damaged\n")
    with pytest.raises(DataError, match="import the data again"):
        load_split(folder, "train", 0)
    (folder / DATASET_FILE).write_text("{}")
    with pytest.raises(DataError, match="import the data again"):
        load_split(folder, "train", 0)


def test_validation_does_not_depend_on_the_rows_beside_a_text(tmp_path: Path) -> None:
    few = write_csv(tmp_path / "rows.csv", ROWS[:40])
    chosen: list[Review] = load_split(imported(few, "--test-share", "0"), "validation", 0.3)
    assert chosen
    assert all(in_validation(review.group, 0.3) for review in chosen)
    more = load_split(imported(write_csv(few, ROWS), "--test-share", "0"), "validation", 0.3)
    assert {review.text for review in chosen} <= {review.text for review in more}
