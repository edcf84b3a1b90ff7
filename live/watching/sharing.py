"""A typist's side of watching: once a room is open, it shows the newest text and rating."""

from collections.abc import Awaitable, Callable

from live.limits import Limits
from live.messages.client import TextUpdate
from live.messages.protocol import ServerMessage, scale_fields
from live.messages.rooms import RoomClosed, RoomEnd, RoomOpened, RoomState, RoomWatchers
from live.messages.server import ExplanationMessage, PredictionMessage
from live.watching.room import Room, new_secret, rooms
from model_core.labels import FILM_RATINGS, LabelSet

Send = Callable[[ServerMessage], Awaitable[None]]


class Sharing:
    """One typist's side of a room. Its methods wait only for sending to the typist, never for watchers."""

    def __init__(self, send: Send, address: str, limits: Limits) -> None:
        self._send = send
        self._address = address
        self._limits = limits
        self._text: TextUpdate | None = None
        self._prediction: PredictionMessage | None = None
        self._labels = FILM_RATINGS
        self._explanation: ExplanationMessage | None = None
        self._room: Room | None = None

    @property
    def watchers(self) -> int:
        """How many watch now."""
        return 0 if self._room is None else self._room.watchers

    async def open(self, secret: str | None) -> None:
        """Open a new room, or the room of the secret. Raises ProtocolError if there are too many rooms."""
        secret = secret or new_secret()
        room = rooms.open(secret, self._address, self._limits)
        if room is not self._room:
            await self.close()
            await room.enter(self)
            self._room = room
            self._show()
        opened = RoomOpened(room_id=room.id, secret=secret, max_watchers=self._limits.max_watchers)
        await self._send(opened)
        await self.show_watchers(room.watchers)

    async def close(self) -> None:
        """Close the room, if there is one."""
        if self._room is not None:
            room, self._room = self._room, None
            room.close("closed")
            await self._send(RoomClosed(reason="closed"))

    def leave(self) -> None:
        """Note that the connection has ended. The room waits for the typist to reconnect."""
        if self._room is not None:
            self._room.leave(self)

    def typed(self, text: TextUpdate) -> None:
        """Note the newest text."""
        self._text = text
        self._show()

    def rated(self, prediction: PredictionMessage, labels: LabelSet) -> None:
        """Note the newest rating, and what its probabilities are of."""
        self._prediction, self._labels = prediction, labels
        self._show()

    def explained(self, explanation: ExplanationMessage) -> None:
        """Note the newest explanation."""
        self._explanation = explanation
        self._show()

    async def show_watchers(self, count: int) -> None:
        """Tell the typist how many watch."""
        await self._send(RoomWatchers(count=count))

    async def room_ended(self, reason: RoomEnd) -> None:
        """Tell the typist that the room no longer belongs to this connection."""
        self._room = None
        await self._send(RoomClosed(reason=reason))

    def _show(self) -> None:
        # Until the first text after a reconnect, the room keeps the state from before it.
        if self._room is None or self._text is None:
            return
        seq = self._text.seq
        is_fresh = self._prediction is not None and self._prediction.seq == seq
        explanation = self._explanation if self._explanation is not None and self._explanation.seq == seq else None
        scale = {} if self._labels.is_film else scale_fields(self._labels)
        self._room.show(
            RoomState(
                text=self._text.text, is_fresh=is_fresh, rating=self._prediction, explanation=explanation, **scale
            )
        )
