"""Any input and any failure of the model leads to an answer or a documented close, and keeps the sequence contract."""

import asyncio
import contextlib
import json
import logging
import threading
from collections.abc import Coroutine
from typing import Any, ClassVar, TypeVar
from unittest.mock import patch

from django.conf import settings as django_settings
from django.test import override_settings
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import live.serving.process_engine
from live.access.admissions import Admissions
from live.access.token_buckets import TokenBucket
from live.connections.open_sockets import live_sockets
from live.limits import Limits
from live.messages.client import Cancel, Close, Ping, TextUpdate, parse_client_message
from live.messages.protocol import ProtocolError
from live.watching.room import rooms
from project.asgi import application
from tests.classifiers import ControlledClassifier
from tests.communicators import WebsocketCommunicator
from tests.conftest import CLASSIFY_PATH

SEQS = st.integers(0, 12)
TEXTS = st.sampled_from(["", "fine", "A bad film. Or not!", "bad", "two words", "\ud800 half"]) | st.just("a").map(
    lambda letter: letter * 20_001
)
FRAMES = st.one_of(
    st.fixed_dictionaries({"type": st.just("text.update"), "seq": SEQS, "text": TEXTS}),
    st.fixed_dictionaries({"type": st.just("text.update"), "seq": st.integers(0, 2**53), "text": TEXTS}),
    st.fixed_dictionaries({"type": st.sampled_from(["flush", "explain"]), "seq": SEQS}),
    st.fixed_dictionaries({"type": st.just("ping")}, optional={"id": st.sampled_from(["a", "b"])}),
    st.just({"type": "cancel"}),
    st.sampled_from([{"type": "room.open"}, {"type": "room.open", "secret": "s" * 43}, {"type": "room.close"}]),
    st.just({"type": "session.update", "session": {"min_interval_ms": 20}}),
    st.just({"type": "session.update", "session": {}}),
    st.sampled_from([{"type": "session.update", "session": {"min_interval_ms": -1}}, {"type": "huh"}, {}, [], None, 7]),
).map(json.dumps)
MUTATED = st.tuples(FRAMES, st.integers(0, 60), st.text(max_size=3)).map(
    lambda m: m[0][: m[1]] + m[2] + m[0][m[1] + 1 :]
)
_Result = TypeVar("_Result")


class Clock:
    """Time that passes when told, for the rates of a connection."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


class Conversation(RuleBasedStateMachine):
    """One connection to a model that holds its answers back when told, and fails on what is bad.

    Rules are what a client, a slow model and a server that stops may do, in any order. What must hold is looked at
    after each rule, and once more at the end, when all that is due must come.
    """

    is_rated: ClassVar[bool] = False
    """Whether what comes too fast is refused: such a ping gets no pong, and such a close does not close."""
    limits: ClassVar[dict[str, int]] = {"work_per_s": 1_000_000, "work_burst": 1_000_000}
    engine: ClassVar[dict[str, int]] = {}
    closes: ClassVar[frozenset[int]] = frozenset({1000, 1001, 4502})

    def __init__(self) -> None:
        super().__init__()
        self.classifier = ControlledClassifier(fail_on="bad", gate=threading.Event())
        self.received: list[dict[str, Any]] = []
        self.records: list[logging.LogRecord] = []
        self.runner = asyncio.Runner(debug=False)
        self.clock = Clock()
        self.sent = 0
        self.pings = 0
        self.newest = -1
        self.newest_since = 0
        """How many messages had come when it was sent: its answer is none of them."""
        self.is_cancelled = False
        self.has_asked_to_close = False
        self.close_code: int | None = None
        self.has_left = False
        self.others: list[asyncio.Task[Any]] = []
        self.admissions = Admissions(lambda _, per_s, burst: TokenBucket(per_s, burst))
        self._around = contextlib.ExitStack()

    @initialize()
    def connect(self) -> None:
        handler = logging.Handler(logging.WARNING)
        handler.emit = self.records.append  # type: ignore[assignment, method-assign]
        logging.getLogger().addHandler(handler)
        self._around.callback(logging.getLogger().removeHandler, handler)
        self._around.enter_context(
            patch.object(live.serving.process_engine, "load_classifier", lambda *_: self.classifier)
        )
        limits = {**django_settings.STARCAST_LIMITS, "room_grace_s": 0, **self.limits}
        engine = {**django_settings.STARCAST_ENGINE, **self.engine}
        self._around.enter_context(override_settings(STARCAST_LIMITS=limits, STARCAST_ENGINE=engine))
        self._around.enter_context(patch("live.connections.consumer.admissions", self.admissions))
        self._around.enter_context(patch("live.access.token_buckets.time", self.clock))
        self._around.callback(setattr, live_sockets, "is_draining", False)
        live.serving.process_engine.reset()
        self._around.callback(live.serving.process_engine.reset)
        self.gate.set()
        self.socket = WebsocketCommunicator(application, CLASSIFY_PATH, subprotocols=["starcast.v1"])
        assert self.run(self.socket.connect()) == (True, "starcast.v1")

    @property
    def gate(self) -> threading.Event:
        assert self.classifier.gate is not None
        return self.classifier.gate

    @property
    def is_open(self) -> bool:
        return self.close_code is None and not self.has_left

    def run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        return self.runner.run(work)

    @precondition(lambda self: self.is_open)
    @rule(frame=FRAMES | MUTATED | st.sampled_from(["{", "", b"\x00\xff"]), at_once=st.booleans())
    def send(self, frame: str | bytes, at_once: bool) -> None:
        self.sent += 1
        self.note(frame)
        kind = "text" if isinstance(frame, str) else "bytes"
        self.run(self.socket.send_input({"type": "websocket.receive", kind: frame}))
        if at_once:
            self.run(self._handled())

    @precondition(lambda self: self.is_open)
    @rule(seqs=st.integers(1, 30), at_once=st.booleans())
    def type_fast(self, seqs: int, at_once: bool) -> None:
        for seq in range(self.newest + 1, self.newest + 1 + seqs):
            self.send(json.dumps({"type": "text.update", "seq": seq, "text": f"A film {seq}"}), at_once)

    @precondition(lambda self: self.is_open and self.newest >= 0)
    @rule(text=TEXTS, while_it_waits=st.booleans())
    def use_a_seq_again(self, text: str, while_it_waits: bool) -> None:
        if while_it_waits:
            self.gate.clear()
            self.type_fast(2, at_once=True)
        self.send(json.dumps({"type": "text.update", "seq": self.newest, "text": text}), at_once=True)

    @rule(holds=st.booleans())
    def hold_the_model_or_let_it_go(self, holds: bool) -> None:
        if holds:
            self.gate.clear()
        else:
            self.gate.set()

    @rule(seconds=st.integers(1, 5))
    def let_time_pass(self, seconds: int) -> None:
        self.run(self._handled())
        self.clock.now += seconds

    @precondition(lambda self: self.is_open)
    @rule()
    def read(self) -> None:
        """Give the server a turn, and take what it says without waiting for more."""
        self.run(asyncio.sleep(0))
        self._take_all()

    # An end that may come at any time would make most conversations too short to be of interest.
    @precondition(lambda self: self.is_open and self.sent >= 10)
    @rule(how=st.sampled_from(["left", "closed", "stopped"]))
    def end(self, how: str) -> None:
        match how:
            case "left":
                self.has_left = True
                self.gate.set()
                self.run(self.socket.disconnect())
            case "closed":
                self.send(json.dumps({"type": "close"}), at_once=True)
            case _:
                self._stop_the_server()

    @invariant()
    def the_contract_holds(self) -> None:
        predictions = [message for message in self.received if message["type"] == "prediction"]
        seqs = [message["seq"] for message in predictions]
        assert seqs == sorted(seqs)
        once = [message["seq"] for message in predictions if not message["is_final"]]
        assert once == sorted(set(once))
        explained = {message["seq"] for message in self.received if message["type"] == "explanation"}
        assert explained <= set(seqs)
        assert self.close_code is None or self.close_code in self.closes
        # The engine logs the failures that the test causes. There must be no other records.
        assert {record.name for record in self.records} <= {"model_core.ticket"}

    def teardown(self) -> None:
        try:
            self.gate.set()
            if self.is_open:
                self.let_time_pass(1_000)
                self.run(self._hear_all())
                self.the_contract_holds()
            if not self.has_left:
                self.run(self.socket.disconnect())
            self.run(_close_engine())
            self.run(_all_end(self.others))
            self.run(_rooms_end())
            assert len(self.admissions) == len(live_sockets) == 0
        finally:
            self._around.close()
            self.runner.close()

    def _stop_the_server(self) -> None:
        """It says so, answers what it took, by an error where the model does not, and closes."""
        self.run(self._handled())
        self.run(live_sockets.drain(within_s=0.01))
        self._take_all()
        assert self.close_code is not None
        if self.close_code == 1001:
            assert "session.closing" in [message["type"] for message in self.received]
            assert self._is_answered()

    async def _handled(self) -> None:
        """Until the server has read what was sent, and looked at it."""
        while not self.socket.input_queue.empty():  # noqa: ASYNC110 - a queue says nothing when it is empty
            await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def _hear_all(self) -> None:
        """Read until newest text and last ping are answered, or the server closes; a time-out fails the test."""
        await self.socket.send_to(text_data='{"type":"ping","id":"the end"}')
        while self.close_code is None and not (self._is_answered() and "the end" in self._pongs()):
            self._take(await self.socket.receive_output(timeout=10))
        if not self.is_rated:
            assert self.close_code is not None or not self.has_asked_to_close
            assert self.close_code is not None or len(self._pongs()) == self.pings + 1

    def _take_all(self) -> None:
        while not self.socket.output_queue.empty():
            self._take(self.socket.output_queue.get_nowait())

    def _take(self, output: dict[str, Any]) -> None:
        assert self.close_code is None, "nothing is sent after the close"
        if output["type"] == "websocket.close":
            self.close_code = output["code"]
        else:
            self.received.append(json.loads(output["text"]))

    def _is_answered(self) -> bool:
        if self.newest < 0 or self.is_cancelled:
            return True
        return any(_answers(self.newest, message) for message in self.received[self.newest_since :])

    def _pongs(self) -> list[str | None]:
        return [message.get("id") for message in self.received if message["type"] == "pong"]

    def note(self, frame: str | bytes) -> None:
        """Keep the books of what the server must answer, as far as the frame can be parsed."""
        if isinstance(frame, bytes):
            return
        try:
            message = parse_client_message(frame, Limits())
        except ProtocolError as error:
            self._note_text(-1 if error.seq is None else error.seq)
            return
        match message:
            case TextUpdate(seq=seq):
                self._note_text(seq)
            case Ping():
                self.pings += 1
            case Cancel():
                self.is_cancelled = True
            case Close():
                self.has_asked_to_close = True

    def _note_text(self, seq: int) -> None:
        if seq > self.newest:
            self.newest, self.is_cancelled = seq, False
            self.newest_since = len(self.received) + self.socket.output_queue.qsize()


class HurriedConversation(Conversation):
    """One that may not send much."""

    is_rated = True
    limits: ClassVar = {"work_per_s": 10, "work_burst": 50, "max_refused": 15, "address_factor": 10_000}
    closes: ClassVar = Conversation.closes | {4008}


class CrowdedConversation(Conversation):
    """One of many, for a model that is soon asked too much."""

    engine: ClassVar = {"max_waiting": 1}

    @rule(texts=st.integers(1, 3))
    def others_ask(self, texts: int) -> None:
        self.run(self._ask(texts))

    async def _ask(self, texts: int) -> None:
        engine = live.serving.process_engine.get_engine()
        self.others += [asyncio.create_task(engine.classify(f"other {number}")) for number in range(texts)]
        await asyncio.sleep(0)


def _answers(seq: int, message: dict[str, Any]) -> bool:
    """Whether this is the answer to the text ``seq``, rather than to another message that names it."""
    match message:
        case {"type": "prediction", "seq": answered}:
            return bool(answered == seq)
        case {"type": "error", "error": {"code": "seq_not_increasing" | "bad_request", "param": "seq"}}:
            return False
        case {"type": "error", "error": {"seq": answered}}:
            return bool(answered == seq)
    return False


async def _all_end(tasks: list[asyncio.Task[Any]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)


async def _rooms_end() -> None:
    async with asyncio.timeout(10):
        while len(rooms):  # noqa: ASYNC110 - they end in background tasks
            await asyncio.sleep(0)


async def _close_engine() -> None:
    await live.serving.process_engine.get_engine().close()


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=2 * settings().max_examples, stateful_step_count=40)
TestHurriedConversation = HurriedConversation.TestCase
TestHurriedConversation.settings = settings(stateful_step_count=40)
TestCrowdedConversation = CrowdedConversation.TestCase
TestCrowdedConversation.settings = settings(stateful_step_count=40)


@given(st.text() | FRAMES | MUTATED)
def test_the_parser_returns_a_message_or_raises_a_protocol_error(frame: str) -> None:
    # Any other exception fails the test.
    with contextlib.suppress(ProtocolError):
        assert parse_client_message(frame, Limits()).type
