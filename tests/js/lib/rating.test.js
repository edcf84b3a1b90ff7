import assert from "node:assert/strict";
import { test } from "node:test";
import { axisTop, dimmer, fillTransform } from "../../../static/live/lib/rating.js";
import { FakeTimers } from "../fakes.js";

/** @param {number} share @param {number} [top] */
const missingPercent = (share, top) => Number(/([\d.]+)%/.exec(fillTransform(share, top))?.[1]);

test("a bar is as high as its share of the axis", () => {
  assert.deepEqual(
    [0.01, 0.25, 1].map((share) => missingPercent(share)),
    [99, 75, 0],
  );
  assert.deepEqual(
    [0.01, 0.25, 0.5].map((share) => missingPercent(share, 0.5)),
    [98, 50, 0],
  );
});

test("a tiny probability is a sliver of two pixels, and zero is nothing", () => {
  assert.equal(fillTransform(0.000001), "translateY(min(100.00%, 100% - 2px))");
  assert.equal(fillTransform(0), "translateY(100%)");
});

test("the axis ends at half, or at the whole while a rating has more than half", () => {
  assert.equal(axisTop([0.5, 0.3, 0.2]), 0.5);
  assert.equal(axisTop([0.51, 0.49]), 1);
  assert.equal(axisTop([0.45, 0.3, 0.25], 1), 1);
  assert.equal(axisTop([0.4, 0.3, 0.3], 1), 0.5);
});

test("a rating of another text is dimmed once it has been so for a while, and lit by its own at once", () => {
  const timers = new FakeTimers();
  /** @type {{dataset: DOMStringMap}} */
  const panel = { dataset: {} };
  const dim = dimmer(panel, timers);
  dim(true);
  timers.advance(499);
  dim(true);
  assert.notEqual(panel.dataset.old, "true");
  timers.advance(1);
  assert.equal(panel.dataset.old, "true");
  dim(false);
  assert.equal(panel.dataset.old, "false");
  dim(true);
  timers.advance(499);
  dim(false);
  timers.advance(1_000);
  assert.equal(panel.dataset.old, "false");
});
