"""The limits of one connection, one address and one process: values only, read from the settings."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from model_core.text import MAX_CHARS


@dataclass(frozen=True)
class Limits:
    """All limits of a connection, from the settings; ``session.created`` shows those that a client can act on."""

    max_message_bytes: int = 65_536
    max_frame_bytes: int = 131_072
    """What the transport takes before it closes: above max_message_bytes, so that a client gets an error first."""
    max_body_bytes: int = 1_048_576
    """Body of an HTTP request, which may hold many texts."""
    max_chars: int = 20_000
    messages_per_s: int = 60
    """Refill of the token bucket of a connection. A fast typist makes 15 messages a second."""
    burst: int = 600
    """Size of the bucket: a replay sends a few hundred at once."""
    address_factor: int = 5
    """The bucket of one address, and that of one key, is so many times that of one connection."""
    max_connections: int = 2_000
    max_connections_per_address: int = 200
    max_malformed: int = 20
    """Malformed messages in a row before the connection is closed."""
    max_refused: int = 1_000
    """Messages beyond the rate, less those within it, before the connection is closed."""
    idle_timeout_s: int = 600
    """Silence of a client after which its connection is closed; 0 for never."""
    ping_interval_s: int = 20
    """Silence of a client after which it is sent a ping of WebSocket."""
    ping_timeout_s: int = 10
    """How long its pong may take. In Daphne a second ping would replace the first one's timer."""
    slow_reader_s: int = 10
    """How long a client may leave what was sent unread before its connection is closed."""
    max_rooms: int = 500
    """Rooms of this process in which others watch a typist."""
    max_rooms_per_address: int = 10
    max_watchers: int = 50
    """Connections that watch one room."""
    room_grace_s: int = 20
    """How long a room waits for a typist whose connection is lost."""

    def __post_init__(self) -> None:
        if self.max_frame_bytes < self.max_message_bytes:
            raise ValueError("max_frame_bytes must be at least max_message_bytes")
        if self.ping_timeout_s >= self.ping_interval_s:
            raise ValueError("ping_timeout_s must be below ping_interval_s")
        if self.max_chars > MAX_CHARS:
            raise ValueError(f"max_chars may be {MAX_CHARS} at the most: the model reads no more")


def get_limits() -> Limits:
    """The limits that the settings name. Raises ValueError or TypeError where they make no sense."""
    configured: dict[str, Any] = settings.STARCAST_LIMITS
    return Limits(**configured)


def shown_to_clients(limits: Limits) -> dict[str, int]:
    """What ``session.created`` says of the limits."""
    shown = ("max_message_bytes", "max_chars", "messages_per_s", "burst", "idle_timeout_s")
    return {name: value for name, value in dataclasses.asdict(limits).items() if name in shown}
