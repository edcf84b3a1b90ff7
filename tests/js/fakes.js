/** A clock that only moves when told, and a WebSocket that does what the test says. */

import { LABELS } from "../../static/live/client/protocol.js";

/**
 * @import { Timers } from "../../static/live/client/pacer.js"
 * @import { Explanation, Prediction, ServerError, Session } from "../../static/live/client/protocol.js"
 * @import { Socket } from "../../static/live/client/socket.js"
 * @import { Moment } from "../../static/live/timeline/recording.js"
 */

/** @implements {Timers} */
export class FakeTimers {
  #now = 0;
  #nextId = 1;
  /** @type {Map<unknown, {callback: () => void, at: number}>} */
  #pending = new Map();

  /** @type {Timers["set"]} */
  set = (callback, ms) => {
    this.#pending.set(this.#nextId, { callback, at: this.#now + ms });
    return this.#nextId++;
  };

  /** @type {Timers["clear"]} */
  clear = (id) => {
    this.#pending.delete(id);
  };

  now = () => this.#now;

  get pendingCount() {
    return this.#pending.size;
  }

  /** Moves the clock, and runs what falls due in its order. @param {number} ms */
  advance(ms) {
    const end = this.#now + ms;
    for (;;) {
      const due = [...this.#pending].filter(([, timer]) => timer.at <= end);
      if (due.length === 0) break;
      const [id, timer] = due.reduce((a, b) => (b[1].at < a[1].at ? b : a));
      this.#pending.delete(id);
      this.#now = timer.at;
      timer.callback();
    }
    this.#now = end;
  }
}

export const PRIOR = Object.freeze([0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.2]);
/** The thresholds that a server sends unless its model has others. */
export const STATES = Object.freeze({
  legible: 0.5,
  clearly_legible: 0.96,
  information: 0.15,
  either_way: 0.6,
  says: 0.8,
});
export const LIMITS = Object.freeze({ max_message_bytes: 65_536, max_chars: 20_000 });

/** @param {Record<string, unknown>} changes @returns {Session} */
export function session(changes = {}) {
  return {
    type: "session.created",
    labels: [...LABELS],
    prior: [...PRIOR],
    model: { name: "fake", version: "1", max_tokens: 512 },
    heartbeat_interval_ms: 25_000,
    limits: { ...LIMITS },
    ...changes,
  };
}

/** @param {number} seq @param {Record<string, unknown>} changes @returns {Prediction} */
export function prediction(seq, changes = {}) {
  return {
    type: "prediction",
    seq,
    skipped: 0,
    is_final: false,
    probabilities: [0, 0, 0, 0, 0.1, 0.2, 0.4, 0.3],
    label: "9",
    stars: 9,
    expected_stars: 8.9,
    expected_value: 8.9,
    interval: [7, 10],
    positive: 1,
    tokens: 40,
    truncated: false,
    timing_ms: { queue: 0, inference: 5 },
    model_version: "1",
    ...changes,
  };
}

/** @param {string} text @param {Partial<Moment>} changes @returns {Moment} */
export function moment(text, changes = {}) {
  return { ...prediction(1), isTooShort: false, text, atMs: 0, ...changes };
}

/** @param {number} seq @param {Record<string, unknown>} changes @returns {Explanation} */
export function explanation(seq, changes = {}) {
  return {
    type: "explanation",
    seq,
    method: "occlusion",
    spans: [{ begin: 0, end: 4, weight: 0.31, unit: "word" }],
    ...changes,
  };
}

/**
 * @param {string} code
 * @param {number | null | undefined} seq
 * @param {boolean} retryable
 * @param {Partial<ServerError>} changes
 * @returns {{type: "error", error: ServerError}}
 */
export function serverError(code, seq, retryable, changes = {}) {
  return { type: "error", error: { code, message: code, seq, retryable, ...changes } };
}

/** @implements {Socket} */
export class FakeSocket {
  /** @type {Socket["onmessage"]} */
  onmessage = null;
  /** @type {Socket["onclose"]} */
  onclose = null;
  /** @type {Socket["onerror"]} */
  onerror = null;
  /** @type {({type: string} & Record<string, unknown>)[]} */
  sent = [];
  isClosed = false;

  /** @param {string} url @param {string[]} [protocols] */
  constructor(url, protocols) {
    this.url = url;
    this.protocols = protocols;
  }

  /** @param {string} frame */
  send(frame) {
    this.sent.push(JSON.parse(frame));
  }

  close() {
    this.isClosed = true;
  }

  /** The server says something. @param {unknown} message */
  say(message) {
    this.onmessage?.({ data: typeof message === "string" ? message : JSON.stringify(message) });
  }

  /** The connection ends from the other side. @param {number} code */
  end(code) {
    this.onclose?.({ code });
  }

  get texts() {
    return this.sent.filter(({ type }) => type === "text.update");
  }
}

/** Makes a WebSocket class whose sockets are kept in `sockets`, newest last. */
export function fakeWebSocket() {
  /** @type {FakeSocket[]} */
  const sockets = [];
  class FakeWebSocket extends FakeSocket {
    /** @param {string} url @param {string[]} [protocols] */
    constructor(url, protocols) {
      super(url, protocols);
      sockets.push(this);
    }
  }
  /** @returns {FakeSocket} The newest. */
  const newest = () => must(sockets.at(-1));
  return { FakeWebSocket, sockets, newest };
}

/**
 * @template Value
 * @param {Value | null | undefined} value
 * @returns {Value} The same, which a test knows to be there.
 */
export function must(value) {
  if (value === null || value === undefined) throw new Error("there is none");
  return value;
}
