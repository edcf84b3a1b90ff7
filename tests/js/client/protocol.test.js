import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  areOurLabels,
  bearerSubprotocol,
  explain,
  fitText,
  flush,
  isFinalClose,
  ProtocolError,
  parse,
  ping,
  sessionUpdate,
  socketUrl,
  textUpdate,
} from "../../../static/live/client/protocol.js";
import { explanation, LIMITS, prediction, STATES, serverError, session } from "../fakes.js";

/** @param {string} text */
const bytesOf = (text) => new TextEncoder().encode(text).length;

describe("where to", () => {
  for (const [address, expected] of Object.entries({
    "http://localhost:8000": "ws://localhost:8000/ws/v1/classify/",
    "https://stars.example/": "wss://stars.example/ws/v1/classify/",
    "wss://stars.example": "wss://stars.example/ws/v1/classify/",
    "ws://stars.example/behind/ws/v1/classify/": "ws://stars.example/behind/ws/v1/classify/",
  })) {
    test(`the socket of ${address}`, () => {
      assert.equal(socketUrl(address), expected);
      assert.equal(socketUrl(new URL(address)), expected);
    });
  }

  test("what is no address is named", () => {
    for (const address of ["localhost:8000", "ftp://stars.example", "", undefined]) {
      const expected = new TypeError(`not an http or ws URL: ${address}`);
      assert.throws(() => socketUrl(/** @type {string} */ (address)), expected);
    }
  });

  test("a key becomes a token that may stand in a header, and can be read back", () => {
    for (const key of ["k", "ke", "key", "sk_>>>???", "schlüssel"]) {
      const protocol = bearerSubprotocol(key);
      assert.match(protocol, /^starcast\.bearer\.[A-Za-z0-9_-]+$/);
      assert.equal(Buffer.from(protocol.split(".")[2], "base64url").toString(), key);
    }
  });
});

describe("what goes out", () => {
  test("a text update carries its number and the whole text", () => {
    assert.deepEqual(JSON.parse(textUpdate(7, 'a "film"\n')), {
      type: "text.update",
      seq: 7,
      text: 'a "film"\n',
    });
  });

  test("a flush names the text it asks about, and a ping its id", () => {
    assert.deepEqual(JSON.parse(flush(3)), { type: "flush", seq: 3 });
    assert.deepEqual(JSON.parse(ping("a")), { type: "ping", id: "a" });
  });

  test("an explanation is asked for by number, and settings go out as they are", () => {
    assert.deepEqual(JSON.parse(explain(3)), { type: "explain", seq: 3 });
    const settings = { min_interval_ms: 200 };
    assert.deepEqual(JSON.parse(sessionUpdate(settings)), {
      type: "session.update",
      session: settings,
    });
  });
});

describe("what comes in", () => {
  const closing = { type: "session.closing", reason: "restart", retry_after_ms: 500 };
  for (const message of [
    session(),
    session({ prior: undefined }),
    prediction(1),
    explanation(1),
    explanation(1, { spans: [] }),
    { type: "session.updated", session: { min_interval_ms: 200 } },
    serverError("overloaded", 4, true),
    { type: "pong", id: "a" },
    closing,
  ]) {
    test(`a well-formed ${message.type} is handed on`, () => {
      const frame = JSON.stringify(message);
      assert.deepEqual(parse(frame), JSON.parse(frame));
    });
  }

  test("unknown fields do no harm", () => {
    const message = prediction(1, { mood: "blue" });
    assert.deepEqual(parse(JSON.stringify(message)), message);
  });

  for (const type of ["weather", "toString", "__proto__", "constructor", null, 5]) {
    test(`the unknown type ${JSON.stringify(type)} throws`, () => {
      const frame = JSON.stringify({ seq: 1 }).replace("{", `{"type":${JSON.stringify(type)},`);
      assert.throws(() => parse(frame), ProtocolError);
    });
  }

  for (const frame of ["", "{", "null", "5", "[]", '"x"', "{}", new ArrayBuffer(4), undefined]) {
    test(`a frame that is no message throws: ${JSON.stringify(frame)}`, () => {
      assert.throws(() => parse(frame), ProtocolError);
    });
  }

  for (const [what, changes] of Object.entries({
    "seven probabilities": { probabilities: [0.3, 0.1, 0.1, 0.1, 0.1, 0.1, 0.2] },
    "probabilities that do not sum to one": { probabilities: [1, 1, 0, 0, 0, 0, 0, 0] },
    "a negative probability": { probabilities: [-0.5, 0.5, 0.5, 0.5, 0, 0, 0, 0] },
    "a probability that is no number": { probabilities: ["1", 0, 0, 0, 0, 0, 0, 0] },
    "a seq that is no whole number": { seq: 1.5 },
    "no expected stars": { expected_stars: null },
    "half an interval": { interval: [7] },
    "an impossible positive": { positive: 1.2 },
    "an impossible legible": { legible: 1.2 },
    "a state that is no word": { state: 1 },
  })) {
    test(`a prediction with ${what} throws`, () => {
      assert.throws(() => parse(JSON.stringify(prediction(1, changes))), ProtocolError);
    });
  }

  test("a prediction keeps its state and how legible its text is, and an older server sends neither", () => {
    const sent = prediction(1, { legible: 0.02, state: "unreadable" });
    assert.deepEqual(parse(JSON.stringify(sent)), sent);
    assert.ok(!("state" in parse(JSON.stringify(prediction(1)))));
  });

  test("a greeting whose thresholds are no numbers throws", () => {
    const greeting = session({ states: STATES });
    assert.deepEqual(parse(JSON.stringify(greeting)), greeting);
    const wrong = session({ states: { ...STATES, says: "0.8" } });
    assert.throws(() => parse(JSON.stringify(wrong)), ProtocolError);
  });

  const span = { begin: 0, end: 5, weight: 0.31, unit: "word" };
  for (const [what, changes] of Object.entries({
    "no method": { method: undefined },
    "spans that are no list": { spans: {} },
    "a span that is nothing": { spans: [null] },
    "a span that ends before it begins": { spans: [{ ...span, begin: 6 }] },
    "a span that begins before the text": { spans: [{ ...span, begin: -1 }] },
    "a weight that is no number": { spans: [{ ...span, weight: "0.31" }] },
    "a span of no unit": { spans: [{ ...span, unit: undefined }] },
  })) {
    test(`an explanation with ${what} throws`, () => {
      assert.throws(() => parse(JSON.stringify(explanation(1, changes))), ProtocolError);
    });
  }

  for (const message of [
    { type: "session.updated" },
    { type: "session.updated", session: null },
    { type: "session.closing", retry_after_ms: -1 },
  ]) {
    test(`${JSON.stringify(message)} throws`, () => {
      assert.throws(() => parse(JSON.stringify(message)), ProtocolError);
    });
  }
});

test("only close codes from 4500 to 4999 are final", () => {
  const codes = [1000, 1001, 1006, 4000, 4013, 4499, 4500, 4520, 4999, 5000];
  assert.deepEqual(codes.filter(isFinalClose), [4500, 4520, 4999]);
});

test("labels are ours only in full and in order", () => {
  assert.equal(areOurLabels([1, 2, 3, 4, 7, 8, 9, 10]), true);
  assert.equal(areOurLabels([1, 2, 3, 4, 7, 8, 9]), false);
  assert.equal(areOurLabels([10, 9, 8, 7, 4, 3, 2, 1]), false);
  assert.equal(areOurLabels([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]), false);
});

describe("fitting a text to the limits", () => {
  test("a text within the limits goes out whole", () => {
    assert.deepEqual(fitText("fine", LIMITS), { text: "fine", isCut: false, chars: 0 });
    const full = "x".repeat(20_000);
    assert.equal(fitText(full, LIMITS).text, full);
  });

  test("one character too many is cut off, and the count is told", () => {
    assert.deepEqual(fitText("abcd", { ...LIMITS, max_chars: 3 }), {
      text: "abc",
      isCut: true,
      chars: 3,
    });
  });

  test("characters are counted as Python counts them, so an emoji is one", () => {
    const limits = { ...LIMITS, max_chars: 4 };
    assert.equal(fitText("🎬🎬🎬🎬", limits).isCut, false);
    assert.equal(fitText("a🎬b🎬c", limits).text, "a🎬b🎬");
  });

  test("a pair of surrogates is never cut in two", () => {
    for (const maxChars of [1, 2, 3, 4, 5]) {
      const { text, chars } = fitText("🎬a🎬🎬b🎬", { ...LIMITS, max_chars: maxChars });
      assert.ok(text.isWellFormed());
      assert.equal(chars, maxChars);
    }
  });

  for (const [what, text] of Object.entries({
    "film emoji": "🎬".repeat(20_000),
    "an odd start before the emoji": `a${"🎬".repeat(20_000)}`,
    "control characters": "\u0001".repeat(20_000),
    quotes: '"'.repeat(20_000),
    Cyrillic: "ф".repeat(20_000),
  })) {
    test(`a message never passes the byte limit: ${what}`, () => {
      const limits = { max_chars: 20_000, max_message_bytes: 30_000 };
      const fitted = fitText(text, limits);
      const bytes = bytesOf(textUpdate(Number.MAX_SAFE_INTEGER, fitted.text));
      assert.ok(bytes <= limits.max_message_bytes);
      assert.ok(bytes > limits.max_message_bytes - 20, "and little room is wasted");
      assert.ok(text.startsWith(fitted.text) && fitted.text.isWellFormed());
      assert.equal(fitted.chars, [...fitted.text].length);
    });
  }
});
