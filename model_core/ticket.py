"""A text's place in the engine, from the moment it is submitted to its answer."""

import asyncio
import logging
import time
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, Final

from model_core.cache import EncoderCache
from model_core.classifier import ModelInfo, Prediction
from model_core.errors import EngineError, ModelUnavailable

logger = logging.getLogger(__name__)

TOO_LATE: Final = "the model did not answer in time"

_LONG_TOKENS: Final = 128
_SLACK_MS_PER_TOKEN: Final = 1.0
"""How long shorter texts may overtake a text, per token."""
_CHARS_PER_TOKEN: Final = 4
_PAST_SHARE: Final = 1 / 16
"""Cost of a cached token, as a share of an encoded one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A prediction, its model, and its times in milliseconds."""

    prediction: Prediction
    model: ModelInfo
    queue_ms: float
    inference_ms: float


@dataclass(slots=True, eq=False)
class Ticket:
    """One text that waits or is being rated. Belongs to the event loop.

    ``await ticket`` returns the Answer. It raises ModelUnavailable if the deadline passes or the engine closes, and
    EngineError if the model fails on the text. Cancelling the awaiting task frees the place.
    """

    text: str
    cache: EncoderCache | None
    max_tokens: int
    """Maximum number of tokens that the model reads."""
    deadline: float | None
    """By the clock of the event loop; None if the caller has its own."""
    background: bool = False
    tokens: int = field(init=False)
    """Estimated number of tokens left to encode."""
    is_long: bool = field(init=False)
    """Whether it is a long text, which is read in steps."""
    ahead: int = field(init=False)
    """Tokens left that may be read in steps."""
    since: float = field(init=False, default_factory=time.perf_counter)
    inference_s: float = field(init=False, default=0.0)
    is_taken: bool = field(init=False, default=False)
    """Whether the model has started on it."""
    _answer: "asyncio.Future[Answer]" = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = estimate_tokens(self.text, self.cache, self.max_tokens)
        self.is_long = is_long(self.tokens)
        self.ahead = self.tokens - 1 if self.is_long else 0
        if self.is_long and self.cache is None:
            self.cache = EncoderCache()
        self._answer = asyncio.get_running_loop().create_future()

    @property
    def is_settled(self) -> bool:
        """Whether it was answered or cancelled, or its deadline has passed."""
        return self._answer.done()

    @property
    def order(self) -> float:
        """Sort key of the queue: the time of submission, plus a delay per token so that shorter texts go first."""
        return self.since + self.tokens * _SLACK_MS_PER_TOKEN / 1000

    def replace(self, text: str) -> bool:
        """Replace the waiting text by this one, and return True.

        Returns False and changes nothing if the model has started, or if either text is long: the place of a short text
        is not enough for a long one.
        """
        if self.is_taken or self.is_long or self.is_settled:
            return False
        tokens = estimate_tokens(text, self.cache, self.max_tokens)
        if is_long(tokens):
            return False
        self.text, self.tokens = text, tokens
        return True

    def settle(self, outcome: Answer | EngineError) -> None:
        """Give the outcome to the caller, unless the ticket is settled already."""
        if self.is_settled:
            return
        if isinstance(outcome, EngineError):
            self._answer.set_exception(outcome)
        else:
            self._answer.set_result(outcome)

    def __await__(self) -> Generator[Any, None, Answer]:
        return self._wait().__await__()

    async def _wait(self) -> Answer:
        try:
            async with asyncio.timeout_at(self.deadline):
                return await self._answer
        except TimeoutError as error:
            raise ModelUnavailable(TOO_LATE) from error
        except EngineError as error:
            if (cause := error.__cause__) is not None:
                # Logged here, in the caller's context, so that the record has its session id. The text is not logged.
                logger.error("the model failed on a text of %d characters", len(self.text), exc_info=cause)
            raise


def is_long(tokens: int) -> bool:
    """Whether a text with this number of tokens is read in steps."""
    return tokens > _LONG_TOKENS


def estimate_tokens(text: str, cache: EncoderCache | None, max_tokens: int) -> int:
    """Estimate the tokens to encode from the length of the text. The tokenizer itself runs in the model thread."""
    tokens = min(max_tokens, 2 + len(text) // _CHARS_PER_TOKEN)
    if cache is None:
        return tokens
    shared = shared_chars(cache.text, text)
    past = len(cache.input_ids)
    if shared < len(cache.text):
        past = min(past, shared // _CHARS_PER_TOKEN)
    return max(1, tokens - past) + int(past * _PAST_SHARE)


def shared_chars(before: str, after: str) -> int:
    """Length of the common prefix of two texts."""
    low, high = 0, min(len(before), len(after))
    while low < high:
        middle = (low + high + 1) // 2
        if before[low:middle] == after[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
