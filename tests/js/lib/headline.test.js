import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { beforeEach, describe, test } from "node:test";
import {
  hasNumber,
  headlineOf,
  information,
  NOTHING,
  PAUSE_MS,
  Settling,
} from "../../../static/live/lib/headline.js";
import { FakeTimers, PRIOR, prediction, STATES } from "../fakes.js";

/** @import { Rating } from "../../../static/live/client/protocol.js" */
/** @import { Headline, Scale } from "../../../static/live/lib/headline.js" */

const SCALE = { prior: PRIOR, states: STATES };
/** A rating far from the prior. @param {number} positive @param {Partial<Rating>} [changes] */
const rated = (positive, changes) => prediction(1, { positive, ...changes });
/** @param {number} positive @param {Headline} [before] */
const of = (positive, before) => {
  const { state, side } = headlineOf(rated(positive), "text", SCALE, before);
  return [state, side];
};
/** @param {Headline} headline */
const shown = ({ state, side }) => `${state} ${side}`;

/** @type {{scale: Scale, keys: (Rating & {text: string})[]}} The shipped model's answers to each key. */
const RECORDED = JSON.parse(
  readFileSync(new URL("masterpiece-of-boredom.json", import.meta.url), "utf-8"),
);

describe("the state of one rating", () => {
  test("grows with the likelier side", () => {
    assert.deepEqual(of(0.5), ["either_way", null]);
    assert.deepEqual(of(0.59), ["either_way", null]);
    assert.deepEqual(of(0.7), ["leans", "positive"]);
    assert.deepEqual(of(0.2), ["says", "negative"]);
    assert.deepEqual(of(0.9), ["says", "positive"]);
  });

  test("no text is nothing, and one that the model drops has no opinion", () => {
    const empty = rated(0.5, { tokens: 0, is_prior: true });
    assert.equal(headlineOf(empty, " \n").state, "nothing");
    assert.equal(headlineOf(empty, "\u200b☃").state, "no_opinion");
  });

  test("what cannot be read comes before all else", () => {
    assert.equal(headlineOf(rated(0.99, { legible: 0.4 }), "text", SCALE).state, "unreadable");
  });

  test("what is not clearly legible has no opinion, where the server says what is", () => {
    const unclear = rated(0.99, { legible: 0.9 });
    assert.equal(headlineOf(unclear, "text", SCALE).state, "no_opinion");
    const before = headlineOf(rated(0.99), "text", SCALE);
    assert.equal(headlineOf(unclear, "text", SCALE, before).state, "no_opinion");
    const states = { ...STATES, clearly_legible: undefined };
    assert.equal(headlineOf(unclear, "text", { ...SCALE, states }).state, "says");
  });

  test("an answer next to the prior has no opinion, where the prior is known", () => {
    const near = rated(0.9, { probabilities: [...PRIOR] });
    assert.equal(headlineOf(near, "text", SCALE).state, "no_opinion");
    assert.equal(headlineOf(near, "text", { states: STATES }).state, "says");
  });

  test("without thresholds it is the server's own state", () => {
    const { state, side } = headlineOf(rated(0.3, { state: "leans" }), "text");
    assert.deepEqual([state, side], ["leans", "negative"]);
    assert.equal(headlineOf(rated(0.5, { state: "either_way" }), "text").side, null);
    assert.equal(headlineOf(rated(0.7), "text").state, "says");
  });

  test("thresholds of the server count", () => {
    const states = { ...STATES, either_way: 0.95, says: 0.99 };
    assert.equal(headlineOf(rated(0.9), "text", { ...SCALE, states }).state, "either_way");
  });

  test("information is zero for the prior and grows with the distance", () => {
    assert.equal(information(PRIOR, PRIOR), 0);
    assert.equal(information([1, 0], [0.5, 0.5]), Math.log(2));
  });

  test("it is the server's state at each key of a recording", () => {
    for (const key of RECORDED.keys) {
      const rating = { ...prediction(1), ...key };
      assert.equal(headlineOf(rating, key.text, RECORDED.scale).state, key.state, key.text);
    }
  });
});

describe("a state is left at half the distance at which it is entered", () => {
  test("a side stays until its lead is half as large", () => {
    const positive = headlineOf(rated(0.61), "text", SCALE);
    assert.deepEqual(of(0.56, positive), ["leans", "positive"]);
    assert.deepEqual(of(0.55, positive), ["either_way", null]);
  });

  test("the other side must be entered in full", () => {
    const positive = headlineOf(rated(0.61), "text", SCALE);
    assert.deepEqual(of(0.41, positive), ["either_way", null]);
    assert.deepEqual(of(0.39, positive), ["leans", "negative"]);
  });

  test("a sure side stays sure for a while", () => {
    const sure = headlineOf(rated(0.81), "text", SCALE);
    assert.deepEqual(of(0.66, sure), ["says", "positive"]);
    assert.deepEqual(of(0.64, sure), ["leans", "positive"]);
  });

  test("a number stays until half the information is gone", () => {
    // 0.1 nats from the prior, between the two limits.
    const probabilities = [0.07, 0.05, 0.07, 0.09, 0.14, 0.15, 0.16, 0.27];
    const told = information(probabilities, PRIOR);
    assert.ok(told > 0.075 && told < 0.15, String(told));
    const near = rated(0.66, { probabilities });
    assert.equal(headlineOf(near, "text", SCALE).state, "no_opinion");
    assert.equal(
      headlineOf(near, "text", SCALE, headlineOf(rated(0.7), "text", SCALE)).state,
      "leans",
    );
  });

  test("unreadable is left only once three quarters can be read", () => {
    const unreadable = headlineOf(rated(0.9, { legible: 0.4 }), "text", SCALE);
    const half = rated(0.9, { legible: 0.6 });
    assert.equal(headlineOf(half, "text", SCALE).state, "no_opinion");
    assert.equal(headlineOf(half, "text", SCALE, unreadable).state, "unreadable");
    const most = rated(0.9, { legible: 0.8 });
    assert.equal(headlineOf(most, "text", SCALE, unreadable).state, "no_opinion");
  });
});

describe("settling", () => {
  /** @type {FakeTimers} */
  let timers;
  /** @type {string[]} */
  let heard;
  /** @type {Settling} */
  let settling;

  beforeEach(() => {
    timers = new FakeTimers();
    heard = [];
    settling = new Settling((headline) => heard.push(shown(headline)), timers);
    settling.scale = SCALE;
  });

  test("the end of a word settles at once", () => {
    for (const text of ["fine ", "fine.", "fine)", ""]) settling.take(rated(0.9), text);
    assert.equal(heard.length, 4);
  });

  test("within a word it settles after a pause", () => {
    settling.take(rated(0.1), "terr");
    timers.advance(PAUSE_MS - 1);
    settling.take(rated(0.9), "terrif");
    timers.advance(PAUSE_MS - 1);
    assert.deepEqual(heard, []);
    timers.advance(1);
    assert.deepEqual(heard, ["says positive"]);
  });

  test("letters of any script, and apostrophes, are within a word", () => {
    for (const text of ["кин", "映画", "don’", "10"]) settling.take(rated(0.9), text);
    assert.deepEqual(heard, []);
  });

  test("what another text said does not count for one that replaces it", () => {
    settling.take(rated(0.1), "A pan.");
    settling.take(rated(0.3), "A pan, or not.");
    settling.take(rated(0.3), "Something else.");
    assert.deepEqual(heard, ["says negative", "says negative", "leans negative"]);
  });

  test("what is cleared does not settle any more", () => {
    settling.take(rated(0.9), "terrif");
    settling.clear();
    timers.advance(PAUSE_MS);
    assert.deepEqual(heard, []);
    assert.equal(settling.headline, NOTHING);
  });

  test("of a sentence that turns, the headline comes once, and goes in the pause at the end", () => {
    settling.scale = RECORDED.scale;
    const headlines = RECORDED.keys.map((key) => {
      settling.take({ ...prediction(1), ...key }, key.text);
      timers.advance(150);
      return settling.headline;
    });
    timers.advance(PAUSE_MS);
    const numbers = headlines.map(hasNumber);
    assert.equal(numbers.filter((is, i) => is && !numbers[i - 1]).length, 1);
    assert.equal(numbers.filter((is, i) => !is && numbers[i - 1]).length, 0);
    assert.equal(settling.headline.state, "no_opinion");
  });
});
