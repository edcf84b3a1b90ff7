"""A server that answers what a test tells it to, when the test says so, in the browser itself."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from playwright.sync_api import Page, WebSocketRoute

from model_core.labels import STARS
from model_core.states import DEFAULT_STATES
from tests.timing import PATIENCE_S
from tools.ghost import RECORDING

SOCKET = re.compile(r"/ws/v1/classify/$")
GREETING: dict[str, Any] = {
    "type": "session.created",
    "labels": STARS,
    "model": {"name": "by hand", "version": "1", "max_tokens": 512},
    "heartbeat_interval_ms": 25_000,
    "states": asdict(DEFAULT_STATES),
    "limits": {"max_chars": 20_000, "max_message_bytes": 65_536},
}

VERDICTS: tuple[tuple[str, dict[str, object]], ...] = (
    ("nothing written", {"probabilities": [0.125] * 8, "tokens": 0, "is_prior": True}),
    ("no opinion", {"is_prior": True}),
    ("unreadable", {"legible": 0}),
    ("either way", {"positive": 0.5, "interval": [1, 10]}),
    ("leaning", {"positive": 0.4, "interval": [2, 10]}),
    ("positive, widely", {"interval": [2, 10], "positive": 0.999, "expected_stars": 9.9}),
    ("negative, widely", {"interval": [1, 9], "positive": 0.001, "expected_stars": 1.1}),
    ("one rating", {}),
)
"""All that a headline can say, by name: the changes to an answer of almost certainly ten stars."""


def greeting_of_recorded() -> dict[str, Any]:
    """The greeting of the model that the review which types itself was recorded of."""
    found = re.search(r'MODEL = "(\S+) (\S+)"', RECORDING.read_text())
    assert found is not None
    return {**GREETING, "model": {"name": found[1], "version": found[2], "max_tokens": 512}}


def prediction(seq: int, stars: int, **changed: Any) -> dict[str, Any]:
    """An answer that is sure of one rating, but for what is changed."""
    return {
        "type": "prediction",
        "seq": seq,
        "probabilities": [float(label == stars) for label in STARS],
        "label": str(stars),
        "stars": stars,
        "expected_stars": float(stars),
        "expected_value": float(stars),
        "interval": [stars, stars],
        "positive": float(stars >= 7),
        "tokens": 20,
        "truncated": False,
        **changed,
    }


class ServerByHand:
    """Answers when the test says so."""

    def __init__(self, page: Page, greeting: dict[str, Any] = GREETING) -> None:
        self._greeting = greeting
        self.texts: dict[int, str] = {}
        self.flushed: list[int] = []
        self.rooms_asked_for = 0
        self._socket: WebSocketRoute | None = None
        page.route_web_socket(SOCKET, self._greet)

    def _greet(self, socket: WebSocketRoute) -> None:
        self._socket = socket
        socket.on_message(self._take)
        socket.send(json.dumps(self._greeting))

    def _take(self, frame: str | bytes) -> None:
        message = json.loads(frame)
        if message["type"] == "text.update":
            self.texts[message["seq"]] = message["text"]
        elif message["type"] == "flush":
            self.flushed.append(message["seq"])
        elif message["type"] == "room.open":
            self.rooms_asked_for += 1

    def wait_for(self, page: Page, text: str) -> int:
        """Wait for a text; its number."""
        _wait(page, lambda: text in self.texts.values())
        return next(seq for seq, sent in self.texts.items() if sent == text)

    def wait_for_any(self, page: Page) -> None:
        """Wait for a first text."""
        _wait(page, lambda: len(self.texts) > 0)

    def wait_for_flush(self, page: Page, seq: int) -> None:
        """Wait until the final answer to a text is asked for."""
        _wait(page, lambda: seq in self.flushed)

    def refuse_room(self, page: Page, times: int) -> None:
        """Wait until a room is asked for the given time, and refuse it by the rate, which names no text."""
        _wait(page, lambda: self.rooms_asked_for == times)
        assert self._socket is not None
        error = {"code": "rate_limited", "message": "", "retryable": True, "retry_after_ms": 500}
        self._socket.send(json.dumps({"type": "error", "error": error}))

    def answer(self, seq: int, stars: int, **changed: Any) -> None:
        assert self._socket is not None
        self._socket.send(json.dumps(prediction(seq, stars, **changed)))

    def close(self, code: int) -> None:
        assert self._socket is not None
        self._socket.close(code=code)

    def explain(self, seq: int, **changed: Any) -> None:
        """Explain a text of which nothing stands out, but for what is changed."""
        assert self._socket is not None
        explanation = {"type": "explanation", "seq": seq, "method": "by hand", "all_words": True, "spans": []}
        self._socket.send(json.dumps({**explanation, **changed}))

    def refuse(self, seq: int, code: str) -> None:
        assert self._socket is not None
        error = {"code": code, "message": "", "seq": seq, "retryable": False}
        self._socket.send(json.dumps({"type": "error", "error": error}))


def _wait(page: Page, is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < until
        page.evaluate("0")  # Playwright hands frames on while it waits for the browser.
