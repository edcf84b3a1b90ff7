import assert from "node:assert/strict";
import { test } from "node:test";
import { fillTransform } from "../../../static/live/lib/scale.js";

const missingPercent = (share) => Number(/([\d.]+)%/.exec(fillTransform(share))?.[1]);

test("the height is the square root of the share", () => {
  assert.deepEqual([0.01, 0.04, 0.25, 0.36, 1].map(missingPercent), [90, 80, 50, 40, 0]);
});

test("what is next to nothing is a sliver of two pixels, and nothing is nothing", () => {
  assert.equal(fillTransform(0.000001), "translateY(min(99.90%, 100% - 2px))");
  assert.equal(fillTransform(0), "translateY(100%)");
});
