"""Whatever a client sends and however the model behaves: an answer or a documented close, and the sequence contract."""

import asyncio
import contextlib
import json
import logging
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar
from unittest.mock import patch

from channels.testing import WebsocketCommunicator
from django.conf import settings as django_settings
from django.test import override_settings
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import live.engine
from live.buckets import TokenBucket
from live.client_messages import Cancel, Ping, TextUpdate, parse_client_message
from live.limits import Admissions, Limits
from live.protocol import ProtocolError
from live.sockets import live_sockets
from live.watching.room import rooms
from model_core.fake import FakeClassifier
from project.asgi import application
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
RARE = st.sampled_from([json.dumps({"type": "close"}), b"\x00\xff", "{", ""])
_Result = TypeVar("_Result")


class Conversation(RuleBasedStateMachine):
    """One connection to a model that holds its answers back when told, and fails on what is bad.

    Rules are what a client and a slow model may do, in any order. What must hold is looked at after each rule, and once
    more at the end, when all that is due must come.
    """

    def __init__(self) -> None:
        super().__init__()
        self.classifier = FakeClassifier(fail_on="bad", gate=threading.Event())
        self.received: list[dict[str, Any]] = []
        self.records: list[logging.LogRecord] = []
        self.runner = asyncio.Runner(debug=False)
        self.pings = 0
        self.newest = -1
        self.is_cancelled = False
        self.close_code: int | None = None
        self.has_left = False
        self.admissions = Admissions(lambda _, per_s, burst: TokenBucket(per_s, burst))
        self._around = contextlib.ExitStack()

    @initialize()
    def connect(self) -> None:
        handler = logging.Handler(logging.WARNING)
        handler.emit = self.records.append  # type: ignore[assignment, method-assign]
        logging.getLogger().addHandler(handler)
        self._around.callback(logging.getLogger().removeHandler, handler)
        self._around.enter_context(patch.object(live.engine, "load_classifier", lambda *_: self.classifier))
        # All connections of this machine come from one address, and what is beyond the rate gets no pong.
        rate = {**django_settings.STARCAST_LIMITS, "messages_per_s": 1_000_000, "burst": 1_000_000, "room_grace_s": 0}
        self._around.enter_context(override_settings(STARCAST_LIMITS=rate))
        self._around.enter_context(patch("live.base_consumer.admissions", self.admissions))
        live.engine.reset()
        self._around.callback(live.engine.reset)
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
    @rule(frame=FRAMES | MUTATED | st.sampled_from(["{", ""]))
    def send(self, frame: str) -> None:
        self.note(frame)
        self.run(self.socket.send_input({"type": "websocket.receive", "text": frame}))

    @precondition(lambda self: self.is_open)
    @rule(seqs=st.integers(1, 30))
    def type_fast(self, seqs: int) -> None:
        for seq in range(self.newest + 1, self.newest + 1 + seqs):
            self.send(json.dumps({"type": "text.update", "seq": seq, "text": f"A film {seq}"}))

    @precondition(lambda self: self.is_open)
    @rule()
    def send_bytes(self) -> None:
        self.run(self.socket.send_input({"type": "websocket.receive", "bytes": b"\x00\xff"}))

    @rule()
    def hold_the_model(self) -> None:
        self.gate.clear()

    @rule()
    def let_the_model_go(self) -> None:
        self.gate.set()

    @precondition(lambda self: self.is_open)
    @rule()
    def read(self) -> None:
        """Give the server a turn, and take what it says without waiting for more."""
        self.run(asyncio.sleep(0))
        while not self.socket.output_queue.empty():
            self._take(self.socket.output_queue.get_nowait())

    @precondition(lambda self: self.is_open)
    @rule()
    def leave(self) -> None:
        self.has_left = True
        self.gate.set()
        self.run(self.socket.disconnect())

    @invariant()
    def the_contract_holds(self) -> None:
        predictions = [message for message in self.received if message["type"] == "prediction"]
        seqs = [message["seq"] for message in predictions]
        assert seqs == sorted(seqs)
        once = [message["seq"] for message in predictions if not message["is_final"]]
        assert once == sorted(set(once))
        explained = {message["seq"] for message in self.received if message["type"] == "explanation"}
        assert explained <= set(seqs)
        assert self.close_code in (None, 1000, 4502)
        # The engine says that the model failed, which it was told to; nobody else has a reason to complain.
        assert {record.name for record in self.records} <= {"model_core.engine"}

    def teardown(self) -> None:
        try:
            self.gate.set()
            if self.is_open:
                self.run(self._hear_all())
                self.the_contract_holds()
            if not self.has_left:
                self.run(self.socket.disconnect())
            self.run(_close_engine())
            self.run(_rooms_end())
            assert len(self.admissions) == len(live_sockets) == 0
        finally:
            self._around.close()
            self.runner.close()

    async def _hear_all(self) -> None:
        """Read until the newest text and every ping are answered, or the server closes; a time-out fails the test."""
        await self.socket.send_to(text_data='{"type":"ping","id":"the end"}')
        while self.close_code is None and not (self._is_answered() and self._pongs() == self.pings + 1):
            self._take(await self.socket.receive_output(timeout=10))

    def _take(self, output: dict[str, Any]) -> None:
        if output["type"] == "websocket.close":
            self.close_code = output["code"]
        else:
            assert self.close_code is None, "nothing is sent after the close"
            self.received.append(json.loads(output["text"]))

    def _is_answered(self) -> bool:
        answered = {message.get("seq", message.get("error", {}).get("seq")) for message in self.received}
        return self.newest < 0 or self.is_cancelled or self.newest in answered

    def _pongs(self) -> int:
        return sum(message["type"] == "pong" for message in self.received)

    def note(self, frame: str) -> None:
        """Keep the books of what the server must answer, as far as the frame can be parsed."""
        try:
            message = parse_client_message(frame, Limits())
        except ProtocolError as error:
            self._note_text(-1 if error.seq is None else error.seq)
            return
        match message:
            case Ping():
                self.pings += 1
            case Cancel():
                self.is_cancelled = True
            case TextUpdate(seq=seq):
                self._note_text(seq)

    def _note_text(self, seq: int) -> None:
        if seq > self.newest:
            self.newest, self.is_cancelled = seq, False


async def _rooms_end() -> None:
    async with asyncio.timeout(10):
        while len(rooms):  # noqa: ASYNC110 - they end in tasks that nobody waits for
            await asyncio.sleep(0)


async def _close_engine() -> None:
    await live.engine.get_engine().close()


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=150, stateful_step_count=40)


@given(st.text() | FRAMES | MUTATED)
def test_the_parser_returns_a_message_or_raises_a_protocol_error(frame: str) -> None:
    # Any other exception fails the test.
    with contextlib.suppress(ProtocolError):
        assert parse_client_message(frame, Limits()).type
