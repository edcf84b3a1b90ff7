"""Watching: a typist opens a room, and others see text and bars move.

The typist's process holds the ``Room``; every process in which somebody watches it holds an ``Audience``. They talk
over the channel layer (``link``) and expect to lose messages: an audience asks again every ``BEAT_S`` and says what it
shows, and the room answers with what there is. So the next beat makes up for coming late, and for what was lost while
Redis was away.
"""

from typing import Final

BEAT_S: Final = 2.0
"""Seconds between two beats of an audience."""
MISSED_S: Final = 3 * BEAT_S
"""After so long without a word the other side counts as away."""
UNKNOWN_S: Final = 2.5
"""A room that is there answers the first beat, or the one after it, within this time."""


def audience_group(room_id: str) -> str:
    """Where a room speaks and its audiences listen."""
    return f"starcast.audience.{room_id}"


def room_group(room_id: str) -> str:
    """Where audiences speak and the room listens."""
    return f"starcast.room.{room_id}"
