/** The JavaScript client for other programs, from the server or as the npm package `starcast-client`. */

import { socketUrl } from "./client/protocol.js";
import { RatingClient } from "./client/rating-client.js";
import { NO_ANSWER } from "./client/socket.js";

export { utf16Spans } from "./client/offsets.js";
export { LABELS, ProtocolError } from "./client/protocol.js";
export { RatingClient, RatingError } from "./client/rating-client.js";
export { RatingSocket, TokenError } from "./client/socket.js";

/**
 * @typedef {import("./client/protocol.js").Prediction} Prediction
 * @typedef {import("./client/protocol.js").Explanation} Explanation
 * @typedef {import("./client/protocol.js").RoomMessage} RoomMessage
 * @typedef {import("./client/protocol.js").ServerError} ServerError
 * @typedef {import("./client/protocol.js").Session} Session
 * @typedef {import("./client/protocol.js").SessionSettings} SessionSettings
 * @typedef {import("./client/protocol.js").Span} Span
 * @typedef {import("./client/socket.js").SocketOptions} SocketOptions
 * @typedef {import("./client/socket.js").Status} Status
 *
 * @typedef {object} Listeners
 * @property {(prediction: Prediction, elapsedMs: number | null) => void} [onPrediction] Called with the
 *   milliseconds from sending to this answer, if known. Never older than the previous one.
 * @property {(explanation: Explanation, text: string) => void} [onExplanation] Called with the text of
 *   the spans, see `utf16Spans`.
 * @property {(status: Status) => void} [onStatus]
 * @property {(session: Session) => void} [onSession] Called at every connection, before anything is sent.
 * @property {(session: Session) => void} [onModel] The same, just before it, and whenever a model with other labels answers
 *   from now on.
 * @property {(message: RoomMessage) => void} [onRoom] Messages about the room that is shared with
 *   `openRoom`, or watched at its address.
 * @property {(error: ServerError | Error) => void} [onError] An error of the server, with a `code`, or an
 *   `Error` for an unknown message, or a `TokenError`.
 */

const NO_WEBSOCKET =
  "this JavaScript runtime has no WebSocket. In Node.js 20, run `npm install ws` beside `starcast-client`, or pass the " +
  'class of another package: import { WebSocket } from "undici"; connect({ url, WebSocket })';

/**
 * Connects to a Starcast server, and stays connected until `close`.
 * @param {{url: string | URL} & SocketOptions & Listeners} options `url` is the address of the
 *   server, for example `https://example.org`, or of its WebSocket.
 * @throws {TypeError} If the address is not a URL, there is no WebSocket, or both `key` and `token` are given.
 * @returns {RatingClient} Call `submit` with the whole text at every change, or `rate` for single texts.
 */
export function connect({
  url,
  onPrediction,
  onExplanation,
  onStatus,
  onModel,
  onSession,
  onRoom,
  onError,
  ...options
}) {
  if (!(options.WebSocket ?? globalThis.WebSocket)) {
    throw new TypeError(NO_WEBSOCKET);
  }
  if (options.key !== undefined && options.token !== undefined) {
    throw new TypeError("give either key or token: one of them is sent");
  }
  // Until it works again: a server that greets and is lost again still has the same outage.
  let isOutageTold = false;
  // What the server, or the function `token`, said since the state changed.
  let reason = "";
  const socket = new RatingClient(socketUrl(url), options);
  socket.addEventListener("prediction", ({ detail: { prediction, elapsedMs } }) => {
    isOutageTold = false;
    onPrediction?.(prediction, elapsedMs);
  });
  socket.addEventListener("explanation", ({ detail: { explanation, text } }) =>
    onExplanation?.(explanation, text),
  );
  socket.addEventListener("state", ({ detail }) => (onStatus ?? warn)(detail));
  socket.addEventListener("model", ({ detail }) => onModel?.(detail));
  socket.addEventListener("session", ({ detail }) => onSession?.(detail));
  socket.addEventListener("room", ({ detail }) => {
    isOutageTold = false;
    onRoom?.(detail);
  });
  socket.addEventListener("refused", ({ detail }) => {
    reason = `: ${detail.message}`;
    onError?.(detail);
  });
  socket.addEventListener("fault", ({ detail }) => {
    reason = `: ${detail.message}`;
    onError?.(detail);
  });
  socket.start();
  return socket;

  /**
   * Without `onStatus`, an outage or a final refusal is one line in the console.
   * @param {Status} status
   */
  function warn({ state, attempt, code }) {
    if (state === "closed") {
      if (code !== null) console.warn(`Starcast: ${url} refuses the connection (${code})${reason}`);
      return;
    }
    const isOutage = code === NO_ANSWER || (state === "reconnecting" && attempt >= 2);
    if (isOutage && !isOutageTold) {
      isOutageTold = true;
      console.warn(`Starcast: no connection to ${url}${reason}; trying again`);
    }
    reason = "";
  }
}
