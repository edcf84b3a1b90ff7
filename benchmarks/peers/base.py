"""What a client needs of a server, whichever it is."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Answer:
    """The rating of the text ``seq``, or its refusal."""

    seq: int
    refused: bool = False


class Connection(Protocol):
    """One typist's connection. ConnectionError is raised, by all of these, once the server has ended it."""

    async def send(self, seq: int, text: str) -> None:
        """Hand over the whole text so far; each ``seq`` is above all before it."""
        ...

    def answers(self) -> AsyncIterator[Answer]:
        """Answers as they come."""
        ...

    async def close(self) -> None:
        """Leave."""
        ...


@dataclass(frozen=True)
class Launch:
    """What a server is started with."""

    checkpoint: Path
    threads: int
    """Threads of one forward pass."""
    data_dir: Path
    """Folder for what a server must keep."""
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
    """Connect to the server on this port of this machine."""
