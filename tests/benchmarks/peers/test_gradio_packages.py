"""The Python of the Gradio peer has all that the model needs, in our versions."""

import subprocess
import sys
from importlib import metadata

from tools.servers import REPOSITORY

_PROGRAM = """
import sys
from benchmarks.machine import DEFAULT_CHECKPOINT
before = set(sys.modules)
from model_core.loading import load_classifier
load_classifier(DEFAULT_CHECKPOINT, "onnx", 1).classify(["A fine film \\N{HEAVY BLACK HEART}"])
print(*{name.partition(".")[0] for name in set(sys.modules) - before})
"""


def pins(path: str) -> dict[str, str]:
    lines = (REPOSITORY / path).read_text().splitlines()
    return dict(line.lower().replace("_", "-").split("==") for line in lines if "==" in line)


def test_what_the_model_imports_is_installed_for_gradio_in_our_versions() -> None:
    command = [sys.executable, "-c", _PROGRAM]
    printed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    ours, gradios = pins("project/constraints.txt"), pins("benchmarks/requirements-gradio.txt")
    distributions = metadata.packages_distributions()
    imported = {name for module in printed.split() for name in distributions.get(module, ())}
    needed = {name.lower().replace("_", "-") for name in imported} & ours.keys()
    assert {"emoji", "numpy", "onnxruntime", "tokenizers"} <= needed
    assert {name: gradios.get(name) for name in needed} == {name: ours[name] for name in needed}
