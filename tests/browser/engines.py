"""Firefox and WebKit, driven by the protocols that they bring: WebDriver BiDi, and WebDriver under a virtual screen."""

import contextlib
import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Protocol

from websockets.sync.client import ClientConnection, connect

from tests.conftest import missing, require_program
from tests.timing import PATIENCE_S
from tools.servers import free_port

CONTROL = "\ue009"


class Engine(Protocol):
    """What the tests need of a browser with one window."""

    def goto(self, url: str) -> None: ...

    def evaluate(self, expression: str) -> Any: ...

    def press(self, keys: str) -> None: ...

    def undo(self) -> None: ...

    def reload(self) -> None: ...

    def back(self) -> None: ...


def _key_actions(keys: str) -> list[dict[str, Any]]:
    actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
    return [{"type": "key", "id": "keyboard", "actions": actions}]


class Firefox:
    """Firefox, by WebDriver BiDi (https://w3c.github.io/webdriver-bidi)."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._last = 0
        self._send("session.new", capabilities={})
        self._context = self._send("browsingContext.getTree")["contexts"][0]["context"]

    def goto(self, url: str) -> None:
        self._send("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def evaluate(self, expression: str) -> Any:
        answer = self._send(
            "script.evaluate",
            expression=f"JSON.stringify({expression})",
            target={"context": self._context},
            awaitPromise=True,
        )
        assert answer["type"] == "success", answer
        return json.loads(answer["result"].get("value", "null"))

    def press(self, keys: str) -> None:
        self._send("input.performActions", context=self._context, actions=_key_actions(keys))

    def undo(self) -> None:
        keys = [("keyDown", CONTROL), ("keyDown", "z"), ("keyUp", "z"), ("keyUp", CONTROL)]
        actions = [{"type": kind, "value": key} for kind, key in keys]
        keyboard = {"type": "key", "id": "keyboard", "actions": actions}
        self._send("input.performActions", context=self._context, actions=[keyboard])

    def reload(self) -> None:
        self._send("browsingContext.reload", context=self._context, wait="complete")

    def back(self) -> None:
        self._send("browsingContext.traverseHistory", context=self._context, delta=-1)

    def _send(self, method: str, **params: Any) -> Any:
        self._last += 1
        self._connection.send(json.dumps({"id": self._last, "method": method, "params": params}))
        while True:
            message = json.loads(self._connection.recv(timeout=PATIENCE_S))
            if message.get("id") == self._last:
                assert message["type"] == "success", message
                return message["result"]


class WebKit:
    """WebKitGTK, by WebDriver (https://www.w3.org/TR/webdriver2)."""

    def __init__(self, address: str, browser: str) -> None:
        options = {"binary": browser, "args": ["--automation"]}
        wanted = {"alwaysMatch": {"browserName": "MiniBrowser", "webkitgtk:browserOptions": options}}
        self._address = f"{address}/session"
        self._address += "/" + self._send("", {"capabilities": wanted})["sessionId"]

    def goto(self, url: str) -> None:
        self._send("/url", {"url": url})

    def evaluate(self, expression: str) -> Any:
        return json.loads(
            self._send("/execute/sync", {"script": f"return JSON.stringify({expression})", "args": []}) or "null"
        )

    def press(self, keys: str) -> None:
        self._send("/actions", {"actions": _key_actions(keys)})

    def undo(self) -> None:
        # Keys of its driver reach the page, but not the editing commands of the browser.
        self.evaluate("document.execCommand('undo')")

    def reload(self) -> None:
        self._send("/refresh", {})

    def back(self) -> None:
        self._send("/back", {})

    def _send(self, path: str, content: dict[str, Any]) -> Any:
        request = urllib.request.Request(
            self._address + path, json.dumps(content).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            return json.load(response)["value"]


@contextlib.contextmanager
def firefox(folder: Path) -> Iterator[Engine]:
    """Start Firefox with a fresh profile in ``folder``."""
    program = require_program("firefox-esr", "firefox")
    arguments = ["--headless", "--no-remote", "--profile", str(folder), "--remote-debugging-port=0"]
    with _started([program, *arguments], folder, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        address = _read_until(process.stderr, re.compile(r"WebDriver BiDi listening on (ws://\S+)"))
        with connect(f"{address}/session", max_size=None) as connection:
            yield Firefox(connection)


@contextlib.contextmanager
def webkit(folder: Path) -> Iterator[Engine]:
    """Start MiniBrowser, with WebKit's own driver, on a screen of its own."""
    driver = require_program("WebKitWebDriver")
    screen = require_program("Xvfb")
    browser = next(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"), None)
    if browser is None:
        missing("MiniBrowser is not installed")
    with _started([screen, "-displayfd", "1", "-nolisten", "tcp"], folder, stdout=subprocess.PIPE) as x:
        assert x.stdout is not None
        display = ":" + _read_until(x.stdout, re.compile(r"(\d+)"))
        port = free_port()
        with _started([driver, f"--port={port}"], folder, DISPLAY=display):
            address = f"http://127.0.0.1:{port}"
            _wait_for(address)
            yield WebKit(address, str(browser))


ENGINES = {"firefox": firefox, "webkit": webkit}


@contextlib.contextmanager
def _started(
    command: list[str],
    home: Path,
    stdout: int = subprocess.DEVNULL,
    stderr: int = subprocess.DEVNULL,
    **environment: str,
) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command,
        env={**os.environ, "HOME": str(home), **environment},
        stdout=stdout,
        stderr=stderr,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        # With all that it started: a browser has many processes.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _read_until(stream: IO[str], pattern: re.Pattern[str]) -> str:
    for line in stream:
        if match := pattern.search(line):
            return match[1]
    raise AssertionError(f"it ended without {pattern.pattern}")


def _wait_for(address: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(f"{address}/status", timeout=PATIENCE_S) as response:
                if json.load(response)["value"]["ready"]:
                    return
        except OSError:
            pass
        assert time.monotonic() < until
        time.sleep(0.05)
