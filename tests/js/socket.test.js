import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { BACKOFF_CAP_MS, PONG_TIMEOUT_MS, RatingSocket } from "../../static/live/socket.js";
import {
  explanation,
  FakeTimers,
  fakeWebSocket,
  prediction,
  serverError,
  session,
} from "./fakes.js";

const EVENTS = [
  "state",
  "session",
  "updated",
  "sent",
  "prediction",
  "explanation",
  "refused",
  "fault",
];
const HEARTBEAT_MS = 25_000;

let timers;
let random;
let sockets;
let rating;
let heard;
const server = () => sockets.at(-1);
const sentTypes = () => server().sent.map(({ type, seq }) => [type, seq]);
const states = () => heard.filter(([type]) => type === "state").map(([, { state }]) => state);
const details = (name) => heard.filter(([type]) => type === name).map(([, detail]) => detail);

beforeEach(() => {
  timers = new FakeTimers();
  random = 0.5;
  heard = [];
  const fake = fakeWebSocket();
  sockets = fake.sockets;
  rating = new RatingSocket("ws://host/ws/v1/classify/", {
    WebSocket: fake.FakeWebSocket,
    timers,
    random: () => random,
  });
  for (const name of EVENTS) {
    rating.addEventListener(name, ({ detail }) => heard.push([name, detail]));
  }
  rating.start();
});

function open() {
  server().say(session());
}

/** Lets the server answer, so that the backoff starts anew at the next loss. */
function openAndAnswer(text = "fine") {
  rating.submit(text);
  open();
  server().say(prediction(rating.seq));
}

describe("coming up", () => {
  test("it offers the protocol by name and waits for the session", () => {
    assert.deepEqual(server().protocols, ["starcast.v1"]);
    rating.submit("typed early");
    assert.equal(rating.state, "connecting");
    assert.deepEqual(server().sent, []);
  });

  test("what was typed before the connection stood is sent when it stands", () => {
    rating.submit("typed early");
    open();
    assert.equal(rating.state, "open");
    assert.deepEqual(server().texts, [{ type: "text.update", seq: 1, text: "typed early" }]);
  });

  test("a listener of the session may still hand in a restored text", () => {
    rating.addEventListener("session", () => rating.submit("restored"));
    open();
    assert.deepEqual(
      server().texts.map(({ text }) => text),
      ["restored"],
    );
  });

  test("a server that never greets is left and tried again", () => {
    timers.advance(10_000);
    assert.equal(sockets[0].isClosed, true);
    assert.equal(rating.state, "reconnecting");
    timers.advance(500);
    assert.equal(sockets.length, 2);
  });

  test("a server with other labels is not talked to", () => {
    rating.submit("text");
    server().say(session({ labels: [1, 2, 3, 4, 5] }));
    assert.equal(rating.state, "closed");
    assert.equal(details("state").at(-1).code, "labels_differ");
    assert.deepEqual(server().sent, []);
    timers.advance(600_000);
    assert.equal(sockets.length, 1);
  });

  test("a constructor that throws is reported and tried again", () => {
    let tries = 0;
    class Refusing {
      constructor() {
        tries += 1;
        throw new Error("no");
      }
    }
    const other = new RatingSocket("ws://host/", { WebSocket: Refusing, timers, random: () => 1 });
    other.start();
    timers.advance(BACKOFF_CAP_MS);
    assert.ok(tries > 3);
  });

  test("an error of the socket is not thrown, for a close follows", () => {
    assert.doesNotThrow(() => server().onerror(new Error("refused")));
    assert.equal(rating.state, "connecting");
  });

  test("a key is offered as a second protocol", () => {
    const other = fakeWebSocket();
    const options = { key: "secret", WebSocket: other.FakeWebSocket, timers };
    new RatingSocket("ws://host/", options).start();
    assert.deepEqual(other.sockets[0].protocols, ["starcast.v1", "starcast.bearer.c2VjcmV0"]);
  });
});

describe("answers", () => {
  test("a prediction comes with the time it took", () => {
    rating.submit("a");
    open();
    timers.advance(12);
    server().say(prediction(1));
    assert.deepEqual(details("prediction"), [{ prediction: prediction(1), elapsedMs: 12 }]);
    assert.equal(rating.isSettled, true);
  });

  test("a result older than the newest one is dropped", () => {
    open();
    rating.submit("a");
    rating.submit("ab");
    rating.flush();
    server().say(prediction(2));
    server().say(prediction(1));
    assert.deepEqual(
      details("prediction").map(({ prediction: { seq } }) => seq),
      [2],
    );
  });

  test("a text over the limit is cut, and the cut is told", () => {
    rating.submit("abcdef");
    server().say(session({ limits: { max_chars: 4, max_message_bytes: 65_536 } }));
    assert.equal(server().texts[0].text, "abcd");
    assert.deepEqual(details("sent"), [{ seq: 1, text: "abcdef", isCut: true, chars: 4 }]);
  });

  test("a refusal is handed on, and a passing one is tried again", () => {
    open();
    rating.submit("a");
    server().say(serverError("overloaded", 1, true));
    assert.equal(details("refused")[0].code, "overloaded");
    timers.advance(1_000);
    assert.deepEqual(
      server().texts.map(({ seq }) => seq),
      [1, 2],
    );
  });

  test("nonsense from the server is reported and breaks nothing", () => {
    open();
    for (const frame of ["{", "[]", '{"type":"weather"}', '{"type":"prediction","seq":1}']) {
      server().say(frame);
    }
    assert.equal(details("fault").length, 4);
    rating.submit("a");
    server().say(prediction(1));
    assert.equal(rating.isSettled, true);
  });

  test("a flush asks for the newest text, and only while its answer is due", () => {
    open();
    rating.submit("a");
    rating.submit("ab");
    rating.flush();
    assert.deepEqual(
      server().sent.map(({ type, seq }) => [type, seq]),
      [
        ["text.update", 1],
        ["text.update", 2],
        ["flush", 2],
      ],
    );
    server().say(prediction(2));
    rating.flush();
    assert.equal(server().sent.length, 3);
  });
});

describe("taking back", () => {
  test("neither a rating nor an explanation comes of what is taken back, and the next text is rated", () => {
    open();
    rating.submit("a");
    rating.submit("ab");
    rating.explain();
    rating.cancel();
    server().say(prediction(1));
    server().say(prediction(2));
    server().say(explanation(2));
    assert.deepEqual(details("prediction"), []);
    assert.deepEqual(details("explanation"), []);
    assert.deepEqual(sentTypes().at(-1), ["cancel", undefined]);
    rating.submit("abc");
    server().say(prediction(3));
    assert.equal(details("prediction").length, 1);
    assert.equal(rating.isSettled, true);
  });

  test("without a connection nothing is said, and what was typed is not sent later", () => {
    rating.submit("a");
    rating.cancel();
    open();
    assert.deepEqual(sentTypes(), []);
  });
});

describe("explanations", () => {
  test("an explanation of the newest text comes with that text", () => {
    openAndAnswer("fine");
    rating.explain();
    assert.deepEqual(sentTypes().at(-1), ["explain", 1]);
    server().say(explanation(1));
    assert.deepEqual(details("explanation"), [{ explanation: explanation(1), text: "fine" }]);
  });

  test("what waits is sent first, and asked about once", () => {
    open();
    rating.submit("a");
    rating.submit("ab");
    rating.explain();
    assert.deepEqual(sentTypes(), [
      ["text.update", 1],
      ["text.update", 2],
      ["explain", 2],
    ]);
  });

  test("an explanation of an older text is dropped, also while the newer one waits", () => {
    open();
    rating.submit("a");
    rating.explain();
    rating.submit("ab");
    server().say(explanation(1));
    server().say(prediction(1));
    server().say(explanation(1));
    server().say(explanation(2));
    assert.deepEqual(details("explanation"), []);
    assert.equal(sentTypes().filter(([type]) => type === "explain").length, 1);
  });

  test("an explanation that nobody asked for is dropped", () => {
    openAndAnswer();
    server().say(explanation(1));
    rating.explain();
    server().say(explanation(1));
    server().say(explanation(1));
    assert.equal(details("explanation").length, 1);
  });

  test("a question that the connection took along is asked again", () => {
    openAndAnswer();
    rating.explain();
    server().end(1006);
    timers.advance(500);
    open();
    assert.deepEqual(sentTypes(), [
      ["text.update", 2],
      ["explain", 2],
    ]);
    server().say(explanation(2));
    assert.equal(details("explanation").length, 1);
  });

  test("a question without a connection is asked when there is one, without a text never", () => {
    rating.explain();
    open();
    assert.deepEqual(server().sent, []);
    rating.submit("a");
    assert.deepEqual(sentTypes(), [["text.update", 1]]);
    server().end(1006);
    rating.explain();
    timers.advance(500);
    open();
    assert.deepEqual(sentTypes(), [
      ["text.update", 2],
      ["explain", 2],
    ]);
  });
});

describe("settings of the session", () => {
  const update = (settings) => ({ type: "session.update", session: settings });

  test("they go out at once, and before the text after a reconnect", () => {
    openAndAnswer();
    rating.updateSession({ min_interval_ms: 100 });
    assert.deepEqual(server().sent.at(-1), update({ min_interval_ms: 100 }));
    server().end(1006);
    rating.updateSession({ min_interval_ms: 200 });
    timers.advance(500);
    open();
    assert.deepEqual(server().sent[0], update({ min_interval_ms: 200 }));
    assert.equal(server().sent[1].type, "text.update");
  });

  test("what the server makes of them is told", () => {
    open();
    server().say({ type: "session.updated", session: { min_interval_ms: 200 } });
    assert.deepEqual(details("updated"), [{ min_interval_ms: 200 }]);
  });
});

describe("closing", () => {
  test("a connection that was closed stays closed, and leaves no timer behind", () => {
    openAndAnswer();
    rating.close();
    rating.close();
    rating.submit("more");
    rating.flush();
    rating.explain();
    rating.retryNow();
    timers.advance(600_000);
    assert.equal(server().isClosed, true);
    assert.equal(sockets.length, 1);
    assert.equal(timers.pendingCount, 0);
    assert.deepEqual(details("state").slice(1), [{ state: "closed", attempt: 0, code: null }]);
  });

  test("it ends the wait for a reconnect too", () => {
    open();
    server().end(1006);
    rating.close();
    assert.equal(timers.pendingCount, 0);
    assert.equal(rating.state, "closed");
  });

  for (const name of ["state", "session", "sent", "prediction", "refused", "fault"]) {
    test(`a listener of ${name} may close it`, () => {
      rating.addEventListener(name, () => rating.close());
      rating.submit("a");
      open();
      server().say(serverError("internal", 1, false));
      server().say("{");
      server().say(prediction(1));
      assert.equal(rating.state, "closed");
      assert.equal(timers.pendingCount, 0);
    });
  }
});

describe("staying up", () => {
  test("an idle connection is asked for a sign of life at the server's pace", () => {
    open();
    timers.advance(HEARTBEAT_MS - 1);
    assert.deepEqual(server().sent, []);
    timers.advance(1);
    assert.equal(server().sent[0].type, "ping");
    server().say({ type: "pong", id: server().sent[0].id });
    timers.advance(HEARTBEAT_MS - 1);
    assert.equal(server().sent.length, 1);
    assert.equal(rating.state, "open");
  });

  test("without a pong it reconnects", () => {
    open();
    timers.advance(HEARTBEAT_MS + PONG_TIMEOUT_MS);
    assert.equal(rating.state, "reconnecting");
    assert.equal(sockets[0].isClosed, true);
    timers.advance(500);
    assert.equal(sockets.length, 2);
  });

  test("a server that swallows texts is asked whether it lives, and left if it does not say", () => {
    open();
    rating.submit("a");
    timers.advance(3_000);
    assert.deepEqual(
      server().sent.map(({ type }) => type),
      ["text.update", "text.update", "ping"],
    );
    timers.advance(PONG_TIMEOUT_MS);
    assert.equal(rating.state, "reconnecting");
  });

  test("a socket that was given up is no longer listened to", () => {
    open();
    timers.advance(HEARTBEAT_MS + PONG_TIMEOUT_MS);
    timers.advance(500);
    open();
    sockets[0].end(4520);
    sockets[0].say(prediction(9));
    assert.equal(rating.state, "open");
    assert.deepEqual(details("prediction"), []);
  });
});

describe("coming back", () => {
  for (const code of [1000, 1001, 1006, 4000, 4008, 4009, 4010, 4013]) {
    test(`close code ${code} invites a reconnect`, () => {
      openAndAnswer();
      server().end(code);
      assert.equal(rating.state, "reconnecting");
      timers.advance(500);
      assert.equal(sockets.length, 2);
    });
  }

  for (const code of [4500, 4502, 4503, 4504, 4512, 4520, 4999]) {
    test(`close code ${code} is final`, () => {
      openAndAnswer();
      server().end(code);
      assert.equal(rating.state, "closed");
      assert.equal(details("state").at(-1).code, String(code));
      rating.retryNow();
      timers.advance(600_000);
      assert.equal(sockets.length, 1);
      assert.equal(timers.pendingCount, 0);
    });
  }

  test("the wait doubles from half a second to fifteen, times a random share of it", () => {
    openAndAnswer();
    random = 1;
    const waits = [];
    for (let i = 0; i < 8; i++) {
      const since = timers.now();
      const count = sockets.length;
      server().end(1006);
      while (sockets.length === count) timers.advance(1);
      waits.push(timers.now() - since);
    }
    assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
    random = 0;
    server().end(1006);
    timers.advance(0);
    assert.equal(sockets.length, 10, "full jitter reaches down to nothing");
  });

  test("a greeting alone does not reset the wait, an answer does", () => {
    random = 1;
    openAndAnswer();
    server().end(1006);
    timers.advance(500);
    open();
    server().end(1006);
    assert.equal(details("state").at(-1).attempt, 2);
    timers.advance(1_000);
    open();
    server().say(prediction(rating.seq));
    server().end(1006);
    assert.equal(details("state").at(-1).attempt, 1);
  });

  test("what was typed while it was gone is sent, with a higher number", () => {
    openAndAnswer("before");
    server().end(1006);
    rating.submit("before and after");
    assert.equal(rating.isSettled, false);
    timers.advance(500);
    open();
    assert.deepEqual(server().texts, [{ type: "text.update", seq: 2, text: "before and after" }]);
    server().say(prediction(2));
    assert.equal(rating.isSettled, true);
  });

  test("a text whose answer was lost with the connection is sent again", () => {
    open();
    rating.submit("a");
    server().end(1006);
    timers.advance(500);
    open();
    assert.deepEqual(server().texts, [{ type: "text.update", seq: 2, text: "a" }]);
  });

  test("a server that says goodbye gets no more texts and is left alone as long as it asked", () => {
    openAndAnswer();
    server().say({ type: "session.closing", reason: "restart", retry_after_ms: 2_000 });
    rating.submit("typed meanwhile");
    assert.equal(sockets[0].texts.length, 1);
    random = 0;
    server().end(1001);
    timers.advance(1_999);
    assert.equal(sockets.length, 1);
    timers.advance(1);
    open();
    assert.equal(server().texts[0].text, "typed meanwhile");
  });

  test("an answer between goodbye and the end still counts", () => {
    open();
    rating.submit("a");
    server().say({ type: "session.closing", reason: "restart", retry_after_ms: 500 });
    server().say(prediction(1));
    assert.equal(details("prediction").length, 1);
  });

  test("a server that says goodbye and then hangs is left", () => {
    openAndAnswer();
    server().say({ type: "session.closing", reason: "restart", retry_after_ms: 500 });
    server().say({ type: "pong", id: "late" });
    timers.advance(10_000);
    assert.equal(rating.state, "reconnecting");
  });

  test("retrying now ends the wait, and does nothing on a standing connection", () => {
    openAndAnswer();
    rating.retryNow();
    assert.equal(sockets.length, 1);
    server().end(1006);
    rating.retryNow();
    assert.equal(sockets.length, 2);
    timers.advance(500);
    assert.equal(sockets.length, 2);
  });

  test("flushing and probing without a connection do nothing", () => {
    rating.submit("a");
    rating.flush();
    rating.probe();
    server().end(1006);
    rating.flush();
    rating.probe();
    assert.deepEqual(sockets[0].sent, []);
  });

  test("the states are told in order", () => {
    openAndAnswer();
    server().end(1006);
    timers.advance(500);
    open();
    assert.deepEqual(states(), ["open", "reconnecting", "open"]);
  });
});
