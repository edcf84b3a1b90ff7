"""Load and response times of the pages in Chromium: bytes, requests, paint, long tasks, shifts, key to bars, a paste.

``python -m benchmarks.page`` starts its own server, and needs Chromium.
"""

import argparse
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, CDPSession, Page, expect, sync_playwright

from benchmarks.machine import DEFAULT_CHECKPOINT, DEFAULT_OUTPUT, begin, write_json
from benchmarks.peers.base import Launch
from benchmarks.peers.registry import prepare_starcast, starcast_environment
from benchmarks.servers import ServerError, python, running
from tools.chromium import ARGUMENTS, NAMES
from tools.reviews import REVIEWS

PROGRAM: Final = "benchmarks.page"
BUDGET_BYTES: Final = 60_000
"""Maximum transfer size of the live page."""

_PATHS: Final = ("/", "/ru/", "/model/", "/about/", "/widget/")
_PROBE: Final = Path(__file__).with_name("page_probe.js")
_TEXT: Final = REVIEWS[3][:80]
_PASTE: Final = ("A review of very many words, most of which say little. " * 400)[:20_000]
"""As long as a text may be."""
_KEY_INTERVAL_MS: Final = 120
_TIMEOUT_MS: Final = 60_000
# As in Lighthouse: tasks of more than 50 ms are long, and their time beyond 50 ms is blocking.
_LONG_TASK_MS: Final = 50


@dataclass(frozen=True)
class Budget:
    """Maximum of each figure on a device, by name. Pages without rating have no keys."""

    first_paint_ms: int
    blocking_ms: int
    key_p95_ms: int
    layout_shift: float = 0.1
    bytes: int = BUDGET_BYTES


@dataclass(frozen=True)
class Device:
    """A simulated device."""

    name: str
    width: int
    height: int
    cpu_slowdown: int
    latency_ms: int
    """Added to each request."""
    bytes_per_s: int
    """Download speed; -1 for no limit. WebSockets are not throttled."""
    budget: Budget


DEVICES: Final = (
    # Lighthouse's "good" limits for paint, blocking and shift. A reaction within 100 ms feels instant; Web Vitals
    # calls up to 200 ms good.
    Device("desktop", 1280, 800, 1, 0, -1, Budget(first_paint_ms=934, blocking_ms=150, key_p95_ms=100)),
    # Lighthouse's mobile settings: a mid-range phone on slow 4G.
    Device("phone", 412, 823, 4, 150, 1_638_400 // 8, Budget(first_paint_ms=1_800, blocking_ms=200, key_p95_ms=200)),
)


def measure(browser: Browser, address: str, device: Device, text: str = _TEXT) -> dict[str, Any]:
    """Load a page with an empty cache. On the live page, type ``text``, paste a long one, and type to a watcher.

    Bytes are over the wire, including headers; times are in milliseconds.
    """
    context = browser.new_context(viewport={"width": device.width, "height": device.height})
    page = context.new_page()
    page.add_init_script(path=_PROBE)
    session = page.context.new_cdp_session(page)
    fetched = _watch_network(session, device)
    page.goto(address)
    page.wait_for_load_state("networkidle")
    is_live = page.locator("#freshness").count() > 0
    if is_live:
        _wait_until(page, "starcastMeasured.firstBarsMs !== null")
        busy_before_ms = _busy_ms(session)
        page.locator("#review").press_sequentially(text, delay=_KEY_INTERVAL_MS)
        _wait_until(page, f"starcastMeasured.keysMs.length >= {len(text)}")
        expect(page.locator("#review")).to_have_value(text)
        busy_ms = _busy_ms(session) - busy_before_ms
    found = page.evaluate("starcastMeasured")
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    figures = {
        "requests": len(fetched),
        "bytes": sum(fetched),
        "first_paint_ms": paint,
        "long_tasks": len(found["longTasksMs"]),
        "blocking_ms": sum(max(0, duration - _LONG_TASK_MS) for duration in found["longTasksMs"]),
        "layout_shift": sum(found["shifts"]),
    }
    if is_live:
        keys = sorted(found["keysMs"])
        figures |= {
            "first_bars_ms": found["firstBarsMs"],
            "key_p50_ms": statistics.median(keys),
            "key_p95_ms": keys[int(0.95 * (len(keys) - 1))],
            "main_thread_ms_per_key": busy_ms / len(text),
            "paste_longest_frame_ms": _paste(page),
            "watched_p50_ms": _watch(browser, page, text),
        }
    context.close()
    return {name: round(value, 4 if name == "layout_shift" else 1) for name, value in figures.items()}


def median(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the median of each figure."""
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def over_budget(figures: dict[str, Any], budget: Budget) -> list[str]:
    """Return a message for each figure over budget."""
    allowed = asdict(budget)
    return [
        f"{name} is {figures[name]:g}, {most:g} at the most"
        for name, most in allowed.items()
        if figures.get(name, 0) > most
    ]


def _wait_until(page: Page, condition: str) -> None:
    """Wait for a condition in JavaScript. Playwright's own way polls by `eval`, which the page's policy forbids."""
    deadline = time.monotonic() + _TIMEOUT_MS / 1_000
    while not page.evaluate(condition):
        if time.monotonic() > deadline:
            raise ServerError(f"{page.url}: {condition} is not true after {_TIMEOUT_MS / 1_000:g} s")
        page.wait_for_timeout(20)


def _busy_ms(session: CDPSession) -> float:
    """Return for how long the page's main thread has worked, in milliseconds."""
    session.send("Performance.enable")
    metrics = session.send("Performance.getMetrics")["metrics"]
    return 1_000 * next(float(metric["value"]) for metric in metrics if metric["name"] == "TaskDuration")


def _paste(page: Page) -> float:
    """Paste a text of the largest size; return the longest time between two frames until its words are explained."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("text => navigator.clipboard.writeText(text)", _PASTE)
    page.locator("#review").fill("")
    expect(page.locator("#contributions")).to_have_attribute("data-state", "waiting")
    page.evaluate("starcastMeasured.watchFrames()")
    page.locator("#review").focus()
    page.keyboard.press("Control+v")
    # On a slow machine, explaining so long a text may take longer than the server allows.
    expect(page.locator("#contributions")).to_have_attribute(
        "data-state", re.compile("shown|refused"), timeout=_TIMEOUT_MS
    )
    frames_ms = page.evaluate("starcastMeasured.framesMs")
    return float(max(frames_ms))


def _watch(browser: Browser, page: Page, text: str) -> float:
    """Type ``text`` while another page watches; return the median time from a key to its text and bars over there."""
    page.locator("#review").fill("")
    page.locator("#room-open").click()
    expect(page.locator("#room-link")).to_have_value(re.compile("/watch/"), timeout=_TIMEOUT_MS)
    context = browser.new_context()
    friend = context.new_page()
    friend.add_init_script(path=_PROBE)
    friend.goto(page.locator("#room-link").input_value())
    expect(friend.locator("#typist")).to_have_attribute("data-state", "here", timeout=_TIMEOUT_MS)
    pressed = {}
    for count, character in enumerate(text, start=1):
        pressed[count] = page.evaluate("Date.now()")
        page.locator("#review").press_sequentially(character, delay=_KEY_INTERVAL_MS)
    expect(friend.locator("#watched-text")).to_have_text(text, timeout=_TIMEOUT_MS)
    expect(friend.locator("#freshness")).to_have_attribute("data-state", "fresh", timeout=_TIMEOUT_MS)
    seen = friend.evaluate("starcastMeasured.watchedAt")
    context.close()
    return float(statistics.median(seen[str(count)] - at for count, at in pressed.items() if str(count) in seen))


def _watch_network(session: CDPSession, device: Device) -> list[float]:
    """Record the bytes of each response as it arrives."""
    fetched: list[float] = []
    session.send("Network.enable")
    session.on("Network.loadingFinished", lambda event: fetched.append(event["encodedDataLength"]))
    session.send("Emulation.setCPUThrottlingRate", {"rate": device.cpu_slowdown})
    session.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": device.latency_ms,
            "downloadThroughput": device.bytes_per_s,
            "uploadThroughput": device.bytes_per_s,
        },
    )
    return fetched


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog=f"python -m {PROGRAM}", description=__doc__)
    parser.add_argument("--loads", type=int, default=5, help="loads per page, for the median (%(default)s)")
    parser.add_argument("--checkpoint", type=Path, default=DEFAULT_CHECKPOINT, help="checkpoint folder (%(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="threads per forward pass (%(default)s)")
    parser.add_argument("--budget", action="store_true", help="exit with 1 if a page is over its budget")
    parser.add_argument("--output", type=Path, default=DEFAULT_OUTPUT, help="output folder (%(default)s)")
    options = parser.parse_args(argv)
    chromium = next(filter(None, map(shutil.which, NAMES)), None)
    if chromium is None:
        print("error: chromium is not installed", file=sys.stderr)
        return 1
    about = begin(PROGRAM, argv)
    try:
        pages = _measure_all(options, chromium, about)
    except ServerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    devices = {device.name: asdict(device) for device in DEVICES}
    write_json(options.output, "page.json", {**about, "loads": options.loads, "devices": devices, "pages": pages})
    over = [
        f"over budget: {path} {device.name}: {words}"
        for path, found in pages.items()
        for device in DEVICES
        for words in over_budget(found[device.name], device.budget)
    ]
    for words in over:
        print(words)
    return int(bool(over) and options.budget)


def _measure_all(
    options: argparse.Namespace, chromium: str, about: dict[str, Any]
) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the figures of each page by device. Adds Chromium's version to ``about``."""
    pages: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as data_dir, sync_playwright() as playwright:
        launch = Launch(options.checkpoint, options.threads, Path(data_dir), gradio_python=sys.executable)
        environment = starcast_environment(launch)
        prepare_starcast(environment)
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        about["versions"]["chromium"] = browser.version
        log = options.output / "logs" / "page.log"
        with running(python("manage.py", "serve", "--port", "0"), environment, log) as server:
            for path in _PATHS:
                for device in DEVICES:
                    address = f"http://localhost:{server.port}{path}"
                    runs = [measure(browser, address, device) for _ in range(options.loads)]
                    figures = pages.setdefault(path, {})[device.name] = median(runs)
                    print(path, device.name, ", ".join(f"{name} {value:g}" for name, value in figures.items()))
        browser.close()
    return pages


if __name__ == "__main__":
    raise SystemExit(main())
