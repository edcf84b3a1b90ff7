/** The curve of the expected value over the moments, as SVG paths of 100 by 100 units. Uses no DOM. */

import { mostProbable } from "../lib/labels.js";
import { percentText } from "../lib/strings.js";

/**
 * @import { Labels } from "../lib/labels.js"
 * @import { Moment } from "./recording.js"
 */

const LOWEST_STARS = 1;
const HIGHEST_STARS = 10;

/** @typedef {Pick<Moment, "expected_stars" | "expected_value" | "interval" | "isTooShort"> & Partial<Moment>} Drawn */

/**
 * @typedef {object} Axis What is drawn of a moment, and the ends of its axis.
 * @property {number} low
 * @property {number} high
 * @property {(moment: Drawn) => number} drawnOf
 * @property {string[]} names What stands at the upper and the lower end.
 */

/** @type {Axis} */
const STARS_AXIS = {
  low: LOWEST_STARS,
  high: HIGHEST_STARS,
  drawnOf: ({ expected_stars: stars }) => stars ?? 0,
  names: [String(HIGHEST_STARS), String(LOWEST_STARS)],
};

/**
 * @param {Labels} labels
 * @param {Drawn | undefined} newest
 * @returns {Axis} Of labels without values, the probability of the newest moment's likeliest label is drawn.
 */
export function axisOf({ isFilm, values }, newest) {
  if (isFilm) return STARS_AXIS;
  if (values !== null) {
    const [low, high] = [values[0], values[values.length - 1]];
    return {
      low,
      high,
      drawnOf: (moment) => moment.expected_value ?? low,
      names: [`${high}`, `${low}`],
    };
  }
  const label = mostProbable(newest?.probabilities ?? []);
  return {
    low: 0,
    high: 1,
    drawnOf: ({ probabilities }) => probabilities?.[label] ?? 0,
    names: [percentText(1), percentText(0)],
  };
}

/** @param {number} index @param {number} count @returns {number} Percent from the left; the last is at 100. */
export function placeOf(index, count) {
  return count === 1 ? 100 : (100 * index) / (count - 1);
}

/** @param {number} value @param {Axis} [axis] @returns {number} Percent from the top. */
export function heightOf(value, { low, high } = STARS_AXIS) {
  return (100 * (high - value)) / (high - low);
}

/**
 * @param {readonly Drawn[]} moments
 * @param {Axis} [axis]
 * @returns {{line: string, band: string}} The curve, with gaps where moments have no number, and the area of the interval,
 *   empty without one.
 */
export function curve(moments, axis = STARS_AXIS) {
  const runs = runsOf(moments);
  // A single rating is a level line at the right end, which is now.
  if (moments.length === 1) runs[0]?.unshift({ moment: moments[0], x: 0 });
  /** @param {Point[]} points @param {(moment: Drawn) => number} drawnOf */
  const path = (points, drawnOf) =>
    points
      .map(({ moment, x }) => `${x.toFixed(2)},${heightOf(drawnOf(moment), axis).toFixed(2)}`)
      .join("L");
  // A single point is a line to itself, of which the round ends are seen.
  const line = runs.map(
    (points) => `M${path(points.length > 1 ? points : [...points, ...points], axis.drawnOf)}`,
  );
  if (moments.some(({ interval }) => interval === undefined))
    return { line: line.join(""), band: "" };
  const band = runs.map((points) => {
    const upper = path(points, ({ interval }) => interval?.[1] ?? 0);
    const lower = path(points.toReversed(), ({ interval }) => interval?.[0] ?? 0);
    return `M${upper}L${lower}Z`;
  });
  return { line: line.join(""), band: band.join("") };
}

/** @typedef {{moment: Drawn, x: number}} Point */

/** @param {readonly Drawn[]} moments @returns {Point[][]} Those with a number, as long as they follow each other. */
function runsOf(moments) {
  /** @type {Point[][]} */
  const runs = [];
  let isNew = true;
  for (const [i, moment] of moments.entries()) {
    if (!moment.isTooShort) {
      if (isNew) runs.push([]);
      runs[runs.length - 1].push({ moment, x: placeOf(i, moments.length) });
    }
    isNew = moment.isTooShort;
  }
  return runs;
}
