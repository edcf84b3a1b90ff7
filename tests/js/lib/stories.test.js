import assert from "node:assert/strict";
import { test } from "node:test";
import { isSameStory } from "../../../static/live/lib/stories.js";

test("most of the shorter text must be there in the longer", () => {
  assert.equal(isSameStory("ab", "ab and much more"), true);
  assert.equal(isSameStory("much more and ab", "ab"), true);
  assert.equal(isSameStory("abcd", "ab--"), true);
  assert.equal(isSameStory("abcd", "a---"), false);
  assert.equal(isSameStory("aaaa", "aa"), true);
  assert.equal(isSameStory("", "a"), true);
});
