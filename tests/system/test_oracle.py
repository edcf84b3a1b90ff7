"""What somebody typed cannot be told from the time of an answer, by 40 guesses against 40 texts that nobody typed."""

import itertools
import json
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import ClientConnection

from tests.timing import PATIENCE_S
from tools.servers import ask, open_socket, start_server

GUESSES = 40
BY_CHANCE = 4.9
"""Standard deviations of U that chance passes once in a million runs."""
WORDS = ("good", "bad", "film", "plot", "long", "weak")


def deviations(ones: Sequence[float], others: Sequence[float]) -> float:
    """How far Mann and Whitney's U of two samples is from what chance gives, in standard deviations.

    It goes by ranks: how large the differences are does not count, nor how loaded the machine is.
    """
    u = sum((one < other) + (one == other) / 2 for one in ones for other in others)
    pairs = len(ones) * len(others)
    return float(abs(u - pairs / 2) / (pairs * (len(ones) + len(others) + 1) / 12) ** 0.5)


def test_ranks_tell_what_is_remembered_from_what_is_not() -> None:
    chance = random.Random(1)
    slow = [chance.uniform(4, 6) for _ in range(GUESSES)]
    assert deviations(slow, [chance.uniform(4, 6) for _ in range(GUESSES)]) < BY_CHANCE
    assert deviations([chance.uniform(0.3, 4.5) for _ in range(GUESSES)], slow) > BY_CHANCE


@pytest.mark.long
async def test_40_guesses_of_what_another_typed_cannot_be_told_from_40_never_typed(data_dir: Path) -> None:
    texts = [f"A {' '.join(some)} one." for some in itertools.product(WORDS, repeat=3)]
    # Who typed what is left to chance, so that nothing but memory can make a difference.
    random.shuffle(texts)
    typed, never = texts[:GUESSES], texts[GUESSES : 2 * GUESSES]
    with start_server(data_dir) as server:
        async with (
            await open_socket(server) as typist,
            await open_socket(server) as stranger,
            httpx.AsyncClient(base_url=server.http, trust_env=False, timeout=PATIENCE_S) as client,
        ):
            numbers = itertools.count(1)

            async def over_websocket(socket: ClientConnection, text: str) -> float:
                answer = await ask(socket, json.dumps({"type": "text.update", "seq": next(numbers), "text": text}))
                return float(answer["timing_ms"]["inference"])

            async def over_http(text: str) -> float:
                since = time.perf_counter()
                assert (await client.post("/api/v1/predict", json={"text": text})).status_code == 200
                return time.perf_counter() - since

            async def guess(way: Callable[[str], Awaitable[float]]) -> float:
                """Guess all texts in an order of chance; return how far apart the two kinds are."""
                times = {text: await way(text) for text in random.sample(typed + never, 2 * GUESSES)}
                return deviations([times[text] for text in typed], [times[text] for text in never])

            for text in typed:
                await over_websocket(typist, text)
            assert await guess(lambda text: over_websocket(stranger, text)) < BY_CHANCE
            assert await guess(over_http) < BY_CHANCE
