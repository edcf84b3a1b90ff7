"""Environments of their own, that of the Gradio peer and that of a cluster, have all that the model needs."""

import re
import subprocess
import sys
import tomllib
from importlib import metadata

import pytest

from tools.servers import REPOSITORY

_PROGRAM = """
import sys
from pathlib import Path
before = set(sys.modules)
from model_core.loading import load_classifier
classifier = load_classifier(Path("model_core/checkpoints/starcast-electra-6x384"), "onnx", 1)
classifier.classify(["A fine film \\N{HEAVY BLACK HEART}"])
print(*{name.partition(".")[0] for name in set(sys.modules) - before})
"""


def listed(path: str) -> dict[str, str]:
    """The packages of a list, with their versions; "" for one without."""
    lines = (REPOSITORY / path).read_text().splitlines()
    matches = (re.match(r"([\w.-]+)(?:\[.*\])?(?:==(\S+))?", line) for line in lines)
    return {canonical(match[1]): match[2] or "" for match in matches if match}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def imported() -> set[str]:
    """The packages that are imported to load the shipped model and to rate a text."""
    command = [sys.executable, "-c", _PROGRAM]
    printed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    distributions = metadata.packages_distributions()
    return {canonical(name) for module in printed.split() for name in distributions.get(module, ())}


def test_what_the_model_imports_is_installed_for_gradio_in_our_versions(imported: set[str]) -> None:
    ours, gradios = listed("project/constraints.txt"), listed("benchmarks/requirements-gradio.txt")
    needed = imported & ours.keys()
    assert {"emoji", "numpy", "onnxruntime", "tokenizers"} <= needed
    assert {name: gradios.get(name) for name in needed} == {name: ours[name] for name in needed}


def test_what_the_model_imports_is_installed_on_a_cluster(imported: set[str]) -> None:
    # With our versions, and with what these packages need in turn.
    ours = map(canonical, tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["dependencies"])
    needed = imported & set(ours)
    assert {"emoji", "numpy", "onnxruntime", "tokenizers"} <= needed
    assert needed - listed("deploy/ray/requirements.txt").keys() == set()
