/**
 * The connection: comes up, stays up, comes back, and always ends up having sent the newest text.
 * Knows no DOM.
 */

import { browserTimers, TextPacer } from "./pacer.js";
import {
  areOurLabels,
  fitText,
  flush,
  isFinalClose,
  parse,
  ping,
  SUBPROTOCOL,
  textUpdate,
} from "./protocol.js";

/** @typedef {"connecting" | "open" | "reconnecting" | "closed"} ConnectionState */

export const BACKOFF_FIRST_MS = 500;
export const BACKOFF_CAP_MS = 15_000;
export const PONG_TIMEOUT_MS = 5_000;
const SESSION_TIMEOUT_MS = 10_000;
// The server gives itself 10 s to go; after that it has forgotten us.
const CLOSING_TIMEOUT_MS = 10_000;

/**
 * Events, each with a `detail`:
 * - `state`: `{state, attempt, code}`; attempt counts the tries since the last working connection,
 *   code is the error or close code that ended it for good, else null.
 * - `session`: the `session.created` message, just before the newest text goes out.
 * - `sent`: `{seq, isCut, chars}`, see `fitText`.
 * - `prediction`: `{prediction, elapsedMs}`, never older than the one before.
 * - `refused`: the server's error object.
 * - `fault`: an `Error`; the server said something that the contract does not know.
 */
export class RatingSocket extends EventTarget {
  #url;
  #WebSocket;
  #timers;
  #random;
  #pacer;

  #socket = null;
  #session = null;
  /** @type {ConnectionState} */
  #state = "connecting";
  #attempt = 0;
  #newestAnswer = 0;
  #retryAfterMs = null;
  #reconnectTimer = null;
  // Runs while a word from the server is due: its greeting, a pong, or its leaving.
  #deadlineTimer = null;
  #heartbeatTimer = null;

  /**
   * @param {string} url
   * @param {object} [options]
   * @param {typeof WebSocket} [options.WebSocket]
   * @param {import("./pacer.js").Timers} [options.timers]
   * @param {() => number} [options.random] Uniform in [0, 1).
   */
  constructor(
    url,
    { WebSocket = globalThis.WebSocket, timers = browserTimers, random = Math.random } = {},
  ) {
    super();
    this.#url = url;
    this.#WebSocket = WebSocket;
    this.#timers = timers;
    this.#random = random;
    this.#pacer = new TextPacer({
      send: (seq, text) => this.#sendText(seq, text),
      onTimeout: () => this.probe(),
      timers,
      random,
    });
  }

  get state() {
    return this.#state;
  }

  /** The number of the newest text sent. */
  get seq() {
    return this.#pacer.seq;
  }

  /** Whether the newest text submitted has been answered with a prediction. */
  get isSettled() {
    return this.#pacer.isSettled;
  }

  /** Connects, and from then on keeps the connection up. */
  start() {
    this.#connect();
  }

  /** @param {string} text The whole text so far. */
  submit(text) {
    this.#pacer.submit(text);
  }

  /** Asks for a final answer to the newest text, unless it is there already. */
  flush() {
    if (this.#pacer.hurry()) this.#socket.send(flush(this.#pacer.seq));
  }

  /** Ends the wait for the next try, say because the network came back. */
  retryNow() {
    if (this.#reconnectTimer !== null) this.#connect();
  }

  /** Finds out whether the other side is still there, and reconnects if it keeps silent. */
  probe() {
    if (this.#session === null || this.#deadlineTimer !== null) return;
    this.#socket.send(ping(String(Math.round(this.#timers.now()))));
    this.#expectWord(PONG_TIMEOUT_MS);
  }

  #connect() {
    this.#clearTimers();
    let socket;
    try {
      socket = new this.#WebSocket(this.#url, [SUBPROTOCOL]);
    } catch (error) {
      this.#emit("fault", error);
      return this.#comeBackLater();
    }
    this.#socket = socket;
    // A socket that was given up may still speak; only the present one is listened to.
    const ifPresent = (handle) => (event) => {
      if (socket === this.#socket) handle(event);
    };
    socket.onmessage = ifPresent((event) => this.#receive(event.data));
    socket.onclose = ifPresent((event) => this.#lost(event.code));
    this.#expectWord(SESSION_TIMEOUT_MS);
  }

  #receive(frame) {
    let message;
    try {
      message = parse(frame);
    } catch (error) {
      return this.#emit("fault", error);
    }
    if (this.#session !== null && this.#retryAfterMs === null) this.#restartHeartbeat();
    this.#handlers[message.type](message);
  }

  #handlers = {
    "session.created": (message) => {
      if (!areOurLabels(message.labels)) return this.#giveUp("labels_differ");
      this.#session = message;
      this.#retryAfterMs = null;
      this.#restartHeartbeat();
      this.#setState("open");
      this.#emit("session", message);
      this.#pacer.connected();
    },
    prediction: (prediction) => {
      this.#attempt = 0;
      const elapsedMs = this.#pacer.answered(prediction.seq);
      if (prediction.seq < this.#newestAnswer) return;
      this.#newestAnswer = prediction.seq;
      this.#emit("prediction", { prediction, elapsedMs });
    },
    error: ({ error }) => {
      this.#pacer.failed(error.seq, error.retryable);
      this.#emit("refused", error);
    },
    "session.closing": (message) => {
      this.#retryAfterMs = message.retry_after_ms;
      this.#pacer.disconnected();
      this.#expectWord(CLOSING_TIMEOUT_MS);
    },
    pong: () => {
      this.#attempt = 0;
    },
  };

  #sendText(seq, text) {
    const fitted = fitText(text, this.#session.limits);
    this.#socket.send(textUpdate(seq, fitted.text));
    this.#emit("sent", { seq, isCut: fitted.isCut, chars: fitted.chars });
  }

  #restartHeartbeat() {
    this.#clearTimers();
    const idleMs = this.#session.heartbeat_interval_ms;
    this.#heartbeatTimer = this.#timers.set(() => this.probe(), idleMs);
  }

  #expectWord(withinMs) {
    this.#timers.clear(this.#deadlineTimer);
    this.#deadlineTimer = this.#timers.set(() => this.#lost(null), withinMs);
  }

  #lost(closeCode) {
    if (closeCode !== null && isFinalClose(closeCode)) return this.#giveUp(String(closeCode));
    this.#dropSocket();
    this.#comeBackLater();
  }

  #giveUp(code) {
    this.#dropSocket();
    this.#setState("closed", code);
  }

  #dropSocket() {
    const socket = this.#socket;
    this.#socket = null;
    this.#session = null;
    this.#clearTimers();
    this.#pacer.disconnected();
    // Over a dead network the closing handshake takes a minute; nobody waits for it.
    socket.close();
  }

  #comeBackLater() {
    const ceilingMs = Math.min(BACKOFF_CAP_MS, BACKOFF_FIRST_MS * 2 ** this.#attempt);
    const waitMs = (this.#retryAfterMs ?? 0) + this.#random() * ceilingMs;
    this.#attempt += 1;
    this.#retryAfterMs = null;
    this.#reconnectTimer = this.#timers.set(() => this.#connect(), waitMs);
    this.#setState("reconnecting");
  }

  #clearTimers() {
    this.#timers.clear(this.#reconnectTimer);
    this.#timers.clear(this.#deadlineTimer);
    this.#timers.clear(this.#heartbeatTimer);
    this.#reconnectTimer = this.#deadlineTimer = this.#heartbeatTimer = null;
  }

  #setState(state, code = null) {
    this.#state = state;
    this.#emit("state", { state, attempt: this.#attempt, code });
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
