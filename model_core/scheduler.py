"""The queue of the model: which texts are refused, which are next, and how much of a long text is read at once."""

import math
import time
from typing import Final

from model_core.errors import Overloaded
from model_core.options import EngineOptions
from model_core.ticket import Ticket, is_long

_SHARE_OF_LONG: Final = 1 / 4
"""Share of max_waiting_tokens that long texts may use, so that many pasted texts leave room for typists."""
_STEP_TOKENS: Final = 64
"""Tokens per step of a long text. A pass cannot be interrupted, so small steps let keys go in between."""
_STEP_TOKENS_WHILE_TYPING: Final = (16, 128)
"""Bounds of a step while somebody types. It is as long as the last batch of keys, so that both get the same time."""
_BACKGROUND_BATCH_TOKENS: Final = 128
_TYPING_S: Final = 1.0
"""Seconds after a key within which another one is expected."""


class WaitingTexts:
    """The waiting texts of all connections. Belongs to the event loop."""

    def __init__(self, options: EngineOptions) -> None:
        self._options = options
        self._texts: list[Ticket] = []
        self._long_is_next = False
        self._key_s = -math.inf
        """When the last batch of keys (short texts, no background work) was taken."""
        self._key_tokens = 0
        """Tokens of that batch."""

    def __len__(self) -> int:
        """Number of waiting texts."""
        self._forget_settled()
        return len(self._texts)

    def refuse_too_much(self, tokens: int) -> None:
        """Raise Overloaded if there is no room for a text of ``tokens`` tokens."""
        self._forget_settled()
        most = self._options.max_waiting_tokens
        rooms: list[tuple[list[Ticket], float]] = [(self._texts, most)]
        if is_long(tokens):
            rooms.append(([item for item in self._texts if item.is_long], most * _SHARE_OF_LONG))
        # A text larger than its limit is accepted if no other text uses that limit.
        too_long = any(texts and sum(item.tokens for item in texts) + tokens > room for texts, room in rooms)
        if too_long or len(self._texts) >= self._options.max_waiting:
            raise Overloaded("too many texts are waiting; try again in a moment")

    def add(self, ticket: Ticket) -> None:
        """Add a text to the queue."""
        self._texts.append(ticket)

    def add_for_next_step(self, ticket: Ticket, step: int) -> None:
        """Add a long text again after ``step`` of its tokens were read."""
        ticket.ahead -= step
        ticket.tokens -= step
        self._texts.append(ticket)

    def clear(self) -> list[Ticket]:
        """Remove and return all waiting texts."""
        texts, self._texts = self._texts, []
        return texts

    def take(self) -> list[Ticket]:
        """Take the next batch, within the limits of a batch; at least one text if any waits."""
        self._forget_settled()
        waiting = sorted(self._texts, key=lambda item: item.order)
        turn = [item for item in waiting if not item.background] or waiting
        short = [item for item in turn if not item.is_long]
        long = [item for item in turn if item.is_long]
        # Keys and long texts take turns: a key waits for at most one step, and long texts always advance.
        batch = long[:1] if long and (self._long_is_next or not short) else self._fill(short)
        for ticket in batch:
            ticket.is_taken = True
        self._long_is_next = bool(batch) and not batch[0].is_long
        self._texts = [item for item in waiting if item not in batch]
        if batch and not (batch[0].is_long or batch[0].background):
            self._key_s, self._key_tokens = time.perf_counter(), sum(item.tokens for item in batch)
        return batch

    def _forget_settled(self) -> None:
        # A ticket is settled when its caller is cancelled or its deadline passes. That frees its place.
        self._texts = [item for item in self._texts if not item.is_settled]

    @property
    def step_tokens(self) -> int:
        """Tokens of a long text to read before others get their turn."""
        if not self._somebody_types:
            return _STEP_TOKENS
        least, most = _STEP_TOKENS_WHILE_TYPING
        return min(most, max(least, self._key_tokens))

    @property
    def _somebody_types(self) -> bool:
        return time.perf_counter() - self._key_s < _TYPING_S

    def _fill(self, waiting: list[Ticket]) -> list[Ticket]:
        """Return the first of these texts, as many as fit into one batch."""
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
