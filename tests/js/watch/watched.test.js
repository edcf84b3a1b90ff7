import assert from "node:assert/strict";
import { test } from "node:test";
import { Watched } from "../../../static/live/watch/watched.js";
import { prediction } from "../fakes.js";

/** @import { RoomState } from "../../../static/live/client/protocol.js" */

const RATING = prediction(1);

/** @param {string} text @param {Partial<RoomState>} [fields] @returns {RoomState} */
const state = (text, fields) => ({
  type: "room.state",
  text,
  is_fresh: true,
  is_typist_here: true,
  rating: RATING,
  ...fields,
});

/** A watcher that notes what it dispatches. */
function watching() {
  const watched = new Watched();
  /** @type {string[]} */
  const events = [];
  watched.addEventListener("text", () => events.push("text"));
  watched.addEventListener("shown", ({ detail }) => events.push(`shown ${detail.text}`));
  return { watched, events };
}

test("each new text is told, and its rating once it has come", () => {
  const { watched, events } = watching();
  watched.take(state("A fine", { is_fresh: false, rating: undefined }));
  watched.take(state("A fine"));
  assert.deepEqual(events, ["text", "shown A fine"]);
  assert.equal(watched.text, "A fine");
  assert.equal(watched.rating, RATING);
});

test("who looks back is not called away, and sees the newest afterwards", () => {
  const { watched, events } = watching();
  watched.take(state("A"));
  const past = watched.rated({ ...RATING, expected_stars: 1 }, "A");
  watched.lookBack(past);
  watched.take(state("A fine film"));
  assert.deepEqual([watched.text, watched.rating], ["A", past]);
  assert.deepEqual(events, ["text", "shown A", "shown A fine film"]);
  watched.lookBack(null);
  assert.equal(watched.text, "A fine film");
});

test("a rating is an answer where it changes, of an older text too, but not while paused", () => {
  const { watched } = watching();
  let answers = 0;
  watched.addEventListener("answer", () => answers++);
  watched.take(state("A"));
  watched.take(state("A f", { is_fresh: false }));
  assert.equal(answers, 1);
  const late = prediction(2, { probabilities: [0, 0, 0, 0, 0.4, 0.3, 0.2, 0.1] });
  watched.take(state("A fi", { is_fresh: false, rating: late }));
  assert.equal(answers, 2);
  watched.togglePause();
  watched.take(state("A fine"));
  assert.equal(answers, 2);
});

test("the headline is told once it has settled, as on the live page", () => {
  const { watched } = watching();
  /** @type {string[]} */
  const heard = [];
  watched.addEventListener("headline", () => heard.push(watched.headline.state));
  watched.take(state("A fine film."));
  assert.deepEqual(heard, ["says"]);
});

test("a pause holds the text, and its end shows the newest", () => {
  const { watched, events } = watching();
  watched.take(state("A"));
  watched.togglePause();
  watched.take(state("A fine"));
  watched.take(state("A fine film"));
  assert.equal(watched.text, "A");
  watched.togglePause();
  assert.equal(watched.text, "A fine film");
  assert.deepEqual(events, ["text", "shown A", "text", "shown A fine film"]);
});
