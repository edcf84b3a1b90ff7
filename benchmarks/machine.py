"""The machine, versions and command of a measurement, and CPU affinity."""

import argparse
import contextlib
import json
import os
import platform
import resource
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import psutil

DEFAULT_CHECKPOINT: Final = Path("model_core/checkpoints/starcast-electra-6x384")
DEFAULT_OUTPUT: Final = Path("runs/benchmarks")

_GRADIO_PYTHON = Path(".venv/gradio/bin/python")

_PACKAGES = (
    *(
        "channels",
        "daphne",
        "django",
        "hdrhistogram",
        "nncf",
        "numpy",
        "onnxruntime",
        "openvino",
        "tokenizers",
        "torch",
    ),
    *("transformers", "twisted", "websockets"),
)


def begin(program: str, argv: Sequence[str] | None) -> dict[str, Any]:
    """Print machine, versions and command, and return them for the JSON."""
    about: dict[str, Any] = {
        "command": shlex.join(["python", "-m", program, *(sys.argv[1:] if argv is None else argv)]),
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
            "system": f"{platform.system()} {platform.release()}",
            "load_1_minute": round(os.getloadavg()[0], 2),
        },
        "versions": {"python": platform.python_version(), **_versions()},
        # Settings of the server from the environment are part of the command.
        "environment": {name: value for name, value in sorted(os.environ.items()) if _shapes_figures(name)},
    }
    print(about["command"])
    for part in ("machine", "versions", "environment"):
        if about[part]:
            print(f"{part}: " + ", ".join(f"{name} {value}" for name, value in about[part].items()), flush=True)
    return about


def default_gradio_python() -> str:
    """Return the Python for which `make bench` installs Gradio, or this one."""
    return str(_GRADIO_PYTHON.absolute()) if _GRADIO_PYTHON.exists() else sys.executable


def write_json(folder: Path, name: str, content: Mapping[str, Any]) -> None:
    """Write figures atomically, so that an interrupted run keeps what it has."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{name}.part"
    partial.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    partial.replace(folder / name)


def parse_cores(listed: str) -> frozenset[int]:
    """Parse ``0,2-3``. Raises ArgumentTypeError for cores that this process may not use."""
    usable = os.sched_getaffinity(0)
    cores: set[int] = set()
    for part in listed.split(","):
        first, _, last = part.partition("-")
        if not first.isdecimal() or not (last or first).isdecimal():
            raise argparse.ArgumentTypeError(f"{listed!r} names no cores: write such as 0,2-3")
        cores.update(range(int(first), int(last or first) + 1))
    if not cores or not cores <= usable:
        raise argparse.ArgumentTypeError(f"{listed!r} names no cores of {sorted(usable)}")
    return frozenset(cores)


@contextlib.contextmanager
def on_cores(cores: frozenset[int] | None) -> Iterator[None]:
    """Pin this thread, and the processes and threads it starts, to these cores for the block. None: no change."""
    if cores is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def raise_file_limit() -> int:
    """Raise the limit of open files of this process and its children to the maximum. Returns it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def _shapes_figures(name: str) -> bool:
    secret = name.startswith(("STARCAST_SECRET_KEY", "STARCAST_REDIS"))
    return name.startswith(("STARCAST_", "OMP_")) and not secret


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    versions = {}
    for package in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return versions
