"""A disk that is full: what must be written is refused, and texts are rated."""

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from tools.servers import start_server


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of four megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this user may mount nothing")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(file: Path) -> None:
    with file.open("wb", buffering=0) as full, contextlib.suppress(OSError):
        while True:
            full.write(b"\0" * 4_096)


def test_a_full_disk_stops_what_must_be_written_and_no_rating(small_disk: Path, data_dir: Path) -> None:
    shutil.copy(data_dir / "starcast.sqlite3", small_disk)
    shutil.copytree(data_dir / "static", small_disk.parent / "static")
    filler = small_disk / "filler"
    given = {"text": "A fine film.", "stars": 8, "consent": True}
    with (
        # Its log lies on the same disk.
        start_server(
            small_disk, STARCAST_BACKEND="fake", STARCAST_STATIC_DIR=str(small_disk.parent / "static")
        ) as server,
        httpx.Client(base_url=server.http, trust_env=False, timeout=60) as client,
        connect(server.ws, proxy=None) as typist,
    ):
        assert json.loads(typist.recv())["type"] == "session.created"
        assert client.post("/api/v1/feedback", json=given).status_code == 200
        fill(filler)
        refused = client.post("/api/v1/feedback", json=given)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "storage_unavailable")
        typist.send('{"type":"text.update","seq":1,"text":"A fine film"}')
        assert json.loads(typist.recv())["seq"] == 1
        assert client.get("/").status_code == 200
        assert client.get("/readyz").status_code == 200
        filler.unlink()
        assert client.post("/api/v1/feedback", json=given).status_code == 200
