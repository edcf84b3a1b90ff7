"""Texts that wait for the model: which are refused, whose turn is next, and how much of a long one is read at once."""

import math
import time
from typing import Final

from model_core.errors import Overloaded
from model_core.options import EngineOptions
from model_core.ticket import Ticket, is_long

_SHARE_OF_LONG: Final = 1 / 4
"""Of the tokens that may wait, so many at most are of long texts: a crowd that pastes leaves room for keys."""
_STEP_TOKENS: Final = 64
"""Nothing interrupts a pass, so long texts are read in steps, and background batches are small: keys go in between."""
_STEP_TOKENS_WHILE_TYPING: Final = (16, 128)
"""While somebody types, a step is as long as the batch of keys before it, within these: both get the same time."""
_BACKGROUND_BATCH_TOKENS: Final = 128
_TYPING_S: Final = 1.0
"""So long after a key its typist is expected to make another."""


class WaitingTexts:
    """The texts of all connections that wait; it belongs to the event loop."""

    def __init__(self, options: EngineOptions) -> None:
        self._options = options
        self._texts: list[Ticket] = []
        self._long_is_next = False
        self._key_s = -math.inf
        """When the last short text was taken that somebody waits for."""
        self._key_tokens = 0
        """Of the batch it was in."""

    def __len__(self) -> int:
        """Texts that wait."""
        self._forget_settled()
        return len(self._texts)

    def refuse_too_much(self, tokens: int) -> None:
        """Raise Overloaded if a text of so many tokens may not wait."""
        self._forget_settled()
        most = self._options.max_waiting_tokens
        rooms: list[tuple[list[Ticket], float]] = [(self._texts, most)]
        if is_long(tokens):
            rooms.append(([item for item in self._texts if item.is_long], most * _SHARE_OF_LONG))
        # One that is larger than a room is taken where nothing else is in it.
        too_long = any(texts and sum(item.tokens for item in texts) + tokens > room for texts, room in rooms)
        if too_long or len(self._texts) >= self._options.max_waiting:
            raise Overloaded("too many texts wait to be rated; try again in a moment")

    def add(self, ticket: Ticket) -> None:
        """Let a text wait."""
        self._texts.append(ticket)

    def add_for_next_step(self, ticket: Ticket, step: int) -> None:
        """Let a text wait again, of which so many tokens were read."""
        ticket.ahead -= step
        ticket.tokens -= step
        self._texts.append(ticket)

    def clear(self) -> list[Ticket]:
        """Return all that wait; none does any more."""
        texts, self._texts = self._texts, []
        return texts

    def take(self) -> list[Ticket]:
        """Take the next batch within its bounds; at least one text if any waits."""
        self._forget_settled()
        waiting = sorted(self._texts, key=lambda item: item.order)
        turn = [item for item in waiting if not item.background] or waiting
        short = [item for item in turn if not item.is_long]
        long = [item for item in turn if item.is_long]
        # They take turns: a key waits for one step of a long text at the most, and a long text is not put off for ever.
        batch = long[:1] if long and (self._long_is_next or not short) else self._fill(short)
        for ticket in batch:
            ticket.is_taken = True
        self._long_is_next = bool(batch) and not batch[0].is_long
        self._texts = [item for item in waiting if item not in batch]
        if batch and not (batch[0].is_long or batch[0].background):
            self._key_s, self._key_tokens = time.perf_counter(), sum(item.tokens for item in batch)
        return batch

    def _forget_settled(self) -> None:
        # Whoever leaves, or is too late, says so by settling the ticket, and gives its place back by that.
        self._texts = [item for item in self._texts if not item.is_settled]

    @property
    def step_tokens(self) -> int:
        """How many tokens of a long text may be read before others have their turn."""
        if not self._somebody_types:
            return _STEP_TOKENS
        least, most = _STEP_TOKENS_WHILE_TYPING
        return min(most, max(least, self._key_tokens))

    @property
    def _somebody_types(self) -> bool:
        return time.perf_counter() - self._key_s < _TYPING_S

    def _fill(self, waiting: list[Ticket]) -> list[Ticket]:
        """As many of these as one batch may have."""
        background_budget = _STEP_TOKENS if self._somebody_types else _BACKGROUND_BATCH_TOKENS
        batch: list[Ticket] = []
        tokens = 0
        for item in waiting[: self._options.max_batch]:
            budget = background_budget if item.background else self._options.max_batch_tokens
            if batch and tokens + item.tokens > budget:
                break
            batch.append(item)
            tokens += item.tokens
        return batch
