"""Files of reviews and of ratings, and the command between them."""

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from starcast_client.cli import main

from tools.reviews import REVIEWS
from tools.servers import RunningServer

TEXTS = [review.replace("\n", " ") for review in REVIEWS[:19]] + ["", '"quoted", and\twith 😀']


def write_lines(path: Path, texts: list[str]) -> None:
    path.write_text("".join(f"{text}\n" for text in texts))


def write_csv(path: Path, texts: list[str]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["id", "text"], *enumerate(texts)])


def write_jsonl(path: Path, texts: list[str]) -> None:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))


def write_parquet(path: Path, texts: list[str]) -> None:
    pq.write_table(pa.table({"text": texts, "id": list(range(len(texts)))}), path)


def read(path: Path) -> list[dict[str, Any]]:
    match path.suffix:
        case ".jsonl":
            return [json.loads(line) for line in path.read_text().split("\n")[:-1]]
        case ".csv":
            with path.open(newline="") as file:
                return list(csv.DictReader(file))
    return list(pq.read_table(path).to_pylist())


def score(server: RunningServer, source: Path, output: Path, *arguments: str) -> int:
    return main(["score", str(source), "--url", server.http, "--output", str(output), *arguments])
