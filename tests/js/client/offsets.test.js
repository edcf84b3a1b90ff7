import assert from "node:assert/strict";
import { test } from "node:test";
import { utf16Spans } from "../../../static/live/client/offsets.js";

/** @param {string} text @param {{begin: number, end: number}[]} spans */
const words = (text, spans) =>
  utf16Spans(text, spans).map(({ begin, end }) => text.slice(begin, end));

test("offsets of a text without emoji stay as they are, and so does all else of a span", () => {
  const span = { begin: 2, end: 6, weight: -0.2, unit: "word" };
  assert.deepEqual(utf16Spans("a dull film", [span]), [span]);
});

test("an emoji counts once for the server and twice for JavaScript", () => {
  const text = "🎬 great 🍿🍿 fun";
  const spans = [
    { begin: 2, end: 7 },
    { begin: 0, end: 1 },
    { begin: 8, end: 10 },
    { begin: 11, end: 14 },
  ];
  assert.deepEqual(words(text, spans), ["great", "🎬", "🍿🍿", "fun"]);
});

test("emoji of several code points and combining marks are counted by code points", () => {
  const family = "👩‍👩‍👧";
  const text = `${family} cafe\u0301 good`;
  assert.deepEqual(
    words(text, [
      { begin: 0, end: 5 },
      { begin: 6, end: 11 },
      { begin: 12, end: 16 },
    ]),
    [family, "cafe\u0301", "good"],
  );
});

test("half a surrogate pair counts as one, as for the server", () => {
  assert.deepEqual(words("\ud83c bad", [{ begin: 2, end: 5 }]), ["bad"]);
});

test("a span may reach the end, be empty, and overlap another", () => {
  const spans = [
    { begin: 0, end: 4 },
    { begin: 4, end: 4 },
    { begin: 1, end: 3 },
  ];
  assert.deepEqual(words("🎬ab🎬", spans), ["🎬ab🎬", "", "ab"]);
});

test("a span outside the text throws, for then it is another text", () => {
  assert.throws(() => utf16Spans("🎬", [{ begin: 0, end: 2 }]), RangeError);
});
