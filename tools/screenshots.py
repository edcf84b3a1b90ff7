"""Take the screenshots of README and docs, from the real page with the shipped model.

``python -m tools.screenshots`` starts a server, types reviews and writes ``docs/images/*.webp``. The pictures of
questions need a checkpoint of such (docs/your-own-labels.md): ``python -m tools.screenshots questions-light
questions-dark --checkpoint var/checkpoints/questions``. ``--states`` takes every state of the page instead, in each
language and theme, into ``build/states``, to look at after a change.
"""

import argparse
import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tools.chromium import ARGUMENTS, NAMES
from tools.servers import REPOSITORY, start_server

REVIEW: Final = (
    "I expected very little of this one, and for half an hour I was right. Then the old man sits down at the piano, "
    "and from there on I did not look away once. Clumsy in places, but warm, funny and beautifully acted."
)
TURN: Final = "The plot is predictable, the jokes are old and the effects are cheap. I loved it."
LETDOWN: Final = "Two good jokes in the first ten minutes, then dull, loud and endless. I want my evening back."
DESKTOP: Final = (1280, 800)
PHONE: Final = (360, 740)
SCALE: Final = 2
KEY_INTERVAL_MS: Final = 20
PICTURE_QUALITY: Final = 90

Theme = Literal["light", "dark"]
THEMES: Final[tuple[Theme, ...]] = ("light", "dark")

WATCHING_GAP: Final = 32
"""Gap between the two windows in the picture of watching, in device pixels."""

MOVIE_SIZE: Final = (960, 600)
MOVIE_KEYS: Final = 3
"""Keys per frame."""
MOVIE_FRAME_MS: Final = 150
MOVIE_LAST_FRAME_MS: Final = 3_000
MOVIE_QUALITY: Final = 65


@dataclass(frozen=True)
class Scene:
    """One picture: page, size, theme, and the actions before it is taken."""

    path: str = "/"
    size: tuple[int, int] = DESKTOP
    theme: Theme = "light"
    act: Callable[[Page], None] = lambda page: None


def rate(page: Page, text: str = REVIEW) -> None:
    """Type a review key by key, and wait until the bars match it."""
    page.locator("#review").press_sequentially(text, delay=KEY_INTERVAL_MS)
    expect(page.locator("#freshness")).to_have_attribute("data-state", re.compile("fresh|prior"), timeout=30_000)


def explain(page: Page, text: str = REVIEW) -> None:
    """Type a review, and wait for its explanation."""
    rate(page, text)
    expect(page.locator("#contributions")).to_have_attribute("data-state", "shown", timeout=30_000)


def comment(page: Page) -> None:
    """Type into the field on the widget's page."""
    page.locator("#comment").press_sequentially(REVIEW)
    expect(page.locator("starcast-meter .number")).to_have_text(re.compile(r"\d"), timeout=30_000)


def scroll_to(page: Page, place: str) -> None:
    """Scroll a part of the page to the top."""
    page.locator(place).evaluate("element => element.scrollIntoView()")


SCENES: Final[dict[str, Scene]] = {
    "page-light": Scene(act=explain),
    "page-dark": Scene(theme="dark", act=explain),
    "page-russian": Scene("/ru/", act=explain),
    "page-empty": Scene(act=partial(rate, text="")),
    "page-bad": Scene(act=partial(explain, text=LETDOWN)),
    "phone-light": Scene(size=PHONE, act=explain),
    "phone-dark": Scene(size=PHONE, theme="dark", act=explain),
    "model-page": Scene("/model/", size=(1000, 1090), act=partial(scroll_to, place="#good")),
    "widget": Scene("/widget/", size=(900, 700), act=comment),
}
QUESTION: Final = "Who was the first American to walk in space, and how long did it take?"
QUESTIONS: Final[dict[str, Scene]] = {
    "questions-light": Scene(act=partial(explain, text=QUESTION)),
    "questions-dark": Scene(theme="dark", act=partial(explain, text=QUESTION)),
}
"""Pictures of a model that does not rate films, which is not in the repository."""


def reach(page: Page, state: str, text: str) -> None:
    """Paste a text, and wait for the headline in this state. Typed keys may leave it in the state before."""
    page.locator("#review").fill(text)
    expect(page.locator("#rating")).to_have_attribute("data-state", state)


def look_back(page: Page) -> None:
    """Show an earlier moment."""
    rate(page, TURN)
    page.locator("#moment").focus()
    page.keyboard.press("Home")
    expect(page.locator("#rating")).to_have_attribute("data-past", "true")


def lose_connection(page: Page) -> None:
    """Type on without a connection, until the rating is old."""
    rate(page, LETDOWN)
    page.context.set_offline(True)
    expect(page.locator("#alert")).not_to_be_empty(timeout=30_000)
    page.locator("#review").press_sequentially(" Never again.")
    expect(page.locator("#rating")).to_have_attribute("data-old", "true")


def await_ghost(page: Page) -> None:
    """Leave the page alone until a review types itself."""
    expect(page.locator("#rating")).to_have_attribute("data-ghost", "true")


ACTS: Final[dict[str, Callable[[Page], None]]] = {
    # A space keeps the ghost away.
    "nothing": partial(reach, state="nothing", text=" "),
    "unreadable": partial(reach, state="unreadable", text="Der Film war furchtbar und langweilig."),
    "no-opinion": partial(reach, state="no_opinion", text="The film was released in 1999 and runs for two hours."),
    "either-way": partial(reach, state="either_way", text="An average film."),
    "leans": partial(reach, state="leans", text="It is a decent film with some flaws."),
    "says": explain,
    "past": look_back,
    "old": lose_connection,
    "ghost": await_ghost,
}
STATES: Final[dict[str, Scene]] = {
    f"{state}-{language}-{theme}": Scene(path, theme=theme, act=act)
    for state, act in ACTS.items()
    for language, path in (("en", "/"), ("ru", "/ru/"))
    for theme in THEMES
}
STATIC: Final = REPOSITORY / "static" / "live"
SOCIAL_SIZE: Final = (1200, 630)
SOCIAL: Final[dict[str, Scene]] = {
    "og-en": Scene(size=SOCIAL_SIZE, act=partial(rate, text=TURN)),
    "og-ru": Scene("/ru/", size=SOCIAL_SIZE, act=partial(rate, text=TURN)),
}
"""Pictures for links to the page, in ``static/live``."""
ICON_SIZES: Final = {"icon-180": 180, "icon-192": 192, "icon-512": 512}
"""Icons of the page in ``static/live``, for systems that read no SVG."""
ICON_MARGIN: Final = 0.1
"""Share of an icon's side that is left free, since systems cut off its corners."""
ICON_GROUND: Final = "#f4f5f9"
ALL: Final = (*SCENES, "watching", "typing", *SOCIAL, *ICON_SIZES)


def take(browser: Browser, address: str, scene: Scene, scale: int = SCALE) -> Image.Image:
    """Take a scene, at double pixel density by default."""
    with opened(browser, address + scene.path, scene.size, scene.theme, scale) as page:
        scene.act(page)
        return picture(page)


def watching(browser: Browser, address: str) -> Image.Image:
    """Take the windows of a writer and a watcher, side by side."""
    size = (760, 640)
    with (
        opened(browser, address, size, "light", SCALE) as writer,
        opened(browser, address, size, "dark", SCALE) as watcher,
    ):
        writer.locator("#room-open").click()
        expect(writer.locator("#room-link")).to_have_value(re.compile("/watch/"))
        watcher.goto(writer.locator("#room-link").input_value())
        rate(writer)
        expect(watcher.locator("#watched-text")).to_have_text(REVIEW, timeout=30_000)
        expect(watcher.locator("#freshness")).to_have_attribute("data-state", "fresh", timeout=30_000)
        scroll_to(writer, "body")
        windows = [picture(writer), picture(watcher)]
    width = sum(window.width for window in windows) + WATCHING_GAP
    both = Image.new("RGB", (width, windows[0].height), "white")
    both.paste(windows[0], (0, 0))
    both.paste(windows[1], (windows[0].width + WATCHING_GAP, 0))
    return both


def movie(browser: Browser, address: str) -> list[Image.Image]:
    """Take the frames of a review being typed."""
    frames = []
    with opened(browser, address, MOVIE_SIZE, "light", 1) as page:
        for begin in range(0, len(REVIEW), MOVIE_KEYS):
            rate(page, REVIEW[begin : begin + MOVIE_KEYS])
            frames.append(picture(page))
        expect(page.locator("#contributions")).to_have_attribute("data-state", "shown", timeout=30_000)
        frames.append(picture(page))
    return frames


def icon(browser: Browser, size: int) -> Image.Image:
    """Draw the star at a size, on a ground."""
    page = browser.new_page(viewport={"width": size, "height": size})
    page.set_content(
        f'<body style="margin:0;padding:{round(size * ICON_MARGIN)}px;background:{ICON_GROUND};box-sizing:border-box;'
        f'height:100vh">{(STATIC / "favicon.svg").read_text()}'
    )
    drawn = picture(page)
    page.close()
    return drawn


def picture(page: Page) -> Image.Image:
    """Take a screenshot without the blinking caret."""
    return Image.open(io.BytesIO(page.screenshot(caret="hide"))).convert("RGB")


def write_picture(image: Image.Image, path: Path) -> None:
    """Write a WebP. A palette image would show banding in shadows and fades."""
    image.save(path, quality=PICTURE_QUALITY, method=6)


def write_png(image: Image.Image, path: Path) -> None:
    """Write a small PNG."""
    image.quantize(256).save(path, optimize=True)


def write_movie(frames: Sequence[Image.Image], path: Path) -> None:
    """Write an animated WebP that loops."""
    durations = [*[MOVIE_FRAME_MS] * (len(frames) - 1), MOVIE_LAST_FRAME_MS]
    frames[0].save(
        path, save_all=True, append_images=frames[1:], duration=durations, loop=0, quality=MOVIE_QUALITY, method=6
    )


@contextlib.contextmanager
def opened(browser: Browser, address: str, size: tuple[int, int], theme: Theme, scale: int) -> Iterator[Page]:
    """Open a page without animations."""
    width, height = size
    page = browser.new_page(
        viewport={"width": width, "height": height},
        color_scheme=theme,
        device_scale_factor=scale,
        reduced_motion="reduce",
    )
    page.goto(address)
    yield page
    page.close()


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.screenshots", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"pictures to take (default: all): {' '.join(ALL)}")
    parser.add_argument("--states", action="store_true", help="take every state of the page into build/states")
    parser.add_argument("--output", type=Path, help="folder to write (default: docs/images)")
    parser.add_argument("--checkpoint", type=Path, help="folder of the model (default: the shipped one)")
    options = parser.parse_args()
    names = options.names or (STATES if options.states else ALL)
    output = options.output or REPOSITORY / ("build/states" if options.states else "docs/images")
    if unknown := set(names) - {*ALL, *QUESTIONS, *STATES}:
        parser.error(f"there is no scene {', '.join(sorted(unknown))}")
    chromium = next(filter(None, map(shutil.which, NAMES)), None)
    if QUESTIONS.keys() & set(names) and options.checkpoint is None:
        parser.error("pictures of questions need a --checkpoint")
    if chromium is None:
        sys.exit("error: chromium is not installed")
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data_dir, sync_playwright() as playwright:
        environment = {**os.environ, "STARCAST_DATA_DIR": data_dir, "STARCAST_DEBUG": "1", "STARCAST_BACKEND": "fake"}
        for command in (["migrate", "--verbosity", "0"], ["collectstatic", "--noinput", "--verbosity", "0"]):
            subprocess.run([sys.executable, "manage.py", *command], cwd=REPOSITORY, env=environment, check=True)
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        if options.checkpoint is not None:
            os.environ["STARCAST_CHECKPOINT"] = str(options.checkpoint.resolve())
        with start_server(Path(data_dir)) as server:
            for name in names:
                if name == "typing":
                    write_movie(movie(browser, server.http), output / "typing.webp")
                elif name == "watching":
                    write_picture(watching(browser, server.http), output / "watching.webp")
                elif name in SOCIAL:
                    write_png(take(browser, server.http, SOCIAL[name], scale=1), STATIC / f"{name}.png")
                elif name in ICON_SIZES:
                    write_png(icon(browser, ICON_SIZES[name]), STATIC / f"{name}.png")
                else:
                    scene = {**SCENES, **QUESTIONS, **STATES}[name]
                    write_picture(take(browser, server.http, scene), output / f"{name}.webp")
                print(name, flush=True)
        browser.close()


if __name__ == "__main__":
    main()
