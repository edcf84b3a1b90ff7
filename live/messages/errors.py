"""What error and close codes mean, in words: for the description of the WebSocket and for people."""

from typing import Final

from live.messages import protocol
from live.messages.protocol import ErrorCode

ERROR_MEANINGS: Final[dict[ErrorCode, str]] = {
    "bad_json": "The frame or body is not JSON, or nests too deep.",
    "bad_request": "No object, or a field is missing or of the wrong kind; or there is no rated text of this `seq`.",
    "unknown_type": "There is no such `type`.",
    "binary_not_supported": "A binary frame.",
    "too_large": "The message or body has too many bytes.",
    "text_too_long": "The text has too many characters.",
    "seq_not_increasing": "`seq` is not above all before it.",
    "rate_limited": "Too many messages or texts, of this connection, its address or its key.",
    "overloaded": "Too many texts of all clients wait for the model.",
    "model_unavailable": "No model is loaded, or it did not answer in time, or the server stops before it does.",
    "internal": "The model failed on this text, keys cannot be checked at the moment, or the server made a mistake.",
    "server_full": "The server, or the share of this address, is full.",
    "too_many_errors": "Too many malformed messages in a row.",
    "version_not_offered": "The client offered subprotocols, but not `starcast.v1`.",
    "origin_refused": "Pages of this origin need a key.",
    "unknown_path": "There is no WebSocket at this path.",
    "key_missing": "The server asks for a key.",
    "key_invalid": "The key is wrong, or has been revoked.",
    "not_found": "There is nothing at this path.",
    "method_not_allowed": "This path has other methods.",
    "unsupported_media_type": "The body is not `application/json`.",
    "idle": "The client sent nothing for too long.",
    "slow_reader": "The client left too much unread for too long.",
    "too_many_rooms": "The server, or the share of this address, has no place for another room.",
    "room_not_found": "There is no such room.",
    "room_full": "As many watch this room as may.",
    "storage_unavailable": "The database is busy or full, and nothing was stored.",
}
HTTP_ONLY: Final = frozenset({"not_found", "method_not_allowed", "unsupported_media_type", "storage_unavailable"})
"""Errors that no WebSocket sends."""
WEBSOCKET_ONLY: Final = frozenset(
    {"unknown_type", "binary_not_supported", "seq_not_increasing", "server_full", "too_many_errors",
     "version_not_offered", "unknown_path", "idle", "slow_reader", "too_many_rooms", "room_not_found", "room_full"}
)  # fmt: skip
"""Errors that HTTP has no use for."""

FIRST_FINAL_CLOSE: Final = 4500
"""From here up the same client would be refused again."""

CLOSE_MEANINGS: Final[dict[int, str]] = {
    protocol.CLOSE_ASKED_FOR: "The client sent `close`.",
    protocol.CLOSE_GOING_AWAY: "The server stops, after a `session.closing`.",
    protocol.CLOSE_INTERNAL: "The server has no model, cannot check keys, or made a mistake.",
    protocol.CLOSE_TOO_FAST: "Too many messages beyond the rate for too long, or too many new connections.",
    protocol.CLOSE_IDLE: "The client sent nothing for `idle_timeout_s`.",
    protocol.CLOSE_SERVER_FULL: "The server, or the share of this address, is full.",
    protocol.CLOSE_SLOW_READER: "The client left too much unread for too long.",
    protocol.CLOSE_UNDECODABLE: "Too many malformed messages in a row.",
    protocol.CLOSE_KEY_MISSING: "A key is needed.",
    protocol.CLOSE_KEY_INVALID: "The key is wrong, or has been revoked.",
    protocol.CLOSE_VERSION_NOT_OFFERED: "The client offered subprotocols, but not `starcast.v1`.",
    protocol.CLOSE_ORIGIN_REFUSED: "The origin may not connect.",
    protocol.CLOSE_UNKNOWN_PATH: "There is nothing at this path.",
    protocol.CLOSE_ROOM_ENDED: "There is no such room, or it has ended.",
}


def comes_back(close_code: int) -> bool:
    """Whether a client should connect again after this close, unless it asked for the close itself."""
    return close_code != protocol.CLOSE_ASKED_FOR and close_code < FIRST_FINAL_CLOSE
