"""The channel layer for rooms and audiences: one channel per process, and a timeout on every call."""

import asyncio
import logging
import uuid
from collections.abc import Callable
from contextvars import Context
from typing import Any, Final

from channels.layers import InMemoryChannelLayer, get_channel_layer

from live.access.redis import RedisUnavailableError, redis_client, redis_errors
from model_core.tasks import spawn, stop

logger = logging.getLogger(__name__)

_TIMEOUT_S: Final = 1.0
_RETRY_S: Final = 1.0
_CHANNEL_OF_GROUP: Final = "asgi__group__{group}"
"""What the channel layer subscribes to in Redis for a group."""

Message = dict[str, Any]
Listener = Callable[[Message], None]


class LayerAway(Exception):  # noqa: N818 - reads as what it says
    """The channel layer failed or did not answer in time."""


class Link:
    """Joins groups, hands each message to the listener of its group, and sends. Belongs to one event loop."""

    def __init__(self) -> None:
        self._layer = get_channel_layer()
        self._channel = f"starcast.{uuid.uuid4().hex}"
        self._listeners: dict[str, Listener] = {}
        self._joined: set[str] = set()
        self._receiving: asyncio.Task[None] | None = None
        self._is_away = False

    async def join(self, group: str, listener: Listener) -> None:
        """Call the listener with every message to the group. Raises LayerAway; then try again."""
        self._listeners[group] = listener
        if group in self._joined:
            return
        if self._receiving is None or self._receiving.done():
            # In a context of its own: the connection's would live as long as the task.
            self._receiving = spawn(self._receive(), context=Context())
        # The task creates the channel in its first step, and only an existing channel can join.
        await asyncio.sleep(0)
        await self._ask("group_add", group, self._channel)
        self._joined.add(group)

    async def leave(self, group: str, listener: Listener) -> None:
        """Stop listening, unless another listener has replaced this one."""
        if self._listeners.get(group) != listener:
            return
        del self._listeners[group]
        if group in self._joined:
            self._joined.discard(group)
            try:
                await self._ask("group_discard", group, self._channel)
            except LayerAway:
                logger.debug("cannot tell the channel layer that a group was left")
        if not self._listeners:
            receiving, self._receiving = self._receiving, None
            await stop(receiving)

    async def send(self, group: str, message: Message) -> None:
        """Send to all listeners of the group, in every process. Raises LayerAway."""
        await self._ask("group_send", group, {**message, "type": "starcast", "group": group})

    async def _ask(self, method: str, *arguments: Any) -> None:
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                await getattr(self._layer, method)(*arguments)
        except Exception as error:
            if not self._is_away:
                # The error itself may quote the URL, which may hold a password.
                logger.warning("watching pauses: the channel layer failed (%s)", type(error).__name__)
            self._is_away = True
            raise LayerAway from error
        if self._is_away:
            logger.warning("watching goes on: the channel layer is back")
        self._is_away = False

    async def _receive(self) -> None:
        while True:
            try:
                message = await self._layer.receive(self._channel)
            except Exception as error:  # noqa: BLE001 - whatever a layer raises, the next try may succeed
                logger.debug("cannot receive (%s)", type(error).__name__)
                await asyncio.sleep(_RETRY_S)
                continue
            try:
                if (listener := self._listeners.get(message.get("group", ""))) is not None:
                    listener(message)
            except Exception:
                # A failure in one room must not stop the others of this process.
                logger.exception("a message of the channel layer was not understood")


def reaches_other_processes() -> bool:
    """Whether rooms may be in other processes. From any thread."""
    return not isinstance(get_channel_layer(), InMemoryChannelLayer)


async def is_joined(group: str) -> bool:
    """Whether some process listens to the group. True if Redis does not say."""
    try:
        with redis_errors():
            ((_, listeners),) = await redis_client().pubsub_numsub(_CHANNEL_OF_GROUP.format(group=group))
    except RedisUnavailableError:
        return True
    return int(listeners) > 0


_link: tuple[asyncio.AbstractEventLoop, Link] | None = None


def get_link() -> Link:
    """The link of the running event loop."""
    global _link
    loop = asyncio.get_running_loop()
    if _link is None or _link[0] is not loop:
        _link = loop, Link()
    return _link[1]
