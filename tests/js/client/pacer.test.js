import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { ANSWER_TIMEOUT_MS, TextPacer } from "../../../static/live/client/pacer.js";
import { FakeTimers } from "../fakes.js";

/** @type {FakeTimers} */
let timers;
/** @type {[seq: number, text: string][]} */
let sent;
/** @type {number} */
let timeouts;
/** @type {TextPacer} */
let pacer;

beforeEach(() => {
  timers = new FakeTimers();
  sent = [];
  timeouts = 0;
  pacer = new TextPacer({
    send: (seq, text) => sent.push([seq, text]),
    onTimeout: () => {
      timeouts += 1;
    },
    timers,
    random: () => 0.5,
  });
});

test("nothing goes out before there is a connection, then the newest text does", () => {
  pacer.submit("a");
  pacer.submit("ab");
  assert.deepEqual(sent, []);
  pacer.connected();
  assert.deepEqual(sent, [[1, "ab"]]);
});

test("the first key leaves at once and the others wait for its answer", () => {
  pacer.connected();
  for (const text of ["a", "ab", "abc"]) pacer.submit(text);
  assert.deepEqual(sent, [[1, "a"]]);
  pacer.answered(1);
  assert.deepEqual(sent, [
    [1, "a"],
    [2, "abc"],
  ]);
});

test("an unchanged text is not sent again", () => {
  pacer.connected();
  pacer.submit("a");
  pacer.answered(1);
  pacer.submit("a");
  assert.equal(sent.length, 1);
});

test("the newest text can be asked for, sent or not", () => {
  assert.equal(pacer.text, null);
  pacer.submit("a");
  assert.equal(pacer.text, "a");
});

test("an empty text is a text", () => {
  pacer.submit("");
  pacer.connected();
  assert.deepEqual(sent, [[1, ""]]);
});

test("what was under way when another session takes over is sent again at once", () => {
  pacer.connected();
  pacer.submit("a");
  pacer.connected();
  assert.deepEqual(sent, [
    [1, "a"],
    [2, "a"],
  ]);
});

test("it is settled only when the newest text has its prediction", () => {
  assert.equal(pacer.isSettled, false);
  pacer.connected();
  pacer.submit("a");
  assert.equal(pacer.isSettled, false);
  pacer.answered(1);
  assert.equal(pacer.isSettled, true);
  pacer.submit("ab");
  pacer.submit("abc");
  assert.equal(pacer.isSettled, false);
  pacer.answered(2);
  assert.equal(pacer.isSettled, false);
  pacer.answered(3);
  assert.equal(pacer.isSettled, true);
});

test("an answer is timed from its sending", () => {
  pacer.connected();
  pacer.submit("a");
  timers.advance(42);
  assert.equal(pacer.answered(1), 42);
});

test("a late answer to an earlier text does not free the way for another", () => {
  pacer.connected();
  pacer.submit("a");
  timers.advance(ANSWER_TIMEOUT_MS);
  assert.deepEqual(sent.at(-1), [2, "a"]);
  assert.equal(pacer.answered(1), null);
  pacer.submit("ab");
  assert.equal(sent.length, 2);
  pacer.answered(2);
  assert.deepEqual(sent.at(-1), [3, "ab"]);
});

test("without an answer the newest text goes out anyway, and the silence is reported", () => {
  pacer.connected();
  pacer.submit("a");
  pacer.submit("ab");
  timers.advance(ANSWER_TIMEOUT_MS - 1);
  assert.equal(sent.length, 1);
  timers.advance(1);
  assert.deepEqual(sent.at(-1), [2, "ab"]);
  assert.equal(timeouts, 1);
});

test("after a passing refusal the newest text is tried again, a little later", () => {
  pacer.connected();
  pacer.submit("a");
  pacer.failed(1, true);
  pacer.submit("ab");
  assert.equal(sent.length, 1);
  timers.advance(1_000);
  assert.deepEqual(sent.slice(1), [[2, "ab"]]);
});

test("refusals in a row are tried at growing distances", () => {
  const distances = [];
  pacer.connected();
  pacer.submit("a");
  for (let i = 0; i < 6; i++) {
    const since = timers.now();
    pacer.failed(pacer.seq, true);
    for (const count = sent.length; sent.length === count; ) timers.advance(1);
    distances.push(timers.now() - since);
  }
  assert.deepEqual(distances, [300, 600, 1_200, 2_400, 4_500, 4_500]);
});

test("the server says how long to wait at the least", () => {
  pacer.connected();
  pacer.submit("a");
  pacer.failed(1, true, 5_000);
  timers.advance(4_999);
  assert.equal(sent.length, 1);
  timers.advance(401);
  assert.equal(sent.length, 2);
});

test("hurrying waits out what the server asked for", () => {
  pacer.connected();
  pacer.submit("a");
  pacer.failed(1, true, 5_000);
  assert.equal(pacer.hurry(), false);
  pacer.submit("ab");
  assert.equal(pacer.hurry(), false);
  timers.advance(5_400);
  assert.deepEqual(sent, [
    [1, "a"],
    [2, "ab"],
  ]);
});

test("hurrying does nothing for a text that was refused for good", () => {
  pacer.connected();
  pacer.submit("a");
  pacer.failed(1, false);
  assert.deepEqual([pacer.isRefused, pacer.hurry()], [true, false]);
  pacer.submit("ab");
  assert.equal(pacer.isRefused, false);
});

test("a lasting refusal is not tried again, and the next key is sent as ever", () => {
  pacer.connected();
  pacer.submit("a");
  pacer.failed(1, false);
  timers.advance(60_000);
  assert.equal(sent.length, 1);
  assert.equal(pacer.isSettled, false);
  pacer.submit("ab");
  assert.deepEqual(sent.at(-1), [2, "ab"]);
});

test("a refusal of an earlier text leaves the one under way alone", () => {
  pacer.connected();
  pacer.submit("a");
  pacer.submit("ab");
  pacer.answered(1);
  pacer.failed(1, true);
  pacer.submit("abc");
  assert.equal(sent.length, 2);
});

test("a refusal that names no text is taken for the one under way", () => {
  pacer.connected();
  pacer.submit("a");
  pacer.submit("ab");
  pacer.failed(null, false);
  assert.deepEqual(sent.at(-1), [2, "ab"]);
});

test("hurrying sends what waits at once, past the text under way", () => {
  pacer.connected();
  pacer.submit("a");
  pacer.submit("ab");
  assert.equal(pacer.hurry(), true);
  assert.deepEqual(sent.at(-1), [2, "ab"]);
});

test("hurrying does not wait out a retry", () => {
  pacer.connected();
  pacer.submit("a");
  pacer.failed(1, true);
  assert.equal(pacer.hurry(), true);
  assert.equal(sent.length, 2);
  pacer.answered(2);
  timers.advance(60_000);
  assert.equal(sent.length, 2);
});

test("hurrying does nothing when all is answered, or there is no connection", () => {
  assert.equal(pacer.hurry(), false);
  pacer.connected();
  pacer.submit("a");
  pacer.answered(1);
  assert.equal(pacer.hurry(), false);
  pacer.disconnected();
  pacer.submit("ab");
  assert.equal(pacer.hurry(), false);
});

test("what is taken back goes out no more, not even after a retry or a reconnect", () => {
  pacer.connected();
  pacer.submit("a");
  pacer.submit("ab");
  pacer.cancel();
  pacer.answered(1);
  assert.equal(pacer.isSettled, false);
  pacer.submit("abc");
  pacer.failed(2, true);
  pacer.cancel();
  assert.equal(timers.pendingCount, 0);
  timers.advance(60_000);
  pacer.disconnected();
  pacer.connected();
  assert.deepEqual(sent, [
    [1, "a"],
    [2, "abc"],
  ]);
  pacer.submit("abc");
  assert.deepEqual(sent.at(-1), [3, "abc"]);
});

test("after a reconnect the newest text goes out again under a new number", () => {
  pacer.connected();
  pacer.submit("a");
  pacer.answered(1);
  pacer.disconnected();
  pacer.submit("ab");
  assert.equal(sent.length, 1);
  pacer.connected();
  assert.deepEqual(sent.at(-1), [2, "ab"]);
  pacer.answered(2);
  pacer.disconnected();
  pacer.connected();
  assert.deepEqual(sent.at(-1), [3, "ab"]);
});

test("no timer outlives the connection", () => {
  pacer.connected();
  pacer.submit("a");
  pacer.failed(1, true);
  pacer.disconnected();
  assert.equal(timers.pendingCount, 0);
  pacer.connected();
  pacer.disconnected();
  assert.equal(timers.pendingCount, 0);
});
