/** Draws one prediction: the eight meters, the scale beneath, the headline, and the table. */

import { LABELS } from "./protocol.js";
import {
  intervalText,
  meterWords,
  percentNumber,
  percentText,
  TOO_SHORT,
  TOO_SHORT_WHY,
  verdict,
} from "./words.js";

const NOTHING = "–";
const SCALE_STARS = 10;

export class RatingView {
  #panel;
  #expected;
  #verdict;
  #interval;
  #pin;
  #band;
  #rows;

  /** @param {Document} document With the elements of `live/page.html`. */
  constructor(document) {
    this.#panel = document.getElementById("rating");
    this.#expected = document.getElementById("expected");
    this.#verdict = document.getElementById("verdict");
    this.#interval = document.getElementById("interval");
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
   * @param {import("./protocol.js").Prediction} prediction
   * @param {boolean} isTooShort
   */
  show(prediction, isTooShort) {
    this.#panel.dataset.tooShort = String(isTooShort);
    this.#rows.forEach((row, i) => {
      showRow(row, prediction.probabilities[i]);
    });
    if (isTooShort) this.#showNothing();
    else this.#showHeadline(prediction);
  }

  #showNothing() {
    this.#expected.textContent = NOTHING;
    this.#verdict.textContent = TOO_SHORT;
    this.#interval.textContent = TOO_SHORT_WHY;
    delete this.#panel.dataset.side;
  }

  #showHeadline({ expected_stars: expected, positive, interval: [low, high] }) {
    const { isPositive, text } = verdict(positive);
    this.#panel.dataset.side = isPositive ? "positive" : "negative";
    this.#expected.textContent = expected.toFixed(1);
    this.#verdict.textContent = text;
    this.#interval.textContent = intervalText([low, high]);
    this.#pin.style.left = placeOf(expected);
    this.#band.style.left = placeOf(low);
    this.#band.style.right = `calc(100% - ${placeOf(high)})`;
  }
}

function showRow({ stars, meter, fill, percent, cell }, probability) {
  meter.dataset.probability = String(probability);
  meter.setAttribute("aria-valuenow", percentNumber(probability));
  meter.setAttribute("aria-valuetext", meterWords(stars, probability));
  fill.style.transform = `translateY(${100 * (1 - probability)}%)`;
  percent.textContent = percentText(probability);
  cell.textContent = `${percentNumber(probability)}%`;
}

/** The middle of a rating's column, on a scale that has columns for 5 and 6 as well. */
function placeOf(stars) {
  return `${((stars - 0.5) / SCALE_STARS) * 100}%`;
}
