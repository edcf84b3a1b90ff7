import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { extremes, nest, strengths, withUnread } from "../../../static/live/explain/marks.js";

/** @import { Piece, Span } from "../../../static/live/explain/marks.js" */

/** @param {number} begin @param {number} end @param {number} weight @returns {Span} */
const word = (begin, end, weight) => ({ begin, end, weight, unit: "word" });
/** @param {number} begin @param {number} end @param {number} weight @returns {Span} */
const sentence = (begin, end, weight) => ({ begin, end, weight, unit: "sentence" });
/** @param {Piece[]} pieces @returns {string} */
const textOf = (pieces) =>
  pieces.map((piece) => (typeof piece === "string" ? piece : textOf(piece.pieces))).join("");

describe("nesting", () => {
  test("words lie within their sentences, and what lies between stays plain", () => {
    const text = "A fine film. Dull end.";
    const spans = [sentence(0, 12, 1), word(2, 6, 0.9), sentence(13, 22, -1), word(13, 17, -1)];
    assert.deepEqual(nest(text, spans), [
      { span: spans[0], pieces: ["A ", { span: spans[1], pieces: ["fine"] }, " film."] },
      " ",
      { span: spans[2], pieces: [{ span: spans[3], pieces: ["Dull"] }, " end."] },
    ]);
  });

  test("a sentence of one word holds that word", () => {
    const spans = [sentence(0, 4, 1), word(0, 4, 1)];
    assert.deepEqual(nest("Fine", spans), [
      { span: spans[0], pieces: [{ span: spans[1], pieces: ["Fine"] }] },
    ]);
  });

  test("a text without marks is one plain piece, and an empty one none", () => {
    assert.deepEqual(nest("Fine", []), ["Fine"]);
    assert.deepEqual(nest("", []), []);
  });

  test("what is not read is a piece of its own, and cuts the sentence around it", () => {
    const text = "A fine film that goes on. End.";
    const whole = sentence(0, 25, 1);
    const spans = [whole, word(2, 6, 0.9), sentence(26, 30, 0)];
    const gap = { begin: 12, end: 22 };
    const unread = { ...gap, weight: 0, unit: "unread" };
    assert.deepEqual(nest(text, withUnread(spans, [gap])), [
      {
        span: { ...whole, end: 12 },
        pieces: ["A ", { span: spans[1], pieces: ["fine"] }, " film "],
      },
      { span: unread, pieces: ["that goes "] },
      { span: { ...whole, begin: 22 }, pieces: ["on."] },
      " ",
      { span: spans[2], pieces: ["End."] },
    ]);
    assert.deepEqual(withUnread(spans, []), spans);
  });

  test("spans that overlap lose no character and repeat none", () => {
    const text = "one two three";
    assert.equal(textOf(nest(text, [word(0, 7, 1), word(4, 13, 1), word(8, 13, 1)])), text);
  });
});

describe("strength", () => {
  test("it goes by the heaviest of its kind, words beside words and sentences beside sentences", () => {
    const spans = [sentence(0, 9, 3), word(0, 4, 1.6), word(5, 9, -0.8), sentence(10, 20, -1.5)];
    assert.deepEqual(spans.map(strengths(spans)), [4, 4, 2, 2]);
  });

  test("what does not stand out has none, and all else has some", () => {
    const spans = [word(0, 1, 0), word(2, 3, -0.1), word(4, 5, 2), word(6, 7, 0.1)];
    assert.deepEqual(spans.map(strengths(spans)), [0, 1, 4, 1]);
  });

  test("a small effect gets a weak mark, also where nothing weighs more", () => {
    const spans = [word(0, 1, 0.12)];
    assert.deepEqual(spans.map(strengths(spans)), [1]);
  });
});

describe("extremes", () => {
  test("at most three words each way, the heaviest first", () => {
    const spans = [
      sentence(0, 9, 5),
      ...[0.3, 0.9, 0.5, 0.4].map((weight, i) => word(i, i + 1, weight)),
      word(8, 9, -0.3),
    ];
    const { up, down } = extremes(spans, "abcdefghi");
    assert.deepEqual(
      up.map(({ weight }) => weight),
      [0.9, 0.5, 0.4],
    );
    assert.deepEqual(
      down.map(({ weight }) => weight),
      [-0.3],
    );
  });

  test("what has no mark in the text is not named either", () => {
    assert.deepEqual(extremes([word(0, 1, 2), word(2, 3, 0)], "a b"), {
      up: [word(0, 1, 2)],
      down: [],
      sentences: [],
    });
  });

  test("what a text repeats is named once, where it is strongest", () => {
    const spans = [word(0, 4, 0.5), word(5, 9, 0.9), word(10, 14, 0.4), word(15, 19, -0.2)];
    assert.deepEqual(extremes(spans, "Good good fine good"), {
      up: [spans[1], spans[2]],
      down: [spans[3]],
      sentences: [],
    });
    const sentences = [sentence(0, 5, 0.5), sentence(6, 11, 0.9)];
    assert.deepEqual(extremes(sentences, "Good. good.").sentences, [sentences[1]]);
  });

  test("sentences are named by how much they move, either way, if there are several", () => {
    const spans = [sentence(0, 9, 0.5), sentence(10, 19, -2), sentence(20, 29, 0)];
    assert.deepEqual(extremes(spans, "Fine one. Dull one. Long one.").sentences, [
      spans[1],
      spans[0],
    ]);
    assert.deepEqual(extremes([sentence(0, 9, 0.5)], "Fine one.").sentences, []);
  });
});
