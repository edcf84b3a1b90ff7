"""Take the pictures of README and docs from the real page with the shipped model.

``python -m tests.e2e.screenshots`` starts a server, types a review and writes ``docs/images/*.png``.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, Literal

from playwright.sync_api import Browser, expect, sync_playwright

from tests.e2e.chromium import ARGUMENTS, NAMES
from tests.servers import REPOSITORY, start_server

REVIEW: Final = (
    "I expected very little of this one, and for half an hour I was right. Then the old man sits down at the piano, "
    "and from there on I did not look away once. Clumsy in places, but warm, funny and beautifully acted."
)
DESKTOP: Final = (1280, 760)
PHONE: Final = (360, 740)
SCENES: Final[tuple[tuple[str, tuple[int, int], Literal["light", "dark"], str], ...]] = (
    ("page-light", DESKTOP, "light", REVIEW),
    ("page-dark", DESKTOP, "dark", REVIEW),
    ("phone-light", PHONE, "light", REVIEW),
    ("phone-dark", PHONE, "dark", REVIEW),
    ("page-empty", DESKTOP, "light", ""),
    ("page-bad", DESKTOP, "light", "Dull, loud and endless. I want my two hours back."),
)


def take(browser: Browser, address: str, folder: Path) -> None:
    """Type each scene's review and save what is then to be seen."""
    for name, (width, height), theme, text in SCENES:
        page = browser.new_page(
            viewport={"width": width, "height": height},
            color_scheme=theme,
            device_scale_factor=2,
            reduced_motion="reduce",
        )
        page.goto(address)
        page.locator("#review").press_sequentially(text)
        expect(page.locator("#freshness")).to_have_attribute("data-state", re.compile("fresh|prior"), timeout=30_000)
        page.screenshot(path=folder / f"{name}.png")
        page.close()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.screenshots", description=__doc__)
    parser.add_argument("--output", type=Path, default=REPOSITORY / "docs" / "images", help="folder to write")
    options = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, NAMES)), None)
    if chromium is None:
        sys.exit("error: chromium is not installed")
    options.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data_dir, sync_playwright() as playwright:
        environment = {"STARCAST_DATA_DIR": data_dir, "STARCAST_DEBUG": "1", "STARCAST_BACKEND": "fake"}
        subprocess.run(
            [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"],
            cwd=REPOSITORY,
            env=environment,
            check=True,
        )
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        with start_server(Path(data_dir)) as server:
            take(browser, server.http, options.output)
        browser.close()


if __name__ == "__main__":
    main()
