/** Draws one prediction: the eight meters, the scale below, the headline, and the table. A button pauses them. */

import { LABELS } from "../client/protocol.js";
import { byId } from "../lib/dom.js";
import { formatNumber } from "../lib/i18n.js";
import { fillTransform } from "../lib/rating.js";
import {
  intervalText,
  meterWords,
  PAUSE_BARS,
  percentNumber,
  percentText,
  RESUME_BARS,
  verdict,
  withoutVerdict,
} from "../lib/strings.js";

/**
 * @import { Rating } from "../client/protocol.js"
 * @import { Page } from "./page.js"
 */

const NOTHING = "–";
const SCALE_STARS = 10;

/** Draws into the elements of `live/parts/rating.html`. */
export class RatingView {
  #panel = byId("rating");
  #expected = byId("expected");
  #verdict = byId("verdict");
  #interval = byId("interval");
  // The template has the words, which differ between typists and watchers.
  #invitation = [this.#verdict.textContent, this.#interval.textContent];
  #pin = byId("pin");
  #band = byId("band");
  #rows = LABELS.map(rowOf);

  /**
   * @param {Rating} rating
   * @param {boolean} isTooShort
   */
  show(rating, isTooShort) {
    this.#panel.dataset.tooShort = String(isTooShort);
    this.#panel.dataset.empty = String(rating.tokens === 0);
    this.#rows.forEach((row, i) => {
      showRow(row, rating.probabilities[i]);
    });
    if (rating.tokens === 0) this.#showNothing(this.#invitation);
    else if (isTooShort) this.#showNothing(withoutVerdict(rating));
    else this.#showHeadline(rating);
  }

  /** @param {string[]} words Shown instead of verdict and interval. */
  #showNothing([verdict, why]) {
    this.#expected.textContent = NOTHING;
    this.#verdict.textContent = verdict;
    this.#interval.textContent = why;
    delete this.#panel.dataset.side;
  }

  /** @param {Rating} rating */
  #showHeadline({ expected_stars: expected, positive, interval: [low, high] }) {
    const { isPositive, text } = verdict(positive);
    this.#panel.dataset.side = isPositive ? "positive" : "negative";
    this.#expected.textContent = formatNumber(expected, 1, 1);
    this.#verdict.textContent = text;
    this.#interval.textContent = intervalText([low, high]);
    this.#pin.style.left = placeOf(expected);
    this.#band.style.left = placeOf(low);
    this.#band.style.right = `calc(100% - ${placeOf(high)})`;
  }
}

/** @param {Page} page */
export function attachRating({ display }) {
  const view = new RatingView();
  /** @type {HTMLButtonElement} */
  const pause = byId("pause");
  const draw = () => {
    const onScreen = display.past ?? display.shown;
    if (onScreen !== null) view.show(onScreen, onScreen.isTooShort);
  };
  display.addEventListener("shown", draw);
  display.addEventListener("past", draw);
  display.addEventListener("pause", () => {
    pause.dataset.paused = String(display.isPaused);
    pause.textContent = display.isPaused ? RESUME_BARS : PAUSE_BARS;
  });
  pause.addEventListener("click", () => display.togglePause());
}

/** @param {number} stars */
function rowOf(stars) {
  const meter = find(document, `[role="meter"][data-stars="${stars}"]`);
  return {
    stars,
    meter,
    fill: find(meter, ".fill"),
    percent: find(meter, ".percent"),
    cell: find(document, `td[data-stars="${stars}"]`),
  };
}

/**
 * @param {ParentNode} parent
 * @param {string} selector Selector of an element in the template.
 * @returns {HTMLElement}
 */
const find = (parent, selector) => /** @type {any} */ (parent.querySelector(selector));

/**
 * @param {ReturnType<typeof rowOf>} row
 * @param {number} probability
 */
function showRow({ stars, meter, fill, percent, cell }, probability) {
  meter.dataset.probability = String(probability);
  meter.setAttribute("aria-valuenow", percentNumber(probability));
  meter.setAttribute("aria-valuetext", meterWords(stars, probability));
  fill.style.transform = fillTransform(probability);
  percent.textContent = percentText(probability);
  cell.textContent = `${formatNumber(100 * probability, 1, 1)}%`;
}

/** @param {number} stars @returns {string} Middle of its column, on a scale with columns for 5 and 6 too. */
function placeOf(stars) {
  return `${((stars - 0.5) / SCALE_STARS) * 100}%`;
}
