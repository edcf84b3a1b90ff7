import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { headlineOf, NOTHING } from "../../../static/live/lib/headline.js";
import { FILM, labelsOf } from "../../../static/live/lib/labels.js";
import { headlineWords, numberOf } from "../../../static/live/lib/strings.js";
import { axisOf, curve } from "../../../static/live/timeline/curve.js";
import { STATES } from "../fakes.js";

const KINDS = labelsOf({
  task: "nominal",
  classes: ["who", "where", "when"].map((name) => ({ name })),
});
const GRADES = labelsOf({
  task: "ordinal",
  classes: [1, 2.5, 5].map((value) => ({ name: `grade ${value}`, value })),
});

/** @param {number[]} probabilities @param {object} [more] */
const rated = (probabilities, more) => ({
  probabilities,
  label: "",
  tokens: 3,
  truncated: false,
  ...more,
});

/** @param {number[]} probabilities @param {ReturnType<typeof headlineOf>} [before] */
const headline = (probabilities, before = NOTHING) =>
  headlineOf(rated(probabilities), "Who was it?", { states: STATES, labels: KINDS }, before);

describe("labels", () => {
  test("are the film ratings where a server tells their stars, or nothing else", () => {
    assert.equal(labelsOf({ labels: [1, 2], classes: [{ name: "1" }, { name: "2" }] }), FILM);
    assert.equal(labelsOf({}), FILM);
    assert.equal(KINDS.isFilm, false);
  });

  test("have values only if each has one", () => {
    assert.deepEqual(GRADES.values, [1, 2.5, 5]);
    assert.equal(KINDS.values, null);
    assert.equal(labelsOf({ classes: [{ name: "a", value: 1 }, { name: "b" }] }).values, null);
  });
});

describe("the headline of labels without sides", () => {
  test("names the likeliest label, as surely as its share is", () => {
    const words = [
      [0.9, 0.06, 0.04],
      [0.65, 0.2, 0.15],
      [0.46, 0.44, 0.1],
    ].map((shares) => headlineWords(headline(shares)));
    assert.deepEqual(words, [
      ["Says who 90%", "where 6%"],
      ["Leans who 65%", "where 20%"],
      ["Could be who or where", "who 46%, where 44%"],
    ]);
  });

  test("is entered at one distance and left at half of it, unless another label leads", () => {
    const sure = headline([0.82, 0.1, 0.08]);
    assert.equal(sure.state, "says");
    assert.equal(headline([0.7, 0.15, 0.15], sure).state, "says");
    assert.equal(headline([0.15, 0.7, 0.15], sure).state, "leans");
  });

  test("takes no prior of another model", () => {
    const scale = { states: STATES, labels: KINDS, prior: [0.5, 0.5] };
    assert.equal(headlineOf(rated([0.9, 0.06, 0.04]), "Who?", scale).state, "says");
  });

  test("has a number and an interval where there are values", () => {
    const rating = rated([0.1, 0.8, 0.1], { expected_value: 2.6, interval: [2.5, 5] });
    const found = headlineOf(rating, "Fine", { states: STATES, labels: GRADES });
    assert.equal(numberOf(found), "2.6");
    assert.deepEqual(headlineWords(found), ["Says grade 2.5 80%", "80% likely 2.5 to 5"]);
    assert.equal(numberOf(headline([0.9, 0.06, 0.04])), "");
  });
});

describe("the curve of labels", () => {
  const moments = [
    [0.2, 0.8, 0],
    [0.6, 0.4, 0],
  ].map((probabilities) => ({
    ...rated(probabilities),
    isTooShort: false,
  }));

  test("is of the label that is likeliest now, on an axis of probability", () => {
    const axis = axisOf(KINDS, moments[1]);
    assert.deepEqual(axis.names, ["100%", "0%"]);
    assert.deepEqual(curve(moments, axis), {
      line: "M0.00,80.00L100.00,40.00",
      unsure: "",
      band: "",
    });
  });

  test("is of the expected value where there are values", () => {
    const axis = axisOf(GRADES, undefined);
    assert.deepEqual(axis.names, ["5", "1"]);
    /** @type {[number, number]} */
    const interval = [1, 5];
    const typed = [{ isTooShort: false, expected_value: 5, interval }];
    assert.equal(curve(typed, axis).line, "M0.00,0.00L100.00,0.00");
  });
});
