/** How high a bar stands, and when a rating is dimmed. Uses no DOM. */

import { browserTimers } from "../client/pacer.js";

/** Tops of the axis. The likeliest of eight ratings rarely gets more than 40 %. */
const HALF = 0.5;
const WHOLE = 1;
// Left at less than where it is entered, so that the axis does not flicker.
const BACK_TO_HALF = 0.4;
const DIM_AFTER_MS = 500;

/**
 * @param {readonly number[]} probabilities
 * @param {number} [before] The top shown until now.
 * @returns {number} The share at the top of the axis: half, or all where a rating has more than half.
 */
export function axisTop(probabilities, before = HALF) {
  const most = Math.max(...probabilities);
  return most > (before === WHOLE ? BACK_TO_HALF : HALF) ? WHOLE : HALF;
}

/**
 * @param {number} share Probability, 0 to 1.
 * @param {number} [top] The share at the top of the track.
 * @returns {string} CSS transform of a fill, linear in the share. Small probabilities stay visible as a sliver.
 */
export function fillTransform(share, top = WHOLE) {
  if (share <= 0) return "translateY(100%)";
  return `translateY(min(${(100 * (1 - share / top)).toFixed(2)}%, 100% - 2px))`;
}

/**
 * A rating that is not of the visible text is dimmed, but not at every key.
 * @param {{dataset: DOMStringMap}} panel Gets `data-old`, true or false, for its style sheet.
 * @returns {(isOld: boolean) => void} To be told whether the rating is of another text than the visible one.
 */
export function dimmer({ dataset }, timers = browserTimers) {
  /** @type {unknown} */
  let timer = null;
  return (isOld) => {
    if (isOld) {
      timer ??= timers.set(() => {
        dataset.old = "true";
      }, DIM_AFTER_MS);
    } else {
      timers.clear(timer);
      timer = null;
      dataset.old = "false";
    }
  };
}
