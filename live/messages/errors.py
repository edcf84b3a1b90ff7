"""The tables of errors and close codes. Schemas and descriptions are generated from them."""

from dataclasses import dataclass
from typing import Final, Literal

ErrorCode = Literal[
    "bad_json",
    "bad_request",
    "unknown_type",
    "binary_not_supported",
    "too_large",
    "text_too_long",
    "seq_not_increasing",
    "rate_limited",
    "overloaded",
    "model_unavailable",
    "internal",
    "server_full",
    "too_many_errors",
    "version_not_offered",
    "origin_refused",
    "unknown_path",
    "key_missing",
    "key_invalid",
    "not_found",
    "method_not_allowed",
    "unsupported_media_type",
    "idle",
    "slow_reader",
    "too_many_rooms",
    "room_not_found",
    "room_full",
    "storage_unavailable",
]
"""The keys of ``ERRORS``, for type checkers and for the schemas of the messages. A test checks that they are equal."""

CLOSE_ASKED_FOR: Final = 1000
CLOSE_GOING_AWAY: Final = 1001
CLOSE_BROKEN_FRAME: Final = 1002
CLOSE_NOT_UTF_8: Final = 1007
CLOSE_ABOVE_FRAME: Final = 1009
CLOSE_INTERNAL: Final = 4000
CLOSE_TOO_FAST: Final = 4008
CLOSE_IDLE: Final = 4009
CLOSE_SERVER_FULL: Final = 4010
CLOSE_SLOW_READER: Final = 4013
CLOSE_UNDECODABLE: Final = 4502
CLOSE_KEY_MISSING: Final = 4503
CLOSE_KEY_INVALID: Final = 4504
CLOSE_VERSION_NOT_OFFERED: Final = 4512
CLOSE_ORIGIN_REFUSED: Final = 4520
CLOSE_UNKNOWN_PATH: Final = 4521
CLOSE_ROOM_ENDED: Final = 4522

CLOSE_MEANINGS: Final[dict[int, str]] = {
    CLOSE_ASKED_FOR: "The client sent `close`.",
    CLOSE_GOING_AWAY: "The server is stopping; `session.closing` came before.",
    CLOSE_BROKEN_FRAME: "A frame breaks the rules of WebSockets.",
    CLOSE_NOT_UTF_8: "A text frame is not UTF-8.",
    CLOSE_ABOVE_FRAME: "A message is above `STARCAST_MAX_FRAME_BYTES`.",
    CLOSE_INTERNAL: "The server has no model, cannot check keys, or has a fault.",
    CLOSE_TOO_FAST: "Too many messages above the rate, too many control frames, or too many new connections.",
    CLOSE_IDLE: "The client sent nothing for `idle_timeout_s`.",
    CLOSE_SERVER_FULL: "The server, this address or the room has too many connections.",
    CLOSE_SLOW_READER: "The client left too much unread for `slow_reader_s`.",
    CLOSE_UNDECODABLE: "Too many malformed messages in a row.",
    CLOSE_KEY_MISSING: "A key is required.",
    CLOSE_KEY_INVALID: "The key is wrong or was revoked.",
    CLOSE_VERSION_NOT_OFFERED: "The client offered subprotocols, but not `starcast.v1`.",
    CLOSE_ORIGIN_REFUSED: "Pages of this origin need a key.",
    CLOSE_UNKNOWN_PATH: "There is no WebSocket at this path.",
    CLOSE_ROOM_ENDED: "There is no such room, or it has ended.",
}
"""All codes with which the server closes a WebSocket."""

FIRST_FINAL_CLOSE: Final = 4500
"""With this code or a higher one, reconnecting is no use: the client would be refused again."""


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """The properties of an error code."""

    meaning: str
    status: int | None = None
    """HTTP status; None for an error that only a WebSocket sends."""
    close: int | None = None
    """The close code, if the server closes after this error. Some errors close only while connecting."""
    retryable: bool = False
    """Whether the same message may succeed later."""
    malformed: bool = False
    """Whether the message itself was invalid, not only its time or size."""
    over_websocket: bool = True
    """False for an error that only HTTP sends."""


ERRORS: Final[dict[ErrorCode, ErrorKind]] = {
    "bad_json": ErrorKind(
        "The frame or body is not JSON, or has too much structure: deep nesting, or thousands of values.",
        status=400,
        malformed=True,
    ),
    "bad_request": ErrorKind(
        "The message is not an object, a field is missing or invalid, or no text with this `seq` was rated.",
        status=400,
        malformed=True,
    ),
    "unknown_type": ErrorKind("There is no message of this `type`.", malformed=True),
    "binary_not_supported": ErrorKind("Binary frames are not supported.", malformed=True),
    "too_large": ErrorKind("The message or body has too many bytes.", status=413),
    "text_too_long": ErrorKind("The text has too many characters.", status=413),
    "seq_not_increasing": ErrorKind("`seq` is not greater than every `seq` before it."),
    "rate_limited": ErrorKind(
        "Too many messages or texts on this connection, or from this address or key.",
        status=429,
        close=CLOSE_TOO_FAST,
        retryable=True,
    ),
    "overloaded": ErrorKind("Too many texts of all clients are waiting for the model.", status=503, retryable=True),
    "model_unavailable": ErrorKind(
        "No model is loaded, it did not answer in time, or the server is stopping.",
        status=503,
        close=CLOSE_INTERNAL,
        retryable=True,
    ),
    "internal": ErrorKind(
        "The model failed on this text, keys cannot be checked at the moment, or the server has a fault.",
        status=500,
        close=CLOSE_INTERNAL,
        retryable=True,
    ),
    "server_full": ErrorKind(
        "The server, or this address, has too many connections.", close=CLOSE_SERVER_FULL, retryable=True
    ),
    "too_many_errors": ErrorKind("Too many malformed messages in a row.", close=CLOSE_UNDECODABLE),
    "version_not_offered": ErrorKind(
        "The client offered subprotocols, but not `starcast.v1`.", close=CLOSE_VERSION_NOT_OFFERED
    ),
    "origin_refused": ErrorKind("Pages of this origin need a key.", status=403, close=CLOSE_ORIGIN_REFUSED),
    "unknown_path": ErrorKind("There is no WebSocket at this path.", close=CLOSE_UNKNOWN_PATH),
    "key_missing": ErrorKind("A key is required.", status=401, close=CLOSE_KEY_MISSING),
    "key_invalid": ErrorKind("The key is wrong or was revoked.", status=401, close=CLOSE_KEY_INVALID),
    "not_found": ErrorKind("There is nothing at this path.", status=404, over_websocket=False),
    "method_not_allowed": ErrorKind("This path does not take this method.", status=405, over_websocket=False),
    "unsupported_media_type": ErrorKind(
        "The body is not `application/json` in UTF-8, or its `Content-Type` does not say so.",
        status=415,
        over_websocket=False,
    ),
    "idle": ErrorKind("The client sent nothing for too long.", close=CLOSE_IDLE, retryable=True),
    "slow_reader": ErrorKind("The client left too much unread for too long.", close=CLOSE_SLOW_READER, retryable=True),
    "too_many_rooms": ErrorKind("The server, or this address, has too many rooms.", retryable=True),
    "room_not_found": ErrorKind("There is no such room.", close=CLOSE_ROOM_ENDED),
    "room_full": ErrorKind("The room has too many watchers.", close=CLOSE_SERVER_FULL, retryable=True),
    "storage_unavailable": ErrorKind(
        "The database is busy, full or down, or no more feedback is kept; nothing was stored.",
        status=503,
        retryable=True,
        over_websocket=False,
    ),
}

STATUS: Final = {code: kind.status for code, kind in ERRORS.items() if kind.status is not None}
"""HTTP status codes by error code."""
FOLLOWING_CLOSE: Final = {code: kind.close for code, kind in ERRORS.items() if kind.close is not None}
"""Close codes by error code."""


def comes_back(close_code: int) -> bool:
    """Whether a client should reconnect after this close code."""
    return close_code != CLOSE_ASKED_FOR and close_code < FIRST_FINAL_CLOSE
