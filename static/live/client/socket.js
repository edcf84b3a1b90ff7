/**
 * The connection: it reconnects by itself, and always sends the newest text in the end.
 * Uses no DOM.
 */

import { browserTimers, TextPacer } from "./pacer.js";
import {
  areOurLabels,
  bearerSubprotocol,
  cancel,
  explain,
  fitText,
  flush,
  isFinalClose,
  parse,
  ping,
  roomClose,
  roomOpen,
  SUBPROTOCOL,
  sessionUpdate,
  textUpdate,
} from "./protocol.js";

/**
 * @import { Timers } from "./pacer.js"
 * @import { Explanation, Model, Prediction, RoomMessage, ServerError, ServerMessage, Session, SessionSettings } from "./protocol.js"
 * @import { TypedEvents } from "./typed-events.js"
 */

/**
 * @typedef {"connecting" | "open" | "reconnecting" | "closed"} ConnectionState
 *
 * @typedef {object} Status
 * @property {ConnectionState} state
 * @property {number} attempt Failed attempts since the last working connection.
 * @property {string | null} code The error or close code that closed it for good, or `no_answer` while a new connection
 *   has got no greeting for two seconds.
 *
 * @typedef {object} RatingEvents The `detail` of each event.
 * @property {Status} state
 * @property {Session} session Just before the newest text is sent.
 * @property {Session} model Just before `session`, and whenever a model with other labels answers from now on.
 * @property {SessionSettings} updated The settings that the server uses now.
 * @property {{seq: number, text: string, isCut: boolean, chars: number}} sent The text as it was
 *   submitted, and how much of it was sent: see `fitText`.
 * @property {{prediction: Prediction, elapsedMs: number | null}} prediction
 *   Never older than the previous one.
 * @property {{explanation: Explanation, text: string}} explanation
 *   Always of the newest text, which is included.
 * @property {RoomMessage} room A message about the shared or watched room.
 * @property {ServerError} refused
 * @property {Error} fault The server sent a message that does not follow the protocol, or there is no token.
 *
 * @typedef {object} Socket The used part of a WebSocket, either the browser's or from the package `ws`.
 * @property {(frame: string) => void} send
 * @property {() => void} close
 * @property {((event: any) => void) | null} onmessage
 * @property {((event: any) => void) | null} onclose
 * @property {((event: any) => void) | null} onerror
 *
 * @typedef {new (url: string, protocols: string[]) => Socket} SocketClass
 *
 * @typedef {object} SocketOptions
 * @property {string} [key] An API key.
 * @property {() => string | Promise<string>} [token] Called before every connection for a new short-lived token, in
 *   place of a key.
 * @property {SocketClass} [WebSocket]
 * @property {Timers} [timers]
 * @property {() => number} [random] Uniform in [0, 1).
 */

export const BACKOFF_FIRST_MS = 500;
export const BACKOFF_CAP_MS = 15_000;
export const PONG_TIMEOUT_MS = 5_000;
// This error does not concern a text.
const NO_ROOM_LEFT = "too_many_rooms";
const RATE_LIMITED = "rate_limited";
export const NO_ANSWER = "no_answer";
const SESSION_TIMEOUT_MS = 10_000;
// A slow line may take longer, so this is said, and the connection is kept.
export const SILENT_AFTER_MS = 2_000;
// The server takes at most 10 s to stop. After that it has dropped the connection.
const CLOSING_TIMEOUT_MS = 10_000;

const Events = /** @type {TypedEvents<RatingEvents>} */ (EventTarget);

/** There is no token to connect with. `cause` is what the function `token` threw. */
export class TokenError extends Error {
  name = "TokenError";
}

/** Dispatches `RatingEvents`, each as a `CustomEvent`. */
export class RatingSocket extends Events {
  #url;
  #key;
  #token;
  #WebSocket;
  #timers;
  #random;
  #pacer;

  /** @type {Socket | null} */
  #socket = null;
  /** @type {Session | null} */
  #session = null;
  /** @type {ConnectionState} */
  #state = "connecting";
  #attempt = 0;
  #newestAnswer = 0;
  /** @type {SessionSettings | null} */
  #settings = null;
  /** @type {object | null} The wait for a token. Only the newest one counts. */
  #asking = null;
  /** @type {string | null} */
  #textToExplain = null;
  #isPartialWanted = false;
  /** @type {number | null} The `retry_after_ms` of a server that is stopping; null otherwise. */
  #retryAfterMs = null;
  // Earliest time for a reconnect, as the server asked.
  #notBeforeMs = 0;
  /** @type {unknown} Runs while the server's rate allows no other explain. */
  #explainTimer = null;
  /** @type {unknown} */
  #reconnectTimer = null;
  // Runs while a message of the server is due: its greeting, a pong, or its close.
  /** @type {unknown} */
  #deadlineTimer = null;
  /** @type {unknown} */
  #silenceTimer = null;
  /** @type {unknown} */
  #heartbeatTimer = null;

  /**
   * @param {string} url
   * @param {SocketOptions} [options]
   */
  constructor(
    url,
    {
      key,
      token,
      WebSocket = globalThis.WebSocket,
      timers = browserTimers,
      random = Math.random,
    } = {},
  ) {
    super();
    this.#url = url;
    this.#key = key;
    this.#token = token;
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

  /** Connects, and reconnects until `close`. Does nothing if already started. */
  start() {
    if (this.#socket ?? this.#reconnectTimer ?? this.#asking) return;
    this.#state = "connecting";
    this.#attempt = 0;
    this.#connectOnceAllowed();
  }

  /** @param {string} text The whole text so far. */
  submit(text) {
    this.#pacer.submit(text);
  }

  /** Asks for a final answer to the newest text, unless there is one already. */
  flush() {
    if (this.#pacer.hurry()) this.#socket?.send(flush(this.#pacer.seq));
  }

  /**
   * Asks what each word and sentence of the newest text adds. A newer text cancels this.
   * @param {{partial?: boolean}} [options] `partial`: what is known so far comes first, in `explanation` events.
   */
  explain({ partial = false } = {}) {
    // A refused text cannot be explained.
    if (this.#pacer.isRefused) return;
    const { seq } = this.#pacer;
    this.#textToExplain = this.#pacer.text;
    this.#isPartialWanted = partial;
    this.#pacer.hurry();
    // If the text is not sent yet, the request follows once it is.
    if (this.#pacer.seq === seq && this.#pacer.isSent) this.#askToExplain(seq);
  }

  /** Cancels the newest text: neither a rating nor an explanation of it will come. */
  cancel() {
    this.#textToExplain = null;
    this.#pacer.cancel();
    // Answers that are already on their way are ignored.
    this.#newestAnswer = this.#pacer.seq + 1;
    if (this.#session !== null) this.#socket?.send(cancel());
  }

  /**
   * Changes settings of the session, now and after every reconnect.
   * @param {SessionSettings} settings
   */
  updateSession(settings) {
    this.#settings = { ...this.#settings, ...settings };
    if (this.#session !== null) this.#socket?.send(sessionUpdate(this.#settings));
  }

  /**
   * Lets others watch. After a reconnect it must be asked for again.
   * @param {string} [secret] Secret of the room to continue; without one, a new room is opened.
   */
  openRoom(secret) {
    if (this.#session !== null) this.#socket?.send(roomOpen(secret));
  }

  /** Ends the room. */
  closeRoom() {
    if (this.#session !== null) this.#socket?.send(roomClose());
  }

  /** Closes the connection for good. */
  close() {
    if (this.#state !== "closed") this.#giveUp(null);
  }

  /**
   * Reconnects now, for example since the network is back, unless the server asked for the wait.
   */
  retryNow() {
    if (this.#reconnectTimer !== null) this.#connectOnceAllowed();
  }

  /** Checks whether the server still answers, and reconnects if it does not. */
  probe() {
    if (this.#session === null || this.#deadlineTimer !== null) return;
    this.#socket?.send(ping(String(Math.round(this.#timers.now()))));
    this.#expectWord(PONG_TIMEOUT_MS);
  }

  #connectOnceAllowed() {
    this.#clearTimers();
    const waitMs = this.#notBeforeMs - this.#timers.now();
    if (waitMs <= 0) return this.#connect();
    this.#reconnectTimer = this.#timers.set(() => this.#connect(), waitMs);
  }

  #connect() {
    this.#clearTimers();
    if (this.#token === undefined) this.#open(this.#key);
    else this.#openWithToken(this.#token);
  }

  /** @param {() => string | Promise<string>} getToken */
  async #openWithToken(getToken) {
    const asking = {};
    this.#asking = asking;
    this.#expectWord(SESSION_TIMEOUT_MS);
    try {
      const token = await getToken();
      if (asking !== this.#asking) return;
      if (!token || typeof token !== "string") throw new TypeError(`it is ${token}`);
      this.#asking = null;
      this.#open(token);
    } catch (cause) {
      if (asking !== this.#asking) return;
      this.#lost(null);
      this.#emit("fault", new TokenError(`no token: ${cause}`, { cause }));
    }
  }

  /** @param {string | undefined} key A key or token. */
  #open(key) {
    this.#clearTimers();
    /** @type {Socket} */
    let socket;
    try {
      const protocols = key ? [SUBPROTOCOL, bearerSubprotocol(key)] : [SUBPROTOCOL];
      socket = new this.#WebSocket(this.#url, protocols);
    } catch (error) {
      this.#comeBackLater();
      return this.#emit("fault", /** @type {Error} */ (error));
    }
    this.#socket = socket;
    // A dropped socket may still send events. Only those of the current one count.
    /** @param {(event: any) => void} handle */
    const ifPresent = (handle) => (/** @type {any} */ event) => {
      if (socket === this.#socket) handle(event);
    };
    socket.onmessage = ifPresent((event) => this.#receive(event.data));
    socket.onclose = ifPresent((event) => this.#lost(event.code));
    // A close follows every error, but the package `ws` throws an error that has no listener.
    socket.onerror = () => {};
    this.#expectWord(SESSION_TIMEOUT_MS);
    this.#silenceTimer = this.#timers.set(
      () => this.#setState(this.#state, NO_ANSWER),
      SILENT_AFTER_MS,
    );
  }

  /** @param {unknown} frame */
  #receive(frame) {
    let message;
    try {
      message = parse(frame, this.#session?.classes?.length);
    } catch (error) {
      return this.#emit("fault", /** @type {Error} */ (error));
    }
    if (this.#session !== null && this.#retryAfterMs === null) {
      this.#restartHeartbeat(this.#session);
    }
    this.#handle(message);
  }

  /** @param {ServerMessage} message */
  #handle(message) {
    switch (message.type) {
      case "session.created":
        return this.#greeted(message);
      case "model.changed":
        return this.#modelChanged(message);
      case "prediction":
        return this.#predicted(message);
      case "explanation":
        return this.#explained(message);
      case "error":
        return this.#refused(message.error);
      case "session.updated":
        return this.#emit("updated", message.session);
      case "room.opened":
      case "room.watchers":
      case "room.state":
      case "room.closed":
        this.#attempt = 0;
        return this.#emit("room", message);
      case "session.closing":
        this.#retryAfterMs = message.retry_after_ms;
        this.#pacer.disconnected();
        return this.#expectWord(CLOSING_TIMEOUT_MS);
      case "pong":
        this.#attempt = 0;
    }
  }

  /** @param {Session} session */
  #greeted(session) {
    const { labels, classes } = session;
    if (labels !== undefined && classes === undefined && !areOurLabels(labels)) {
      return this.#giveUp("labels_differ");
    }
    this.#session = session;
    this.#retryAfterMs = null;
    this.#restartHeartbeat(session);
    this.#setState("open");
    this.#emit("model", session);
    this.#emit("session", session);
    // A listener may have closed the connection.
    if (this.#session === null) return;
    if (this.#settings !== null) this.#socket?.send(sessionUpdate(this.#settings));
    this.#pacer.connected();
  }

  /** @param {Model} model */
  #modelChanged({ labels, task, classes, prior, model, states }) {
    if (this.#session === null) return;
    this.#session = { ...this.#session, labels, task, classes, prior, model, states };
    this.#emit("model", this.#session);
    this.#pacer.again();
  }

  /** @param {Prediction} prediction */
  #predicted(prediction) {
    this.#attempt = 0;
    const elapsedMs = this.#pacer.answered(prediction.seq);
    if (prediction.seq < this.#newestAnswer) return;
    this.#newestAnswer = prediction.seq;
    this.#emit("prediction", { prediction, elapsedMs });
  }

  /** @param {Explanation} explanation */
  #explained(explanation) {
    const text = this.#textToExplain;
    if (text === null || text !== this.#pacer.text || explanation.seq !== this.#pacer.seq) return;
    if (!explanation.partial) this.#textToExplain = null;
    this.#emit("explanation", { explanation, text });
  }

  /** @param {ServerError} error */
  #refused(error) {
    const { code, seq, retryable, retry_after_ms: retryAfterMs = 0 } = error;
    if (code === NO_ROOM_LEFT) {
      return this.#emit("room", { type: "room.closed", reason: NO_ROOM_LEFT });
    }
    // The server names no text where it refuses the request itself.
    const isOfNewest = seq === this.#pacer.seq || ((seq ?? null) === null && code === RATE_LIMITED);
    const isOfExplanation = this.#textToExplain !== null && this.#pacer.isSettled && isOfNewest;
    if (!isOfExplanation) {
      this.#notBeforeMs = Math.max(this.#notBeforeMs, this.#timers.now() + retryAfterMs);
      this.#pacer.failed(seq, retryable, retryAfterMs);
    } else if (!retryable) {
      this.#textToExplain = null;
    } else if (retryAfterMs > 0) {
      this.#explainAfter(retryAfterMs);
    }
    this.#emit("refused", error);
  }

  /** @param {number} waitMs */
  #explainAfter(waitMs) {
    this.#timers.clear(this.#explainTimer);
    this.#explainTimer = this.#timers.set(() => {
      this.#explainTimer = null;
      const { text, seq, isSent } = this.#pacer;
      if (isSent && text === this.#textToExplain) this.#askToExplain(seq);
    }, waitMs);
  }

  /**
   * @param {number} seq
   * @param {string} text
   */
  #sendText(seq, text) {
    if (this.#session === null) return;
    const fitted = fitText(text, this.#session.limits);
    this.#socket?.send(textUpdate(seq, fitted.text));
    if (text === this.#textToExplain) this.#askToExplain(seq);
    else this.#textToExplain = null;
    this.#emit("sent", { seq, text, isCut: fitted.isCut, chars: fitted.chars });
  }

  /** @param {number} seq */
  #askToExplain(seq) {
    if (this.#session === null || this.#textToExplain === null) return;
    if (this.#explainTimer === null) this.#socket?.send(explain(seq, this.#isPartialWanted));
  }

  /** @param {Session} session */
  #restartHeartbeat({ heartbeat_interval_ms: idleMs }) {
    this.#clearTimers();
    this.#heartbeatTimer = this.#timers.set(() => this.probe(), idleMs);
  }

  /** @param {number} withinMs */
  #expectWord(withinMs) {
    this.#timers.clear(this.#deadlineTimer);
    this.#deadlineTimer = this.#timers.set(() => this.#lost(null), withinMs);
  }

  /** @param {number | null} closeCode null if the server did not answer. */
  #lost(closeCode) {
    if (closeCode !== null && isFinalClose(closeCode)) return this.#giveUp(String(closeCode));
    this.#dropSocket();
    this.#comeBackLater();
  }

  /** @param {string | null} code */
  #giveUp(code) {
    this.#dropSocket();
    this.#timers.clear(this.#explainTimer);
    this.#explainTimer = null;
    this.#setState("closed", code);
  }

  #dropSocket() {
    const socket = this.#socket;
    this.#socket = this.#session = this.#asking = null;
    this.#clearTimers();
    this.#pacer.disconnected();
    // Do not wait for the closing handshake: over a dead network it takes a minute.
    socket?.close();
  }

  #comeBackLater() {
    const ceilingMs = Math.min(BACKOFF_CAP_MS, BACKOFF_FIRST_MS * 2 ** this.#attempt);
    const now = this.#timers.now();
    // A stopping server may take a while to close, and its `retry_after_ms` counts from then.
    if (this.#retryAfterMs !== null) this.#notBeforeMs = now + this.#retryAfterMs;
    const waitMs = Math.max(0, this.#notBeforeMs - now) + this.#random() * ceilingMs;
    this.#attempt += 1;
    this.#retryAfterMs = null;
    this.#reconnectTimer = this.#timers.set(() => this.#connect(), waitMs);
    this.#setState("reconnecting");
  }

  #clearTimers() {
    this.#timers.clear(this.#reconnectTimer);
    this.#timers.clear(this.#deadlineTimer);
    this.#timers.clear(this.#silenceTimer);
    this.#timers.clear(this.#heartbeatTimer);
    this.#reconnectTimer = this.#deadlineTimer = this.#silenceTimer = this.#heartbeatTimer = null;
  }

  /**
   * @param {ConnectionState} state
   * @param {string | null} [code]
   */
  #setState(state, code = null) {
    this.#state = state;
    this.#emit("state", { state, attempt: this.#attempt, code });
  }

  /**
   * @template {keyof RatingEvents} Name
   * @param {Name} type
   * @param {RatingEvents[Name]} detail
   */
  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
