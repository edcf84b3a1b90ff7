/** What the page computes from a prediction: whether there is a verdict, and the height of the bars. Uses no DOM. */

/** @import { Rating } from "../client/protocol.js" */

// Total variation distance: 0.05 means that a twentieth of the probability differs from the prior.
const MIN_DISTANCE_FROM_PRIOR = 0.05;
const TELLS_NOTHING = ["no_opinion", "unreadable"];

/**
 * Whether the answer differs too little from the prior for a verdict. The number of words does not matter: "The" says
 * nothing, "Terrible" does. Newer servers send `state`; for older ones it is computed here.
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
 * @returns {number} From 0 (equal) to 1 (disjoint).
 */
export function totalVariation(p, q) {
  return p.reduce((sum, value, i) => sum + Math.abs(value - q[i]), 0) / 2;
}

/**
 * The height is the square root of the probability. The likeliest of eight ratings rarely gets more than 40 %, so on a
 * linear scale all bars would be low and a change from 2 to 6 % would be invisible. The scale is fixed: bars keep their
 * order, do not move with their neighbours, and the number above each is the probability itself.
 * @param {number} share Probability, 0 to 1.
 * @returns {string} CSS transform of a fill as high as its track. Small probabilities stay visible as a sliver.
 */
export function fillTransform(share) {
  if (share <= 0) return "translateY(100%)";
  return `translateY(min(${(100 * (1 - Math.sqrt(share))).toFixed(2)}%, 100% - 2px))`;
}
