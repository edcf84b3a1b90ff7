/**
 * The headline: what the page says about a rating, calmer than the bars. A state is entered at one distance and left at
 * half of it, and changes only at the end of a word or after a pause. Uses no DOM.
 *
 * The distances are those of the server's `state` (docs/protocol.md), so the first headline of a text is its state.
 */

import { browserTimers } from "../client/pacer.js";
import { FILM, mostProbable } from "./labels.js";
import { isSameStory } from "./stories.js";

/**
 * @import { Rating, State, States } from "../client/protocol.js"
 * @import { Timers } from "../client/pacer.js"
 * @import { Labels } from "./labels.js"
 */

/**
 * @typedef {"positive" | "negative" | "label" | null} Side The likelier side, `label` of labels without sides; null
 *   without one.
 *
 * @typedef {object} Headline
 * @property {State | "nothing"} state `nothing`: there is no text.
 * @property {Side} side
 * @property {Rating | null} rating
 * @property {string} text
 * @property {Labels} [labels] Those of a rating without sides.
 *
 * @typedef {object} Scale What the distances are measured from. An older server sends neither; then its own state of each
 *   rating is the headline.
 * @property {readonly number[]} [prior]
 * @property {States} [states]
 * @property {Labels} [labels] By default the film ratings.
 */

export const PAUSE_MS = 250;
const WORD_GOES_ON = /[\p{L}\p{M}\p{N}'’_-]$/u;

/** @type {Readonly<Headline>} */
export const NOTHING = Object.freeze({ state: "nothing", side: null, rating: null, text: "" });

/** @param {Pick<Headline, "state">} headline @returns {boolean} Whether it has a number. */
export function hasNumber({ state }) {
  return state === "either_way" || state === "leans" || state === "says";
}

/**
 * @param {Rating} rating
 * @param {string} text
 * @param {Scale} [scale]
 * @param {Headline} [before] The headline shown until now; without one, nothing is left late.
 * @returns {Headline}
 */
export function headlineOf(rating, text, { prior, states, labels = FILM } = {}, before = NOTHING) {
  const { positive } = rating;
  /** @type {Omit<Headline, "state">} */
  const none = { side: null, rating, text, ...(positive === undefined && { labels }) };
  if (rating.tokens === 0 || rating.is_prior) {
    // A text can be all white space, or of signs that the model drops.
    return { ...none, state: text.trim() === "" ? "nothing" : "no_opinion" };
  }
  const [side, lead, likelier] = sides(rating);
  if (states === undefined) {
    const state = rating.state ?? "says";
    return { ...none, state, side: state === "leans" || state === "says" ? side : null };
  }
  /** @param {number} threshold @param {number} from Where the distance begins. @param {boolean} isIn */
  const limit = (threshold, from, isIn) => (isIn ? (threshold + from) / 2 : threshold);

  const legible = rating.legible ?? 1;
  if (legible < limit(states.legible, 1, before.state === "unreadable")) {
    return { ...none, state: "unreadable" };
  }
  if (legible < (states.clearly_legible ?? 0)) return { ...none, state: "no_opinion" };
  if (prior !== undefined && prior.length === rating.probabilities.length) {
    const told = information(rating.probabilities, prior);
    if (told < limit(states.information, 0, hasNumber(before))) {
      return { ...none, state: "no_opinion" };
    }
  }
  const isSame = before.side === side && (side !== "label" || isSameLabel(before.rating, rating));
  if (lead <= limit(states.either_way, 0.5, isSame)) return { ...none, state: "either_way" };
  const isSure = likelier >= limit(states.says, 0.5, isSame && before.state === "says");
  return { ...none, state: isSure ? "says" : "leans", side };
}

/**
 * @param {Rating} rating
 * @returns {[side: Side, lead: number, likelier: number]} The likelier side; its share of it and its rival; and its
 *   probability. Without sides, the two likeliest labels are rivals.
 */
function sides({ positive, probabilities }) {
  if (positive !== undefined) {
    const likelier = Math.max(positive, 1 - positive);
    return [positive >= 0.5 ? "positive" : "negative", likelier, likelier];
  }
  const [first, second] = probabilities.toSorted((a, b) => b - a);
  return ["label", first / (first + second), first];
}

/** @param {Rating | null} before @param {Rating} rating */
function isSameLabel(before, rating) {
  return (
    before !== null && mostProbable(before.probabilities) === mostProbable(rating.probabilities)
  );
}

/**
 * @param {readonly number[]} probabilities
 * @param {readonly number[]} prior
 * @returns {number} Kullback-Leibler divergence in nats: what the text has told.
 */
export function information(probabilities, prior) {
  return probabilities.reduce(
    (sum, p, i) => (p > 0 && prior[i] > 0 ? sum + p * Math.log(p / prior[i]) : sum),
    0,
  );
}

/** Turns ratings into headlines as they settle. */
export class Settling {
  /** @type {Scale} */
  scale = {};
  /** @type {Headline} */
  headline = NOTHING;

  #onHeadline;
  #timers;
  /** @type {unknown} */
  #timer = null;

  /**
   * @param {(headline: Headline) => void} onHeadline Called at each new headline, the number included.
   * @param {Timers} [timers]
   */
  constructor(onHeadline, timers = browserTimers) {
    this.#onHeadline = onHeadline;
    this.#timers = timers;
  }

  /** @param {Rating} rating The newest one. @param {string} text Its text. */
  take(rating, text) {
    this.#timers.clear(this.#timer);
    if (!WORD_GOES_ON.test(text)) return this.#settle(rating, text);
    this.#timer = this.#timers.set(() => this.#settle(rating, text), PAUSE_MS);
  }

  /**
   * @template {Rating} Rated
   * @param {Rated} rating
   * @param {string} text
   * @returns {Rated & {isTooShort: boolean, text: string}} With its text, and whether its headline has no number.
   */
  rated(rating, text) {
    return { ...rating, isTooShort: !hasNumber(headlineOf(rating, text, this.scale)), text };
  }

  /** @param {Rating & {text: string}} moment @returns {Headline} The headline of this moment alone. */
  headlineAt(moment) {
    return headlineOf(moment, moment.text, this.scale);
  }

  /** Forgets the text, without a call. */
  clear() {
    this.#timers.clear(this.#timer);
    this.headline = NOTHING;
  }

  /** @param {Rating} rating @param {string} text */
  #settle(rating, text) {
    // What stood there before counts as long as it is the same text.
    const before = isSameStory(this.headline.text, text) ? this.headline : NOTHING;
    this.headline = headlineOf(rating, text, this.scale, before);
    this.#onHeadline(this.headline);
  }
}
