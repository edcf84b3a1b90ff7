/** What is on the screen: the newest answer, the last one before the bars were paused, or one looked back on. */

import { isTooShort } from "../lib/rating.js";

/**
 * @import { Prediction, Rating, ServerError } from "../client/protocol.js"
 * @import { RatingSocket } from "../client/socket.js"
 * @import { TypedEvents } from "../client/typed-events.js"
 */

/**
 * @typedef {Rating & {isTooShort: boolean, text: string}} RatedText A rating and the text that it is for.
 * @typedef {Prediction & RatedText} Shown
 *
 * @typedef {object} DisplayEvents
 * @property {Shown} shown
 * @property {ServerError | null} refused
 * @property {null} pause
 * @property {null} past
 */

const Events = /** @type {TypedEvents<DisplayEvents>} */ (EventTarget);

/**
 * Dispatches `shown`, with a `Shown`; `refused`, with the error that the newest text met or null once that is over;
 * `pause`; and `past` when one begins or ends to look back.
 */
export class Display extends Events {
  /** @type {Shown | null} */
  shown = null;
  /** @type {RatedText | null} An earlier one that is looked at for now. */
  past = null;
  isPaused = false;
  /** @type {ServerError | null} */
  refused = null;

  /** @type {Shown | null} */
  #held = null;
  /** @type {number[] | undefined} */
  #prior = undefined;
  /** @type {Map<number, string>} */
  #sent = new Map();

  /** @param {RatingSocket} socket */
  constructor(socket) {
    super();
    socket.addEventListener("session", ({ detail: { prior } }) => {
      this.#prior = prior;
      this.#sent.clear();
    });
    socket.addEventListener("sent", ({ detail: { seq, text } }) => this.#sent.set(seq, text));
    socket.addEventListener("prediction", ({ detail }) => this.#answered(detail.prediction));
    socket.addEventListener("refused", ({ detail: error }) => {
      // Then it was not the text that was refused, but its explanation.
      if (socket.isSettled) return;
      this.#forget(error.seq ?? 0);
      this.#setRefused(error);
    });
  }

  /** Holds the bars still, or lets them go on with the newest answer. */
  togglePause() {
    this.isPaused = !this.isPaused;
    if (!this.isPaused && this.#held !== null) this.#show(this.#held);
    this.#held = null;
    this.dispatchEvent(new CustomEvent("pause"));
  }

  /** @param {RatedText | null} moment What to show in place of the newest answer; null for that one again. */
  lookBack(moment) {
    if (moment === this.past) return;
    this.past = moment;
    this.dispatchEvent(new CustomEvent("past"));
  }

  /** @param {Prediction} prediction */
  #answered(prediction) {
    this.#setRefused(null);
    const text = this.#sent.get(prediction.seq) ?? "";
    this.#forget(prediction.seq);
    const shown = { ...prediction, isTooShort: isTooShort(prediction, this.#prior), text };
    if (this.isPaused) this.#held = shown;
    else this.#show(shown);
  }

  /** @param {Shown} shown */
  #show(shown) {
    this.shown = shown;
    document.documentElement.dataset.shownSeq = String(shown.seq);
    this.dispatchEvent(new CustomEvent("shown", { detail: shown }));
  }

  /** @param {ServerError | null} error */
  #setRefused(error) {
    if (error === this.refused) return;
    this.refused = error;
    this.dispatchEvent(new CustomEvent("refused", { detail: error }));
  }

  /** @param {number} seq Nothing before it is answered any more; it itself may be, once more, after a flush. */
  #forget(seq) {
    for (const sent of this.#sent.keys()) if (sent < seq) this.#sent.delete(sent);
  }
}
