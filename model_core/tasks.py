"""Tasks with an owner: they are referenced until they end, and their errors are logged."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextvars import Context
from typing import Any, Final, TypeVar

logger = logging.getLogger(__name__)

_Result = TypeVar("_Result")

_running: Final[set[asyncio.Task[Any]]] = set()
"""The event loop itself keeps only weak references to its tasks."""


def spawn(
    work: Coroutine[Any, Any, _Result],
    *,
    context: Context | None = None,
    loop: asyncio.AbstractEventLoop | None = None,
) -> asyncio.Task[_Result]:
    """Start a task. It need not be awaited: it is referenced until it ends, and its exception is logged.

    A task that may outlive the connection or request that starts it needs its own ``context``, or its log records would
    have that session's id. ``loop`` defaults to the running one.
    """
    task = (loop or asyncio.get_running_loop()).create_task(work, context=context)
    _running.add(task)
    task.add_done_callback(_ended, context=context)
    return task


async def stop(task: asyncio.Task[Any] | None) -> None:
    """Cancel a task, if there is one, and return once it has ended in any way.

    Raises CancelledError only if the caller itself is cancelled.
    """
    if task is not None and not task.done():
        task.cancel()
        await asyncio.wait([task])


async def in_thread(function: Callable[..., _Result], *args: object) -> _Result:
    """Call a function in a thread. If the caller is cancelled, this too returns only once the function has."""
    running = asyncio.ensure_future(asyncio.to_thread(function, *args))
    try:
        return await asyncio.shield(running)
    finally:
        # Whoever is impatient may cancel it again.
        while not running.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([running])


async def settle(works: Iterable[Awaitable[object]], failure: str) -> None:
    """Run all at once until each has ended. One that fails is logged as ``failure``, and stops no other."""
    for outcome in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(outcome, Exception):
            logger.error(failure, exc_info=outcome)


def _ended(task: asyncio.Task[Any]) -> None:
    _running.discard(task)
    try:
        error = task.exception()
    except asyncio.CancelledError:
        # Having raised it, the task forgets it. Its frames refer to the task's owner, who refers to the task: such a
        # circle would wait for the garbage collector.
        return
    if error is not None:
        logger.error("a task failed", exc_info=error)
