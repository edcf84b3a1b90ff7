import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PONG_TIMEOUT_MS } from "../../../static/live/client/socket.js";
import { prediction, serverError } from "../fakes.js";
import {
  details,
  draw,
  open,
  openAndAnswer,
  rating,
  server,
  sockets,
  states,
  timers,
} from "../rating-socket.js";

/** @import { RatingEvents } from "../../../static/live/client/socket.js" */

const HEARTBEAT_MS = 25_000;

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

  /** @type {(keyof RatingEvents)[]} */
  const events = ["state", "session", "sent", "prediction", "refused", "fault"];
  for (const name of events) {
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

describe("starting again", () => {
  test("after a close it connects anew, and can be closed again", () => {
    openAndAnswer();
    rating.close();
    rating.start();
    assert.equal(rating.state, "connecting");
    open();
    assert.equal(rating.state, "open");
    rating.close();
    assert.equal(rating.state, "closed");
    assert.deepEqual(
      sockets.map(({ isClosed }) => isClosed),
      [true, true],
    );
    assert.equal(timers.pendingCount, 0);
  });

  test("a close before the greeting ends a second start too", () => {
    rating.close();
    rating.start();
    rating.close();
    assert.equal(server().isClosed, true);
    assert.equal(timers.pendingCount, 0);
  });

  test("a socket that is connected or connecting does not connect twice", () => {
    rating.start();
    open();
    rating.start();
    assert.equal(sockets.length, 1);
    server().end(1006);
    rating.start();
    timers.advance(500);
    assert.equal(sockets.length, 2);
  });
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
    draw(1);
    const waits = [];
    for (let i = 0; i < 8; i++) {
      const since = timers.now();
      const count = sockets.length;
      server().end(1006);
      while (sockets.length === count) timers.advance(1);
      waits.push(timers.now() - since);
    }
    assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
    draw(0);
    server().end(1006);
    timers.advance(0);
    assert.equal(sockets.length, 10, "full jitter reaches down to nothing");
  });

  test("a greeting alone does not reset the wait, an answer does", () => {
    draw(1);
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
    draw(0);
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

  test("a server that refuses for a time is not come back to before", () => {
    openAndAnswer();
    server().say(serverError("rate_limited", null, true, { retry_after_ms: 7_000 }));
    timers.advance(1_000);
    server().end(4008);
    draw(0);
    rating.retryNow();
    timers.advance(5_999);
    assert.equal(sockets.length, 1);
    timers.advance(1);
    assert.equal(sockets.length, 2);
  });

  test("a goodbye is heeded by those who press a button too", () => {
    openAndAnswer();
    server().say({ type: "session.closing", reason: "restart", retry_after_ms: 2_000 });
    server().end(1001);
    rating.retryNow();
    assert.equal(sockets.length, 1);
    timers.advance(2_000);
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
