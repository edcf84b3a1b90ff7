/** A rating socket that can also rate single texts and return promises. Not loaded by the page. */

import { RatingSocket } from "./socket.js";

/** @import { Prediction, ServerError } from "./protocol.js" */

/**
 * Why a text was not rated. `code` is the server's error code or close code, or one of these: `superseded` by another
 * text, `cancelled`, `closed`, and `text_too_long` for a text that would have been cut.
 */
export class RatingError extends Error {
  name = "RatingError";

  /**
   * @param {string} code
   * @param {string} message
   */
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/**
 * @typedef {object} Pending
 * @property {string} text
 * @property {(prediction: Prediction) => void} resolve
 * @property {(reason: unknown) => void} reject
 */

export class RatingClient extends RatingSocket {
  /** @type {Promise<unknown>} Resolves when all earlier texts are answered. */
  #before = Promise.resolve();
  /** @type {Pending | null} */
  #pending = null;
  #sentText = "";
  // The first number of that text. A reconnect or retry sends it again under a new one.
  #firstSeq = 0;
  #isCut = false;
  /** @type {Prediction | null} The prediction of the newest text sent. */
  #answer = null;
  /** @type {ServerError | null} */
  #refusal = null;

  /** @param {ConstructorParameters<typeof RatingSocket>} options */
  constructor(...options) {
    super(...options);
    this.addEventListener("sent", ({ detail }) => {
      if (detail.text !== this.#sentText || this.#firstSeq === 0) {
        this.#sentText = detail.text;
        this.#firstSeq = detail.seq;
      }
      this.#isCut = detail.isCut;
      this.#answer = this.#refusal = null;
      this.#settle();
    });
    this.addEventListener("prediction", ({ detail: { prediction } }) => {
      if (prediction.seq < this.#firstSeq) return;
      this.#answer = prediction;
      this.#settle();
    });
    this.addEventListener("refused", ({ detail: error }) => {
      if (error.retryable || (error.seq ?? this.#firstSeq) < this.#firstSeq) return;
      this.#refusal = error;
      this.#settle();
    });
    this.addEventListener("state", ({ detail: { state, code } }) => {
      if (state !== "closed") return;
      // The server sends the reason before it closes for good.
      const refusal = code === null ? null : this.#refusal;
      const { code: why, message } = refusal ?? {
        code: code ?? "closed",
        message: closedBy(code),
      };
      this.#fail(why, message);
    });
  }

  /**
   * Rates one text. Later texts wait for their turn. Retries retryable errors and lost connections without limit: for a
   * limit, pass a signal such as `AbortSignal.timeout(5000)`.
   * @param {string} text
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<Prediction>} The prediction of this text. Rejects with a `RatingError`, or the signal's reason.
   */
  rate(text, { signal } = {}) {
    const rated = this.#before.then(() => this.#rateNow(text, signal));
    this.#before = rated.catch(() => {});
    return signal === undefined ? rated : unlessAborted(rated, signal);
  }

  /** @param {string} text The whole text so far. It replaces one that is being rated. */
  submit(text) {
    if (typeof text !== "string") throw new TypeError(`a text is a string, not ${text}`);
    if (this.#pending !== null && this.#pending.text !== text) {
      this.#fail("superseded", "another text was submitted before this one was rated");
    }
    super.submit(text);
  }

  /** Cancels the newest text: neither a rating nor an explanation of it will come. */
  cancel() {
    this.#fail("cancelled", "the text was taken back");
    this.#sentText = "";
    this.#firstSeq = 0;
    super.cancel();
  }

  /**
   * @param {string} text
   * @param {AbortSignal} [signal]
   * @returns {Promise<Prediction>}
   */
  async #rateNow(text, signal) {
    signal?.throwIfAborted();
    if (this.state === "closed") throw new RatingError("closed", "the connection is closed");
    const abort = () => {
      this.#pending?.reject(signal?.reason);
      this.cancel();
    };
    signal?.addEventListener("abort", abort);
    try {
      return await new Promise((resolve, reject) => {
        this.#pending = { text, resolve, reject };
        this.submit(text);
        // It may be the newest text already, answered or refused.
        this.#settle();
      });
    } finally {
      this.#pending = null;
      signal?.removeEventListener("abort", abort);
    }
  }

  #settle() {
    if (this.#pending === null || this.#firstSeq === 0) return;
    if (this.#pending.text !== this.#sentText) return;
    if (this.#isCut) this.#fail("text_too_long", "the text is longer than the server takes");
    else if (this.#answer !== null) this.#pending.resolve(this.#answer);
    else if (this.#refusal !== null) this.#fail(this.#refusal.code, this.#refusal.message);
  }

  /**
   * @param {string} code
   * @param {string} message
   */
  #fail(code, message) {
    this.#pending?.reject(new RatingError(code, message));
  }
}

/**
 * @template Value
 * @param {Promise<Value>} promise
 * @param {AbortSignal} signal
 * @returns {Promise<Value>} Rejects with the signal's reason as soon as it is aborted.
 */
async function unlessAborted(promise, signal) {
  signal.throwIfAborted();
  let abort = () => {};
  const aborted = new Promise((_, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort);
  });
  try {
    return /** @type {Value} */ (await Promise.race([promise, aborted]));
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** @param {string | null} code */
function closedBy(code) {
  return code === null ? "the connection was closed" : `the server closed the connection: ${code}`;
}
