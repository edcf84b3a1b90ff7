import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import {
  FallbackSocket,
  RETRY_CAP_MS,
  RETRY_FIRST_MS,
  WORD_WITHIN_MS,
} from "../../../static/live/client/fallback-socket.js";
import { FakeTimers, fakeWebSocket, must, session } from "../fakes.js";

/** @import { FakeSocket } from "../fakes.js" */

/** @type {FakeTimers} */
let timers;
/** @type {FakeSocket[]} */
let direct;
/** @type {FakeSocket[]} */
let http;
/** @type {FallbackSocket} */
let socket;
/** @type {string[]} */
let said;
/** @type {number[]} */
let closes;

beforeEach(() => {
  timers = new FakeTimers();
  const webSocket = fakeWebSocket();
  const httpSocket = fakeWebSocket();
  direct = webSocket.sockets;
  http = httpSocket.sockets;
  said = [];
  closes = [];
  socket = new FallbackSocket("ws://host", ["starcast.v1"], {
    WebSocket: webSocket.FakeWebSocket,
    HttpSocket: httpSocket.FakeWebSocket,
    timers,
  });
  socket.onmessage = ({ data }) => said.push(JSON.parse(data).type);
  socket.onclose = ({ code }) => closes.push(code);
});

describe("where WebSockets pass", () => {
  test("nothing goes over HTTP", () => {
    assert.deepEqual([direct[0].url, direct[0].protocols], ["ws://host", ["starcast.v1"]]);
    direct[0].say(session());
    timers.advance(60_000);
    socket.send('{"type":"ping"}');
    assert.deepEqual(
      [said, direct[0].sent, http.length],
      [["session.created"], [{ type: "ping" }], 0],
    );
  });

  test("a connection that ends is told as it is", () => {
    direct[0].say(session());
    direct[0].end(4010);
    assert.deepEqual([closes, http.length, timers.pendingCount], [[4010], 0, 0]);
  });
});

describe("where WebSockets are refused", () => {
  beforeEach(() => direct[0].end(1006));

  test("HTTP carries on", () => {
    http[0].say(session());
    socket.send('{"type":"ping"}');
    assert.deepEqual([said, http[0].sent, closes], [["session.created"], [{ type: "ping" }], []]);
  });

  test("where HTTP fails too, the connection is lost", () => {
    http[0].end(1006);
    assert.deepEqual([closes, timers.pendingCount], [[1006], 0]);
  });

  test("the WebSocket is tried again, and takes over once it is let through", () => {
    http[0].say(session());
    timers.advance(RETRY_FIRST_MS);
    assert.equal(direct.length, 2);
    assert.equal(http[0].isClosed, false);
    direct[1].say(session());
    assert.equal(http[0].isClosed, true);
    socket.send('{"type":"ping"}');
    assert.deepEqual([said.length, direct[1].sent.length, http[0].sent.length], [2, 1, 0]);
  });

  test("it is tried again ever less often", () => {
    http[0].say(session());
    let waitMs = RETRY_FIRST_MS;
    for (let tries = 2; tries < 9; tries++) {
      timers.advance(waitMs - 1);
      assert.equal(direct.length, tries - 1);
      timers.advance(1);
      assert.equal(direct.length, tries);
      must(direct.at(-1)).end(1006);
      waitMs = Math.min(RETRY_CAP_MS, 2 * waitMs);
    }
  });

  test("a loss of HTTP is told, and nothing is left behind", () => {
    http[0].say(session());
    http[0].end(1006);
    assert.deepEqual([closes, timers.pendingCount], [[1006], 0]);
  });

  test("closed, it tries nothing more", () => {
    http[0].say(session());
    socket.close();
    timers.advance(60_000);
    assert.deepEqual([direct.length, http[0].isClosed, closes], [1, true, []]);
  });
});

describe("where WebSockets are swallowed", () => {
  beforeEach(() => timers.advance(WORD_WITHIN_MS));

  test("HTTP carries on after a while", () => {
    http[0].say(session());
    assert.deepEqual(said, ["session.created"]);
  });

  test("a greeting that comes late after all takes over", () => {
    http[0].say(session());
    direct[0].say(session());
    assert.deepEqual([said.length, http[0].isClosed], [2, true]);
  });

  test("HTTP that fails leaves the WebSocket its time, and is tried once more after it", () => {
    http[0].end(1006);
    assert.deepEqual(closes, []);
    direct[0].end(1006);
    assert.deepEqual([closes, http.length], [[], 2]);
    http[1].end(1006);
    assert.deepEqual(closes, [1006]);
  });
});
