import assert from "node:assert/strict";
import { test } from "node:test";
import { curve, heightOf, placeOf } from "../../../static/live/timeline/curve.js";

/**
 * @param {number} stars
 * @param {[number, number]} interval
 * @param {boolean} isTooShort
 */
const moment = (stars, interval = [1, 10], isTooShort = false) => ({
  expected_stars: stars,
  interval,
  isTooShort,
});

test("ten stars are at the top and one is at the bottom", () => {
  assert.equal(heightOf(10), 0);
  assert.equal(heightOf(5.5), 50);
  assert.equal(heightOf(1), 100);
});

test("the line runs over the whole width, and the band around it and back", () => {
  const { line, band } = curve([moment(10, [7, 10]), moment(5.5), moment(1, [1, 4])]);
  assert.equal(line, "M0.00,0.00L50.00,50.00L100.00,100.00");
  assert.equal(band, "M0.00,0.00L50.00,0.00L100.00,66.67L100.00,100.00L50.00,100.00L0.00,33.33Z");
});

test("what was too short to tell has a place and no point", () => {
  assert.equal(curve([moment(5, [1, 10], true), moment(10)]).line, "M100.00,0.00L100.00,0.00");
});

test("over a moment without a number leads no line and no band, but an unsure line from one to the other", () => {
  const { line, unsure, band } = curve([
    moment(10),
    moment(10),
    moment(5.5, [1, 10], true),
    moment(1),
    moment(1),
  ]);
  assert.equal(line, "M0.00,0.00L25.00,0.00M75.00,100.00L100.00,100.00");
  assert.equal(unsure, "M25.00,0.00L50.00,50.00L75.00,100.00");
  assert.equal(band.match(/Z/g)?.length, 2);
});

test("moments without a number in turn with others have one unsure line", () => {
  const turns = [moment(10), moment(1, [1, 10], true), moment(10), moment(1, [1, 10], true)];
  assert.equal(curve(turns).unsure.match(/M/g)?.length, 1);
});

test("one moment is a level that ends at the right", () => {
  const { line, band } = curve([moment(10, [7, 10])]);
  assert.equal(line, "M0.00,0.00L100.00,0.00");
  assert.equal(band, "M0.00,0.00L100.00,0.00L100.00,33.33L0.00,33.33Z");
  assert.equal(placeOf(0, 1), 100);
  assert.equal(placeOf(1, 3), 50);
});

test("nothing is drawn of nothing", () => {
  assert.deepEqual(curve([]), { line: "", unsure: "", band: "" });
  assert.deepEqual(curve([moment(5, [1, 10], true)]), { line: "", unsure: "", band: "" });
});
