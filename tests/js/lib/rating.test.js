import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fillTransform, isTooShort, totalVariation } from "../../../static/live/lib/rating.js";
import { PRIOR, prediction } from "../fakes.js";

/** @param {number} share */
const missingPercent = (share) => Number(/([\d.]+)%/.exec(fillTransform(share))?.[1]);

test("the height is the square root of the share", () => {
  assert.deepEqual([0.01, 0.04, 0.25, 0.36, 1].map(missingPercent), [90, 80, 50, 40, 0]);
});

test("a tiny probability is a sliver of two pixels, and zero is nothing", () => {
  assert.equal(fillTransform(0.000001), "translateY(min(99.90%, 100% - 2px))");
  assert.equal(fillTransform(0), "translateY(100%)");
});

describe("too short to tell", () => {
  test("the server's own mark is believed", () => {
    assert.equal(isTooShort(prediction(1, { is_prior: true }), PRIOR), true);
  });

  test("a word that tells something is enough", () => {
    assert.equal(isTooShort(prediction(1, { tokens: 1 }), PRIOR), false);
  });

  test("the state of a newer server decides", () => {
    for (const state of ["no_opinion", "unreadable"]) {
      assert.equal(isTooShort(prediction(1, { state }), PRIOR), true);
    }
    const near = { probabilities: PRIOR, state: "either_way" };
    assert.equal(isTooShort(prediction(1, near), PRIOR), false);
  });

  test("an answer next to the prior says nothing, however long the text", () => {
    const near = [0.22, 0.11, 0.1, 0.1, 0.1, 0.1, 0.09, 0.18];
    const far = [0.26, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.14];
    assert.equal(isTooShort(prediction(1, { probabilities: near }), PRIOR), true);
    assert.equal(isTooShort(prediction(1, { probabilities: far }), PRIOR), false);
  });

  test("a server that tells no prior is believed", () => {
    assert.equal(isTooShort(prediction(1, { probabilities: [...PRIOR] }), undefined), false);
  });

  test("total variation runs from nothing to one", () => {
    assert.equal(totalVariation([1, 0], [1, 0]), 0);
    assert.equal(totalVariation([1, 0], [0, 1]), 1);
  });
});
