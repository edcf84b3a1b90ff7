import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { KeptTexts, MAX_CHARS, MAX_TEXTS } from "../../../static/live/share/kept-texts.js";

/** @type {Map<string, string>} */
let content;
/** @type {KeptTexts} */
let kept;
/** @type {Pick<Storage, "getItem" | "setItem" | "removeItem">} */
const storage = {
  getItem: (name) => content.get(name) ?? null,
  setItem: (name, value) => content.set(name, value),
  removeItem: (name) => content.delete(name),
};
const texts = () => kept.texts.map(({ text }) => text);
/** @param {string} text */
const keep = (text, at = 1) => kept.keep({ text, stars: 8.1, at });

beforeEach(() => {
  content = new Map();
  kept = new KeptTexts(storage);
});

describe("history", () => {
  test("is off at first, and leaves nothing in the browser then", () => {
    assert.equal(kept.isOn, false);
    keep("a fine film");
    assert.deepEqual(texts(), []);
    assert.equal(content.size, 0);
  });

  test("keeps the newest first once it is on, also for another page", () => {
    kept.switch(true);
    keep("a fine film", 1);
    keep("quite another one", 2);
    assert.deepEqual(texts(), ["quite another one", "a fine film"]);
    assert.deepEqual(new KeptTexts(storage).texts[0], {
      text: "quite another one",
      stars: 8.1,
      at: 2,
    });
  });

  test("puts a text in the place of what it grew out of, and keeps none twice", () => {
    kept.switch(true);
    keep("a fine film");
    keep("a fine film with a weak end");
    assert.deepEqual(texts(), ["a fine film with a weak end"]);
    keep("quite another one");
    keep("a fine film with a weak end");
    assert.deepEqual(texts(), ["a fine film with a weak end", "quite another one"]);
  });

  test("is bounded in number and in size", () => {
    kept.switch(true);
    for (let i = 0; i < MAX_TEXTS + 5; i++) keep(String.fromCharCode(97 + i).repeat(9));
    assert.equal(texts().length, MAX_TEXTS);
    assert.equal(texts()[0][0], String.fromCharCode(97 + MAX_TEXTS + 4));
    keep("x".repeat(MAX_CHARS - 10));
    assert.ok(texts().join("").length <= MAX_CHARS);
    keep("y".repeat(MAX_CHARS + 1));
    assert.equal(texts()[0][0], "x");
  });

  test("switched off keeps no new texts, and the old ones until they are deleted", () => {
    kept.switch(true);
    keep("a fine film");
    kept.switch(false);
    keep("quite another one");
    assert.deepEqual(texts(), ["a fine film"]);
    kept.clear();
    assert.equal(content.size, 0);
  });

  test("forgets one, or all", () => {
    kept.switch(true);
    keep("a fine film", 1);
    keep("quite another one", 2);
    kept.delete(kept.texts[0]);
    assert.deepEqual(texts(), ["a fine film"]);
    kept.clear();
    assert.deepEqual(texts(), []);
    assert.equal(kept.isOn, true);
  });

  test("survives what others wrote in its place", () => {
    for (const damaged of ["{", "[]", "null", '{"isOn":"yes","texts":[{"text":1}]}']) {
      content.set("starcast.history", damaged);
      assert.equal(kept.isOn, false);
      assert.deepEqual(kept.texts, []);
    }
  });

  test("tells where there is no room left", () => {
    kept.switch(true);
    const full = { ...storage, setItem: () => assert.fail("full") };
    assert.throws(() => new KeptTexts(full).keep({ text: "a fine film", stars: 8, at: 1 }));
  });
});
