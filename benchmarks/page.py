"""Load and response times of the pages in Chromium: bytes, requests, paint, long tasks, shifts, key to bars.

``python -m benchmarks.page`` starts its own server, and needs Chromium.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page, expect, sync_playwright

from benchmarks.machine import DEFAULT_CHECKPOINT, DEFAULT_OUTPUT, begin, write_json
from benchmarks.peers.base import Launch
from benchmarks.peers.registry import starcast_environment
from benchmarks.servers import REPOSITORY, ServerError, python, running
from tools.chromium import ARGUMENTS, NAMES
from tools.reviews import REVIEWS

PROGRAM: Final = "benchmarks.page"
BUDGET_BYTES: Final = 60_000
"""Maximum transfer size of the live page."""

_PATHS: Final = ("/", "/ru/", "/model/", "/about/", "/widget/")
_PROBE: Final = Path(__file__).with_name("page_probe.js")
_TEXT: Final = REVIEWS[3][:80]
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
    """Load a page with an empty cache, and type ``text`` if it is the live page.

    Bytes are over the wire, including headers; times are in milliseconds.
    """
    context = browser.new_context(viewport={"width": device.width, "height": device.height})
    page = context.new_page()
    page.add_init_script(path=_PROBE)
    fetched = _watch_network(page, device)
    page.goto(address)
    page.wait_for_load_state("networkidle")
    is_live = page.locator("#freshness").count() > 0
    if is_live:
        page.wait_for_function("starcastMeasured.firstBarsMs !== null", timeout=_TIMEOUT_MS)
        page.locator("#review").press_sequentially(text, delay=_KEY_INTERVAL_MS)
        page.wait_for_function(f"starcastMeasured.keysMs.length >= {len(text)}", timeout=_TIMEOUT_MS)
        expect(page.locator("#review")).to_have_value(text)
    found = page.evaluate("starcastMeasured")
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    context.close()
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
        }
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


def _watch_network(page: Page, device: Device) -> list[float]:
    """Record the bytes of each response as it arrives."""
    fetched: list[float] = []
    session = page.context.new_cdp_session(page)
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


def _collect_static_files(environment: dict[str, str]) -> None:
    for command in (["migrate", "--verbosity", "0"], ["collectstatic", "--noinput", "--verbosity", "0"]):
        subprocess.run(  # noqa: S603 - our own
            python("manage.py", *command), cwd=REPOSITORY, env={**os.environ, **environment}, check=True
        )


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
    pages: dict[str, dict[str, Any]] = {}
    is_over = False
    try:
        with tempfile.TemporaryDirectory() as data_dir, sync_playwright() as playwright:
            launch = Launch(options.checkpoint, options.threads, Path(data_dir), gradio_python=sys.executable)
            environment = starcast_environment(launch)
            _collect_static_files(environment)
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
                        for words in over_budget(figures, device.budget):
                            is_over = True
                            print(f"over budget: {path} {device.name}: {words}")
            browser.close()
    except ServerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    devices = {device.name: asdict(device) for device in DEVICES}
    write_json(options.output, "page.json", {**about, "loads": options.loads, "devices": devices, "pages": pages})
    return int(is_over and options.budget)


if __name__ == "__main__":
    raise SystemExit(main())
