import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { HttpSocket } from "../../../static/live/client/http-socket.js";
import { parse } from "../../../static/live/client/protocol.js";
import { must, prediction, serverError, session } from "../fakes.js";

const settled = () => new Promise((resolve) => setImmediate(resolve));
const { type: _1, heartbeat_interval_ms: _2, ...MODEL } = session();
const { type: _3, seq: _4, skipped: _5, is_final: _6, ...RATING } = prediction(0);
const SPAN = { begin: 0, end: 1, weight: 1, unit: "word" };
const EXPLAINED = { method: "filler", expected_stars: 8, spans: [SPAN] };

/**
 * @typedef {object} Request
 * @property {string} url
 * @property {string} method
 * @property {unknown} body
 * @property {boolean} isAborted
 * @property {(content: unknown, init?: ResponseInit) => void} reply
 * @property {(init?: ResponseInit) => void} replyPage
 * @property {() => void} fail
 */

/** @type {Request[]} */
let requests;
/** @type {any[]} */
let said;
/** @type {number[]} */
let closes;
/** @type {HttpSocket} */
let socket;
const newest = () => must(requests.at(-1));

/** @param {string | URL | globalThis.Request} url @param {RequestInit} init @returns {Promise<Response>} */
function fetch(url, { body, signal, method = "GET" } = {}) {
  return new Promise((resolve, reject) => {
    /** @type {Request} */
    const request = {
      url: String(url),
      method,
      body: body && JSON.parse(String(body)),
      isAborted: false,
      reply: (content, init) => resolve(Response.json(content, init)),
      replyPage: (init) => resolve(new Response("<html>", init)),
      fail: () => reject(new TypeError("network")),
    };
    signal?.addEventListener("abort", () => {
      request.isAborted = true;
      reject(new DOMException("aborted", "AbortError"));
    });
    requests.push(request);
  });
}

/** @param {unknown} content @param {ResponseInit} [init] */
async function reply(content, init) {
  newest().reply(content, init);
  await settled();
}

/** @param {object} message */
function send(message) {
  socket.send(JSON.stringify(message));
}
/** @param {number} seq @param {string} text */
const update = (seq, text) => send({ type: "text.update", seq, text });

beforeEach(async () => {
  requests = [];
  said = [];
  closes = [];
  socket = new HttpSocket("ws://host/ws/v1/classify/", fetch);
  // What the page's own parser refuses would never be shown.
  socket.onmessage = ({ data }) => said.push(parse(data));
  socket.onclose = ({ code }) => closes.push(code);
});

test("it greets with the model of the server", async () => {
  assert.equal(requests[0].url, "http://host/api/v1/model");
  await reply(MODEL);
  assert.equal(said[0].type, "session.created");
  assert.equal(said[0].transport, "http");
  assert.deepEqual(said[0].model, MODEL.model);
});

test("a page over TLS asks over TLS", () => {
  new HttpSocket("wss://host/ws/v1/classify/", fetch);
  assert.equal(newest().url, "https://host/api/v1/model");
});

describe("once it stands", () => {
  beforeEach(async () => {
    await reply(MODEL);
    said.length = 0;
  });

  test("a text is rated under its number", async () => {
    update(7, "A fine film");
    assert.deepEqual(
      [newest().url, newest().body],
      ["http://host/api/v1/predict", { text: "A fine film" }],
    );
    await reply(RATING);
    assert.deepEqual(said, [
      { ...RATING, type: "prediction", seq: 7, skipped: 0, is_final: false },
    ]);
  });

  test("one text is under way, the newest waits, and those between are passed over", async () => {
    for (const [i, text] of ["a", "ab", "abc"].entries()) update(i + 1, text);
    assert.equal(requests.length, 2);
    await reply(RATING);
    assert.deepEqual(newest().body, { text: "abc" });
    await reply(RATING);
    assert.deepEqual(
      said.map(({ seq, skipped }) => [seq, skipped]),
      [
        [1, 1],
        [3, 0],
      ],
    );
  });

  test("a flush marks the answer that is due, or gives the last one again", async () => {
    update(1, "a");
    send({ type: "flush", seq: 1 });
    await reply(RATING);
    send({ type: "flush", seq: 1 });
    assert.deepEqual(
      said.map(({ seq, is_final: isFinal }) => [seq, isFinal]),
      [
        [1, true],
        [1, true],
      ],
    );
    assert.equal(requests.length, 2);
  });

  test("a refusal carries the number of its text, and the next text is rated", async () => {
    update(1, "a");
    update(2, "ab");
    await reply({ error: serverError("overloaded", null, true).error });
    assert.deepEqual(
      [said[0].type, said[0].error.code, said[0].error.seq],
      ["error", "overloaded", 1],
    );
    await reply(RATING);
    assert.equal(said[1].seq, 2);
  });

  test("an explanation is of the text that was rated", async () => {
    update(1, "a");
    await reply(RATING);
    send({ type: "explain", seq: 1 });
    assert.deepEqual(newest().body, { text: "a" });
    await reply(EXPLAINED);
    assert.deepEqual(said.at(-1), { ...EXPLAINED, type: "explanation", seq: 1 });
  });

  test("an explanation of a text that is not rated yet follows its rating", async () => {
    update(1, "a");
    update(2, "ab");
    send({ type: "explain", seq: 2 });
    await reply(RATING);
    assert.deepEqual(newest().body, { text: "ab" });
    await reply(RATING);
    assert.match(newest().url, /explain$/);
    await reply(EXPLAINED);
    assert.deepEqual(said.at(-1), { ...EXPLAINED, type: "explanation", seq: 2 });
  });

  test("a newer text ends the wait for an explanation too", async () => {
    update(1, "a");
    send({ type: "explain", seq: 1 });
    update(2, "ab");
    await reply(RATING);
    await reply(RATING);
    assert.deepEqual(
      requests.map(({ url }) => url.split("/").at(-1)),
      ["model", "predict", "predict"],
    );
  });

  test("a newer text ends the explanation", async () => {
    update(1, "a");
    await reply(RATING);
    send({ type: "explain", seq: 1 });
    const explaining = newest();
    update(2, "ab");
    await settled();
    assert.equal(explaining.isAborted, true);
    assert.deepEqual([said.length, closes], [1, []]);
  });

  test("a ping asks whether the server is there", async () => {
    send({ type: "ping", id: "a" });
    assert.equal(said.length, 0);
    await reply(MODEL);
    assert.deepEqual(said, [{ type: "pong", id: "a" }]);
  });

  test("a lost network is a lost connection", async () => {
    update(1, "a");
    newest().fail();
    await settled();
    assert.deepEqual([said, closes], [[], [1006]]);
  });

  test("a page of another site is refused for good at its first text", async () => {
    update(1, "a");
    await reply(serverError("origin_refused", null, false), { status: 403 });
    assert.deepEqual([said, closes], [[], [4520]]);
  });

  test("a refusal says when to ask again, by the error or by the header", async (context) => {
    context.mock.timers.enable({ apis: ["Date"], now: Date.UTC(2026, 0, 1) });
    const { error } = serverError("rate_limited", null, true, { retry_after_ms: 250 });
    update(1, "a");
    await reply({ error }, { status: 429, headers: { "Retry-After": "1" } });
    assert.equal(said.at(-1).error.retry_after_ms, 250);
    update(2, "ab");
    await reply(
      { error: serverError("overloaded", null, true).error },
      { status: 503, headers: { "Retry-After": "2" } },
    );
    assert.equal(said.at(-1).error.retry_after_ms, 2_000);
    update(3, "abc");
    const date = new Date(Date.now() + 60_000).toUTCString();
    await reply(
      { error: serverError("overloaded", null, true).error },
      { status: 503, headers: { "Retry-After": date } },
    );
    assert.equal(said.at(-1).error.retry_after_ms, 60_000);
  });

  test("a proxy that asks to be left alone is obeyed", async () => {
    update(1, "a");
    newest().replyPage({ status: 503, headers: { "Retry-After": "30" } });
    await settled();
    assert.deepEqual(
      said.map(({ type, retry_after_ms: ms }) => [type, ms]),
      [["session.closing", 30_000]],
    );
    assert.deepEqual(closes, [1006]);
  });

  test("a proxy that refuses so many requests refuses the text alone", async () => {
    for (const [seq, headers, waitMs] of [
      [1, {}, undefined],
      [2, { "Retry-After": "2" }, 2_000],
    ]) {
      update(Number(seq), "a");
      newest().replyPage({ status: 429, headers: /** @type {HeadersInit} */ (headers) });
      await settled();
      const { error } = said.at(-1);
      assert.deepEqual(
        [error.code, error.seq, error.retry_after_ms],
        ["rate_limited", seq, waitMs],
      );
    }
    update(3, "ab");
    await reply(RATING);
    assert.deepEqual([said.at(-1).type, closes], ["prediction", []]);
  });

  test("a page of somebody between is no answer", async () => {
    update(1, "a");
    newest().replyPage();
    await settled();
    assert.deepEqual(closes, [1006]);
  });

  test("closed, it says nothing more", async () => {
    update(1, "a");
    socket.close();
    await settled();
    assert.equal(newest().isAborted, true);
    assert.deepEqual([said, closes], [[], []]);
  });
});

test("a server that asks for a key is not asked again", async () => {
  await reply({ error: serverError("key_missing", null, false).error });
  assert.deepEqual(closes, [4503]);
});

test("a server that cannot answer now is tried again", async () => {
  await reply({ error: serverError("model_unavailable", null, true).error });
  assert.equal(said[0].error.code, "model_unavailable");
  assert.deepEqual(closes, [1006]);
});

test("a model with other labels is told before anything it says", async () => {
  await reply(MODEL);
  update(1, "a");
  const classes = [{ name: "bad" }, { name: "good" }];
  await reply({ ...RATING, classes });
  assert.match(newest().url, /\/api\/v1\/model$/);
  const { labels: _, ...other } = MODEL;
  await reply({ ...other, classes, prior: [0.5, 0.5] });
  assert.deepEqual(
    said.map(({ type }) => type),
    ["session.created", "model.changed"],
  );
  socket.onmessage = ({ data }) => said.push(parse(data, classes.length));
  await reply({ classes, probabilities: [0.1, 0.9], label: "good", tokens: 1 });
  assert.deepEqual([said.at(-1).seq, said.at(-1).label], [1, "good"]);
});
