"""The npm package: packed, installed without a network, imported, type-checked, and talking to a real server."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect, sync_playwright
from websockets.sync.client import connect

from tests.conftest import missing, require_program
from tools.chromium import ARGUMENTS, HEADLESS_NAMES
from tools.servers import REPOSITORY, RunningServer

COMPILER = REPOSITORY / "tests" / "js" / "node_modules" / "typescript" / "bin" / "tsc"
TIMEOUT_S = 300
CONSUMER = """
import { connect, LABELS, RatingError, utf16Spans } from "starcast-client";
import type { Prediction, RatingClient, Span } from "starcast-client";

const shown: Prediction[] = [];
const live: RatingClient = connect({
  url: new URL("https://stars.example"),
  key: "key",
  WebSocket,
  onPrediction: (prediction, elapsedMs: number | null) => shown.push(prediction),
  onExplanation: ({ spans }, text) => {
    const converted: Span[] = utf16Spans(text, spans);
  },
  onStatus: ({ state }) => state === "reconnecting",
  onError: (error) => ("code" in error ? error.code : error.message),
});
live.submit("text");
live.cancel();
live.addEventListener("prediction", ({ detail }) => detail.prediction.stars?.toFixed());
const rated: Promise<Prediction> = live.rate("text", { signal: AbortSignal.timeout(1) });
rated.catch((error) => error instanceof RatingError && error.code);
export const first: number = LABELS[0];
// @ts-expect-error: a text is a string
live.submit(5);
// @ts-expect-error: there is no connection without an address
connect({});
"""


def run(*command: str, cwd: Path) -> str:
    finished = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (REPOSITORY / "docs" / "javascript.md").read_text(), re.DOTALL)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of somebody else, with the packed client installed."""
    npm = require_program("npm")
    if not COMPILER.exists():
        missing("TypeScript is not installed: npm install in tests/js")
    folder = tmp_path_factory.mktemp("project")
    quiet = ["--offline", "--silent"]
    run(npm, "pack", *quiet, "--pack-destination", str(folder), cwd=REPOSITORY / "clients" / "js")
    (archive,) = folder.glob("starcast-client-*.tgz")
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    run(npm, "install", *quiet, "--no-audit", "--no-fund", f"./{archive.name}", cwd=folder)
    return folder


def test_the_package_holds_the_modules_of_the_page_and_their_types(project: Path) -> None:
    package = project / "node_modules" / "starcast-client"
    modules = sorted((package / "dist").rglob("*.js"))
    assert len(modules) == 6
    for module in modules:
        source = REPOSITORY / "static" / "live" / module.relative_to(package / "dist")
        assert module.read_bytes() == source.read_bytes()
        assert module.with_suffix(".d.ts").exists()
    for name in ("LICENSE", "NOTICE"):
        assert (package / name).read_bytes() == (REPOSITORY / name).read_bytes()
    assert [folder.name for folder in (project / "node_modules").iterdir() if folder.is_dir()] == ["starcast-client"]


@pytest.mark.long
@pytest.mark.ci
def test_a_strict_typescript_program_compiles_against_its_types(project: Path) -> None:
    node = require_program("node")
    (project / "consumer.ts").write_text(CONSUMER)
    for module, resolution in (("nodenext", "nodenext"), ("esnext", "bundler")):
        options = ["--module", module, "--moduleResolution", resolution, "--target", "es2022"]
        run(node, str(COMPILER), "--noEmit", "--strict", *options, "consumer.ts", cwd=project)


def node_22() -> list[str]:
    """Node with a WebSocket of its own: Node 20 has the same one behind a flag."""
    return [require_program("node"), "--no-warnings", "--experimental-websocket"]


def test_the_node_example_runs_as_printed(project: Path, fake_server: RunningServer) -> None:
    (project / "rate.mjs").write_text(examples("js")[0])
    rated = run(*node_22(), "rate.mjs", "A wonderful film.", fake_server.http, cwd=project)
    assert re.fullmatch(r"\d+\.\d stars\n", rated)


@pytest.fixture
def node_20(project: Path, tmp_path: Path) -> Path:
    """A project whose example runs without a WebSocket of Node's own."""
    shutil.copytree(project, tmp_path, dirs_exist_ok=True)
    (tmp_path / "rate.mjs").write_text(examples("js")[0])
    (tmp_path / "node20.mjs").write_text("delete globalThis.WebSocket;")
    return tmp_path


def install(package: str, folder: Path) -> None:
    shutil.copytree(REPOSITORY / "tests" / "js" / "node_modules" / package, folder / "node_modules" / package)


def rate_in_node_20(folder: Path, url: str) -> "subprocess.CompletedProcess[str]":
    command = [require_program("node"), "--import", "./node20.mjs", "rate.mjs", "A wonderful film.", url]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)


def test_in_node_20_the_package_ws_is_found_where_it_is_installed(node_20: Path, fake_server: RunningServer) -> None:
    install("ws", node_20)
    rated = rate_in_node_20(node_20, fake_server.http)
    assert re.fullmatch(r"\d+\.\d stars\n", rated.stdout), rated.stderr


def test_in_node_20_the_class_of_another_package_can_be_passed(node_20: Path, fake_server: RunningServer) -> None:
    install("undici", node_20)
    program = node_20 / "rate.mjs"
    example = program.read_text().replace("connect({ url })", "connect({ url, WebSocket })")
    program.write_text(f'import {{ WebSocket }} from "undici";\n{example}')
    rated = rate_in_node_20(node_20, fake_server.http)
    assert re.fullmatch(r"\d+\.\d stars\n", rated.stdout), rated.stderr


def test_in_node_20_without_a_package_one_error_says_what_to_install(node_20: Path) -> None:
    failed = rate_in_node_20(node_20, "http://localhost:1")
    (error,) = re.findall(r"^\w*Error: .*", failed.stderr, re.MULTILINE)
    assert "npm install ws" in error


def test_in_node_20_a_damaged_package_says_so_itself(node_20: Path) -> None:
    (node_20 / "node_modules" / "ws").mkdir()
    (node_20 / "node_modules" / "ws" / "index.js").write_text('throw new Error("damaged");')
    assert "Error: damaged" in rate_in_node_20(node_20, "http://localhost:1").stderr


def test_a_bundle_for_browsers_has_nothing_of_node(project: Path) -> None:
    package = project / "node_modules" / "starcast-client"
    entries = json.loads((package / "package.json").read_text())["exports"]["."]
    assert entries.keys() - {"types"} == {"node", "default"}
    assert entries["default"] == "./dist/client.js"
    assert not any("node:" in module.read_text() for module in (package / "dist").rglob("*.js"))


def test_the_example_that_goes_text_by_text_prints_each_rating_and_ends(
    project: Path, fake_server: RunningServer
) -> None:
    (project / "texts.mjs").write_text(examples("js")[1].replace("http://localhost:8000", fake_server.http))
    rated = run(*node_22(), "texts.mjs", cwd=project)
    assert re.fullmatch(r"\d+ stars: A wonderful film.\n\d+ stars: A waste of two hours.\n", rated)


def test_the_example_with_spans_prints_each_part_of_the_text_and_ends(
    project: Path, fake_server: RunningServer
) -> None:
    (project / "spans.mjs").write_text(examples("js")[2].replace("http://localhost:8000", fake_server.http))
    lines = run(*node_22(), "spans.mjs", cwd=project).splitlines(keepends=True)
    parts = [line.rpartition(" ") for line in lines]
    assert all(re.fullmatch(r"-?\d+\.\d\d\n", weight) for _, _, weight in parts)
    words = [text for text, _, _ in parts]
    assert words == ["🎬 A wonderful film.", "🎬", "A", "wonderful", "film"]


def test_the_example_of_the_package_runs_as_printed(project: Path, fake_server: RunningServer) -> None:
    (example,) = re.findall(r"```js\n(.*?)```", (REPOSITORY / "clients/js/README.md").read_text(), re.DOTALL)
    dist = project / "node_modules" / "starcast-client" / "dist"
    page_source = (
        '<textarea></textarea><script type="importmap">{"imports": {"starcast-client": "/package/client.js"}}</script>'
        f'<script type="module">{example.replace("http://localhost:8000", fake_server.http)}</script>'
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=require_program(*HEADLESS_NAMES),
            args=[*ARGUMENTS, "--disable-features=LocalNetworkAccessChecks"],
        )
        page = browser.new_page()
        page.route("**/example", lambda route: route.fulfill(body=page_source, content_type="text/html"))
        page.route(
            "**/package/**", lambda route: route.fulfill(path=dist / route.request.url.rpartition("/package/")[2])
        )
        page.goto(f"{fake_server.http}/example")
        with page.expect_console_message(lambda message: re.fullmatch(r"\d+\.\d stars", message.text) is not None):
            page.locator("textarea").press_sequentially("A wonderful film.")
        browser.close()


def test_the_example_that_watches_runs_as_printed(project: Path, fake_server: RunningServer) -> None:
    (project / "watch.mjs").write_text(examples("js")[-1])
    with connect(fake_server.ws, proxy=None) as typist:

        def until(kind: str) -> dict[str, Any]:
            while (message := json.loads(typist.recv(timeout=TIMEOUT_S)))["type"] != kind:
                pass
            return dict(message)

        until("session.created")
        typist.send('{"type":"text.update","seq":1,"text":"A wonderful film."}')
        until("prediction")
        typist.send('{"type":"room.open"}')
        room_id = until("room.opened")["room_id"]
        arguments = ["watch.mjs", room_id, fake_server.ws.partition("/ws/")[0]]
        with subprocess.Popen([*node_22(), *arguments], cwd=project, stdout=subprocess.PIPE, text=True) as watcher:
            assert watcher.stdout is not None
            assert re.fullmatch(r"\d+\.\d A wonderful film\.\n", watcher.stdout.readline())
            typist.send('{"type":"room.close"}')
            assert watcher.wait(timeout=TIMEOUT_S) == 0


def test_the_page_example_runs_as_printed(fake_server: RunningServer) -> None:
    example = examples("html")[0].replace("http://localhost:8000", fake_server.http)
    address = f"{fake_server.http}/example"
    # To Chromium a page that the test hands it comes from outside, and may not speak with the local network.
    arguments = [*ARGUMENTS, "--disable-features=LocalNetworkAccessChecks"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=require_program(*HEADLESS_NAMES), args=arguments)
        page = browser.new_page()
        page.route(address, lambda route: route.fulfill(body=example, content_type="text/html"))
        page.goto(address)
        page.locator("#review").press_sequentially("A wonderful film.")
        expect(page.locator("#stars")).to_have_text(re.compile(r"^\d+\.\d$"))
        browser.close()
