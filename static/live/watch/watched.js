/** What a watcher sees: the newest state of the room, the last one before a pause, or an earlier one of the timeline. */

import { Settling } from "../lib/headline.js";
import { areSame, FILM, labelsOf } from "../lib/labels.js";

/**
 * @import { Rating, RoomState } from "../client/protocol.js"
 * @import { TypedEvents } from "../client/typed-events.js"
 * @import { Headline, Scale } from "../lib/headline.js"
 * @import { Labels } from "../lib/labels.js"
 * @import { RatedText } from "../page/display.js"
 */

/**
 * @typedef {object} WatchedEvents
 * @property {null} labels The ratings are of other labels from now on.
 * @property {null} change What is on the screen, or the newest state.
 * @property {null} headline
 * @property {null} answer A rating has come, of this text or of an older one.
 * @property {RatedText} shown The rating of a state's own text.
 * @property {null} text The text of the newest state has changed, and nobody looks back.
 */

const Events = /** @type {TypedEvents<WatchedEvents>} */ (EventTarget);

export class Watched extends Events {
  /** @type {RoomState | null} */
  newest = null;
  /** @type {RatedText | null} The earlier moment that is shown, if any. */
  past = null;
  isPaused = false;
  /** @type {Labels} */
  labels = FILM;

  /** @type {RoomState | null} The state on the screen, unless an earlier moment is. */
  #shown = null;
  #settling = new Settling(() => {
    this.dispatchEvent(new CustomEvent("headline"));
    this.#changed();
  });

  /** @param {Scale} scale Of the model of the watcher's server. */
  set scale({ prior, states }) {
    this.#settling.scale = { prior, states, labels: this.labels };
  }

  get text() {
    return this.past?.text ?? this.#shown?.text ?? "";
  }

  /** Of the text on the screen, unless it is an earlier one. */
  get explanation() {
    return this.past === null ? this.#shown?.explanation : undefined;
  }

  /** @returns {Rating | null} */
  get rating() {
    return this.past ?? this.#shown?.rating ?? null;
  }

  /** @returns {Headline} */
  get headline() {
    return this.past === null ? this.#settling.headline : this.headlineAt(this.past);
  }

  /** @param {RatedText} moment @returns {Headline} The headline of this moment alone. */
  headlineAt(moment) {
    return this.#settling.headlineAt(moment);
  }

  /** @param {RoomState} state */
  take(state) {
    this.newest = state;
    if (!this.isPaused) this.#show(state);
    this.#changed();
  }

  togglePause() {
    this.isPaused = !this.isPaused;
    if (!this.isPaused && this.newest !== null) this.#show(this.newest);
    this.#changed();
  }

  /** @param {RatedText | null} moment The moment to show instead of the newest state; null for the newest. */
  lookBack(moment) {
    if (moment === this.past) return;
    this.past = moment;
    this.#changed();
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

  /** @param {RoomState} state */
  #show(state) {
    const isNew = state.text !== this.#shown?.text;
    const isAnswer = sharesOf(state) !== sharesOf(this.#shown);
    this.#shown = state;
    // A rating says itself what it is of: the typist's server may have another model by now.
    if (state.rating !== undefined) this.#label(labelsOf(state));
    // Whoever looks back is not called away by each key of the typist.
    if (isNew && this.past === null) this.dispatchEvent(new CustomEvent("text"));
    if (isAnswer) this.dispatchEvent(new CustomEvent("answer"));
    if (!state.is_fresh || state.rating === undefined) return;
    this.#settling.take(state.rating, state.text);
    this.dispatchEvent(new CustomEvent("shown", { detail: this.rated(state.rating, state.text) }));
  }

  /** @param {Labels} labels */
  #label(labels) {
    if (areSame(labels, this.labels)) return;
    this.labels = labels;
    this.past = null;
    this.#settling.clear();
    this.#settling.scale = { ...this.#settling.scale, labels };
    this.dispatchEvent(new CustomEvent("labels"));
  }

  #changed() {
    this.dispatchEvent(new CustomEvent("change"));
  }
}

/** @param {RoomState | null} state */
const sharesOf = (state) => String(state?.rating?.probabilities);
