/** A WebSocket that falls back to HTTP while WebSockets are blocked, and returns to WebSocket as soon as it can. */

import { browserTimers } from "./pacer.js";

/**
 * @import { Timers } from "./pacer.js"
 * @import { Socket, SocketClass } from "./socket.js"
 */

// Longer than a handshake over a slow line, shorter than a person waits for a page that does nothing.
export const WORD_WITHIN_MS = 3_000;
export const RETRY_FIRST_MS = 2_000;
export const RETRY_CAP_MS = 30_000;
const ABNORMAL_CLOSE = 1006;

/**
 * An `HttpSocket` whose module is loaded when one is needed, as few ever are.
 * @implements {Socket}
 */
class LoadedHttpSocket {
  /** @type {((event: any) => void) | null} */
  onmessage = null;
  /** @type {((event: any) => void) | null} */
  onclose = null;
  /** @type {((event: any) => void) | null} */
  onerror = null;

  /** @type {Socket | null} */
  #socket = null;
  #isClosed = false;

  /** @param {string} url */
  constructor(url) {
    this.#open(url).catch(() => this.onclose?.({ code: ABNORMAL_CLOSE }));
  }

  /** @param {string} url */
  async #open(url) {
    const { HttpSocket } = await import("./http-socket.js");
    if (this.#isClosed) return;
    this.#socket = new HttpSocket(url);
    this.#socket.onmessage = (event) => this.onmessage?.(event);
    this.#socket.onclose = (event) => this.onclose?.(event);
  }

  /** @param {string} frame */
  send(frame) {
    this.#socket?.send(frame);
  }

  close() {
    this.#isClosed = true;
    this.#socket?.close();
  }
}

/**
 * The first transport that sends its greeting is used. If the WebSocket's greeting comes later, it takes over: the user
 * of this class gets one more `session.created`, and sends the newest text again.
 * @implements {Socket}
 */
export class FallbackSocket {
  /** @type {((event: any) => void) | null} */
  onmessage = null;
  /** @type {((event: any) => void) | null} */
  onclose = null;
  /** @type {((event: any) => void) | null} */
  onerror = null;

  #openDirect;
  #openHttp;
  #timers;
  /** @type {Socket | null} */
  #direct = null;
  /** @type {Socket | null} */
  #http = null;
  /** @type {Socket | null} */
  #active = null;
  #retryMs = RETRY_FIRST_MS;
  /** @type {unknown} */
  #timer = null;

  /**
   * @param {string} url
   * @param {string[]} protocols
   * @param {object} [options]
   * @param {SocketClass} [options.WebSocket]
   * @param {new (url: string) => Socket} [options.HttpSocket]
   * @param {Timers} [options.timers]
   */
  constructor(
    url,
    protocols,
    {
      WebSocket = globalThis.WebSocket,
      HttpSocket = LoadedHttpSocket,
      timers = browserTimers,
    } = {},
  ) {
    this.#openDirect = () => new WebSocket(url, protocols);
    this.#openHttp = () => new HttpSocket(url);
    this.#timers = timers;
    this.#timer = timers.set(() => this.#tryHttp(), WORD_WITHIN_MS);
    this.#tryDirect();
  }

  /** @param {string} frame */
  send(frame) {
    this.#active?.send(frame);
  }

  close() {
    this.#timers.clear(this.#timer);
    const sockets = [this.#direct, this.#http];
    this.#direct = this.#http = this.#active = null;
    for (const socket of sockets) socket?.close();
  }

  #tryDirect() {
    const socket = this.#openDirect();
    this.#direct = socket;
    socket.onmessage = (event) => {
      if (socket !== this.#direct) return;
      if (this.#active !== socket) this.#takeOver(socket);
      this.onmessage?.(event);
    };
    socket.onclose = (event) => {
      if (socket !== this.#direct) return;
      this.#direct = null;
      if (this.#active === socket) this.#lost(event);
      else if (this.#http === null) this.#tryHttp();
      else if (this.#active !== null) this.#tryDirectLater();
    };
    socket.onerror = () => {};
  }

  /** @param {Socket} direct */
  #takeOver(direct) {
    this.#timers.clear(this.#timer);
    const http = this.#http;
    this.#http = null;
    this.#active = direct;
    http?.close();
  }

  #tryHttp() {
    this.#timers.clear(this.#timer);
    const socket = this.#openHttp();
    this.#http = socket;
    socket.onmessage = (event) => {
      if (socket !== this.#http) return;
      if (this.#active === null) {
        this.#active = socket;
        if (this.#direct === null) this.#tryDirectLater();
      }
      this.onmessage?.(event);
    };
    socket.onclose = (event) => {
      if (socket !== this.#http) return;
      this.#http = null;
      if (this.#active === socket || this.#direct === null) this.#lost(event);
    };
  }

  #tryDirectLater() {
    this.#timer = this.#timers.set(() => this.#tryDirect(), this.#retryMs);
    this.#retryMs = Math.min(RETRY_CAP_MS, 2 * this.#retryMs);
  }

  /** @param {any} event */
  #lost(event) {
    this.close();
    this.onclose?.(event);
  }
}
