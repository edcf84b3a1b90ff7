"""Messages about rooms, in which others watch a typist: what typists send, and what they and watchers are sent."""

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from live.messages.protocol import ClientMessageBase, Rating, ServerMessage

_RANDOM_256_BITS: Final = r"^[A-Za-z0-9_-]{43}$"
"""In base64url."""


class RoomOpen(ClientMessageBase):
    """Let others watch. With the ``secret`` of a room, go on in that room, say after a reconnect."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "room.open"}]})

    type: Literal["room.open"]
    secret: Annotated[str, Field(pattern=_RANDOM_256_BITS)] | None = Field(
        default=None, description="What `room.opened` gave, to go on in the same room; leave it out for a new one"
    )


class RoomClose(ClientMessageBase):
    """Let nobody watch any more."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "room.close"}]})

    type: Literal["room.close"]


class RoomOpened(ServerMessage):
    """Others may watch now, at ``/ws/v1/watch/ROOM_ID/``."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "room.opened",
                    "room_id": "pXn2xu3VbLQ1vGdrWsrUpw",
                    "secret": "q0Jm1cS6xN0o0tQ3mRk5b8mN0y3m4cJr1sZ2o3v4w5E",
                    "max_watchers": 50,
                }
            ]
        }
    )

    type: Literal["room.opened"] = "room.opened"
    room_id: str = Field(description="For those who watch; nobody can write with it, or guess it")
    secret: str = Field(description="For the typist alone: it goes on in this room after a reconnect")
    max_watchers: int = Field(description="So many may watch at once")


class RoomWatchers(ServerMessage):
    """How many watch now; sent to the typist whenever that changes."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "room.watchers", "count": 3}]})

    type: Literal["room.watchers"] = "room.watchers"
    count: int = Field(description="Connections that watch")


class RoomState(ServerMessage):
    """What the typist sees: sent to those who watch when they come, and at every change. The newest counts."""

    model_config = ConfigDict(
        json_schema_extra={
            "required": ["type", "text", "is_fresh", "is_typist_here"],
            "examples": [
                {
                    "type": "room.state",
                    "text": "A slow start, but what an endi",
                    "is_fresh": True,
                    "is_typist_here": True,
                    "rating": {
                        "probabilities": [0.01, 0.01, 0.02, 0.05, 0.18, 0.31, 0.19, 0.23],
                        "stars": 8,
                        "expected_stars": 8.04,
                        "interval": [7, 10],
                        "positive": 0.91,
                        "tokens": 9,
                        "truncated": False,
                        "is_prior": False,
                        "legible": 1.0,
                        "state": "says",
                    },
                }
            ],
        }
    )

    type: Literal["room.state"] = "room.state"
    text: str = Field(default="", description="The whole text as it is now")
    is_fresh: bool = Field(default=False, description="Whether the rating is that of this text, not of an older one")
    is_typist_here: bool = Field(default=True, description="False while the typist's connection is lost")
    rating: Rating | None = Field(default=None, description="The newest rating, once there is one")


RoomEnd = Literal["closed", "left", "taken"]


class RoomClosed(ServerMessage):
    """The room has ended. A typist's connection goes on; that of a watcher is closed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "room.closed", "reason": "left"}]})

    type: Literal["room.closed"] = "room.closed"
    reason: RoomEnd = Field(
        description="`closed`: the typist closed it. `left`: the typist is gone and did not come back. "
        "`taken`: another connection with the secret goes on in it"
    )
