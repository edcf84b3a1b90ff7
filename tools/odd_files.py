"""Files as people have them, in many encodings, dialects and compressions, whole and damaged; and how each is rated."""

import bz2
import contextlib
import gzip
import io
import json
import lzma
import re
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
from starcast_client.cli import main as score

from tools.servers import REPOSITORY, start_server

PAGE: Final = REPOSITORY / "docs" / "clients.md"
BEGIN: Final = "<!-- odd files: PYTHONPATH=clients/python/src .venv/bin/python -m tools.odd_files -->\n"
END: Final = "<!-- end -->\n"
HEADER: Final = "| file | result | exit status |\n|---|---|---|\n"

TEXTS: Final = ["A fine film.", "Très ennuyeux"]


@dataclass(frozen=True)
class OddFile:
    """A file, the options it is rated with, and what must come out: its texts (None: a bad row), or an error."""

    what: str
    name: str
    content: bytes
    texts: Sequence[str | None] | None = None
    error: str = ""
    options: Sequence[str] = ()
    column: str = "text"


@dataclass(frozen=True)
class Outcome:
    """What ``starcast score`` makes of a file: exit status, texts as in ``OddFile``, and what it says."""

    status: int
    texts: Sequence[str | None] | None
    said: str


def outcome(file: OddFile, folder: Path, url: str) -> Outcome:
    """Rate a file, by the server at this URL."""
    path, output, said = folder / file.name, folder / "ratings.jsonl", io.StringIO()
    path.write_bytes(file.content)
    with contextlib.redirect_stderr(said):
        status = score(["score", str(path), "--url", url, "--output", str(output), *file.options])
    if not output.exists():
        return Outcome(status, None, said.getvalue())
    rows = [json.loads(line) for line in output.read_text(encoding="utf-8").split("\n")[:-1]]
    texts = [None if "bad_row" in (row["error"] or "") else row[file.column] or "" for row in rows]
    return Outcome(status, texts, said.getvalue())


def _csv(*lines: str) -> str:
    return "".join(f"{line}\r\n" for line in ("id,text", *lines))


def _workbook(*rows: list[Any], title: str = "Sheet", more: str | None = None) -> bytes:
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet.title = title
    for row in rows:
        sheet.append(row)
    if more is not None:
        workbook.create_sheet(more)
    content = io.BytesIO()
    workbook.save(content)
    return content.getvalue()


def _parquet(columns: Mapping[str, Any] | Sequence[tuple[str, Any]]) -> bytes:
    content = io.BytesIO()
    names, values = zip(*(columns.items() if isinstance(columns, Mapping) else columns), strict=True)
    pq.write_table(pa.table([pa.array(each) for each in values], names=list(names)), content, write_page_checksum=True)
    return content.getvalue()


def _repacked(workbook: bytes, old: bytes, new: bytes) -> bytes:
    """Return a workbook with other bytes in its sheet."""
    content = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as archive, zipfile.ZipFile(content, "w") as packed:
        for name in archive.namelist():
            part = archive.read(name)
            packed.writestr(name, part.replace(old, new) if name.endswith("sheet1.xml") else part)
    return content.getvalue()


def _tar(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        file = tarfile.TarInfo(name)
        file.size = len(content)
        archive.addfile(file, io.BytesIO(content))
    return packed.getvalue()


def _zip(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, content)
    return packed.getvalue()


_PLAIN: Final = _csv("1,A fine film.", "2,Très ennuyeux")
_JSONL: Final = "".join(json.dumps({"text": text}) + "\n" for text in TEXTS)
_UTF8: Final = _PLAIN.encode()
_WORKBOOK: Final = _workbook(["id", "text"], [1, TEXTS[0]], [2, TEXTS[1]])
_NOT_UTF8: Final = pa.array([b"fine", b"tr\xe8s"], pa.binary()).view(pa.string())


def _after_a_hidden_sheet(content: bytes) -> bytes:
    workbook, changed = openpyxl.load_workbook(io.BytesIO(content)), io.BytesIO()
    workbook.create_sheet("Notes", 0).sheet_state = "hidden"
    workbook.save(changed)
    return changed.getvalue()


ODD_FILES: Final = [
    OddFile("UTF-8 with a mark (Excel)", "bom.csv", _PLAIN.encode("utf-8-sig"), TEXTS),
    OddFile("the same with `--encoding utf-8`", "bom.csv", _PLAIN.encode("utf-8-sig"), TEXTS,
            options=("--encoding", "utf-8")),
    OddFile("UTF-16 with a mark (Excel: Unicode text)", "utf16.tsv", _PLAIN.replace(",", "\t").encode("utf-16"), TEXTS),
    OddFile("UTF-32 with a mark", "utf32.csv", _PLAIN.encode("utf-32"), TEXTS),
    OddFile("UTF-16 without a mark", "nomark.csv", _PLAIN.encode("utf-16-le"), error="holds NUL bytes"),
    OddFile("the same with `--encoding utf-16-le`", "nomark.csv", _PLAIN.encode("utf-16-le"), TEXTS,
            options=("--encoding", "utf-16-le")),
    OddFile("Windows-1252", "ansi.csv", _PLAIN.encode("cp1252"), error="line 3: not utf-8 (byte 0xe8)"),
    OddFile("the same with `--encoding cp1252`", "ansi.csv", _PLAIN.encode("cp1252"), TEXTS,
            options=("--encoding", "cp1252")),
    OddFile("UTF-8 with a mark, with `--encoding cp1252`", "bom.csv", _PLAIN.encode("utf-8-sig"),
            error="leave out --encoding", options=("--encoding", "cp1252")),
    OddFile("UTF-16 with a mark, with `--encoding cp1252`", "utf16.txt", "fine".encode("utf-16"),
            error="leave out --encoding", options=("--encoding", "cp1252")),
    OddFile("NUL characters far inside", "nul.txt", b"fine " * 1_000 + b"\nd\0u\0l\0l\0\n", ["fine " * 1_000, None]),
    OddFile("Windows-1252, plain text", "ansi.txt", "fine\ntrès\n".encode("cp1252"), error="line 2: not utf-8"),
    OddFile("UTF-8 with a mark, and Windows-1252 after it", "both.csv", b"\xef\xbb\xbftext\ntr\xe8s\n",
            error="line 2: not utf-8 (byte 0xe8), as its mark says"),
    OddFile("UTF-16 with a mark, cut off inside a letter", "odd.txt", "fine".encode("utf-16")[:-1],
            error="line 1: not utf-16"),
    OddFile("UTF-16 without a mark, with `--encoding utf-16`", "big.txt", "fine\n".encode("utf-16-be"),
            error="use --encoding utf-16-le or utf-16-be", options=("--encoding", "utf-16")),
    OddFile("UTF-8 cut off inside a letter", "cut.txt", "fine\ntrè".encode()[:-1], error="line 2: not utf-8"),
    OddFile("line ends of old Macs (CR)", "mac.csv", _UTF8.replace(b"\r\n", b"\r"), TEXTS),
    OddFile("line ends of Unix (LF), none at the end", "unix.csv", _UTF8.replace(b"\r\n", b"\n")[:-1], TEXTS),
    OddFile("semicolons (Excel in Europe)", "european.csv", _UTF8.replace(b",", b";"), error="use --delimiter ';'"),
    OddFile("the same with `--delimiter ';'`", "european.csv", _UTF8.replace(b",", b";"), TEXTS,
            options=("--delimiter", ";")),
    OddFile("semicolons, with all cells quoted", "quoted.csv", b'"id";"text"\r\n"1";"fine"\r\n',
            error="use --delimiter ';'"),
    OddFile("semicolons, with a first line that says so to Excel", "sep.csv",
            b"sep=;\r\n" + _UTF8.replace(b",", b";"), TEXTS),
    OddFile("commas, with `--delimiter ,`, and the same first line", "wrong.csv", b"sep=;\r\n" + _UTF8, TEXTS,
            options=("--delimiter", ",")),
    OddFile("tabs in a `.csv`", "tabs.csv", _UTF8.replace(b",", b"\t"), error="use --delimiter '\\t'"),
    OddFile("tabs in a `.tsv`", "tabs.tsv", _UTF8.replace(b",", b"\t"), TEXTS),
    OddFile("cells with commas, quotes and line ends, quoted", "quoted.csv",
            _csv('1,"Fine, ""fine""\nand long"').encode(), ['Fine, "fine"\nand long']),
    OddFile("a quote that is never closed", "open.csv", _csv('1,"fine', "2,dull").encode(),
            error="line 2: a quote is not closed"),
    OddFile("a quote inside a quoted cell, not doubled", "single.csv", _csv('1,"a "fine" film"').encode(),
            error="line 2: a quote is not closed, or not doubled"),
    OddFile("quotes in a TSV without quoting", "raw.tsv", b'text\n"Fine" film\n', error="use --no-quotes"),
    OddFile("the same with `--no-quotes`", "raw.tsv", b'text\n"Fine" film\n', ['"Fine" film'],
            options=("--no-quotes",)),
    OddFile("a row wider than the header", "wide.csv", _csv("1,fine", "2,dull, very", "3,good").encode(),
            ["fine", None, "good"]),
    OddFile("a row without the cell of the text", "narrow.csv", _csv("1", "2,fine").encode(), [None, "fine"]),
    OddFile("empty cells: rows without a rating", "empty.csv", _csv("1,", "2,fine").encode(), ["", "fine"]),
    OddFile("blank lines between rows", "blank.csv", b"text\n\nfine\n\n", ["fine"]),
    OddFile("blank lines before the header", "late.csv", b"\n\ntext\nfine\n", ["fine"]),
    OddFile("two columns without a name", "unnamed.csv", b"text,,\nfine,,\n", error="two columns have no name"),
    OddFile("two columns of one name", "twice.csv", b"text,text\na,b\n", error="two columns have the name 'text'"),
    OddFile("no column of that name", "other.csv", b"id,review\n1,fine\n", error="use --column"),
    OddFile("the same with `--column review`", "other.csv", b"id,review\n1,fine\n", ["fine"],
            options=("--column", "review"), column="review"),
    OddFile("a column named like one of the ratings", "stars.csv", b"text,stars\nfine,3\n", error="--prefix rating_"),
    OddFile("a file of no bytes", "nothing.csv", b"", error="is empty"),
    OddFile("a header and no rows", "header.csv", b"id,text\n", []),
    OddFile("gzip", "reviews.csv.gz", gzip.compress(_UTF8, mtime=0), TEXTS),
    OddFile("gzip under another name", "reviews.csv", gzip.compress(_UTF8, mtime=0), TEXTS),
    OddFile("gzip cut off", "cut.csv.gz", gzip.compress(_UTF8, mtime=0)[:-9], error="its compression is damaged"),
    OddFile("gzip twice", "twice.csv.gz", gzip.compress(gzip.compress(_UTF8, mtime=0), mtime=0),
            error="compressed twice"),
    OddFile("gzip in two parts", "parts.csv.gz", gzip.compress(_UTF8[:9], mtime=0) + gzip.compress(_UTF8[9:], mtime=0),
            TEXTS),
    OddFile("bzip2", "reviews.jsonl.bz2", bz2.compress(_JSONL.encode()), TEXTS),
    OddFile("xz", "reviews.txt.xz", lzma.compress("\n".join(TEXTS).encode()), TEXTS),
    OddFile("zstd", "reviews.csv.zst", b"\x28\xb5\x2f\xfd" + bytes(20), error="format of files that end in .zst"),
    OddFile("a zip archive called `.csv`", "zip.csv", _zip("reviews.csv", _UTF8),
            error="a zip archive or an office document"),
    OddFile("a tar archive called `.csv.gz`", "tar.csv.gz", gzip.compress(_tar("a.csv", _UTF8), mtime=0),
            error="a tar archive"),
    OddFile("JSON lines called `.csv`", "lines.csv", _JSONL.encode(), error="it seems to be JSON"),
    OddFile("a table called `.txt`", "table.txt", _PLAIN.encode(), error="line 1 looks like another format"),
    OddFile("the same with `--format text`", "table.txt", b"id,text\n1,fine\n", ["id,text", "1,fine"],
            options=("--format", "text")),
    OddFile("tabs in a `.txt` (Excel: Text)", "tabs.txt", _PLAIN.replace(",", "\t").encode(), error="use --format tsv"),
    OddFile("JSON lines called `.txt`", "lines.txt", _JSONL.encode(), error="use --format jsonl"),
    OddFile("a table of a web page called `.csv`", "export.csv", b"<table><tr><td>text</td></tr></table>",
            error="a web page or XML"),
    OddFile("a web page called `.csv`", "login.csv", b"\n<!DOCTYPE html>\n<title>Log in</title>\n",
            error="a web page or XML"),
    OddFile("JSONL with a line that is no JSON, and a blank one", "reviews.jsonl",
            b'{"text": "fine"}\n{oops\n\n"dull"\n', ["fine", None, "dull"]),
    OddFile("JSONL cut off inside its last line", "cut.jsonl", b'{"text": "fine"}\n{"text": "du', ["fine", None]),
    OddFile("JSONL with one field twice, NaN, and a number as text", "strange.jsonl",
            b'{"text": "a", "text": "b"}\n{"text": "c", "n": NaN}\n{"text": 5}\n', [None, None, None]),
    OddFile("JSONL with half an emoji, which is read as U+FFFD", "half.jsonl", b'"fine \\ud83d"\n', ["fine \ud83d"]),
    OddFile("CSV called `.jsonl`", "table.jsonl", _PLAIN.encode(), error="--format csv if it is a table"),
    OddFile("a JSON array", "reviews.json", json.dumps([{"text": text} for text in TEXTS]).encode(), TEXTS),
    OddFile("a JSON object", "object.json", b'{"reviews": []}', error="no JSON array"),
    OddFile("a JSON array called `.jsonl`", "array.jsonl", b'["fine"]\n', error="use --format json"),
    OddFile("a JSON array with one field twice, NaN, and a number as text", "twice.json",
            b'[{"text": "fine"},\n{"text": "a", "text": "b"}, {"text": "c", "n": NaN}, {"text": 5}]',
            ["fine", None, None, None]),
    OddFile("a JSON array of nothing that can be rated", "numbers.json", b'[\n 1,\n 2]',
            error="element 1 (line 2): neither an object nor a string"),
    OddFile("a JSON array cut off", "cut.json", b'[{"text": "fine"},\n {"te', error="not JSON after 1 element"),
    OddFile("a JSON array with a comma too many", "comma.json", b'["fine",\n "dull",\n]\n',
            error="not JSON after 2 elements"),
    OddFile("a JSON array, and more after it", "more.json", b'["fine"]\n["dull"]\n', error="Extra data: line 2"),
    OddFile("JSON lines called `.json`", "lines.json", _JSONL.encode(), error="use --format jsonl"),
    OddFile("Parquet", "reviews.parquet", _parquet({"id": [1, 2], "text": TEXTS}), TEXTS),
    OddFile("Parquet with nulls", "nulls.parquet", _parquet({"text": ["fine", None]}), ["fine", ""]),
    OddFile("Parquet with a text that is not UTF-8", "bad.parquet", _parquet({"text": _NOT_UTF8}), ["fine", None]),
    OddFile("the same with a dictionary of its texts", "coded.parquet",
            _parquet({"text": _NOT_UTF8.dictionary_encode()}), ["fine", None]),
    OddFile("Parquet with nanoseconds in lists beside the texts", "times.parquet",
            _parquet({"text": TEXTS, "at": pa.array([[1], None], pa.list_(pa.timestamp("ns")))}), TEXTS),
    OddFile("Parquet whose texts are bytes, one of them not UTF-8", "bytes.parquet",
            _parquet({"text": [b"fine", b"tr\xe8s"]}), ["fine", None]),
    OddFile("Parquet with a list in place of each text", "lists.parquet", _parquet({"text": [["fine"], ["dull"]]}),
            [None, None]),
    OddFile("Parquet with times in place of the texts", "when.parquet",
            _parquet({"text": [datetime(2026, 1, 2), None]}), [None, ""]),
    OddFile("Parquet with two columns of one name", "twice.parquet",
            _parquet([("text", ["a"]), ("text", ["b"])]), error="two columns have the name 'text'"),
    OddFile("Parquet damaged inside", "hole.parquet",
            (whole := _parquet({"text": TEXTS}))[:20] + bytes(20) + whole[40:], error="not Parquet, or damaged"),
    OddFile("Parquet cut off", "cut.parquet", _parquet({"text": TEXTS})[:-20], error="not Parquet, or damaged"),
    OddFile("Parquet called `.csv`", "parquet.csv", _parquet({"text": TEXTS}), error="use --format parquet"),
    OddFile("an Excel workbook", "reviews.xlsx", _WORKBOOK, TEXTS),
    OddFile("a workbook that states too small a size", "small.xlsx",
            _repacked(_WORKBOOK, b'ref="A1:B3"', b'ref="A1"'), TEXTS),
    OddFile("a workbook damaged inside", "hole.xlsx", _repacked(_WORKBOOK, b"</row>", b""), error="or damaged"),
    OddFile("a workbook with the error of a formula", "error.xlsx", _workbook(["text"], ["#N/A"], ["fine"]),
            [None, "fine"]),
    OddFile("a workbook with formulas, and no values saved with them", "formulas.xlsx",
            _workbook(["text"], ["=CONCATENATE(\"A fine \",\"film\")"], ["fine"]), [None, "fine"]),
    OddFile("a workbook with a formula whose saved value is empty text", "blank.xlsx",
            _repacked(_workbook(["id", "text"], [1, "=LEFT(A2,0)"], [2, "fine"]), b'<c r="B2">', b'<c r="B2" t="str">'),
            ["", "fine"]),
    OddFile("a workbook with numbers, empty cells and empty rows", "mixed.xlsx",
            _workbook(["id", "text"], [1, 10], [2, None], [None, None], [3, "fine"]), [None, "", "fine"]),
    OddFile("a workbook with line ends of Excel inside cells, which it writes as `_x000D_`", "ends.xlsx",
            _workbook(["text"], ["Fine,_x000D_\nand long"], ["_x005F_x000D_"]), ["Fine,\r\nand long", "_x000D_"]),
    OddFile("a workbook whose first sheet is hidden", "hidden.xlsx", _after_a_hidden_sheet(_WORKBOOK), TEXTS),
    OddFile("a workbook whose texts are not on the first sheet", "second.xlsx",
            _workbook(["notes"], title="Notes", more="Reviews"), error="the sheets are 'Notes', 'Reviews'"),
    OddFile("a workbook with numbers, dates and booleans beside the texts", "kinds.xlsx",
            _workbook(["id", "text", "at", "seen"], [1.5, "fine", datetime(2026, 1, 2), True]), ["fine"]),
    OddFile("`--sheet` that is not there", "sheet.xlsx", _workbook(["text"], ["fine"], title="Reviews"),
            error="it has Reviews", options=("--sheet", "Ratings")),
    OddFile("old Excel, or with a password, called `.xlsx`", "old.xlsx", b"\xd0\xcf\x11\xe0" + bytes(64),
            error="without a password"),
    OddFile("rich text called `.txt`", "rich.txt", b"{\\rtf1 fine}", error="rich text (RTF)"),
    OddFile("a picture called `.txt`", "picture.txt", b"\x89PNG\r\n\x1a\n" + bytes(32), error="it is no text"),
    OddFile("a PDF called `.txt`", "paper.txt", b"%PDF-1.7\n", error="a PDF"),
    OddFile("an ending that says nothing", "reviews.doc", b"fine\n", error="use --format"),
    OddFile("no ending, with `--format text`", "reviews", b"fine\n\ndull\n", ["fine", "", "dull"],
            options=("--format", "text")),
]  # fmt: skip


def line(file: OddFile, found: Outcome) -> str:
    """Return the line of a file in the table of the docs."""
    if found.texts is None:
        # In brackets libraries say what they found, each version in its own words.
        result = re.sub(r" \(.*?\)|(?<=or damaged): .*", "", found.said.strip().partition(file.name)[2].lstrip(":, "))
    else:
        bad, empty = found.texts.count(None), found.texts.count("")
        result = f"{len(found.texts)} row{'s' * (len(found.texts) != 1)}"
        result += f", {bad} of them `bad_row`" * bool(bad) + f", {empty} without a rating" * bool(empty)
    return f"| {file.what} | {result.replace('|', ', ')} | {found.status} |\n"


def main() -> None:
    """Write the table into its page, as it is now."""
    page = PAGE.read_text(encoding="utf-8")
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    table = HEADER
    with tempfile.TemporaryDirectory() as data_dir, start_server(Path(data_dir), STARCAST_BACKEND="fake") as server:
        for file in ODD_FILES:
            with tempfile.TemporaryDirectory() as folder:
                table += line(file, outcome(file, Path(folder), server.http))
    PAGE.write_text(before + BEGIN + table + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
