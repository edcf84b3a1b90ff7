/** The curve of the expected stars over the moments, as SVG paths of 100 by 100 units. Uses no DOM. */

/** @import { Moment } from "./recording.js" */

const LOWEST_STARS = 1;
const HIGHEST_STARS = 10;

/** @typedef {Pick<Moment, "expected_stars" | "interval" | "isTooShort">} Drawn */

/** @param {number} index @param {number} count @returns {number} Percent from the left; the last is at 100. */
export function placeOf(index, count) {
  return count === 1 ? 100 : (100 * index) / (count - 1);
}

/** @param {number} stars @returns {number} Percent from the top. */
export function heightOf(stars) {
  return (100 * (HIGHEST_STARS - stars)) / (HIGHEST_STARS - LOWEST_STARS);
}

/**
 * @param {readonly Drawn[]} moments Those without a verdict are left out.
 * @returns {{line: string, band: string}} The curve, and the area of the interval.
 */
export function curve(moments) {
  const points = moments
    .map((moment, i) => ({ moment, x: placeOf(i, moments.length) }))
    .filter(({ moment }) => !moment.isTooShort);
  /** @param {typeof points} some @param {(moment: Drawn) => number} starsOf */
  const path = (some, starsOf) =>
    some
      .map(({ moment, x }) => `${x.toFixed(2)},${heightOf(starsOf(moment)).toFixed(2)}`)
      .join("L");
  if (points.length === 0) return { line: "", band: "" };
  // A single rating is a level line at the right end, which is now.
  if (moments.length === 1) points.unshift({ moment: moments[0], x: 0 });
  const upper = path(points, ({ interval }) => interval[1]);
  const lower = path(points.toReversed(), ({ interval }) => interval[0]);
  return {
    line: `M${path(points, ({ expected_stars: stars }) => stars)}`,
    band: `M${upper}L${lower}Z`,
  };
}
