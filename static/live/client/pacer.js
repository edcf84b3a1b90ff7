/**
 * Decides when to send which text: at most one is under way, and only the newest waits.
 *
 * There is no debounce. A text is sent at once if none is under way; else it waits for the answer, so
 * that the server sets the pace.
 */

/**
 * @typedef {object} Timers
 * @property {(callback: () => void, ms: number) => unknown} set
 * @property {(id: unknown) => void} clear
 * @property {() => number} now Milliseconds of a monotonic clock.
 */

// The maximum of setTimeout: a longer timeout would fire at once.
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

/** @type {Timers} */
export const browserTimers = {
  set: (callback, ms) => setTimeout(callback, Math.min(ms, LONGEST_TIMEOUT_MS)),
  clear: (id) => clearTimeout(/** @type {any} */ (id)),
  now: () => performance.now(),
};

export const ANSWER_TIMEOUT_MS = 3_000;
const RETRY_BASE_MS = 400;
const RETRY_CAP_MS = 6_000;

export class TextPacer {
  #send;
  #onTimeout;
  #timers;
  #random;

  /** @type {string | null} */
  #newest = null;
  #isWaiting = false;
  #isOnline = false;
  #seq = 0;
  #settledSeq = 0;
  #refusedSeq = 0;
  #failures = 0;
  /** @type {{seq: number, sentAt: number} | null} */
  #underWay = null;
  /** @type {unknown} */
  #answerTimer = null;
  /** @type {unknown} */
  #retryTimer = null;
  // Whether the server asked for the wait that the retry timer measures.
  #isHeld = false;

  /**
   * @param {object} options
   * @param {(seq: number, text: string) => void} options.send
   * @param {() => void} options.onTimeout Called when a text gets no answer in time.
   * @param {Timers} options.timers
   * @param {() => number} options.random Uniform in [0, 1).
   */
  constructor({ send, onTimeout, timers, random }) {
    this.#send = send;
    this.#onTimeout = onTimeout;
    this.#timers = timers;
    this.#random = random;
  }

  /** The newest text, sent or not. */
  get text() {
    return this.#newest;
  }

  /** The number of the newest text sent. It keeps increasing over reconnects. */
  get seq() {
    return this.#seq;
  }

  /** Whether the newest text was sent or answered. */
  get isSent() {
    return this.#newest !== null && !this.#isWaiting;
  }

  /** Whether the newest text was refused for good. */
  get isRefused() {
    return this.isSent && this.#refusedSeq === this.#seq;
  }

  /** Whether the newest text has been answered with a prediction. */
  get isSettled() {
    return this.isSent && this.#settledSeq === this.#seq;
  }

  /** @param {string} text The whole text so far. */
  submit(text) {
    if (text === this.#newest) return;
    this.#newest = text;
    this.#isWaiting = true;
    this.#pump();
  }

  /** A new session is open. The server knows no text yet, so the newest one is sent again. */
  connected() {
    // A text that is under way went over another transport, whose answer will not come.
    this.#release();
    this.#stopRetry();
    this.#isOnline = true;
    this.#failures = 0;
    this.#isWaiting = this.#newest !== null;
    this.#pump();
  }

  /** Another model answers, so the newest text is sent again. */
  again() {
    this.#isWaiting = this.#newest !== null;
    this.#pump();
  }

  /** The connection is lost. The newest text waits until `connected`. */
  disconnected() {
    this.#isOnline = false;
    this.#release();
    this.#stopRetry();
  }

  /** Cancels the newest text: it is not sent any more, and no answer is expected. */
  cancel() {
    this.#newest = null;
    this.#isWaiting = false;
    this.#release();
    this.#stopRetry();
  }

  /**
   * @param {number} seq
   * @returns {number | null} Milliseconds from sending to this answer; null if unknown.
   */
  answered(seq) {
    const elapsedMs =
      this.#underWay?.seq === seq ? this.#timers.now() - this.#underWay.sentAt : null;
    this.#failures = 0;
    this.#settledSeq = Math.max(this.#settledSeq, seq);
    if (this.#settles(seq)) this.#release();
    this.#pump();
    return elapsedMs;
  }

  /**
   * @param {number | null | undefined} seq The text that failed; without one, the text under way.
   * @param {boolean} isRetryable
   * @param {number} [retryAfterMs] The minimum wait that the server asked for.
   */
  failed(seq, isRetryable, retryAfterMs = 0) {
    if (!this.#settles(seq ?? this.#seq)) return;
    this.#release();
    if (isRetryable) {
      this.#isWaiting = true;
      this.#retryLater(retryAfterMs);
    } else {
      this.#refusedSeq = seq ?? this.#seq;
      this.#pump();
    }
  }

  /**
   * Sends the waiting text at once, unless the server asked for the wait.
   * @returns {boolean} Whether the newest text is under way.
   */
  hurry() {
    if (!this.#isOnline || this.#newest === null || this.#isHeld) return false;
    this.#stopRetry();
    if (this.#isWaiting) this.#sendNewest();
    return this.#underWay !== null;
  }

  /** @param {number} seq */
  #settles(seq) {
    return this.#underWay !== null && seq >= this.#underWay.seq;
  }

  #pump() {
    const isFree = this.#underWay === null && this.#retryTimer === null;
    if (this.#isOnline && this.#isWaiting && isFree) this.#sendNewest();
  }

  #sendNewest() {
    if (this.#newest === null) return;
    this.#release();
    this.#isWaiting = false;
    this.#seq += 1;
    this.#underWay = { seq: this.#seq, sentAt: this.#timers.now() };
    this.#answerTimer = this.#timers.set(() => this.#giveUpWaiting(), ANSWER_TIMEOUT_MS);
    this.#send(this.#seq, this.#newest);
  }

  #giveUpWaiting() {
    this.#release();
    this.#isWaiting = true;
    this.#pump();
    this.#onTimeout();
  }

  /** @param {number} atLeastMs */
  #retryLater(atLeastMs) {
    const ceilingMs = Math.min(RETRY_CAP_MS, RETRY_BASE_MS * 2 ** this.#failures);
    this.#failures += 1;
    const share = this.#random();
    const backoffMs = ceilingMs * (0.5 + 0.5 * share);
    this.#stopRetry();
    this.#isHeld = atLeastMs > 0;
    this.#retryTimer = this.#timers.set(
      () => {
        this.#stopRetry();
        this.#pump();
      },
      Math.max(backoffMs, atLeastMs + RETRY_BASE_MS * share),
    );
  }

  #stopRetry() {
    this.#timers.clear(this.#retryTimer);
    this.#retryTimer = null;
    this.#isHeld = false;
  }

  #release() {
    this.#timers.clear(this.#answerTimer);
    this.#answerTimer = null;
    this.#underWay = null;
  }
}
