import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { connect } from "../../../static/live/client.js";
import { FakeTimers, fakeWebSocket, prediction, serverError, session } from "../fakes.js";

/** @type {ReturnType<typeof fakeWebSocket>} */
let fake;
/** @type {FakeTimers} */
let timers;
/** @type {ReturnType<typeof connect>} */
let live;
const server = () => fake.newest();
const settled = () => new Promise((resolve) => setImmediate(resolve));
const texts = () => server().texts.map(({ text }) => text);

beforeEach(() => {
  fake = fakeWebSocket();
  timers = new FakeTimers();
  live = connect({ url: "http://host", WebSocket: fake.FakeWebSocket, timers, random: () => 0.5 });
});

describe("rating one text", () => {
  test("gives its prediction, also where the connection comes later", async () => {
    const rated = live.rate("fine");
    await settled();
    server().say(session());
    server().say(prediction(1));
    assert.deepEqual(await rated, prediction(1));
  });

  test("rejects what is no text at once", async () => {
    server().say(session());
    await assert.rejects(live.rate(/** @type {any} */ (undefined)), TypeError);
    assert.throws(() => live.submit(/** @type {any} */ (5)), TypeError);
    assert.deepEqual(texts(), []);
  });

  test("several are rated one after the other, each with its own prediction", async () => {
    server().say(session());
    const rated = Promise.all(["a", "b", "b", "a"].map((text) => live.rate(text)));
    for (const seq of [1, 2, 3]) {
      await settled();
      server().say(prediction(seq, { stars: seq }));
    }
    assert.deepEqual(
      (await rated).map(({ stars }) => stars),
      [1, 2, 2, 3],
    );
    assert.deepEqual(texts(), ["a", "b", "a"]);
  });

  test("an answer to an older text is not taken for its own", async () => {
    server().say(session());
    live.submit("old");
    const rated = live.rate("new");
    await settled();
    server().say(prediction(1, { stars: 1 }));
    server().say(prediction(2, { stars: 9 }));
    assert.equal((await rated).stars, 9);
  });

  test("a lost connection and a passing refusal are overcome", async () => {
    const rated = live.rate("fine");
    await settled();
    server().say(session());
    server().say(serverError("overloaded", 1, true));
    timers.advance(1_000);
    server().end(1006);
    timers.advance(1_000);
    server().say(session());
    server().say(prediction(3));
    assert.equal((await rated).seq, 3);
  });
});

describe("a text without a rating", () => {
  test("rejects with the error of the server, at every try, and the next is rated", async () => {
    server().say(session());
    const refused = live.rate("fine");
    await settled();
    server().say(serverError("bad_request", 1, false));
    const error = { name: "RatingError", code: "bad_request", message: "bad_request" };
    await assert.rejects(refused, error);
    await assert.rejects(live.rate("fine"), error);
    const rated = live.rate("finer");
    await settled();
    server().say(prediction(2));
    assert.equal((await rated).seq, 2);
  });

  test("is one that the server would read in part only", async () => {
    server().say(session({ limits: { max_chars: 4, max_message_bytes: 65_536 } }));
    await assert.rejects(live.rate("fine film"), { code: "text_too_long" });
  });

  test("is one whose place another takes, or that is taken back", async () => {
    server().say(session());
    const superseded = live.rate("a");
    await settled();
    live.submit("ab");
    await assert.rejects(superseded, { code: "superseded" });
    const cancelled = live.rate("abc");
    await settled();
    live.cancel();
    await assert.rejects(cancelled, { code: "cancelled" });
  });

  test("is one that the caller waits for no longer", async () => {
    server().say(session());
    const controller = new AbortController();
    const rated = live.rate("a", { signal: controller.signal });
    await settled();
    controller.abort(new Error("enough"));
    await assert.rejects(rated, { message: "enough" });
    assert.deepEqual(server().sent.at(-1), { type: "cancel" });
    await assert.rejects(live.rate("b", { signal: controller.signal }), { message: "enough" });
    assert.deepEqual(texts(), ["a"]);
  });

  test("is one that waits for its turn, as soon as its caller waits no longer", async () => {
    const first = live.rate("a");
    const controller = new AbortController();
    const second = live.rate("b", { signal: controller.signal });
    controller.abort(new Error("enough"));
    await assert.rejects(second, { message: "enough" });
    server().say(session());
    server().say(prediction(1));
    assert.equal((await first).seq, 1);
    assert.deepEqual(texts(), ["a"]);
  });

  test("is told that it was closed, and not what was refused before", async () => {
    server().say(session());
    const refused = live.rate("a");
    await settled();
    server().say(serverError("text_too_long", 1, false));
    await assert.rejects(refused, { code: "text_too_long" });
    server().end(1006);
    const waiting = live.rate("b");
    await settled();
    live.close();
    await assert.rejects(waiting, { code: "closed" });
  });

  test("is every one that waits when the connection is closed, and those after", async () => {
    const waiting = ["a", "b"].map((text) => live.rate(text));
    await settled();
    live.close();
    for (const rated of [...waiting, live.rate("c")]) {
      await assert.rejects(rated, { code: "closed" });
    }
  });

  test("is told what the server said before it closed", async () => {
    const rated = live.rate("a");
    await settled();
    server().say(serverError("key_invalid", undefined, false));
    server().end(4504);
    await assert.rejects(rated, { code: "key_invalid" });
  });

  test("is told the close code where the server said nothing", async () => {
    const rated = live.rate("a");
    await settled();
    server().end(4520);
    await assert.rejects(rated, { code: "4520", message: /4520/ });
  });
});
