"""The peers by name."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from benchmarks.peers.base import Connection, Launch, Peer
from benchmarks.peers.gradio_api import GradioConnection
from benchmarks.peers.socket import connect_socket
from benchmarks.servers import REPOSITORY, Server, python, running

_UNLIMITED = "1000000"
UNLIMITED_WORK: Final = {"STARCAST_WORK_PER_S": "1000000000", "STARCAST_WORK_BURST": "1000000000"}
"""Settings for one connection that asks again as soon as it is answered, which is faster than anybody types."""


def starcast_environment(launch: Launch) -> dict[str, str]:
    """Settings of a Starcast server whose typists all share one address."""
    return {
        "STARCAST_DATA_DIR": str(launch.data_dir),
        "STARCAST_SECRET_KEY": "only-for-a-server-that-lives-as-long-as-its-measurement",
        "STARCAST_CHECKPOINT": str(launch.checkpoint),
        "STARCAST_MODEL_THREADS": str(launch.threads),
        "STARCAST_ADDRESS_FACTOR": _UNLIMITED,
        "STARCAST_MAX_CONNECTIONS": _UNLIMITED,
        "STARCAST_MAX_CONNECTIONS_PER_ADDRESS": _UNLIMITED,
    }


def prepare_starcast(environment: Mapping[str, str]) -> None:
    """Make the tables and collect the files of the page in the data folder, which a server needs to show pages."""
    for command in (["collectstatic", "--noinput"], ["migrate"]):
        subprocess.run(  # noqa: S603 - our own
            python("manage.py", *command, "--verbosity", "0"),
            cwd=REPOSITORY,
            env={**os.environ, **environment},
            check=True,
        )


def _gradio_environment(_: Launch) -> dict[str, str]:
    # No telemetry and no look-ups.
    return {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}


async def _connect_starcast(port: int) -> Connection:
    return await connect_socket(f"ws://127.0.0.1:{port}/ws/v1/classify/", ("starcast.v1",))


async def _connect_tutorial(port: int) -> Connection:
    return await connect_socket(f"ws://127.0.0.1:{port}/")


async def _connect_gradio(port: int) -> Connection:
    return GradioConnection("127.0.0.1", port)


def _model_arguments(launch: Launch) -> tuple[str, ...]:
    return "--checkpoint", str(launch.checkpoint), "--threads", str(launch.threads)


_ALL = (
    Peer(
        "starcast",
        "Starcast",
        lambda _: python("manage.py", "serve", "--port", "0"),
        starcast_environment,
        _connect_starcast,
    ),
    Peer(
        "tutorial",
        "Channels tutorial",
        lambda launch: python("-m", "benchmarks.peers.tutorial", *_model_arguments(launch)),
        lambda _: {},
        _connect_tutorial,
    ),
    Peer(
        "gradio",
        "Gradio, live",
        lambda launch: python(
            *("-m", "benchmarks.peers.gradio_live", *_model_arguments(launch)), interpreter=launch.gradio_python
        ),
        _gradio_environment,
        _connect_gradio,
    ),
)
PEERS: Final[Mapping[str, Peer]] = {peer.name: peer for peer in _ALL}


@contextlib.contextmanager
def running_starcast(
    checkpoint: Path,
    threads: int,
    log: Path,
    command: Sequence[str] | None = None,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Server]:
    """Run a Starcast server with a data folder of its own for the duration of the block. Raises ServerError.

    ``command``: another program that serves it. ``settings``: more variables of the environment.
    """
    with tempfile.TemporaryDirectory() as data_dir:
        launch = Launch(checkpoint, threads, Path(data_dir), gradio_python=sys.executable)
        command = command or PEERS["starcast"].command(launch)
        with running(command, {**starcast_environment(launch), **settings}, log) as server:
            yield server
