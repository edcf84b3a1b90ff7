"""Greeting, versions, paths, origins, and how a connection ends."""

from websockets.exceptions import InvalidStatus

from starcast_client.conformance.suite import Check, Failed, Target, check, expect, rates_films
from starcast_client.messages import LABELS, SUBPROTOCOL, labels_of, values_of

CHECKS: list[Check] = []


@check(CHECKS, "the greeting is the first message and has all fields")
async def _greeting_has_all_fields(target: Target) -> None:
    async with target.greeted() as peer:
        greeting = peer.greeting
        expect(greeting.get("protocol") == SUBPROTOCOL, f"protocol {SUBPROTOCOL}", greeting.get("protocol"))
        expect(bool(greeting.get("session_id")), "a session_id", greeting)
        expect(greeting.get("offset_unit") == "unicode_code_point", "offset_unit unicode_code_point", greeting)
        interval = greeting.get("heartbeat_interval_ms")
        expect(isinstance(interval, int) and interval > 0, "a heartbeat_interval_ms", greeting)
        for field, names in (
            ("model", ("name", "version", "sha256", "max_tokens")),
            ("limits", ("max_message_bytes", "max_chars", "work_per_s", "work_burst")),
        ):
            missing = [name for name in names if name not in greeting.get(field, {})]
            expect(not missing, f"all of {names} in {field}", greeting.get(field))


@check(
    CHECKS, "the labels are named, those of films are their eight ratings, and the prior is a distribution over them"
)
async def _labels_and_prior(target: Target) -> None:
    async with target.greeted() as peer:
        greeting = peer.greeting
        if rates_films(greeting):
            expect(greeting.get("labels") == list(LABELS), f"labels {LABELS}", greeting.get("labels"))
        else:
            classes, values = greeting["classes"], values_of(greeting)
            expect([each["id"] for each in classes] == list(range(len(classes))), "ids from 0 on", classes)
            names = {each["name"] for each in classes}
            expect(len(names) == len(classes) > 1 and all(names), "different names of at least two classes", classes)
            expect(values is None or sorted(set(values)) == list(values), "ascending values", classes)
            expect(greeting["task"] in ("ratings", "ordinal", "nominal"), "a task", greeting["task"])
        prior = greeting.get("prior", [])
        is_distribution = len(prior) == len(labels_of(greeting)) and abs(sum(prior) - 1) < 1e-3
        expect(is_distribution, "a number for each label, which sum to 1", prior)


@check(CHECKS, f"the subprotocol {SUBPROTOCOL} is echoed, and that name alone")
async def _subprotocol_is_echoed(target: Target) -> None:
    async with target.open(subprotocols=("starcast.v0", SUBPROTOCOL)) as peer:
        expect(peer.connection.subprotocol == SUBPROTOCOL, SUBPROTOCOL, peer.connection.subprotocol)
        expect((await peer.receive())["type"] == "session.created", "the greeting", "another message")


@check(CHECKS, "a client without a subprotocol is served, and none is echoed")
async def _no_subprotocol_is_served(target: Target) -> None:
    async with target.open(subprotocols=None) as peer:
        expect(peer.connection.subprotocol is None, "no subprotocol", peer.connection.subprotocol)
        expect((await peer.receive())["type"] == "session.created", "the greeting", "another message")


@check(CHECKS, "only other subprotocols: error version_not_offered, close 4512")
async def _other_versions_are_refused(target: Target) -> None:
    async with target.open(subprotocols=("starcast.v999",)) as peer:
        expect(peer.connection.subprotocol is None, "no subprotocol", peer.connection.subprotocol)
        await peer.expect_error("version_not_offered")
        await peer.expect_close(4512)


@check(CHECKS, "an unknown path: error unknown_path, close 4521")
async def _unknown_path_is_refused(target: Target) -> None:
    async with target.open(path="/ws/v1/no-such-thing/") as peer:
        await peer.expect_error("unknown_path")
        await peer.expect_close(4521)


@check(CHECKS, "a foreign Origin without a key: error origin_refused, close 4520")
async def _foreign_origin_is_refused(target: Target) -> None:
    async with target.with_key(None).open(origin="https://foreign.invalid") as peer:
        await peer.expect_error("origin_refused")
        await peer.expect_close(4520)


@check(CHECKS, "a malformed Origin is refused without a server error")
async def _malformed_origin_is_refused(target: Target) -> None:
    try:
        async with target.with_key(None).open(origin="http://[") as peer:
            await peer.expect_error("origin_refused")
    except InvalidStatus as error:
        status = error.response.status_code
        if status >= 500:
            raise Failed(f"expected a refusal, got status {status}") from None


@check(CHECKS, "ping is answered by pong with the same id, or without one")
async def _ping_pong(target: Target) -> None:
    async with target.greeted() as peer:
        pong = await peer.ask("ping", id="a-1")
        expect((pong["type"], pong.get("id")) == ("pong", "a-1"), "pong with id a-1", pong)
        pong = await peer.ask("ping")
        expect(pong["type"] == "pong", "pong", pong)


@check(CHECKS, "usage: the texts that were rated, and their tokens")
async def _usage_is_told(target: Target) -> None:
    async with target.greeted() as peer:
        rating = await peer.rating(1, "A fine film.")
        await peer.send("usage")
        usage = await peer.expect_usage()
        expect((usage["texts"], usage["tokens"]) == (1, rating["tokens"]), "one text with its tokens", usage)


@check(CHECKS, "close: the server tells the usage, and closes with 1000")
async def _close_is_obeyed(target: Target) -> None:
    async with target.greeted() as peer:
        await peer.send("close")
        await peer.expect_usage()
        await peer.expect_close(1000)
