"""Rooms: anyone with the link sees text and rating, but cannot write."""

from starcast_client.conformance.suite import Check, Message, Peer, Target, check, expect

CHECKS: list[Check] = []

TEXT = "Watched while it is typed."


async def _until(peer: Peer, kind: str, **fields: object) -> Message:
    """Return the next message of this type with these fields, skipping others."""
    while True:
        message = await peer.receive()
        if message.get("type") == kind and fields.items() <= message.items():
            return message


async def _open(peer: Peer) -> Message:
    await peer.send("room.open")
    opened = await _until(peer, "room.opened")
    expect(bool(opened.get("room_id")) and bool(opened.get("secret")), "room_id and secret", opened)
    return opened


async def _close(peer: Peer) -> None:
    # A room whose typist has just left keeps its place for a while, which the next run needs.
    await peer.send("room.close")
    await _until(peer, "room.closed")


@check(CHECKS, "a watcher sees the current text and rating, and every change")
async def _watchers_follow(target: Target) -> None:
    async with target.greeted() as typist:
        await typist.rating(1, TEXT)
        room = await _open(typist)
        async with target.open(path=f"/ws/v1/watch/{room['room_id']}/") as watcher:
            await _until(watcher, "session.created")
            state = await _until(watcher, "room.state", text=TEXT, is_fresh=True)
            expect(abs(sum(state["rating"]["probabilities"]) - 1) < 1e-3, "probabilities that sum to 1", state)
            await _until(typist, "room.watchers", count=1)
            await typist.send("text.update", seq=2, text=f"{TEXT} More.")
            await _until(watcher, "room.state", text=f"{TEXT} More.", is_fresh=True)
        await _close(typist)


@check(CHECKS, "a watcher cannot write: error unknown_type")
async def _watchers_cannot_write(target: Target) -> None:
    async with target.greeted() as typist:
        room = await _open(typist)
        async with target.open(path=f"/ws/v1/watch/{room['room_id']}/") as watcher:
            await _until(watcher, "room.state")
            await watcher.send("text.update", seq=1, text="mine")
            await watcher.expect_error("unknown_type")
        await _close(typist)


@check(CHECKS, "closing a room: room.closed to everyone, and close 4522 for watchers")
async def _closed_rooms_end(target: Target) -> None:
    async with target.greeted() as typist:
        room = await _open(typist)
        async with target.open(path=f"/ws/v1/watch/{room['room_id']}/") as watcher:
            await _until(watcher, "room.state")
            await typist.send("room.close")
            for peer in (typist, watcher):
                end = await _until(peer, "room.closed")
                expect(end.get("reason") == "closed", "reason closed", end)
            await watcher.expect_close(4522)


@check(CHECKS, "the secret of a room continues it on another connection")
async def _typists_come_back(target: Target) -> None:
    async with target.greeted() as typist:
        room = await _open(typist)
    async with target.greeted() as back:
        await back.send("room.open", secret=room["secret"])
        again = await _until(back, "room.opened")
        expect(again["room_id"] == room["room_id"], f"room_id {room['room_id']}", again["room_id"])
        await _close(back)


@check(CHECKS, "an invalid room id: error room_not_found, close 4522")
async def _no_room_is_refused(target: Target) -> None:
    async with target.open(path="/ws/v1/watch/none/") as watcher:
        await _until(watcher, "session.created")
        await watcher.expect_error("room_not_found")
        await watcher.expect_close(4522)
