"""Messages about rooms, in which others watch a typist: from typists, to typists and to watchers."""

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from live.messages.protocol import ClientMessageBase, Explained, LabelBody, Rating, ServerMessage
from model_core.labels import Task

_RANDOM_256_BITS: Final = r"^[A-Za-z0-9_-]{43}$"
"""In base64url."""


class RoomOpen(ClientMessageBase):
    """Let others watch. With the ``secret`` of a room, continue that room, for example after a reconnect."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "room.open"}]})

    type: Literal["room.open"]
    secret: Annotated[str, Field(pattern=_RANDOM_256_BITS)] | None = Field(
        default=None, description="The secret from `room.opened`, to continue that room; leave it out for a new room"
    )


class RoomClose(ClientMessageBase):
    """End the room."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "room.close"}]})

    type: Literal["room.close"]


class RoomOpened(ServerMessage):
    """Others may watch now, at ``/ws/v1/watch/ROOM_ID/``."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "room.opened",
                    "room_id": "tY3O7waXN_I3__o_15HNdw",
                    "secret": "q0Jm1cS6xN0o0tQ3mRk5b8mN0y3m4cJr1sZ2o3v4w5E",
                    "max_watchers": 50,
                }
            ]
        }
    )

    type: Literal["room.opened"] = "room.opened"
    room_id: str = Field(description="For watchers. It cannot be guessed, and gives no right to write")
    secret: str = Field(description="For the typist only, to continue this room after a reconnect")
    max_watchers: int = Field(description="Maximum number of watchers at once")


class RoomWatchers(ServerMessage):
    """The number of watchers, sent to the typist whenever it changes."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "room.watchers", "count": 3}]})

    type: Literal["room.watchers"] = "room.watchers"
    count: int = Field(description="Number of watching connections")


class RoomState(ServerMessage):
    """The typist's text and rating, sent to watchers when they connect and at every change. States may be skipped."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "room.state",
                    "text": "A slow start, but a wonderful endi",
                    "is_fresh": True,
                    "is_typist_here": True,
                    "rating": {
                        "probabilities": [0.06, 0.03, 0.05, 0.07, 0.13, 0.21, 0.16, 0.29],
                        "label": "10",
                        "stars": 10,
                        "expected_stars": 7.49,
                        "expected_value": 7.49,
                        "interval": [3, 10],
                        "positive": 0.79,
                        "tokens": 9,
                        "truncated": False,
                        "is_prior": False,
                        "legible": 1.0,
                        "state": "leans",
                    },
                }
            ],
        }
    )

    type: Literal["room.state"] = "room.state"
    text: str = Field(default="", description="The whole text as it is now")
    is_fresh: bool = Field(default=False, description="Whether the rating belongs to this text, not to an older one")
    is_typist_here: bool = Field(default=True, description="False while the typist's connection is lost")
    rating: Rating | None = Field(default=None, description="The newest rating, once there is one")
    task: Task | None = Field(default=None, description="Kind of the labels of the rating; left out for film ratings")
    classes: tuple[LabelBody, ...] | None = Field(
        default=None, description="The labels of its probabilities; left out for film ratings"
    )
    explanation: Explained | None = Field(
        default=None, description="What each part of this text adds, once the typist's client has asked for it"
    )


RoomEnd = Literal["closed", "left", "taken"]


class RoomClosed(ServerMessage):
    """The room has ended. A typist's connection stays open; a watcher's is closed."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"type": "room.closed", "reason": "left"}]})

    type: Literal["room.closed"] = "room.closed"
    reason: RoomEnd = Field(
        description="`closed`: the typist closed it. `left`: the typist disconnected and did not come back. "
        "`taken`: another connection uses the room's secret now"
    )
