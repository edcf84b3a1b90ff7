"""The queue of the model: which texts are refused, which are next, and how much of a long text is read at once."""

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from model_core.errors import Overloaded
from model_core.options import EngineOptions
from model_core.scheduling.turns import FairTurns
from model_core.ticket import Ticket

_STEP_TOKENS: Final = 64
"""Tokens per step of a long text. A pass cannot be interrupted, so small steps let keys go in between."""
_STEP_TOKENS_WHILE_TYPING: Final = (16, 128)
"""Bounds of a step while somebody types. It is as long as the last batch of keys, so that both get the same time."""
_BACKGROUND_STEP_TOKENS: Final = 128
_BACKGROUND_BATCH_UNITS: Final = 288
"""Two steps of long texts: each core reads one in less time than both read one after the other."""
_QUIET_BATCH_UNITS: Final = 576
"""Four steps. They keep all cores busy, but a key may wait longer for them."""
_QUIET_S: Final = 10.0
"""Seconds without a key after which batches of background work may be that large."""
_BACKGROUND_WAITS_S: Final = 0.05
"""Seconds of other work after which background work has a step, also while others wait: nobody can hold it up."""
_GROUP_BATCH_UNITS: Final = 128
"""Units that one group may have in a batch while another group types, whose next key waits for all of it."""
_TYPING_S: Final = 1.0
"""Seconds after a key within which another one is expected."""
_UNIT_S: Final = 1e-4
"""Seconds for one unit of work, until it was measured."""
_LATEST_SHARE: Final = 0.1
"""Weight of the latest batch in the measured time."""


class WaitingTexts:
    """The waiting texts of all connections. Belongs to the event loop."""

    def __init__(self, options: EngineOptions) -> None:
        self._options = options
        self._texts: list[Ticket] = []
        self._key_turns: FairTurns[Ticket] = FairTurns()
        self._background_turns: FairTurns[Ticket] = FairTurns()
        self._unit_s = _UNIT_S
        self._key_s = -math.inf
        """When the last batch of keys (short texts, no background work) was taken."""
        self._key_tokens = 0
        """Tokens of that batch."""
        self._typing: dict[str, float] = {}
        """By group, when its last key was taken; of groups that typed within a second before the last batch of keys."""
        self._background_waits_s = 0.0
        """Seconds of other work since background work that waits had its last step."""

    def __len__(self) -> int:
        """Number of waiting texts."""
        self._forget_settled()
        return len(self._texts)

    def make_room(self, ticket: Ticket) -> None:
        """Make room for a text: if there is none, the group with the most waiting work loses its newest texts.

        Background work takes no room: it has a queue of its own. Raises Overloaded if that group is the text's own.
        """
        self._forget_settled()
        units: Counter[str] = Counter()
        texts = [item for item in self._texts if not item.background]
        for item in texts:
            units[item.asker.group] += item.units
        units[ticket.asker.group] += ticket.units
        # A text larger than the whole room is accepted if no other waits.
        while texts and (len(texts) >= self._options.max_waiting or units.total() > self._options.max_waiting_units):
            refused = Overloaded("too many texts are waiting; try again in a moment", units.total() * self._unit_s)
            heaviest = max(units, key=units.__getitem__)
            if units[heaviest] == units[ticket.asker.group]:
                raise refused
            newest = max((item for item in texts if item.asker.group == heaviest), key=lambda item: item.since)
            newest.settle(refused)
            texts.remove(newest)
            self._texts.remove(newest)
            units[heaviest] -= newest.units

    def add(self, ticket: Ticket) -> None:
        """Add a text to the queue, or add it again after a step."""
        self._turns_of(ticket).enter(ticket)
        self._texts.append(ticket)

    def clear(self) -> list[Ticket]:
        """Remove and return all waiting texts."""
        texts, self._texts = self._texts, []
        return texts

    def take(self, remeasure: Callable[[Ticket], None]) -> list[Ticket]:
        """Take the next batch, within the limits of a batch; at least one text if any waits.

        Background work is next if nothing else waits, or if it has waited for others for long. ``remeasure`` is called
        for a replaced text whose turn it is, and settles it if there is no size.
        """
        batch: list[Ticket] = []
        while not batch and len(self):
            batch = list(self._fill(self._next_lane(), remeasure))
        if not batch:
            self._key_turns.clear()
            self._background_turns.clear()
            return []
        for ticket in batch:
            ticket.is_taken = True
        taken = set(batch)
        self._texts = [item for item in self._texts if item not in taken]
        if not (batch[0].is_long or batch[0].background):
            now = self._key_s = time.perf_counter()
            self._key_tokens = sum(item.tokens for item in batch)
            self._typing = {group: key_s for group, key_s in self._typing.items() if now - key_s < _TYPING_S}
            self._typing |= dict.fromkeys((item.asker.group for item in batch), now)
        return batch

    def note_time(self, units: int, seconds: float, *, background: bool) -> None:
        """Note how long a batch took: the waiting ones will take as long, and background work has waited for it."""
        self._unit_s += _LATEST_SHARE * (seconds / max(1, units) - self._unit_s)
        held_up = not background and any(item.background for item in self._texts)
        self._background_waits_s = self._background_waits_s + seconds if held_up else 0.0

    def step_tokens(self, ticket: Ticket) -> int:
        """Tokens of a long text to read before others get their turn."""
        if not self._somebody_types:
            return _STEP_TOKENS if ticket.is_alone else _BACKGROUND_STEP_TOKENS
        least, most = _STEP_TOKENS_WHILE_TYPING
        # Whole steps of the least: a model reads whole blocks.
        return min(most, max(least, self._key_tokens // least * least))

    @property
    def _somebody_types(self) -> bool:
        return time.perf_counter() - self._key_s < _TYPING_S

    @property
    def _several_groups_type(self) -> bool:
        return self._somebody_types and len(self._typing) > 1

    def _next_lane(self) -> list[Ticket]:
        """Return what waits of background work if that is next, or else what waits of other work."""
        background = [item for item in self._texts if item.background]
        others = [item for item in self._texts if not item.background]
        if background and self._background_waits_s >= _BACKGROUND_WAITS_S:
            return background
        return others or background

    def _forget_settled(self) -> None:
        # A ticket is settled when its caller is cancelled or its deadline passes. That frees its place.
        self._texts = [item for item in self._texts if not item.is_settled]

    def _turns_of(self, ticket: Ticket) -> FairTurns[Ticket]:
        return self._background_turns if ticket.background else self._key_turns

    def _fill(self, lane: list[Ticket], remeasure: Callable[[Ticket], None]) -> Iterator[Ticket]:
        """Yield the next text that is alone in its batch, or as many of the next others as fit into one batch."""
        budget = self._options.max_batch_units
        texts, units = 0, 0
        of_group: Counter[str] = Counter()
        # Background texts are tokenised before any is read, so that several can be read together.
        in_order = sorted(lane, key=lambda item: (item.background and not item.chars, item.since))
        for item in self._turns_of(lane[0]).in_turn(in_order):
            if texts and item.is_alone:
                continue
            if item.typed_chars:
                remeasure(item)
                if item.is_long:
                    self._turns_of(item).enter(item)
                if item.is_long or item.is_settled:
                    continue
            if not texts and item.background:
                budget = self._background_budget(item)
            group = item.asker.group
            if of_group[group] and of_group[group] + item.units > _GROUP_BATCH_UNITS and self._several_groups_type:
                continue
            of_group[group] += item.units
            texts, units = texts + 1, units + item.units_of_step(self.step_tokens(item))
            if texts > 1 and (texts > self._options.max_batch or units > budget):
                return
            self._spend(item)
            yield item
            if item.is_alone:
                return

    def _background_budget(self, first: Ticket) -> int:
        """Return the units of a batch of background work with this text."""
        if self._somebody_types:
            return self.step_tokens(first) if first.is_long else _STEP_TOKENS
        is_quiet = time.perf_counter() - self._key_s >= _QUIET_S
        return _QUIET_BATCH_UNITS if is_quiet else _BACKGROUND_BATCH_UNITS

    def _spend(self, ticket: Ticket) -> None:
        step = self.step_tokens(ticket)
        units = ticket.units_of_step(step)
        ticket.spent += units
        self._turns_of(ticket).spend(ticket, units, None if ticket.has_steps(step) else ticket.spent)
