"""The interface of a client to any of the servers."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Answer:
    """The rating or the refusal of the text ``seq``."""

    seq: int
    refused: bool = False


class Connection(Protocol):
    """One typist's connection. All methods raise ConnectionError once the server has closed it."""

    async def send(self, seq: int, text: str) -> None:
        """Send the whole text so far; ``seq`` must increase."""
        ...

    def answers(self) -> AsyncIterator[Answer]:
        """Iterate over answers."""
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...


@dataclass(frozen=True)
class Launch:
    """Options to start a server with."""

    checkpoint: Path
    threads: int
    """Threads per forward pass."""
    data_dir: Path
    """Folder for the server's data."""
    gradio_python: str
    """The Python that has Gradio installed."""


@dataclass(frozen=True)
class Peer:
    """A server to measure."""

    name: str
    title: str
    command: Callable[[Launch], Sequence[str]]
    environment: Callable[[Launch], Mapping[str, str]]
    connect: Callable[[int], Awaitable[Connection]]
    """Connect to the server on this port of loopback."""
