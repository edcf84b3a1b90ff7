"""What clients are charged, in units of work: about 0.1 ms of one core each. All ways in have the same prices.

A text costs what ``model_core.work`` says, on top of its message: its new characters and its new tokens.
"""

from typing import Final

MESSAGE: Final = 15
"""One WebSocket message, or one text that a request has rated: what is done for it whatever its length.

So one address, which has ``address_factor`` shares, cannot keep the loop busy with messages that ask for nothing.
"""
REQUEST: Final = 30
"""One HTTP request: Daphne, Django's middleware, and a thread for it.

Static files, health checks and CORS preflights are free.
"""
PAGE_MADE_ANEW: Final = 30
"""One page of a room or of the admin, on top of the request. Other pages are made once."""
BYTES_PER_UNIT: Final = 4_096
"""Bytes of a message or a body that are received and parsed for one unit, on top of ``MESSAGE`` or ``REQUEST``.

Bodies that no view reads cost the same, also where requests are free.
"""
CONNECTION: Final = 20
"""One new WebSocket."""
EXPLANATION: Final = 450
"""One explanation. Its ratings are background work, which waits for everything else, so this is less than they cost."""
FEEDBACK: Final = 300
"""One stored feedback: it stays on disk."""
WATCHED: Final = 3
"""What one message of a typist sends to one watcher: a text and its rating, an explanation, or a room taken over."""


def units_of_bytes(count: int) -> int:
    """The cost of receiving and parsing so many bytes. The first ones belong to ``MESSAGE`` or ``REQUEST``."""
    return count // BYTES_PER_UNIT
