"""Markdown tables of the benchmarks' figures.

``python -m benchmarks.report FOLDER`` prints them; ``--pictures docs/images`` draws ``cost.png`` and ``latency.png``.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from model_core.plurals import counted

Figures = Mapping[str, Any]

_NONE: Final = "–"


class ReportError(Exception):
    """The folder has no figures."""


def read_figures(folder: Path) -> dict[str, Figures]:
    """Read the existing figures, by name without ``.json``. Raises ReportError if there are none."""
    found: dict[str, Figures] = {}
    for name in TABLES:
        path = folder / f"{name}.json"
        if path.is_file():
            try:
                found[name] = json.loads(path.read_text(encoding="utf-8"))
            except ValueError as error:
                raise ReportError(f"{path} is not JSON: {error}") from error
    if not found:
        raise ReportError(f"{folder} holds none of {', '.join(f'{name}.json' for name in TABLES)}: run the benchmarks")
    return found


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; all columns except the first are numbers."""
    lines = [header, ["---", *("---:" for _ in header[1:])], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def about(figures: Figures) -> str:
    """Return where and how the figures were measured."""
    machine, versions = figures["machine"], figures["versions"]
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    given = "".join(f" {name}={value}" for name, value in figures.get("environment", {}).items())
    return (
        f"{machine['processor']}, {counted(machine['cores'], 'core')}, {machine['memory_gib']} GiB, "
        f"{machine['system']}; {named}.\n\n```\n{f'{given.strip()} ' if given else ''}{figures['command']}\n```"
    )


def forward_tables(figures: Figures) -> Iterator[str]:
    """Yield cost by length, throughput of batches, and time to the first answer."""
    lengths = figures["lengths"]
    ways = list(dict.fromkeys(name for each in lengths.values() for name in each))
    yield "Milliseconds of one rating, median:"
    yield table(
        ["tokens", *ways],
        (
            [tokens, *(_number(each.get(name, {}).get("median_ms"), 2) for name in ways)]
            for tokens, each in lengths.items()
        ),
    )
    batch = figures["batch"]
    yield f"Texts per second, {batch['texts']} at a time:"
    yield table(["way", "texts/s"], ([name, _number(rate)] for name, rate in batch["texts_per_s"].items()))
    yield "Seconds from starting a process to its first answer:"
    yield table(["part", "s"], ([name, _number(value, 2)] for name, value in figures["first_answer"].items()))


def layers_tables(figures: Figures) -> Iterator[str]:
    """Yield the time of each layer of a key."""
    lengths = [f"{record['tokens']} tokens" for record in figures["lengths"]]
    yield "Microseconds of one key by layer, median, by the most tokens of a text:"
    yield table(
        ["layer", *lengths],
        ([name, *(_number(each, 0) for each in times)] for name, times in figures["layers_us"].items()),
    )


def explanations_tables(figures: Figures) -> Iterator[str]:
    """Yield the time from asking for an explanation to its parts."""
    lengths = figures["lengths"]
    yield f"Milliseconds from asking for an explanation to its parts, median (largest) of {lengths[0]['texts']} texts:"
    yield table(
        ["part", *(f"{each['words']} words" for each in lengths)],
        (
            [
                part,
                *(
                    f"{_number(each['parts'][part]['median_ms'], 0)} ({_number(each['parts'][part]['max_ms'], 0)})"
                    for each in lengths
                ),
            ]
            for part in lengths[0]["parts"]
        ),
    )


def runtimes_tables(figures: Figures) -> Iterator[str]:
    """Yield cost and accuracy of other runtimes and precisions."""
    lengths, differences = figures["lengths"], figures["differences"]
    yield f"Milliseconds of the bare pass by tokens, and stars from float32 over {figures['texts']} texts:"
    yield table(
        ["runtime", *lengths, "stars apart, mean", "at worst"],
        (
            [
                f"**{name}**" if name == figures["served"] else name,
                *(_number(each[name], 2) for each in lengths.values()),
                *(_number(apart[key], 4) for key in ("mean_stars", "max_stars")),
            ]
            for name, apart in differences.items()
        ),
    )
    pairs = figures["pairs"]
    tokens = list(next(iter(pairs.values())))
    yield "Milliseconds for two texts at once, by their tokens:"
    yield table(["way", *tokens], ([name, *(_number(each[key], 2) for key in tokens)] for name, each in pairs.items()))


def typists_tables(figures: Figures) -> Iterator[str]:
    """Yield latency and cost by kind of text, number of typists and server."""
    for kind in dict.fromkeys(record["kind"] for record in [*figures["scenarios"], *figures["floor"]]):
        yield f"Milliseconds from key to answer, {kind} texts:"
        header = [
            "server",
            "typists",
            "p50",
            "p95",
            "p99",
            "max",
            "answers/s",
            "lost",
            "server CPU s",
            "MiB",
            "client p99",
        ]
        floors = [
            _floor_row(name, floor[name])
            for floor in _of(figures["floor"], kind)
            for name in ("whole", "typing")
            if name in floor
        ]
        yield table(header, [*floors, *(_scenario_row(record) for record in _of(figures["scenarios"], kind))])


def limits_tables(figures: Figures) -> Iterator[str]:
    """Yield the maximum number of typists of each server."""
    kinds = list(dict.fromkeys(record["kind"] for record in figures["limits"]))
    found = {(record["peer"], record["kind"]): record["typists"] for record in figures["limits"]}
    yield f"Most typists with p95 below {figures['options']['limit_ms']:g} ms and no newest key lost:"
    yield table(
        ["server", *kinds],
        (
            [peer, *(_number(found.get((peer, kind)), 0) for kind in kinds)]
            for peer in dict.fromkeys(record["peer"] for record in figures["limits"])
        ),
    )


def overload_tables(figures: Figures) -> Iterator[str]:
    """Yield latency of typists alone and next to crowds, by round."""
    yield f"{figures['typists']} typists beside others who ask for too much, milliseconds, and what the others got:"
    yield table(
        ["beside", "p50", "p95", "p99", "lost", "answered", "refused", "refused after p50", "p95", "p99"],
        (_overload_row(run) for run in figures["runs"]),
    )


def idle_tables(figures: Figures) -> Iterator[str]:
    """Yield memory of idle connections."""
    yield "Memory of connections that are open and idle:"
    yield table(
        ["connections", "MiB before", "MiB after", "KiB each"],
        [
            [
                str(figures["connections"]),
                _number(figures["rss_before_mib"]),
                _number(figures["rss_after_mib"]),
                _number(figures["kib_per_connection"]),
            ]
        ],
    )


def page_tables(figures: Figures) -> Iterator[str]:
    """Yield bytes, requests and times of each page on each device."""
    shown = {
        "KB": ("bytes", 1_000, 1),
        "requests": ("requests", 1, 0),
        "first paint": ("first_paint_ms", 1, 0),
        "first bars": ("first_bars_ms", 1, 0),
        "key to bars p50": ("key_p50_ms", 1, 0),
        "p95": ("key_p95_ms", 1, 0),
        "work a key": ("main_thread_ms_per_key", 1, 1),
        "longest frame of a paste": ("paste_longest_frame_ms", 1, 0),
        "watched": ("watched_p50_ms", 1, 0),
        "blocked": ("blocking_ms", 1, 0),
        "layout shift": ("layout_shift", 1, 3),
    }
    yield f"Pages, median of {figures['loads']} loads, times in milliseconds:"
    yield table(
        ["page", "device", *shown],
        (
            [
                path,
                device,
                *(
                    _number(found[name] / unit if name in found else None, digits)
                    for name, unit, digits in shown.values()
                ),
            ]
            for path, devices in figures["pages"].items()
            for device, found in devices.items()
        ),
    )


TABLES: Final[Mapping[str, Callable[[Figures], Iterator[str]]]] = {
    "typists": typists_tables,
    "limits": limits_tables,
    "forward": forward_tables,
    "layers": layers_tables,
    "explanations": explanations_tables,
    "runtimes": runtimes_tables,
    "overload": overload_tables,
    "idle": idle_tables,
    "page": page_tables,
}


def report(found: Mapping[str, Figures]) -> str:
    """Return all tables, with where and how each group was measured."""
    parts = [part for name, figures in found.items() for part in (about(figures), *TABLES[name](figures))]
    return "\n\n".join(parts)


def _of(records: Iterable[Figures], kind: str) -> list[Figures]:
    return [record for record in records if record["kind"] == kind]


def _floor_row(name: str, times: Figures) -> list[str]:
    values = [_number(times[key]) for key in ("p50", "p95", "p99", "max")]
    return [f"bare pass, {name}", _NONE, *values, *[_NONE] * 5]


def _scenario_row(record: Figures) -> list[str]:
    begin = [record["peer"], str(record["typists"])]
    if "failed" in record:
        return [*begin, "failed", *[_NONE] * 8]
    latency = [_number(record["latency_ms"][key]) for key in ("p50", "p95", "p99", "max")]
    return [
        *begin,
        *latency,
        _number(record["answers_per_s"]),
        str(record["lost_last_keys"]),
        _number(record["server_cpu_s"]),
        _number(record["server_rss_mib"], 0),
        _number(record["client_lateness_ms"]["p99"]),
    ]


def _overload_row(run: Figures) -> list[str]:
    typists = [*(_number(run["latency_ms"][key]) for key in ("p50", "p95", "p99")), str(run["lost_last_keys"])]
    if "crowd" not in run:
        return [run["beside"], *typists, *[_NONE] * 5]
    crowd = run["crowd"]
    after = crowd["refused_after_ms"] or {}
    refused = ", ".join(f"{count:,} {code}" for code, count in crowd["refusals"].items()) or "0"
    return [
        run["beside"],
        *typists,
        f"{crowd['answers']:,}",
        refused,
        *(_number(after.get(key)) for key in ("p50", "p95", "p99")),
    ]


def _number(value: float | None, digits: int = 1) -> str:
    return _NONE if value is None else f"{value:,.{digits}f}"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="output folder of the benchmarks")
    parser.add_argument(
        "--pictures", type=Path, metavar="FOLDER", help="draw the charts to this folder, such as docs/images"
    )
    options = parser.parse_args(argv)
    try:
        found = read_figures(options.folder)
    except ReportError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(report(found))
    if options.pictures:
        # Imported late: drawing needs additional packages.
        from benchmarks.pictures import draw_cost, draw_latency

        for name, draw, picture in (("forward", draw_cost, "cost.png"), ("typists", draw_latency, "latency.png")):
            if name in found:
                draw(found[name], options.pictures / picture)
                print(options.pictures / picture, file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
