"""The limits of a connection, an address and a process, read from the settings."""

from typing import Any, Final

from django.conf import settings
from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from model_core.text import MAX_CHARS


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Limits:
    """All limits, with defaults and ranges. Raises ValidationError, a ValueError, for values out of range."""

    max_message_bytes: int = Field(
        default=65_536, ge=1, description="Bytes of a WebSocket message. A longer one gets `too_large`."
    )
    max_frame_bytes: int = Field(
        default=131_072,
        ge=1,
        description="Bytes of a WebSocket message that the server reads at all; a longer one ends the connection "
        "(1009). At least `max_message_bytes`, so that clients get an error first.",
    )
    max_body_bytes: int = Field(
        default=1_048_576, ge=1, description="Bytes of an HTTP body. A longer one gets `too_large`."
    )
    max_chars: int = Field(
        default=20_000,
        ge=1,
        le=MAX_CHARS,
        description="Unicode code points of a text. A longer one gets `text_too_long`.",
    )
    # A fast typist of the longest text makes 15 texts a second of up to 60 units.
    work_per_s: int = Field(
        default=1_200,
        ge=1,
        description="Units of work per second of one connection in the long run, about 0.1 ms of one core each. "
        "More gets `rate_limited`.",
    )
    # A replay sends a few hundred texts at once.
    work_burst: int = Field(
        default=12_000,
        ge=1,
        description="Units of work that a connection may ask for at once before `work_per_s` applies.",
    )
    # A class of 60 at 6 keys a second each.
    address_factor: int = Field(
        default=15,
        ge=1,
        description="All connections and requests of one address, or of one key, together may use this many times "
        "`work_per_s` and `work_burst`. With Redis this holds for all processes together.",
    )
    max_connections: int = Field(
        default=2_000,
        ge=1,
        description="Open WebSockets of one process. One more gets `server_full`. "
        "If the process may not open that many files, there are fewer, and the log says so at start.",
    )
    max_connections_per_address: int = Field(
        default=200,
        ge=1,
        description="Open WebSockets of one address. One more gets `server_full`. "
        "An IPv6 network (/64) counts as one address, here and for rates.",
    )
    max_malformed: int = Field(
        default=20, ge=1, description="Malformed messages in a row after which the server closes a WebSocket."
    )
    max_refused: int = Field(
        default=300,
        ge=1,
        description="The server closes a WebSocket after this many messages above the rate within a minute.",
    )
    idle_timeout_s: int = Field(
        default=600,
        ge=0,
        description="Seconds without a message after which the server closes a WebSocket; 0 for never.",
    )
    # In Daphne, which looks every 2 seconds, a second ping would replace the timer of the first one.
    ping_interval_s: int = Field(
        default=20, ge=2, description="Seconds without a message after which the server sends a WebSocket ping."
    )
    ping_timeout_s: int = Field(
        default=10,
        ge=1,
        description="Seconds to wait for the pong before the connection is dropped. Less than `ping_interval_s`.",
    )
    slow_reader_s: int = Field(
        default=10,
        ge=1,
        description="Seconds for which a client may leave more than 64 KiB unread before its WebSocket is closed.",
    )
    max_rooms: int = Field(
        default=500,
        ge=0,
        description="Rooms of one process, in which others watch a typist; 0 turns watching off. "
        "One more gets `too_many_rooms`.",
    )
    max_rooms_per_address: int = Field(
        default=10, ge=1, description="Rooms of one address. One more gets `too_many_rooms`."
    )
    max_watchers: int = Field(
        default=50,
        ge=1,
        description="Connections that watch one room. One more gets `room_full`. They count as open WebSockets too.",
    )
    room_grace_s: int = Field(
        default=20, ge=0, description="Seconds for which a room waits for a typist whose connection is lost."
    )
    max_feedback: int = Field(
        default=100_000, ge=0, description="Texts with feedback that are kept. One more gets `storage_unavailable`."
    )
    max_feedback_mb: int = Field(
        default=500, ge=0, description="Megabytes of these texts. One more gets `storage_unavailable`."
    )
    max_feedback_per_day: int = Field(
        default=50,
        ge=1,
        description="Feedback of one address in a day. More gets `rate_limited`. Each process counts from its start; "
        "with Redis, all count together.",
    )
    feedback_days: int = Field(
        default=365,
        ge=0,
        le=36_500,
        description="Days after which feedback is deleted; 0 for never. Checked every hour.",
    )

    @model_validator(mode="after")
    def _fit_together(self) -> "Limits":
        if self.max_frame_bytes < self.max_message_bytes:
            raise ValueError("max_frame_bytes must be at least max_message_bytes")
        if self.ping_timeout_s >= self.ping_interval_s:
            raise ValueError("ping_timeout_s must be below ping_interval_s")
        return self


_SHOWN: Final = ("max_message_bytes", "max_chars", "work_per_s", "work_burst", "max_malformed", "idle_timeout_s")
"""The limits that clients see, since they can act on them."""

_read: tuple[dict[str, Any], Limits] | None = None


def get_limits() -> Limits:
    """Return the limits from the settings. Raises ValidationError if they are invalid."""
    global _read
    configured: dict[str, Any] = settings.STARCAST_LIMITS
    # Called for each connection and request, and the settings change only in tests.
    if _read is None or _read[0] is not configured:
        _read = configured, Limits(**configured)
    return _read[1]


def shown_to_clients(limits: Limits) -> dict[str, int]:
    """Return the limits that ``session.created`` contains."""
    return {name: getattr(limits, name) for name in _SHOWN}
