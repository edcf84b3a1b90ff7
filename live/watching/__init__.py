"""Watching: a typist opens a room, and others see text and bars move.

The typist's process holds the ``Room``; every process with watchers of it holds an ``Audience``. They talk over the
channel layer (``link``), which may lose messages: every ``BEAT_S`` an audience says which state it shows, and the room
answers with the newest one. So a late or lost message is made up for at the next beat.
"""

from typing import Final

BEAT_S: Final = 2.0
"""Seconds between two beats of an audience."""
MISSED_S: Final = 3 * BEAT_S
"""After this many seconds without a message the other side counts as away."""
UNKNOWN_S: Final = 2.5
"""Seconds within which an existing room answers the first or second beat."""


def audience_group(room_id: str) -> str:
    """The group that a room sends to and its audiences listen to."""
    return f"starcast.audience.{room_id}"


def room_group(room_id: str) -> str:
    """The group that audiences send to and the room listens to."""
    return f"starcast.room.{room_id}"
