"""Tasks that have an owner: they are not lost before they end, and an error of theirs is logged."""

import asyncio
import logging
from collections.abc import Coroutine
from contextvars import Context
from typing import Any, Final, TypeVar

logger = logging.getLogger(__name__)

_Result = TypeVar("_Result")

_running: Final[set[asyncio.Task[Any]]] = set()
"""An event loop itself holds its tasks by weak references only."""


def spawn(
    work: Coroutine[Any, Any, _Result],
    *,
    context: Context | None = None,
    loop: asyncio.AbstractEventLoop | None = None,
) -> asyncio.Task[_Result]:
    """Start a task. It may be left alone: it is held until it ends, and an exception that ends it is logged.

    A task that outlives the connection or request that starts it gets a ``context`` of its own: its log records would
    name that session otherwise. ``loop`` is the running one unless given.
    """
    task = (loop or asyncio.get_running_loop()).create_task(work, context=context)
    _running.add(task)
    task.add_done_callback(_ended, context=context)
    return task


async def stop(task: asyncio.Task[Any] | None) -> None:
    """Cancel a task, if there is one, and return once it has ended, in whatever way.

    Raises CancelledError only where the caller itself is cancelled meanwhile.
    """
    if task is not None and not task.done():
        task.cancel()
        await asyncio.wait([task])


def _ended(task: asyncio.Task[Any]) -> None:
    _running.discard(task)
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.error("a task failed", exc_info=error)
