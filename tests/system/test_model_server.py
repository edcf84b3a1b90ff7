"""``manage.py model use`` beside a real server whose sockets stay open."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

from tests.timing import PATIENCE_S
from tools.servers import REPOSITORY, RunningServer, ask, open_socket, start_server


@pytest.fixture
def folder(two_models: Path, data_dir: Path, tmp_path: Path) -> Path:
    """A data folder with a database, the checkpoint ``one`` in ``shipped``, and ``two`` to switch to."""
    shutil.copy(data_dir / "starcast.sqlite3", tmp_path)
    shutil.copytree(two_models / "one", tmp_path / "shipped" / "one")
    shutil.copytree(two_models / "two", tmp_path / "checkpoints" / "two")
    return tmp_path


def serving_one(folder: Path) -> AbstractContextManager[RunningServer]:
    return start_server(
        folder,
        STARCAST_CHECKPOINT=str(folder / "shipped" / "one"),
        STARCAST_MODEL_THREADS="1",
        # The test types as fast as it is answered.
        STARCAST_WORK_PER_S="1000000",
        STARCAST_WORK_BURST="100000000",
    )


@pytest.fixture
def server(folder: Path) -> Iterator[RunningServer]:
    with serving_one(folder) as running:
        yield running


def model(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    own = {"STARCAST_CHECKPOINT": str(folder / "shipped" / "one"), "STARCAST_DATA_DIR": str(folder)}
    environment = {**os.environ, **own, "STARCAST_DEBUG": "1"}
    command = [sys.executable, "manage.py", "model", *arguments]
    return subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.long
@pytest.mark.ci
async def test_a_server_takes_up_a_model_and_goes_back_while_a_socket_types(
    server: RunningServer, folder: Path
) -> None:
    async with (
        await open_socket(server) as socket,
        httpx.AsyncClient(base_url=server.http, trust_env=False, timeout=PATIENCE_S) as client,
    ):
        seq = 0

        async def type_until(version: str) -> None:
            nonlocal seq
            async with asyncio.timeout(60):
                answered = ""
                while answered != version:
                    seq += 1
                    text = "the film was great and " * (seq % 8)
                    answer = await ask(socket, json.dumps({"type": "text.update", "seq": seq, "text": text}))
                    assert (answer["type"], answer["seq"]) == ("prediction", seq)
                    answered = answer["model_version"]

        await type_until("1")
        for arguments, version in ((["two"], "2"), (["one"], "1"), (["two"], "2"), (["--default"], "1")):
            finished = await asyncio.to_thread(model, folder, "use", *arguments)
            assert finished.returncode == 0, finished.stderr
            await type_until(version)
            assert (await client.get("/api/v1/model")).json()["model"]["version"] == version
            assert (await client.get("/readyz")).json()["model"]["version"] == version
        (folder / "checkpoints" / "two" / "tokenizer.json").write_text("{}")
        refused = await asyncio.to_thread(model, folder, "use", "two")
        assert refused.returncode == 1
        assert "SHA-256 differs" in refused.stderr
        assert "Traceback" not in refused.stderr
        await type_until("1")
    assert "Traceback" not in server.logged()


def test_a_server_that_starts_later_has_the_model_that_was_chosen(folder: Path) -> None:
    assert model(folder, "use", "two").returncode == 0
    with serving_one(folder) as server:
        assert server.announcement[0].startswith("Starcast loaded two 2 (tiny): onnx")
