/**
 * Draws ratings: the meters, the headline, of films with ten stars, and the table. A button pauses them. The template has
 * the meters of film ratings; `label-bars.js`, which makes those of other labels, is loaded where a model has such.
 */

import { LABELS } from "../client/protocol.js";
import { byId, say } from "../lib/dom.js";
import { hasNumber } from "../lib/headline.js";
import { formatNumber } from "../lib/i18n.js";
import { FILM } from "../lib/labels.js";
import { axisTop, fillTransform } from "../lib/rating.js";
import {
  headlineWords,
  LABEL,
  meterWords,
  numberOf,
  PAUSE_BARS,
  percentNumber,
  percentText,
  RESUME_BARS,
  STARS,
} from "../lib/strings.js";

/**
 * @import { Rating } from "../client/protocol.js"
 * @import { Headline } from "../lib/headline.js"
 * @import { Labels } from "../lib/labels.js"
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
  #films = LABELS.map(rowOf);
  /** @type {((probabilities: readonly number[]) => void) | null} Shows those of other labels than the film ratings. */
  #showOthers = null;
  /** @type {readonly number[]} */
  #shown = [];
  #labels = FILM;
  #top = 0;

  /** @param {Labels} labels Draws the bars of these from now on. */
  set labels(labels) {
    if (labels === this.#labels) return;
    this.#labels = labels;
    const { isFilm, values } = labels;
    this.#panel.dataset.labels = isFilm ? "film" : values === null ? "names" : "values";
    for (const id of ["film-chart", "gap-why"]) byId(id).hidden = !isFilm;
    byId("label-chart").hidden = isFilm;
    byId("label-numbers").hidden = isFilm;
    byId("film-numbers").hidden = !isFilm;
    say("numbers-of", isFilm ? STARS : LABEL);
    this.#showOthers = null;
    if (!isFilm) this.#drawOthers();
  }

  async #drawOthers() {
    const labels = this.#labels;
    // If it cannot be loaded, the next rating tries again.
    const module = await import("./label-bars.js").catch(() => null);
    // The model may have changed again.
    if (module === null || this.#showOthers !== null || labels !== this.#labels) return;
    this.#showOthers = module.drawLabelRows(labels);
    if (this.#shown.length === labels.names.length) this.#showOthers(this.#shown);
  }

  /** @param {Rating} rating */
  showBars({ probabilities }) {
    if (probabilities.length !== this.#labels.names.length) return;
    this.#shown = probabilities;
    if (!this.#labels.isFilm) {
      if (this.#showOthers === null) this.#drawOthers();
      else this.#showOthers(probabilities);
      return;
    }
    this.#scaleTo(axisTop(probabilities, this.#top));
    this.#films.forEach((row, i) => {
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
    this.#expected.textContent = numberOf(headline) || NOTHING;
    if (this.#labels.isFilm) this.#fillStars(told);
  }

  /** @param {Rating | null} rating The edge of the filled part is as soft as its interval is wide. */
  #fillStars(rating) {
    const { interval = [0, 0], expected_stars: expected = 0 } = rating ?? {};
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
  display.addEventListener("labels", () => {
    view.labels = display.labels;
  });
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
    // Whoever pauses once needs a way back in sight, also where "More" is closed.
    byId("freshness").after(pause);
    pause.focus();
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
