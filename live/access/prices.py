"""What clients are charged, in units of work: about 0.1 ms of one core each. All ways in have the same prices.

A text costs what ``model_core.work`` says, on top of its message: its new characters and its new tokens.
"""

from typing import Final

MESSAGE: Final = 5
"""One WebSocket message, or one request to the API or for its description."""
CONNECTION: Final = 20
"""One new WebSocket."""
EXPLANATION: Final = 64 * MESSAGE
"""One explanation. Its ratings are background work, which waits for everything else."""
FEEDBACK: Final = 60 * MESSAGE
"""One stored feedback: it stays on disk."""
PAGE: Final = 50
"""One page that people read, or any other request outside the API. Static files are free."""
WATCHED: Final = 3
"""One text that is sent to one watcher."""
