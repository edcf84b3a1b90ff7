import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { SILENT_AFTER_MS } from "../../../static/live/client/socket.js";
import { connect } from "../../../static/live/client.js";
import {
  explanation,
  FakeTimers,
  fakeWebSocket,
  prediction,
  serverError,
  session,
} from "../fakes.js";

/** @type {ReturnType<typeof fakeWebSocket>} */
let fake;
const server = () => fake.newest();

beforeEach(() => {
  fake = fakeWebSocket();
});

/** @param {Partial<Parameters<typeof connect>[0]>} options */
function connectHere(options = {}) {
  const common = {
    url: "http://host",
    WebSocket: fake.FakeWebSocket,
    timers: new FakeTimers(),
    random: () => 0.5,
  };
  return connect({ ...common, ...options });
}

test("it connects at once, to the socket of the server that is named", () => {
  connectHere();
  assert.equal(server().url, "ws://host/ws/v1/classify/");
});

test("a key is offered beside the protocol", () => {
  connectHere({ key: "secret" });
  assert.deepEqual(server().protocols, ["starcast.v1", "starcast.bearer.c2VjcmV0"]);
});

test("an address that is none is refused at once", () => {
  for (const url of ["host", "host:8000", "ftp://host", ""]) {
    assert.throws(() => connectHere({ url }), TypeError);
  }
});

test("a key and a token are one too many", () => {
  assert.throws(() => connectHere({ key: "k", token: () => "st_1" }), TypeError);
});

test("an outage is one warning, unless the program listens", (context) => {
  const warn = context.mock.method(console, "warn", () => {});
  const timers = new FakeTimers();
  for (const onStatus of [() => {}, undefined]) {
    connectHere({ timers, onStatus });
    for (let tries = 0; tries < 4; tries += 1) {
      server().end(1006);
      timers.advance(15_000);
    }
  }
  assert.equal(warn.mock.callCount(), 1);
  assert.match(String(warn.mock.calls[0]?.arguments[0]), /http:\/\/host/);
});

test("a silent server is one warning after two seconds, and another in the next outage", (context) => {
  const warn = context.mock.method(console, "warn", () => {});
  const timers = new FakeTimers();
  const live = connectHere({ timers });
  live.submit("fine");
  timers.advance(SILENT_AFTER_MS - 1);
  assert.equal(warn.mock.callCount(), 0);
  timers.advance(1);
  assert.equal(warn.mock.callCount(), 1);
  // Once all tries are silent, and once the server greets and is lost again.
  timers.advance(60_000);
  while (server().isClosed) timers.advance(100);
  server().say(session());
  server().end(1006);
  timers.advance(60_000);
  assert.equal(warn.mock.callCount(), 1);
  while (server().isClosed) timers.advance(100);
  server().say(session());
  server().say(prediction(live.seq));
  server().end(1006);
  timers.advance(60_000);
  assert.equal(warn.mock.callCount(), 2);
});

test("a final refusal is one warning with the reason, unless the program listens", (context) => {
  const warn = context.mock.method(console, "warn", () => {});
  for (const onStatus of [() => {}, undefined]) {
    connectHere({ onStatus });
    server().say(serverError("origin_refused", null, false));
    server().end(4520);
  }
  connectHere().close();
  assert.equal(warn.mock.callCount(), 1);
  const { message } = serverError("origin_refused", null, false).error;
  assert.ok(String(warn.mock.calls[0]?.arguments[0]).includes(message));
});

test("an outage for want of a token names the reason", async (context) => {
  const warn = context.mock.method(console, "warn", () => {});
  const timers = new FakeTimers();
  const token = () => {
    throw new Error("the shop is closed");
  };
  connectHere({ timers, token });
  for (let tries = 0; tries < 3; tries += 1) {
    await new Promise(setImmediate);
    timers.advance(15_000);
  }
  assert.equal(warn.mock.callCount(), 1);
  assert.match(String(warn.mock.calls[0]?.arguments[0]), /no connection .*the shop is closed/);
});

test("where there is no WebSocket it says what to do", () => {
  const own = Object.getOwnPropertyDescriptor(globalThis, "WebSocket");
  Reflect.deleteProperty(globalThis, "WebSocket");
  try {
    assert.throws(() => connect({ url: "http://host" }), /npm install ws/);
  } finally {
    if (own) Object.defineProperty(globalThis, "WebSocket", own);
  }
});

describe("callbacks", () => {
  test("each is told what belongs to it", () => {
    /** @type {unknown[][]} */
    const told = [];
    /** @param {string} name @returns {(...details: unknown[]) => void} */
    const tell =
      (name) =>
      (...details) =>
        told.push([name, ...details]);
    const live = connectHere({
      onPrediction: tell("prediction"),
      onExplanation: tell("explanation"),
      onStatus: tell("status"),
      onSession: tell("session"),
      onRoom: tell("room"),
      onError: tell("error"),
    });
    live.submit("fine");
    server().say(session());
    server().say(prediction(1));
    live.explain();
    server().say(explanation(1));
    server().say(serverError("overloaded", null, true));
    server().say({ type: "room.watchers", count: 2 });
    server().say("{");
    live.close();
    const fault = told.splice(6, 1)[0];
    assert.equal(fault[0], "error");
    assert.ok(fault[1] instanceof Error);
    assert.deepEqual(told, [
      ["status", { state: "open", attempt: 0, code: null }],
      ["session", session()],
      ["prediction", prediction(1), 0],
      ["explanation", explanation(1), "fine"],
      ["error", serverError("overloaded", null, true).error],
      ["room", { type: "room.watchers", count: 2 }],
      ["status", { state: "closed", attempt: 0, code: null }],
    ]);
  });

  test("none is needed", () => {
    const live = connectHere();
    live.submit("fine");
    server().say(session());
    server().say(prediction(1));
    assert.equal(live.isSettled, true);
  });
});
