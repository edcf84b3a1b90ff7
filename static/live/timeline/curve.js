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
 * @returns {{line: string, unsure: string, band: string}} The curve of the moments with a number, what leads over those
 *   without one, and the area of the interval. All are empty without a number, and the area without intervals.
 */
export function curve(moments, axis = STARS_AXIS) {
  const points = moments.map((moment, i) => ({ moment, x: placeOf(i, moments.length) }));
  // A single rating is a level line at the right end, which is now.
  if (points.length === 1) points.unshift({ ...points[0], x: 0 });
  /** @param {Point[]} some @param {(moment: Drawn) => number} drawnOf */
  const path = (some, drawnOf) =>
    some
      .map(({ moment, x }) => `${x.toFixed(2)},${heightOf(drawnOf(moment), axis).toFixed(2)}`)
      .join("L");
  const sure = runsOf(points, ({ moment }) => !moment.isTooShort);
  if (sure.length === 0) return { line: "", unsure: "", band: "" };
  // A single point is a line to itself, of which the round ends are seen.
  const line = sure.map((run) => `M${path(run.length > 1 ? run : [...run, ...run], axis.drawnOf)}`);
  // From the last point of the curve to its next one.
  const unsure = runsOf(points, ({ moment }, i) =>
    [points[i - 1], { moment }, points[i + 1]].some((point) => point?.moment.isTooShort),
  ).map((run) => `M${path(run, axis.drawnOf)}`);
  if (moments.some(({ interval }) => interval === undefined))
    return { line: line.join(""), unsure: unsure.join(""), band: "" };
  const band = sure.map((run) => {
    const upper = path(run, ({ interval }) => interval?.[1] ?? 0);
    const lower = path(run.toReversed(), ({ interval }) => interval?.[0] ?? 0);
    return `M${upper}L${lower}Z`;
  });
  return { line: line.join(""), unsure: unsure.join(""), band: band.join("") };
}

/** @typedef {{moment: Drawn, x: number}} Point */

/**
 * @param {readonly Point[]} points
 * @param {(point: Point, index: number) => boolean} isWanted
 * @returns {Point[][]} Those that are wanted, as long as they follow each other.
 */
function runsOf(points, isWanted) {
  /** @type {Point[][]} */
  const runs = [];
  let isNew = true;
  for (const [i, point] of points.entries()) {
    const wanted = isWanted(point, i);
    if (wanted && isNew) runs.push([]);
    if (wanted) runs[runs.length - 1].push(point);
    isNew = !wanted;
  }
  return runs;
}
