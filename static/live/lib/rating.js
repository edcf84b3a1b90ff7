/** What the page works out of a prediction: whether it says anything yet, and how high the bars stand. Knows no DOM. */

/** @import { Rating } from "../client/protocol.js" */

// Total variation distance: at 0.05, one review in twenty would be rated otherwise than the average.
const MIN_DISTANCE_FROM_PRIOR = 0.05;
const TELLS_NOTHING = ["no_opinion", "unreadable"];

/**
 * Whether the answer is little more than what one would say without reading anything. How many words were read does
 * not count: "The" tells nothing, and "Terrible" does. The server says so by `state`; an older one leaves it to us.
 * @param {Rating} rating
 * @param {readonly number[] | undefined} prior
 * @returns {boolean}
 */
export function isTooShort(rating, prior) {
  if (rating.state !== undefined) return TELLS_NOTHING.includes(rating.state);
  if (rating.is_prior) return true;
  if (prior === undefined) return false;
  return totalVariation(rating.probabilities, prior) < MIN_DISTANCE_FROM_PRIOR;
}

/**
 * @param {readonly number[]} p
 * @param {readonly number[]} q
 * @returns {number} Between 0 (the same) and 1 (nothing shared).
 */
export function totalVariation(p, q) {
  return p.reduce((sum, value, i) => sum + Math.abs(value - q[i]), 0) / 2;
}

/**
 * The height is the square root of the share. Of eight ratings the likeliest rarely gets more than 40 %, so that on a
 * linear track all bars would lie in its lowest third and a change from 2 to 6 % could not be seen. One scale for
 * all: bars keep their order, never jump with their neighbours, and the number above each is the share itself.
 * @param {number} share 0 to 1.
 * @returns {string} The transform of a fill as high as its track. What is not nothing is seen as a sliver.
 */
export function fillTransform(share) {
  if (share <= 0) return "translateY(100%)";
  return `translateY(min(${(100 * (1 - Math.sqrt(share))).toFixed(2)}%, 100% - 2px))`;
}
