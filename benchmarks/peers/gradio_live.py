"""A live Gradio interface with the same ONNX graph and Gradio's defaults.

``python -m benchmarks.peers.gradio_live --checkpoint FOLDER`` serves on a free port. It runs in its own Python
environment, see benchmarks/requirements-gradio.txt.
"""

import argparse
import socket
import threading
from pathlib import Path

import gradio  # type: ignore[import-not-found,unused-ignore]

from model_core.loading import load_classifier


def main() -> None:
    """Load the model, then serve until a signal arrives."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.gradio_live", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, help="folder of the model")
    parser.add_argument("--threads", type=int, default=2, help="threads of a forward pass (%(default)s)")
    options = parser.parse_args()
    classifier = load_classifier(options.checkpoint, "onnx", options.threads)
    labels = [f"{stars} stars" for stars in (1, 2, 3, 4, 7, 8, 9, 10)]

    def rate(text: str) -> dict[str, float]:
        (prediction,) = classifier.classify([text])
        return dict(zip(labels, prediction.probabilities, strict=True))

    interface = gradio.Interface(rate, gradio.Textbox(lines=12), gradio.Label(), live=True)
    with socket.socket() as probe:
        # Gradio does not accept port 0.
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    interface.launch(server_name="127.0.0.1", server_port=port, prevent_thread_lock=True, quiet=True)
    print(f"Gradio {gradio.__version__} loaded {classifier.info.name} {classifier.info.version} (onnx)")
    print(f"Serving http://localhost:{port}/", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
