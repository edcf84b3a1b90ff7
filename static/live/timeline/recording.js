/** The ratings shown while a text was typed, from its first words on, in bounded memory. Uses no DOM. */

import { isSameStory } from "../lib/stories.js";

/** @import { RatedText } from "../page/display.js" */

/** @typedef {RatedText & {atMs: number}} Moment */

export const MAX_MOMENTS = 400;
export const MAX_CHARS = 1_000_000;

export class Recording {
  /** @type {Moment[]} */
  #moments = [];

  get length() {
    return this.#moments.length;
  }

  get all() {
    return this.#moments;
  }

  /** @param {number} index @returns {Moment | undefined} */
  at(index) {
    return this.#moments.at(index);
  }

  /**
   * Adds a moment. An empty text clears the recording, and a very different text starts a new one.
   * @param {Moment} moment
   */
  add(moment) {
    const before = this.#moments.at(-1);
    if (moment.text.trim() === "") {
      this.#moments = [];
      return;
    }
    if (before !== undefined && !isSameStory(before.text, moment.text)) this.#moments = [];
    if (before?.text === moment.text) this.#moments.pop();
    this.#moments.push(moment);
    this.#thin();
  }

  /**
   * Puts moments before the only one, unless its text has changed by now.
   * @param {Moment[]} before
   * @param {string} text Text of the only moment.
   * @returns {boolean} Whether there are any now.
   */
  lead(before, text) {
    if (this.#moments.length !== 1 || this.#moments[0].text !== text) return false;
    this.#moments.unshift(...before);
    return before.length > 0;
  }

  clear() {
    this.#moments = [];
  }

  /** Removes every second moment, but never the first and the last. */
  #thin() {
    const chars = this.#moments.reduce((sum, { text }) => sum + text.length, 0);
    if (this.#moments.length <= MAX_MOMENTS && chars <= MAX_CHARS) return;
    const last = this.#moments.length - 1;
    this.#moments = this.#moments.filter((_, i) => i % 2 === 0 || i === last);
  }
}
