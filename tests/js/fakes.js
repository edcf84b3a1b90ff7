/** A clock that only moves when told, and a WebSocket that does what the test says. */

import { LABELS } from "../../static/live/client/protocol.js";

export class FakeTimers {
  #now = 0;
  #nextId = 1;
  #pending = new Map();

  set = (callback, ms) => {
    this.#pending.set(this.#nextId, { callback, at: this.#now + ms });
    return this.#nextId++;
  };

  clear = (id) => {
    this.#pending.delete(id);
  };

  now = () => this.#now;

  get pendingCount() {
    return this.#pending.size;
  }

  /** Moves the clock, and runs what falls due in its order. */
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
export const LIMITS = Object.freeze({ max_message_bytes: 65_536, max_chars: 20_000 });

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

export function prediction(seq, changes = {}) {
  return {
    type: "prediction",
    seq,
    probabilities: [0, 0, 0, 0, 0.1, 0.2, 0.4, 0.3],
    stars: 9,
    expected_stars: 8.9,
    interval: [7, 10],
    positive: 1,
    tokens: 40,
    truncated: false,
    timing_ms: { queue: 0, inference: 5 },
    ...changes,
  };
}

export function explanation(seq, changes = {}) {
  return {
    type: "explanation",
    seq,
    method: "occlusion",
    spans: [{ begin: 0, end: 4, weight: 0.31, unit: "word" }],
    ...changes,
  };
}

export function serverError(code, seq, retryable, changes = {}) {
  return { type: "error", error: { code, message: code, seq, retryable, ...changes } };
}

/** Makes a WebSocket class whose sockets are kept in `sockets`, newest last. */
export function fakeWebSocket() {
  const sockets = [];
  class FakeWebSocket {
    sent = [];
    isClosed = false;

    constructor(url, protocols) {
      this.url = url;
      this.protocols = protocols;
      sockets.push(this);
    }

    send(frame) {
      this.sent.push(JSON.parse(frame));
    }

    close() {
      this.isClosed = true;
    }

    /** The server says something. */
    say(message) {
      this.onmessage({ data: typeof message === "string" ? message : JSON.stringify(message) });
    }

    /** The connection ends from the other side. */
    end(code) {
      this.onclose({ code });
    }

    get texts() {
      return this.sent.filter(({ type }) => type === "text.update");
    }
  }
  return { FakeWebSocket, sockets };
}
