"""Fetching the archive over a real connection: whole, in parts, and when something goes wrong."""

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from training.data import DataError, fetch

CONTENT = bytes(range(256)) * 300
SHA1 = hashlib.sha1(CONTENT, usedforsecurity=False).hexdigest()


class Shop(http.server.ThreadingHTTPServer):
    """Serves CONTENT on a free port. Requested ranges are recorded in ``ranges``."""

    def __init__(self, *, honours_range: bool = True, breaks_after: int | None = None) -> None:
        super().__init__(("127.0.0.1", 0), Counterman)
        self.honours_range = honours_range
        self.breaks_after = breaks_after
        self.ranges: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/archive.tar.gz"


class Counterman(http.server.BaseHTTPRequestHandler):
    server: Shop

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        begin = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.server.honours_range else 0
        body = CONTENT[begin:]
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.breaks_after])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the library
        pass


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setenv("no_proxy", "*")
    with Shop() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def fetch_from(shop: Shop, target: Path, size: int = len(CONTENT), sha1: str = SHA1) -> None:
    fetch(target, shop.url, size, sha1)


def part_of(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def test_the_archive_is_downloaded_into_a_new_folder(shop: Shop, tmp_path: Path) -> None:
    target = tmp_path / "data" / "archive.tar.gz"
    fetch_from(shop, target)
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    assert shop.ranges == [None]


def test_an_archive_that_is_there_is_not_fetched_again(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(CONTENT)
    fetch_from(shop, tmp_path / "archive")
    assert shop.ranges == []


def test_a_damaged_archive_that_is_there_is_replaced(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "archive").write_bytes(CONTENT[:-1] + b"x")
    fetch_from(shop, tmp_path / "archive")
    assert (tmp_path / "archive").read_bytes() == CONTENT


def test_a_download_goes_on_where_an_earlier_one_ended(shop: Shop, tmp_path: Path) -> None:
    target = tmp_path / "archive"
    part_of(target).write_bytes(CONTENT[:1000])
    fetch_from(shop, target)
    assert shop.ranges == ["bytes=1000-"]
    assert target.read_bytes() == CONTENT


def test_a_server_that_knows_no_ranges_sends_all_of_it_anew(shop: Shop, tmp_path: Path) -> None:
    shop.honours_range = False
    target = tmp_path / "archive"
    part_of(target).write_bytes(b"?" * 1000)
    fetch_from(shop, target)
    assert target.read_bytes() == CONTENT


def test_a_finished_download_that_was_never_renamed_needs_no_server(shop: Shop, tmp_path: Path) -> None:
    target = tmp_path / "archive"
    part_of(target).write_bytes(CONTENT)
    fetch_from(shop, target)
    assert target.read_bytes() == CONTENT
    assert shop.ranges == []


def test_a_partial_file_longer_than_the_archive_is_removed(shop: Shop, tmp_path: Path) -> None:
    target = tmp_path / "archive.tar.gz"
    part_of(target).write_bytes(b"?" * (len(CONTENT) + 1))
    fetch_from(shop, target)
    assert target.read_bytes() == CONTENT


def test_a_connection_that_breaks_keeps_what_came_and_the_next_try_goes_on(shop: Shop, tmp_path: Path) -> None:
    target = tmp_path / "archive"
    shop.breaks_after = 5000
    with pytest.raises(DataError, match="run again to resume"):
        fetch_from(shop, target)
    assert part_of(target).read_bytes() == CONTENT[:5000]
    shop.breaks_after = None
    fetch_from(shop, target)
    assert target.read_bytes() == CONTENT
    assert shop.ranges == [None, "bytes=5000-"]


@pytest.mark.parametrize(("size", "sha1"), [(len(CONTENT), "0" * 40), (len(CONTENT) + 1, SHA1)])
def test_another_file_than_the_published_one_is_refused_and_removed(
    shop: Shop, tmp_path: Path, size: int, sha1: str
) -> None:
    with pytest.raises(DataError, match="not the published archive"):
        fetch_from(shop, tmp_path / "archive", size, sha1)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_not_there_is_said(shop: Shop, tmp_path: Path) -> None:
    shop.server_close()
    with pytest.raises(DataError, match="cannot fetch"):
        fetch_from(shop, tmp_path / "archive")
