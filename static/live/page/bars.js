/** Draws ratings: the eight meters, the headline with its ten stars, and the table. A button pauses them. */

import { LABELS } from "../client/protocol.js";
import { byId } from "../lib/dom.js";
import { hasNumber } from "../lib/headline.js";
import { formatNumber } from "../lib/i18n.js";
import { axisTop, fillTransform } from "../lib/rating.js";
import {
  headlineWords,
  meterWords,
  PAUSE_BARS,
  percentNumber,
  percentText,
  RESUME_BARS,
} from "../lib/strings.js";

/**
 * @import { Rating } from "../client/protocol.js"
 * @import { Headline } from "../lib/headline.js"
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
  #fade = ["fade-from", "fade-middle", "fade-to"].map((id) => byId(id));
  #rows = LABELS.map(rowOf);
  #top = 0;

  /** @param {Rating} rating */
  showBars({ probabilities }) {
    this.#scaleTo(axisTop(probabilities, this.#top));
    this.#rows.forEach((row, i) => {
      showRow(row, probabilities[i], this.#top);
    });
  }

  /** @param {Headline} headline */
  showHeadline(headline) {
    const { state, side, rating } = headline;
    this.#panel.dataset.state = state;
    if (side === null) delete this.#panel.dataset.side;
    else this.#panel.dataset.side = side;
    const words = state === "nothing" ? this.#invitation : headlineWords(headline);
    [this.#verdict.textContent, this.#interval.textContent] = words;
    const told = hasNumber(headline) ? rating : null;
    this.#expected.textContent = told ? formatNumber(told.expected_stars, 1, 1) : NOTHING;
    this.#fillStars(told);
  }

  /** @param {Rating | null} rating The edge of the filled part is as soft as its interval is wide. */
  #fillStars(rating) {
    const { interval, expected_stars: expected } = rating ?? {
      interval: [0, 0],
      expected_stars: 0,
    };
    const ends = [Math.min(interval[0], expected), expected, Math.max(interval[1], expected)];
    for (const [i, stars] of ends.entries()) {
      this.#fade[i].setAttribute("offset", String(stars / SCALE_STARS));
    }
  }

  /** @param {number} top Share at the top of the axis. */
  #scaleTo(top) {
    if (top === this.#top) return;
    this.#top = top;
    byId("axis-top").textContent = percentText(top);
    byId("axis-middle").textContent = percentText(top / 2);
  }
}

/** @param {Page} page @returns {RatingView} */
export function attachRating({ display }) {
  const view = new RatingView();
  /** @type {HTMLButtonElement} */
  const pause = byId("pause");
  display.addEventListener("shown", ({ detail }) => {
    if (display.past === null) view.showBars(detail);
  });
  display.addEventListener("headline", ({ detail }) => {
    if (display.past === null) view.showHeadline(detail);
  });
  display.addEventListener("past", () => {
    const { past, shown } = display;
    const onScreen = past ?? shown;
    if (onScreen !== null) view.showBars(onScreen);
    view.showHeadline(past === null ? display.headline : display.headlineAt(past));
  });
  display.addEventListener("pause", () => {
    pause.dataset.paused = String(display.isPaused);
    pause.textContent = display.isPaused ? RESUME_BARS : PAUSE_BARS;
  });
  pause.addEventListener("click", () => display.togglePause());
  return view;
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
 * @param {number} top
 */
function showRow({ stars, meter, fill, percent, cell }, probability, top) {
  meter.dataset.probability = String(probability);
  meter.setAttribute("aria-valuenow", percentNumber(probability));
  meter.setAttribute("aria-valuetext", meterWords(stars, probability));
  fill.style.transform = fillTransform(probability, top);
  percent.textContent = percentText(probability);
  cell.textContent = `${formatNumber(100 * probability, 1, 1)}%`;
}
