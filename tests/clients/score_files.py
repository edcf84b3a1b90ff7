"""Files of reviews and of ratings, and the command between them."""

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from starcast_client.cli import main

from tools.reviews import REVIEWS

TEXTS = [review.replace("\n", " ") for review in REVIEWS[:8]] + ['"quoted", and\twith 😀', "=2+3"]


def write(path: Path, texts: list[str]) -> None:
    """Write texts, with a number beside each where the format has columns."""
    match path.suffix:
        case ".txt":
            path.write_text("".join(f"{text}\n" for text in texts))
        case ".csv" | ".tsv" as suffix:
            with path.open("w", newline="") as file:
                writer = csv.writer(file, delimiter="," if suffix == ".csv" else "\t")
                writer.writerows([["id", "text"], *enumerate(texts)])
        case ".jsonl":
            path.write_text("".join(json.dumps({"id": row, "text": text}) + "\n" for row, text in enumerate(texts)))
        case ".parquet":
            pq.write_table(pa.table({"id": range(len(texts)), "text": texts}), path)
        case other:
            raise ValueError(other)


def read(path: Path) -> list[dict[str, Any]]:
    """Read an output."""
    content = gzip.decompress(path.read_bytes()) if path.suffix.lower() == ".gz" else path.read_bytes()
    match path.name.lower().removesuffix(".gz").rpartition(".")[2]:
        case "jsonl":
            return [json.loads(line) for line in content.splitlines()]
        case "parquet":
            return list(pq.read_table(path).to_pylist())
        case kind:
            return list(csv.DictReader(io.StringIO(content.decode(), newline=""), delimiter="\t,"[kind == "csv"]))


def texts_of(path: Path) -> list[str]:
    """The texts in an output, without the guard against formulas."""
    return [row["text"].removeprefix("'") for row in read(path)]


def score(url: str, source: Path, *arguments: str) -> int:
    """Run the command in this process."""
    return main(["score", str(source), "--url", url, *arguments])
