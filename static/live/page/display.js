/** The shown answer: the newest, the last one before a pause, or an earlier one chosen in the timeline. */

import { NOTHING, Settling } from "../lib/headline.js";
import { areSame, FILM, labelsOf } from "../lib/labels.js";

/**
 * @import { Prediction, Rating, ServerError } from "../client/protocol.js"
 * @import { RatingSocket } from "../client/socket.js"
 * @import { Headline } from "../lib/headline.js"
 * @import { Labels } from "../lib/labels.js"
 * @import { TypedEvents } from "../client/typed-events.js"
 */

/**
 * @typedef {Rating & {isTooShort: boolean, text: string}} RatedText A rating and its text; `isTooShort`: it has no number.
 * @typedef {Prediction & RatedText} Shown
 *
 * @typedef {object} DisplayEvents
 * @property {null} labels
 * @property {Shown} shown
 * @property {Headline} headline
 * @property {ServerError | null} refused
 * @property {null} pause
 * @property {null} past
 */

const Events = /** @type {TypedEvents<DisplayEvents>} */ (EventTarget);

/**
 * Dispatches `labels` when the model has others than those of the bars so far; `shown` with a `Shown`; `headline` with the headline once it has settled; `refused` with the error of the newest text, or null once it is resolved; `pause`;
 * and `past` when the timeline starts or stops showing an earlier moment.
 */
export class Display extends Events {
  /** @type {Labels} */
  labels = FILM;
  /** @type {Shown | null} */
  shown = null;
  /** @type {RatedText | null} The earlier moment that is shown, if any. */
  past = null;
  isPaused = false;
  /** @type {ServerError | null} */
  refused = null;

  /** @type {Shown | null} */
  #held = null;
  #settling = new Settling((headline) => {
    this.dispatchEvent(new CustomEvent("headline", { detail: headline }));
  });
  /** @type {Map<number, string>} */
  #sent = new Map();

  /** @param {RatingSocket} socket */
  constructor(socket) {
    super();
    socket.addEventListener("model", ({ detail }) => {
      const { prior, states } = detail;
      const labels = labelsOf(detail);
      const isOther = !areSame(labels, this.labels);
      if (isOther) this.labels = labels;
      this.#settling.scale = { prior, states, labels: this.labels };
      if (isOther) this.#begin();
    });
    socket.addEventListener("session", () => this.#sent.clear());
    socket.addEventListener("sent", ({ detail: { seq, text } }) => this.#sent.set(seq, text));
    socket.addEventListener("prediction", ({ detail }) => this.#answered(detail.prediction));
    socket.addEventListener("refused", ({ detail: error }) => {
      // Not the text was refused, but its explanation.
      if (socket.isSettled) return;
      this.#forget(error.seq ?? 0);
      this.#setRefused(error);
    });
  }

  /** Pauses the bars, or resumes with the newest answer. */
  togglePause() {
    this.isPaused = !this.isPaused;
    if (!this.isPaused && this.#held !== null) this.#show(this.#held);
    this.#held = null;
    this.dispatchEvent(new CustomEvent("pause"));
  }

  /** @param {RatedText | null} moment The moment to show instead of the newest answer; null for the newest. */
  lookBack(moment) {
    if (moment === this.past) return;
    this.past = moment;
    this.dispatchEvent(new CustomEvent("past"));
  }

  /**
   * @template {Rating} Rated
   * @param {Rated} rating
   * @param {string} text
   * @returns {Rated & RatedText}
   */
  rated(rating, text) {
    return this.#settling.rated(rating, text);
  }

  /** @returns {Headline} The newest that has settled. */
  get headline() {
    return this.#settling.headline;
  }

  /** @param {RatedText} moment @returns {Headline} The headline of this moment alone. */
  headlineAt(moment) {
    return this.#settling.headlineAt(moment);
  }

  /** Forgets what the model before has said. */
  #begin() {
    this.shown = this.past = this.#held = null;
    this.#settling.clear();
    this.dispatchEvent(new CustomEvent("labels"));
    this.dispatchEvent(new CustomEvent("headline", { detail: NOTHING }));
  }

  /** @param {Prediction} prediction */
  #answered(prediction) {
    this.#setRefused(null);
    const text = this.#sent.get(prediction.seq) ?? "";
    this.#forget(prediction.seq);
    const shown = this.rated(prediction, text);
    if (this.isPaused) this.#held = shown;
    else this.#show(shown);
  }

  /** @param {Shown} shown */
  #show(shown) {
    this.shown = shown;
    document.documentElement.dataset.shownSeq = String(shown.seq);
    this.#settling.take(shown, shown.text);
    this.dispatchEvent(new CustomEvent("shown", { detail: shown }));
  }

  /** @param {ServerError | null} error */
  #setRefused(error) {
    if (error === this.refused) return;
    this.refused = error;
    this.dispatchEvent(new CustomEvent("refused", { detail: error }));
  }

  /** @param {number} seq Texts before it get no more answers. It may get another one after a flush. */
  #forget(seq) {
    for (const sent of this.#sent.keys()) if (sent < seq) this.#sent.delete(sent);
  }
}
