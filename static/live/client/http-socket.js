/** Has the interface of a `starcast.v1` WebSocket, but uses the HTTP API: for networks that block WebSockets. */

/** @import { Socket } from "./socket.js" */

const API_PATH = "/api/v1/";
const HEARTBEAT_INTERVAL_MS = 25_000;
const ABNORMAL_CLOSE = 1006;
/** @import { ServerError } from "./protocol.js" */

/** Errors that another try would get again. */
const FINAL_CLOSES = /** @type {Readonly<Record<string, number>>} */ (
  Object.freeze({ key_missing: 4503, key_invalid: 4504, origin_refused: 4520 })
);

/** @typedef {Record<string, unknown> & {error?: ServerError}} Reply The body of an answer. */

/**
 * One text is rated at a time, and the newest one waits. A newer text cancels an explanation.
 * @implements {Socket}
 */
export class HttpSocket {
  /** @type {((event: {data: string}) => void) | null} */
  onmessage = null;
  /** @type {((event: {code: number}) => void) | null} */
  onclose = null;
  /** @type {((event: unknown) => void) | null} */
  onerror = null;

  #api;
  #fetch;
  #end = new AbortController();
  #explaining = new AbortController();
  /** @type {{seq: number, text: string} | null} */
  #waiting = null;
  /** @type {{seq: number, text: string} | null} */
  #underWay = null;
  /** @type {{seq: number, text: string, rating: object} | null} */
  #answered = null;
  /** @type {number | null} The text to explain, which may not be answered yet. */
  #toExplain = null;
  #isFinal = false;
  #skipped = 0;
  // The labels that were told of.
  #classes = "";

  /**
   * @param {string} url URL of the WebSocket that this replaces.
   * @param {typeof globalThis.fetch} [fetch]
   */
  constructor(url, fetch = globalThis.fetch.bind(globalThis)) {
    this.#api = new URL(API_PATH, url.replace("ws", "http"));
    this.#fetch = fetch;
    this.#greet();
  }

  /** @param {string} frame */
  send(frame) {
    const message = JSON.parse(frame);
    switch (message.type) {
      case "text.update":
        return this.#update(message);
      case "flush":
        return this.#flush();
      case "explain":
        return this.#explain(message.seq);
      case "ping":
        return this.#ping(message.id);
    }
  }

  close() {
    this.#end.abort();
    this.#explaining.abort();
  }

  async #greet() {
    const reply = await this.#ask("model");
    if (reply === null) return;
    if (reply.error !== undefined) {
      this.#say({ type: "error", error: reply.error });
      return this.#lost(FINAL_CLOSES[reply.error.code] ?? ABNORMAL_CLOSE);
    }
    const heartbeat = { heartbeat_interval_ms: HEARTBEAT_INTERVAL_MS };
    this.#classes = JSON.stringify(reply.classes);
    this.#say({ type: "session.created", transport: "http", ...heartbeat, ...reply });
  }

  /** @param {{seq: number, text: string}} message */
  #update({ seq, text }) {
    this.#explaining.abort();
    this.#toExplain = null;
    if (this.#waiting !== null) this.#skipped += 1;
    this.#waiting = { seq, text };
    this.#work();
  }

  async #work() {
    if (this.#underWay !== null || this.#waiting === null) return;
    const { seq, text } = this.#waiting;
    this.#underWay = this.#waiting;
    this.#waiting = null;
    const reply = await this.#ask("predict", { text }, this.#end.signal);
    this.#underWay = null;
    if (reply === null) return;
    if (reply.error !== undefined) {
      // A GET has no Origin, so a page may be refused at its first text only.
      const final = FINAL_CLOSES[reply.error.code];
      if (final !== undefined) return this.#lost(final);
      this.#say({ type: "error", error: { ...reply.error, seq } });
    } else {
      if (JSON.stringify(reply.classes) !== this.#classes) {
        this.#waiting ??= { seq, text };
        return this.#modelChanged();
      }
      this.#answered = { seq, text, rating: reply };
      this.#predict(this.#skipped);
      this.#skipped = 0;
      if (this.#toExplain === seq) this.#explain(seq);
    }
    this.#work();
  }

  async #modelChanged() {
    const reply = await this.#ask("model");
    if (reply === null) return;
    if (reply.error !== undefined) return this.#lost(ABNORMAL_CLOSE);
    this.#classes = JSON.stringify(reply.classes);
    this.#say({ type: "model.changed", ...reply });
    this.#work();
  }

  #flush() {
    this.#isFinal = true;
    if (this.#underWay === null && this.#answered !== null) this.#predict(0);
  }

  /** @param {number} skipped */
  #predict(skipped) {
    const isFinal = this.#isFinal && this.#waiting === null;
    if (isFinal) this.#isFinal = false;
    const { seq, rating } = /** @type {{seq: number, rating: object}} */ (this.#answered);
    this.#say({ type: "prediction", seq, skipped, is_final: isFinal, ...rating });
  }

  /** @param {number} seq */
  async #explain(seq) {
    this.#explaining.abort();
    this.#toExplain = seq;
    if (this.#answered?.seq !== seq) return;
    this.#explaining = new AbortController();
    const { signal } = this.#explaining;
    const reply = await this.#ask("explain", { text: this.#answered.text }, signal);
    if (reply === null) return;
    if (reply.error !== undefined) this.#say({ type: "error", error: { ...reply.error, seq } });
    else this.#say({ type: "explanation", seq, ...reply });
  }

  /** @param {string} id */
  async #ping(id) {
    if ((await this.#ask("model")) !== null) this.#say({ type: "pong", id });
  }

  /**
   * @param {string} name
   * @param {object} [body]
   * @param {AbortSignal} [signal]
   * @returns {Promise<Reply | null>} The answer or an error object; null if it is no longer needed.
   */
  async #ask(name, body, signal = this.#end.signal) {
    const headers = { "Content-Type": "application/json" };
    const post = body && { method: "POST", headers, body: JSON.stringify(body) };
    let waitMs;
    let status;
    try {
      const response = await this.#fetch(new URL(name, this.#api), { ...post, signal });
      waitMs = retryAfterMs(response);
      status = response.status;
      /** @type {Reply} */
      const reply = await response.json();
      if (reply.error !== undefined) reply.error.retry_after_ms ??= waitMs;
      return signal.aborted ? null : reply;
    } catch {
      if (signal.aborted) return null;
      // A proxy may answer with a page of its own, to too many requests too.
      if (status === 429) {
        const code = "rate_limited";
        return { error: { code, message: code, retryable: true, retry_after_ms: waitMs } };
      }
      if (waitMs !== undefined) this.#say({ type: "session.closing", retry_after_ms: waitMs });
      this.#lost(ABNORMAL_CLOSE);
      return null;
    }
  }

  /** @param {object} message */
  #say(message) {
    if (!this.#end.signal.aborted) this.onmessage?.({ data: JSON.stringify(message) });
  }

  /** @param {number} code */
  #lost(code) {
    if (this.#end.signal.aborted) return;
    this.close();
    this.onclose?.({ code });
  }
}

/**
 * @param {Response} response
 * @returns {number | undefined} Milliseconds from its `Retry-After`, which holds seconds or a date.
 */
export function retryAfterMs({ headers }) {
  const value = headers.get("Retry-After");
  if (value === null) return undefined;
  const ms = /^\d+$/.test(value) ? 1000 * Number(value) : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
