/** What programs other than the page import, from the server or as the npm package `starcast-client`. */

import { socketUrl } from "./client/protocol.js";
import { RatingSocket } from "./client/socket.js";

export { utf16Spans } from "./client/offsets.js";
export { LABELS, ProtocolError } from "./client/protocol.js";
export { RatingSocket } from "./client/socket.js";

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
 * @property {(prediction: Prediction, elapsedMs: number | null) => void} [onPrediction] With the
 *   milliseconds from sending to this answer, where they were taken. Never older than the one before.
 * @property {(explanation: Explanation, text: string) => void} [onExplanation] With the text that
 *   the spans are about, see `utf16Spans`.
 * @property {(status: Status) => void} [onStatus]
 * @property {(session: Session) => void} [onSession] At every connection, before anything is sent.
 * @property {(message: RoomMessage) => void} [onRoom] What the server says of the room that one
 *   shares by `openRoom`, or watches at the address of its socket.
 * @property {(error: ServerError | Error) => void} [onError] A refusal, which has a `code`, or an
 *   `Error`: the server said something unknown. The connection goes on.
 */

/**
 * Connects to a Starcast server, and stays connected until `close`.
 * @param {{url: string | URL} & SocketOptions & Listeners} options `url` is the address of the
 *   server, say `https://example.org`, or of its socket.
 * @throws {TypeError} for an address that is none, and where there is no WebSocket.
 * @returns {RatingSocket} Hand it the whole text at every change, by `submit`.
 */
export function connect({
  url,
  onPrediction,
  onExplanation,
  onStatus,
  onSession,
  onRoom,
  onError,
  ...options
}) {
  if (!(options.WebSocket ?? globalThis.WebSocket)) {
    throw new TypeError("no WebSocket here: pass the class of the package ws as WebSocket");
  }
  const socket = new RatingSocket(socketUrl(url), options);
  /**
   * @template {keyof import("./client/socket.js").RatingEvents} Name
   * @param {Name} name
   * @param {(detail: import("./client/socket.js").RatingEvents[Name]) => void} listener
   */
  const listen = (name, listener) =>
    socket.addEventListener(name, (event) => listener(/** @type {CustomEvent} */ (event).detail));
  listen("prediction", ({ prediction, elapsedMs }) => onPrediction?.(prediction, elapsedMs));
  listen("explanation", ({ explanation, text }) => onExplanation?.(explanation, text));
  listen("state", (status) => onStatus?.(status));
  listen("session", (session) => onSession?.(session));
  listen("room", (message) => onRoom?.(message));
  listen("refused", (error) => onError?.(error));
  listen("fault", (error) => onError?.(error));
  socket.start();
  return socket;
}
