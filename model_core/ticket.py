"""A text's place in the engine, from the moment it is submitted to its answer."""

import asyncio
import logging
import time
from collections.abc import Callable, Generator, Hashable
from dataclasses import dataclass, field
from typing import Any, Final

from model_core.cache import EncoderCache
from model_core.classifier import Input, ModelInfo, Prediction, ServedClassifier, Variants
from model_core.errors import BeyondRate, EngineError, ModelUnavailable
from model_core.work import LONG_TOKENS, Size, units_of_chars, units_of_tokens

logger = logging.getLogger(__name__)

TOO_LATE: Final = "the model did not answer in time"
_BEYOND_RATE: Final = "too much work for this connection, address or key; slow down"

MOST_CHARS_AT_ONCE: Final = 2_000
"""Characters that are tokenised when a text is submitted, which takes up to 1 ms. More take steps of their own."""

_TYPED_CHARS: Final = 16
"""Characters that are typed or deleted while a text waits. Whenever there are more, its size is found at once."""


def _free(units: int) -> float:
    return 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Asker:
    """Who asks for work: a connection, or a request. The engine takes turns between groups, then between askers."""

    group: str = ""
    """The key or network address of the client."""
    charge: Callable[[int], float] = _free
    """Charges units of work. Returns 0, or the seconds to wait if the rate is exceeded; then nothing is charged."""
    mark: object = field(default_factory=object)
    """Stands for the asker in what turns remember, which must not keep a closed connection."""


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

    ``await ticket`` returns the Answer. It raises ModelUnavailable if the deadline passes or the engine closes,
    BeyondRate if the asker cannot pay, and EngineError if the model fails on the text. Cancelling the awaiting task
    frees the place.
    """

    text: Input
    cache: EncoderCache
    asker: Asker
    deadline: float | None
    """By the clock of the event loop; None if the caller has its own."""
    background: bool = False
    chars: int = field(init=False, default=0)
    """Characters left to tokenise in steps. Until there are none, ``tokens`` is not known."""
    tokens: int = field(init=False, default=0)
    """Tokens left to encode."""
    cached: int = field(init=False, default=0)
    """Tokens that are encoded already."""
    is_long: bool = field(init=False, default=False)
    """Whether it is read in steps, of tokens or of characters."""
    since: float = field(init=False, default_factory=time.perf_counter)
    inference_s: float = field(init=False, default=0.0)
    spent: int = field(init=False, default=0)
    """Units of the work that was done or begun."""
    is_taken: bool = field(init=False, default=False)
    """Whether the model has started on it."""
    measured_by: ServedClassifier | None = field(init=False, default=None)
    """Whose tokens those of ``Variants`` are."""
    typed_chars: int = field(init=False, default=0)
    """How many characters longer or shorter it became since its size was found, at least one for each replacement."""
    _answer: "asyncio.Future[Answer]" = field(init=False)
    _timeout: asyncio.Timeout | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._answer = asyncio.get_running_loop().create_future()
        self.cache.group = self.asker.group

    @property
    def units(self) -> int:
        """The cost of the work that is left, as far as it is known."""
        return units_of_chars(self.chars) if self.chars else units_of_tokens(self.tokens, self.cached)

    @property
    def is_alone(self) -> bool:
        """Whether no other text may be in its batch: variants, characters, and long texts that somebody waits for."""
        return self.chars > 0 or isinstance(self.text, Variants) or (self.is_long and not self.background)

    def has_steps(self, tokens: int) -> bool:
        """Whether steps of ``tokens`` tokens leave some work for later. Of variants, they leave the ratings."""
        if isinstance(self.text, Variants):
            return self.tokens > 0
        return self.chars > 0 or (self.is_long and self.tokens > tokens)

    def units_of_step(self, tokens: int) -> int:
        """The cost of the next step, of ``tokens`` tokens if the text is long."""
        if self.chars:
            return units_of_chars(min(self.chars, MOST_CHARS_AT_ONCE))
        return units_of_tokens(min(self.tokens, tokens) if self.is_long else self.tokens, self.cached)

    @property
    def turns(self) -> tuple[Hashable, ...]:
        """Who takes turns: groups, in each its short and its long texts, and then its connections."""
        return self.asker.group, self.is_long, self.asker.mark

    @property
    def is_settled(self) -> bool:
        """Whether it was answered or cancelled, or its deadline has passed."""
        return self._answer.done()

    def enter(self, classifier: ServedClassifier) -> None:
        """Find out what the text costs, and charge for it: for characters, then for tokens as soon as they are known.

        Raises BeyondRate.
        """
        self.measured_by = classifier
        self.chars = classifier.prepare(self.text, self.cache)
        self.is_long = self.chars > MOST_CHARS_AT_ONCE
        self._charge(units_of_chars(self.chars))
        if not self.is_long:
            self.set_size(classifier.measure(self.text, self.cache))

    def set_size(self, size: Size) -> None:
        """Note what the model has to read, now that the text is tokenised, and charge for it. Raises BeyondRate."""
        self._charge(size.units)
        self.chars, self.tokens, self.cached = 0, size.new, size.cached
        # Variants make a batch of their own.
        self.is_long = size.new > LONG_TOKENS or isinstance(self.text, Variants)
        self.is_taken = False

    def advanced(self, tokens: int) -> None:
        """Note that this many more of its tokens are encoded; of variants, as many as there are."""
        if isinstance(self.text, Variants):
            self.tokens = self.text.size.new
            return
        self.tokens, self.cached = self.tokens - tokens, self.cached + tokens

    def replace(self, text: str, classifier: ServedClassifier, deadline: float) -> bool:
        """Replace the waiting text by this one, and return True. Unless much changed, it is tokenised in its turn.

        So a text that is replaced in time costs next to nothing, however fast somebody types, and who types on loses
        no turn by a deadline: it is that of the newest text.

        Returns False and leaves the old text if the model has started, if either text is long, since the place of a
        short text is not enough for a long one, or if the asker cannot pay for it.
        """
        if self.is_taken or self.is_long or self.is_settled:
            return False
        chars = classifier.prepare(text, self.cache)
        if chars > MOST_CHARS_AT_ONCE or self.asker.charge(units_of_chars(chars)):
            return False
        typed = self.typed_chars + max(1, abs(len(text) - len(self.text)))
        if typed <= _TYPED_CHARS:
            self.typed_chars = typed
        else:
            size = classifier.measure(text, self.cache)
            if size.new > LONG_TOKENS or self._pay_for_replacement(size):
                return False
        self.text, self.deadline = text, deadline
        if self._timeout is not None:
            self._timeout.reschedule(deadline)
        return True

    def remeasure(self, classifier: ServedClassifier) -> None:
        """Find out what the replaced text costs, and charge for what it adds to the old one. Raises BeyondRate."""
        if wait_s := self._pay_for_replacement(classifier.measure(self.text, self.cache)):
            raise BeyondRate(_BEYOND_RATE, wait_s)
        # A key at the beginning of a text that is nearly long has all of it encoded again.
        self.is_long = self.tokens > LONG_TOKENS

    def _pay_for_replacement(self, size: Size) -> float:
        """Note the size, and charge for what it adds. Returns 0, or the seconds to wait; then nothing is noted."""
        # The replaced text was charged, and its tokens are not encoded.
        wait_s = self.asker.charge(max(0, size.units - self.units))
        if not wait_s:
            self.tokens, self.cached, self.typed_chars = size.new, size.cached, 0
        return wait_s

    def _charge(self, units: int) -> None:
        if not self.background and (wait_s := self.asker.charge(units)):
            raise BeyondRate(_BEYOND_RATE, wait_s)

    def settle(self, outcome: Answer | EngineError) -> None:
        """Give the outcome to the caller, unless the ticket is settled already."""
        if self.is_settled:
            return
        if isinstance(outcome, EngineError):
            self._answer.set_exception(outcome)
            self._answer.exception()  # Where nobody waits for it any more, asyncio would log it.
        else:
            self._answer.set_result(outcome)

    def __await__(self) -> Generator[Any, None, Answer]:
        return self._wait().__await__()

    async def _wait(self) -> Answer:
        try:
            async with asyncio.timeout_at(self.deadline) as self._timeout:
                return await self._answer
        except TimeoutError as error:
            raise ModelUnavailable(TOO_LATE) from error
        except EngineError as error:
            if (cause := error.__cause__) is not None:
                # Logged here, in the caller's context, so that the record has its session id. The text is not logged.
                logger.error("the model failed on a text of %d characters", len(self.text), exc_info=cause)
            raise
