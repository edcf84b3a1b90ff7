"""Tasks with an owner."""

import asyncio
import contextlib
import gc
import threading
import weakref
from contextvars import Context, ContextVar

import pytest

from model_core.tasks import in_thread, spawn, stop


async def test_a_task_that_is_left_alone_is_held_until_it_ends() -> None:
    ended = asyncio.Event()

    async def wait() -> None:
        # The loop holds the timer, and nothing but the task the future.
        await asyncio.sleep(0.01)
        ended.set()

    spawn(wait())
    await asyncio.sleep(0)
    gc.collect()
    async with asyncio.timeout(10):
        await ended.wait()


async def test_an_exception_that_ends_a_task_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise RuntimeError("told to fail")

    await asyncio.wait([spawn(fail())])
    await asyncio.sleep(0)
    assert "told to fail" in caplog.text


async def test_the_owner_of_a_stopped_task_is_freed_without_the_garbage_collector() -> None:
    class Owner:
        def __init__(self) -> None:
            self.task = spawn(self.wait())

        async def wait(self) -> None:
            await asyncio.sleep(60)

    gc.disable()
    try:
        owner = Owner()
        await asyncio.sleep(0)
        await stop(owner.task)
        gone = weakref.ref(owner)
        del owner
        await asyncio.sleep(0)
        assert gone() is None
    finally:
        gc.enable()


async def test_a_task_that_is_stopped_has_ended_and_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    task = spawn(asyncio.sleep(60))
    await stop(task)
    assert task.cancelled()
    await stop(task)
    await stop(None)
    assert not caplog.records


async def test_to_stop_a_task_that_died_raises_nothing() -> None:
    async def fail() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise RuntimeError("told to fail")

    task = spawn(fail())
    await asyncio.sleep(0)
    await stop(task)
    assert isinstance(task.exception(), RuntimeError)


async def test_who_is_cancelled_while_stopping_a_task_is_cancelled() -> None:
    may_end = asyncio.Event()

    async def stubborn() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        await may_end.wait()

    task = spawn(stubborn())
    await asyncio.sleep(0)
    stopping = asyncio.create_task(stop(task))
    await asyncio.sleep(0)
    stopping.cancel()
    await asyncio.wait([stopping])
    assert stopping.cancelled()
    may_end.set()
    await task


async def test_a_task_may_have_a_context_of_its_own() -> None:
    session: ContextVar[str] = ContextVar("session", default="none")
    session.set("that of a connection")

    async def read() -> str:
        return session.get()

    assert await spawn(read()) == "that of a connection"
    assert await spawn(read(), context=Context()) == "none"


async def test_work_in_a_thread_ends_before_who_waits_for_it_and_is_cancelled() -> None:
    begun, go_on, done = asyncio.Event(), threading.Event(), []
    loop = asyncio.get_running_loop()

    def work(result: str) -> str:
        loop.call_soon_threadsafe(begun.set)
        go_on.wait()
        done.append(result)
        return result

    waiting = asyncio.create_task(in_thread(work, "read"))
    await begun.wait()
    for _ in range(3):
        waiting.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not waiting.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert done == ["read"]
    assert await in_thread(work, "again") == "again"
