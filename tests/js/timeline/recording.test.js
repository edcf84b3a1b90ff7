import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MAX_CHARS, MAX_MOMENTS, Recording } from "../../../static/live/timeline/recording.js";
import { moment } from "../fakes.js";

/** @param {string[]} texts */
function record(...texts) {
  const list = new Recording();
  for (const text of texts) list.add(moment(text));
  return list;
}
/** @param {Recording} list */
const textsOf = (list) => list.all.map(({ text }) => text);

describe("a story", () => {
  test("typing, deleting and inserting go on with it", () => {
    const texts = ["A", "A f", "A fine", "A", "A film", "Oh, a film, A film"];
    assert.deepEqual(textsOf(record(...texts)), texts);
  });

  test("an emptied text ends it", () => {
    assert.equal(record("A fine film", " \n").length, 0);
  });

  test("quite another text begins a new one", () => {
    assert.deepEqual(textsOf(record("A fine film", "Two hours of my life")), [
      "Two hours of my life",
    ]);
  });

  test("the same text again, say after a reconnect, is the same moment", () => {
    assert.equal(record("A", "A fine", "A fine").length, 2);
  });

  test("what led to its only moment may be told later, unless it has gone on", () => {
    const list = record("A fine film");
    list.lead([moment("A"), moment("A fine")], "quite another text");
    assert.equal(list.length, 1);
    list.lead([moment("A"), moment("A fine")], "A fine film");
    assert.deepEqual(textsOf(list), ["A", "A fine", "A fine film"]);
    list.lead([moment("A")], "A fine film");
    assert.equal(list.length, 3);
  });
});

describe("memory", () => {
  test("after any number of keys there are as many moments as there is room for, first and last among them", () => {
    const list = new Recording();
    for (let i = 1; i <= 10 * MAX_MOMENTS; i++) {
      list.add(moment("a".repeat(Math.min(i, 300)) + i));
      assert.ok(list.length <= MAX_MOMENTS + 1);
    }
    assert.equal(list.at(0)?.text, "a1");
    assert.equal(list.at(-1)?.text, `${"a".repeat(300)}${10 * MAX_MOMENTS}`);
  });

  test("of long texts fewer are kept", () => {
    const list = new Recording();
    const long = "a".repeat(20_000);
    for (let i = 0; i < 500; i++) list.add(moment(long + i));
    const chars = textsOf(list).reduce((sum, text) => sum + text.length, 0);
    assert.ok(chars <= MAX_CHARS);
    assert.ok(list.length > 10);
  });
});
