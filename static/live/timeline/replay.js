/** Replays moments at the pace of the typing, without its pauses. Uses no DOM. */

import { browserTimers } from "../client/pacer.js";

/** @import { Timers } from "../client/pacer.js" */

const LONGEST_STEP_MS = 350;
const LONGEST_REPLAY_MS = 12_000;
// For reduced motion: few steps, far apart, like a series of pictures.
const CALM_STEPS = 12;
const CALM_STEP_MS = 900;

/**
 * @param {readonly number[]} timesMs Time of each moment.
 * @param {boolean} isCalm
 * @returns {{index: number, afterMs: number}[]} The moments to show, and how long after the previous one.
 */
export function schedule(timesMs, isCalm) {
  const last = timesMs.length - 1;
  if (isCalm) {
    const steps = Math.min(CALM_STEPS, last + 1);
    return Array.from({ length: steps }, (_, step) => ({
      index: steps === 1 ? last : Math.round((step * last) / (steps - 1)),
      afterMs: step === 0 ? 0 : CALM_STEP_MS,
    }));
  }
  const gapsMs = timesMs.map((atMs, i) =>
    i === 0 ? 0 : Math.min(LONGEST_STEP_MS, atMs - timesMs[i - 1]),
  );
  const totalMs = gapsMs.reduce((sum, gapMs) => sum + gapMs, 0);
  const pace = Math.min(1, LONGEST_REPLAY_MS / totalMs || 1);
  return gapsMs.map((gapMs, index) => ({ index, afterMs: gapMs * pace }));
}

export class Replay {
  #onMoment;
  #onEnd;
  #timers;
  /** @type {unknown} */
  #timer = null;

  /**
   * @param {object} options
   * @param {(index: number) => void} options.onMoment
   * @param {() => void} options.onEnd Called after the last moment, or when stopped.
   * @param {Timers} [options.timers]
   */
  constructor({ onMoment, onEnd, timers = browserTimers }) {
    this.#onMoment = onMoment;
    this.#onEnd = onEnd;
    this.#timers = timers;
  }

  get isPlaying() {
    return this.#timer !== null;
  }

  /**
   * @param {readonly number[]} timesMs
   * @param {boolean} isCalm
   */
  play(timesMs, isCalm) {
    this.stop();
    this.#step(schedule(timesMs, isCalm), 0);
  }

  stop() {
    if (this.#timer === null) return;
    this.#timers.clear(this.#timer);
    this.#timer = null;
    this.#onEnd();
  }

  /**
   * @param {{index: number, afterMs: number}[]} steps
   * @param {number} next
   */
  #step(steps, next) {
    if (next === steps.length) {
      // Show the last moment as long as the others.
      this.#timer = this.#timers.set(() => this.stop(), LONGEST_STEP_MS);
      return;
    }
    this.#timer = this.#timers.set(() => {
      this.#onMoment(steps[next].index);
      this.#step(steps, next + 1);
    }, steps[next].afterMs);
  }
}
