/** What programs other than the page import, from the server or as the npm package `starcast-client`. */

import { socketUrl } from "./client/protocol.js";
import { RatingClient } from "./client/rating-client.js";

export { utf16Spans } from "./client/offsets.js";
export { LABELS, ProtocolError } from "./client/protocol.js";
export { RatingClient, RatingError } from "./client/rating-client.js";
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

const NO_WEBSOCKET =
  "this JavaScript runtime has no WebSocket. In Node.js 20, run `npm install ws`, and pass its class: " +
  'import { WebSocket } from "ws"; connect({ url, WebSocket })';

/**
 * Connects to a Starcast server, and stays connected until `close`.
 * @param {{url: string | URL} & SocketOptions & Listeners} options `url` is the address of the
 *   server, say `https://example.org`, or of its socket.
 * @throws {TypeError} for an address that is not a URL, and where there is no WebSocket.
 * @returns {RatingClient} Hand it the whole text at every change, by `submit`, or text by text, by `rate`.
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
    throw new TypeError(NO_WEBSOCKET);
  }
  const socket = new RatingClient(socketUrl(url), options);
  socket.addEventListener("prediction", ({ detail: { prediction, elapsedMs } }) =>
    onPrediction?.(prediction, elapsedMs),
  );
  socket.addEventListener("explanation", ({ detail: { explanation, text } }) =>
    onExplanation?.(explanation, text),
  );
  socket.addEventListener("state", ({ detail }) => onStatus?.(detail));
  socket.addEventListener("session", ({ detail }) => onSession?.(detail));
  socket.addEventListener("room", ({ detail }) => onRoom?.(detail));
  socket.addEventListener("refused", ({ detail }) => onError?.(detail));
  socket.addEventListener("fault", ({ detail }) => onError?.(detail));
  socket.start();
  return socket;
}
