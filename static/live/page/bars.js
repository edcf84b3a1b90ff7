/** Draws one prediction: the eight meters, the scale beneath, the headline, and the table. A button holds them still. */

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
  TOO_SHORT,
  TOO_SHORT_WHY,
  verdict,
} from "../lib/strings.js";

const NOTHING = "–";
const SCALE_STARS = 10;

export class RatingView {
  #panel;
  #expected;
  #verdict;
  #interval;
  #invitation;
  #pin;
  #band;
  #rows;

  /** @param {Document} document With the elements of `live/page.html`. */
  constructor(document) {
    this.#panel = document.getElementById("rating");
    this.#expected = document.getElementById("expected");
    this.#verdict = document.getElementById("verdict");
    this.#interval = document.getElementById("interval");
    // Who writes and who watches are invited by other words, and the template has them.
    this.#invitation = [this.#verdict.textContent, this.#interval.textContent];
    this.#pin = document.getElementById("pin");
    this.#band = document.getElementById("band");
    this.#rows = LABELS.map((stars) => {
      const meter = document.querySelector(`[role="meter"][data-stars="${stars}"]`);
      return {
        stars,
        meter,
        fill: meter.querySelector(".fill"),
        percent: meter.querySelector(".percent"),
        cell: document.querySelector(`td[data-stars="${stars}"]`),
      };
    });
  }

  /**
   * @param {import("../client/protocol.js").Prediction} prediction
   * @param {boolean} isTooShort
   */
  show(prediction, isTooShort) {
    this.#panel.dataset.tooShort = String(isTooShort);
    this.#panel.dataset.empty = String(prediction.tokens === 0);
    this.#rows.forEach((row, i) => {
      showRow(row, prediction.probabilities[i]);
    });
    if (prediction.tokens === 0) this.#showNothing(this.#invitation);
    else if (isTooShort) this.#showNothing([TOO_SHORT, TOO_SHORT_WHY]);
    else this.#showHeadline(prediction);
  }

  /** @param {string[]} words In place of the verdict, and of the interval. */
  #showNothing([verdict, why]) {
    this.#expected.textContent = NOTHING;
    this.#verdict.textContent = verdict;
    this.#interval.textContent = why;
    delete this.#panel.dataset.side;
  }

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

/** @param {import("./page.js").Page} page */
export function attachRating({ display }) {
  const view = new RatingView(document);
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

function showRow({ stars, meter, fill, percent, cell }, probability) {
  meter.dataset.probability = String(probability);
  meter.setAttribute("aria-valuenow", percentNumber(probability));
  meter.setAttribute("aria-valuetext", meterWords(stars, probability));
  fill.style.transform = fillTransform(probability);
  percent.textContent = percentText(probability);
  cell.textContent = `${formatNumber(100 * probability, 1, 1)}%`;
}

/** The middle of a rating's column, on a scale that has columns for 5 and 6 as well. */
function placeOf(stars) {
  return `${((stars - 0.5) / SCALE_STARS) * 100}%`;
}
