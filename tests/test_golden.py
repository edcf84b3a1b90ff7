"""One text, one rating: PyTorch, the int8 graph, the command line, HTTP and the WebSocket agree on real reviews."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import httpx
import numpy as np
import pytest
from django.conf import settings
from numpy.typing import NDArray
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from model_core.classifier import Classifier
from model_core.labels import STARS
from model_core.loading import load_classifier
from tests.reviews import REVIEWS
from tests.servers import REPOSITORY, RunningServer
from training.data import load_split

ARCHIVES = (Path(os.environ.get("STARCAST_DATA", "data/aclImdb_v1.tar.gz")), Path("../shared/data/aclImdb_v1.tar.gz"))

# Measured on the shipped checkpoint over the reviews of the dataset, and rounded up.
INT8_PROBABILITY_BOUND = 0.10
INT8_STARS_BOUND = 0.30


@cache
def classifier(backend: str) -> Classifier:
    return load_classifier(settings.STARCAST_CHECKPOINT, backend)


def probabilities(backend: str, texts: Sequence[str]) -> NDArray[np.float64]:
    return np.array([prediction.probabilities for prediction in classifier(backend).classify(texts)])


@cache
def dataset_reviews() -> tuple[str, ...]:
    """Twenty reviews of the dataset, spread over the test part, where the archive is at hand."""
    for archive in ARCHIVES:
        if (REPOSITORY / archive).exists():
            reviews = load_split(REPOSITORY / archive, "test", 0.0)
            return tuple(review.text for review in reviews[:: len(reviews) // 20][:20])
    pytest.skip("the dataset archive is not at data/aclImdb_v1.tar.gz")


@pytest.fixture(params=["written for the tests", "of the dataset"])
def reviews(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return REVIEWS if request.param == "written for the tests" else dataset_reviews()


def test_the_int8_graph_agrees_with_pytorch(reviews: tuple[str, ...]) -> None:
    int8, float32 = probabilities("onnx", reviews), probabilities("torch", reviews)
    assert len(int8) == 20
    assert np.abs(int8 - float32).max() < INT8_PROBABILITY_BOUND
    assert np.abs((int8 - float32) @ np.array(STARS)).max() < INT8_STARS_BOUND


def test_a_text_gives_the_same_numbers_alone_and_in_company(reviews: tuple[str, ...]) -> None:
    for backend in ("onnx", "torch"):
        together = probabilities(backend, reviews)
        alone = np.concatenate([probabilities(backend, [review]) for review in reviews])
        assert np.abs(together - alone).max() < 1e-3


def test_command_line_http_and_websocket_give_the_numbers_of_the_graph(
    real_server: RunningServer, reviews: tuple[str, ...]
) -> None:
    expected = probabilities("onnx", reviews)
    finished = subprocess.run(
        [sys.executable, "manage.py", "classify", *reviews], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    command_line = [json.loads(line)["probabilities"] for line in finished.stdout.splitlines()]
    with httpx.Client(base_url=real_server.http, trust_env=False) as client:
        http = [client.post("/api/v1/predict", json={"text": text}).json()["probabilities"] for text in reviews]
    websocket = []
    with connect(real_server.ws, subprotocols=[Subprotocol("starcast.v1")], proxy=None) as socket:
        assert json.loads(socket.recv())["type"] == "session.created"
        for seq, text in enumerate(reviews):
            socket.send(json.dumps({"type": "text.update", "seq": seq, "text": text}))
            prediction = json.loads(socket.recv())
            assert prediction["seq"] == seq
            websocket.append(prediction["probabilities"])
    for measured in (command_line, http, websocket):
        assert np.abs(np.array(measured) - expected).max() < 1e-6
