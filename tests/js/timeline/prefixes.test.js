import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { prefixesOf, rateAll } from "../../../static/live/timeline/prefixes.js";

describe("the beginnings of a text", () => {
  test("end with a word each, and the whole text is none", () => {
    assert.deepEqual(prefixesOf("A fine,  old\nfilm. "), ["A", "A fine,", "A fine,  old"]);
  });

  test("of a long text are spread over it, from near its begin to its last word but one", () => {
    const text = Array.from({ length: 201 }, (_, i) => `w${i}`).join(" ");
    const words = prefixesOf(text).map((beginning) => beginning.split(" ").length);
    assert.equal(words.length, 12);
    assert.equal(words.at(-1), 200);
    const steps = words.map((count, i) => count - (words[i - 1] ?? 0));
    assert.ok(steps.every((step) => step === 16 || step === 17));
  });

  test("there are none of a word and of nothing", () => {
    for (const text of ["Film", "", " \n"]) assert.deepEqual(prefixesOf(text), []);
  });

  test("of a very long text are fewer, so that together they are no more than a phone can send", () => {
    const counts = [2_000, 10_000, 20_000].map((chars) => {
      const texts = prefixesOf("word ".repeat(chars / 5));
      assert.ok(texts.join("").length <= 65_000);
      return texts.length;
    });
    assert.deepEqual(counts, [12, 12, 5]);
  });

  test("of a longer text than the server takes are beginnings of what it reads", () => {
    const texts = prefixesOf("word ".repeat(20_000), 20_000);
    assert.equal(texts.length, 5);
    assert.ok(texts.every((text) => text.length <= 20_000));
  });
});

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("rating them", () => {
  const { signal } = new AbortController();
  /** @param {unknown} body @param {ResponseInit} [init] */
  const reply = (body, init) => async () => Response.json(body, init);

  test("goes out as one request, and each rating comes back with its text", async () => {
    let sent;
    /** @type {typeof globalThis.fetch} */
    const fetch = async (path, options) => {
      sent = [path, JSON.parse(String(options?.body))];
      return Response.json({ results: [{ stars: 7 }, { stars: 9 }] });
    };
    assert.deepEqual(await rateAll(["A", "A fine"], signal, fetch), [
      { stars: 7, text: "A" },
      { stars: 9, text: "A fine" },
    ]);
    assert.deepEqual(sent, ["/api/v1/predict/batch", { texts: ["A", "A fine"] }]);
  });

  test("leaves out what could not be rated", async () => {
    const fetch = reply({ results: [{ error: { code: "overloaded" } }, { stars: 9 }] });
    assert.deepEqual(await rateAll(["A", "A fine"], signal, fetch), [{ stars: 9, text: "A fine" }]);
  });

  test("gives nothing where the server refuses, is away, or talks of something else", async () => {
    assert.deepEqual(await rateAll(["A"], signal, reply({ error: {} }, { status: 500 })), []);
    assert.deepEqual(await rateAll(["A"], signal, reply({})), []);
    const away = async () => {
      throw new TypeError("away");
    };
    assert.deepEqual(await rateAll(["A"], signal, away), []);
  });

  /** A server that is busy at first. @param {number} times @param {string} afterS */
  function busy(times, afterS) {
    const server = {
      requests: 0,
      fetch: async () => {
        server.requests += 1;
        return server.requests > times
          ? Response.json({ results: [{ stars: 9 }] })
          : Response.json({ error: {} }, { status: 429, headers: { "Retry-After": afterS } });
      },
    };
    return server;
  }

  test("asks a server that is busy again when it says", async (context) => {
    context.mock.timers.enable({ apis: ["setTimeout"] });
    let now = 1e6;
    context.mock.method(performance, "now", () => now);
    const server = busy(1, "9");
    const rated = rateAll(["A"], signal, server.fetch);
    await settled();
    context.mock.timers.tick(8_999);
    await settled();
    assert.equal(server.requests, 1);
    now += 9_000;
    context.mock.timers.tick(1);
    assert.deepEqual(await rated, [{ stars: 9, text: "A" }]);
  });

  test("waits no longer once nobody needs it", async (context) => {
    context.mock.timers.enable({ apis: ["setTimeout"] });
    context.mock.method(performance, "now", () => 1.5e6);
    const leaving = new AbortController();
    const server = busy(1, "9");
    const rated = rateAll(["A"], leaving.signal, (_, init) => {
      init?.signal?.throwIfAborted();
      return server.fetch();
    });
    await settled();
    leaving.abort();
    assert.deepEqual(await rated, []);
    assert.equal(server.requests, 1);
  });

  // The last one: from here on the server is left alone.
  test("does not wait for a server that asks for an hour", async (context) => {
    context.mock.method(performance, "now", () => 2e6);
    const server = busy(3, "3600");
    for (let i = 0; i < 3; i++) assert.deepEqual(await rateAll(["A"], signal, server.fetch), []);
    assert.equal(server.requests, 1);
  });
});
