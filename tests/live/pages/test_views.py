"""The pages, in the process."""

import json
import math
import re
import struct
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from django.template.loader import render_to_string
from django.test import Client
from pytest_django.fixtures import Settings

from live.watching.audience import audiences
from model_core.checkpoint import read_config
from model_core.labels import STARS
from tools.servers import REPOSITORY

PAGES = (f"/watch/{'A' * 22}/", "/model/", "/about/", "/widget/")


@pytest.fixture(autouse=True)
def rooms_may_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the first seconds of a server, when a page of a room is shown whether it is there or not."""
    monkeypatch.setattr(audiences, "_began", time.monotonic())


def html(path: str) -> str:
    response = Client().get(path)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize("path", [*PAGES, *(f"/ru{path}" for path in PAGES)])
def test_a_page_has_nothing_inline_and_loads_nothing_from_elsewhere(path: str) -> None:
    class Parser(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            names = dict(attrs)
            assert not [name for name in names if name == "style" or name.startswith("on")]
            assert tag != "style"
            assert tag != "script" or names.get("src")
            for name in ("src", "href"):
                assert not (names.get(name) or "").removeprefix("http://testserver/").startswith(("http", "//"))

    Parser().feed(html(path))


@pytest.mark.parametrize("path", PAGES)
def test_a_page_leads_to_itself_in_the_other_language(path: str) -> None:
    assert f'href="/ru{path}" hreflang="ru" lang="ru"' in html(path)
    assert f'href="{path}" hreflang="en" lang="en"' in html(f"/ru{path}")
    assert '<html lang="ru">' in html(f"/ru{path}")


def test_a_page_of_a_room_that_is_certainly_not_there_is_not_found_and_looks_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    may_be_there = html(PAGES[0])
    assert Client().get("/watch/too-short/").status_code == 404
    monkeypatch.setattr(audiences, "_began", -math.inf)
    response = Client().get(PAGES[0])
    assert response.status_code == 404
    assert response.content.decode() == may_be_there


@pytest.mark.parametrize(
    ("path", "language", "words"), [("/nowhere", "en", "not found"), ("/ru/model/x", "ru", "не найдена")]
)
def test_an_address_of_no_page_leads_home_in_its_language(path: str, language: str, words: str) -> None:
    response = Client().get(path)
    page = response.content.decode()
    assert response.status_code == 404
    assert f'<html lang="{language}">' in page
    assert words in page
    home = "/" if language == "en" else "/ru/"
    assert f'<p><a href="{home}">' in page
    other = ("/ru/", "ru") if language == "en" else ("/", "en")
    assert 'href="{}" hreflang="{}"'.format(*other) in page
    assert "live.css" in page


def test_search_engines_are_kept_out_of_rooms_and_find_one_address_for_a_page() -> None:
    robots = Client().get("/robots.txt")
    assert robots["Content-Type"] == "text/plain"
    assert "Disallow: /watch/\n" in robots.content.decode()
    page = html("/ru/about/?from=somewhere")
    assert '<link rel="canonical" href="http://testserver/ru/about/">' in page
    for code, path in {"en": "/about/", "ru": "/ru/about/", "x-default": "/about/"}.items():
        assert f'<link rel="alternate" hreflang="{code}" href="http://testserver{path}">' in page


@pytest.mark.parametrize(("home", "language"), [("/", "en"), ("/ru/", "ru")])
@pytest.mark.parametrize("page", ["", "about/"])
def test_a_link_that_is_passed_on_shows_title_description_and_picture_in_its_language(
    home: str, page: str, language: str
) -> None:
    head = html(f"{home}{page}").partition("</head>")[0]
    shown = dict(re.findall(r'property="og:([\w:]+)" content="([^"]+)"', head))
    assert shown["title"] == re.findall("<title>(.+)</title>", head)[0]
    assert shown["description"] == re.findall('<meta name="description".* content="(.+)">', head)[0]
    assert (shown["type"], shown["url"]) == ("website", f"http://testserver{home}{page}")
    assert shown["image"] == f"http://testserver/static/live/og-{language}.png"
    assert shown["image:alt"]
    picture = (REPOSITORY / f"static/live/og-{language}.png").read_bytes()
    assert size_of(picture) == (int(shown["image:width"]), int(shown["image:height"]))


@pytest.mark.parametrize(("home", "language"), [("/", "en"), ("/ru/", "ru")])
def test_a_page_that_is_installed_opens_in_its_language(home: str, language: str) -> None:
    (path,) = re.findall('<link rel="manifest" href="/(.+?)">', html(home))
    manifest = json.loads((REPOSITORY / path).read_text())
    assert (manifest["start_url"], manifest["lang"]) == (home, language)
    for icon in manifest["icons"]:
        assert (REPOSITORY / path).with_name(icon["src"]).is_file()


def size_of(png: bytes) -> tuple[int, int]:
    # The header of a PNG begins with its width and height.
    kind, *size = struct.unpack(">4sII", png[12:24])
    assert kind == b"IHDR"
    return size[0], size[1]


@pytest.mark.parametrize("path", ["live/icon-180.png", "live/icon-192.png", "live/icon-512.png"])
def test_an_icon_has_the_size_of_its_name(path: str) -> None:
    png = (REPOSITORY / "static" / path).read_bytes()
    size = int(path.removesuffix(".png")[-3:])
    assert size_of(png) == (size, size)


def test_the_icon_is_found_where_old_programs_look() -> None:
    assert Client().get("/favicon.ico")["Location"].endswith(".png")


@pytest.mark.parametrize(("status", "words"), [(400, "could not be read"), (403, "Not allowed"), (500, "went wrong")])
def test_an_error_has_a_page_of_its_own(status: int, words: str) -> None:
    page = render_to_string(f"{status}.html")
    assert words in page
    assert 'href="/"' in page


def test_a_form_without_its_token_gets_the_page_of_403() -> None:
    page = Client(enforce_csrf_checks=True).post("/about/")
    assert page.status_code == 403
    assert "Not allowed" in page.content.decode()


def test_the_model_page_shows_the_figures_that_the_card_shows(settings: Settings) -> None:
    card = (settings.STARCAST_CHECKPOINT / "README.md").read_text()
    page = html("/model/")
    for figure in ("eight classes right", "positive or negative right", "within one class"):
        (percent,) = re.findall(rf"\| {figure} \| ([\d.]+) %", card)
        assert f"{percent}%" in page
    assert page.count('class="line-chart"') == 2


def test_the_model_page_leaves_out_no_row_of_the_card(settings: Settings) -> None:
    card = (settings.STARCAST_CHECKPOINT / "README.md").read_text()
    page = html("/model/")
    for figure in ("macro-F1", "quadratic weighted kappa", "negative log-likelihood"):
        row = re.findall(rf"\| {figure} \| (.+) \|\n", card)[0].split(" | ")
        assert len(row) == 3
        for number in row:
            assert f"<td>{number}</td>" in page
    (agreement,) = re.findall(r"\| whole reviews \| .+ \| ([\d.]+) % \| [\d.]+ \| [\d.]+ \|", card)
    assert f"{agreement}%" in page


@pytest.mark.parametrize(("theirs", "is_ahead"), [(0.452, True), (0.348, False)])
def test_the_model_page_says_where_another_is_ahead(
    theirs: float, is_ahead: bool, settings: Settings, tmp_path: Path
) -> None:
    shipped = settings.STARCAST_CHECKPOINT
    metrics = json.loads((shipped / "metrics.json").read_text())
    metrics["typing"]["accuracy"] = 0.412
    for other in metrics["competitor"].values():
        other["typing"]["accuracy"] = theirs
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    (tmp_path / "config.json").write_text((shipped / "config.json").read_text())
    settings.STARCAST_CHECKPOINT = tmp_path
    assert ("more often than Starcast: 45.2% against 41.2%" in html("/model/")) == is_ahead


def test_a_model_without_figures_has_a_page_that_says_so(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text((settings.STARCAST_CHECKPOINT / "config.json").read_text())
    settings.STARCAST_CHECKPOINT = tmp_path
    page = html("/model/")
    assert "No figures come with this model" in page
    assert "line-chart" not in page


def test_a_server_without_its_model_says_that_its_ratings_are_made_up(settings: Settings) -> None:
    assert "made-up" not in html("/model/")
    settings.STARCAST_BACKEND = "fake"
    assert "made-up" in html("/model/")


def test_the_about_page_names_each_limit_of_the_card(settings: Settings) -> None:
    card = (settings.STARCAST_CHECKPOINT / "README.md").read_text()
    limits = card.partition("## What it cannot do")[2].partition("\n## ")[0]
    listed = html("/about/").partition('id="limits"')[2].partition("</ul>")[0]
    assert listed.count("<li>") == limits.count("\n- ") > 3
    config, _ = read_config(settings.STARCAST_CHECKPOINT)
    assert f"{config.max_tokens} word pieces" in listed


@pytest.mark.parametrize(("language", "path"), [("en", "/about/"), ("ru", "/ru/about/")])
def test_what_the_about_page_quotes_stands_on_the_live_page(language: str, path: str) -> None:
    words = set()
    for domain in ("django", "djangojs"):
        with (REPOSITORY / f"live/locale/ru/LC_MESSAGES/{domain}.po").open("rb") as file:
            words |= {message.id if language == "en" else message.string for message in read_po(file)}
    quoted = set(re.findall(r"[“«]([^”»]*\w[^”»]*)[”»]", html(path)))
    assert len(quoted) > 2
    assert quoted <= words


def test_the_widget_has_an_address_that_stays_and_that_any_page_may_import(settings: Settings) -> None:
    response = Client().get("/widget.js", follow=False)
    assert (response.status_code, response["Location"]) == (302, "/static/live/widget/widget.js")
    assert response["Access-Control-Allow-Origin"] == "*"
    assert "max-age=300" in response["Cache-Control"]


def test_the_snippet_names_the_server_that_shows_it() -> None:
    page = Client().get("/widget/", SERVER_NAME="localhost", secure=True).content.decode()
    assert 'src="https://localhost/widget.js"' in page
    assert "script-src https://localhost; connect-src wss://localhost" in page


def test_the_docs_give_the_same_snippet_and_policy() -> None:
    docs = (REPOSITORY / "docs" / "widget.md").read_text()
    assert '<starcast-meter for="comment"></starcast-meter>' in docs
    assert "script-src https://stars.example; connect-src wss://stars.example" in docs


@pytest.mark.parametrize("path", ["/", "/ru/", "/model/", "/ru/messages.js"])
def test_pages_and_words_are_compressed(path: str) -> None:
    response = Client().get(path, headers={"accept-encoding": "gzip"})
    assert response["Content-Encoding"] == "gzip"
    assert len(response.content) < len(Client().get(path).content) / 2


def test_the_scripts_get_all_their_words_in_the_language_of_the_page() -> None:
    script = Client().get("/ru/messages.js").content.decode()
    words = json.loads(script[script.index("{", 1) : script.index(";\n")])
    with (REPOSITORY / "live/locale/ru/LC_MESSAGES/djangojs.po").open("rb") as file:
        for message in read_po(file):
            if not message.id:
                continue
            first = message.id[0] if message.pluralizable else message.id
            forms = message.string if isinstance(message.string, str) else list(message.string or ())
            assert words[first] == forms
    assert "const words = {};" in Client().get("/messages.js").content.decode()


def test_words_that_a_browser_has_are_not_sent_again() -> None:
    first = Client().get("/ru/messages.js", headers={"accept-encoding": "gzip"})
    again = Client().get("/ru/messages.js", headers={"accept-encoding": "gzip", "if-none-match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_page_has_a_meter_for_each_rating_before_any_script_runs() -> None:
    html = Client().get("/").content.decode()
    for stars in STARS:
        assert f'data-stars="{stars}"' in html
    assert html.count('role="meter"') == len(STARS)


def test_the_page_allows_no_inline_code_and_no_frame() -> None:
    response = Client().get("/")
    policy = response["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    html = response.content.decode()
    assert "<script>" not in html
    assert "style=" not in html
    assert " on" + "click=" not in html


@pytest.mark.parametrize("path", ["/", "/admin/login/"])
def test_pages_may_not_be_read_from_elsewhere(path: str) -> None:
    response = Client().get(path, headers={"Origin": "https://friend.example"})
    assert response.status_code == 200
    assert "Access-Control-Allow-Origin" not in response
