/**
 * The messages of `starcast.v1` in both directions. Uses no socket and no DOM.
 *
 * @typedef {object} Limits
 * @property {number} max_chars Maximum length of a text in Unicode code points.
 * @property {number} max_message_bytes Maximum size of a message in UTF-8 bytes.
 *
 * @typedef {"unreadable" | "no_opinion" | "either_way" | "leans" | "says"} State
 *
 * @typedef {object} States Thresholds between the states of a rating.
 * @property {number} legible `unreadable` below.
 * @property {number} [clearly_legible] `no_opinion` below, whatever the rating; an older server has none.
 * @property {number} information `no_opinion` below, in nats.
 * @property {number} either_way `either_way` up to this probability of the likelier side.
 * @property {number} says `says` from this probability of the likelier side.
 *
 * @typedef {object} Label One label of the model.
 * @property {string} name
 * @property {number} [value] Its number, of films of stars; absent where labels have none.
 *
 * @typedef {object} Model What is told of the model that answers.
 * @property {number[]} [labels] The stars of film ratings; absent for other labels.
 * @property {"ratings" | "ordinal" | "nominal"} [task]
 * @property {Label[]} [classes] The labels of the probabilities; an older server has none.
 * @property {number[]} [prior] Frequency of each label in the training data.
 * @property {{name: string, version: string, max_tokens: number}} model
 * @property {States} [states] Thresholds of `state`; an older server has none.
 *
 * @typedef {object} Connection What is told of the connection.
 * @property {"session.created"} type
 * @property {number} heartbeat_interval_ms
 * @property {Limits} limits
 * @property {"http"} [transport] Set by `HttpSocket` when HTTP is used.
 *
 * @typedef {Model & Connection} Session
 *
 * @typedef {object} Rating The rating of one text.
 * @property {number[]} probabilities One for each label, sum 1.
 * @property {string} [label] Name of the likeliest label; older servers leave it out of film ratings.
 * @property {number} [stars] The likeliest film rating.
 * @property {number} [expected_stars] Of film ratings.
 * @property {number} [expected_value] Of labels with values; older servers leave it out of film ratings.
 * @property {[number, number]} [interval] Central 80 % interval in stars or values.
 * @property {number} [positive] Of the positive side, P(stars >= 7) for film ratings; absent for labels without sides.
 * @property {number} tokens Tokens of the text itself, 0 for an empty text.
 * @property {boolean} truncated
 * @property {boolean} [is_prior]
 * @property {number} [legible] How much of the text the model could read, 0 to 1.
 * @property {State} [state] Summary of the rating; older servers have none.
 *
 * @typedef {object} Answer What a prediction has besides the rating.
 * @property {"prediction"} type
 * @property {number} seq
 * @property {number} skipped Texts replaced or cancelled since the previous prediction.
 * @property {boolean} is_final Whether this answers a flush.
 * @property {{queue: number, inference: number}} timing_ms
 * @property {string} model_version
 *
 * @typedef {Rating & Answer} Prediction
 *
 * @typedef {object} Span Its offsets are Unicode code points, see `utf16Spans`.
 * @property {number} begin
 * @property {number} end
 * @property {number} weight What it adds, in stars or `counted_in`; 0 if that does not stand out from noise.
 * @property {string} unit "word", "phrase" or "sentence".
 *
 * @typedef {object} Explanation
 * @property {"explanation"} type
 * @property {number} seq
 * @property {string} method
 * @property {"values" | "probability"} [counted_in] What weights are counted in; absent for film ratings.
 * @property {string} [label] The label whose probability is explained.
 * @property {boolean} [partial] Whether another one follows, with these spans and more.
 * @property {boolean} [all_words] Whether every word that the model reads has a span, not only the strongest.
 * @property {{begin: number, end: number}[]} [unread] What the model does not read of a long text, in order.
 * @property {Span[]} spans
 *
 * @typedef {object} SessionSettings
 * @property {number} [min_interval_ms] Minimum time between two predictions.
 *
 * @typedef {object} RoomOpened
 * @property {"room.opened"} type
 * @property {string} room_id For watchers.
 * @property {string} secret For the typist only, to continue this room after a reconnect.
 * @property {number} max_watchers
 *
 * @typedef {object} RoomState The typist's text and rating.
 * @property {"room.state"} type
 * @property {string} text
 * @property {boolean} is_fresh Whether the rating belongs to this text, not to an older one.
 * @property {boolean} is_typist_here
 * @property {Rating} [rating]
 * @property {"ratings" | "ordinal" | "nominal"} [task] Of the rating; absent for film ratings.
 * @property {Label[]} [classes] Likewise.
 * @property {Omit<Explanation, "type" | "seq">} [explanation] Of this text, once its typist's client has asked for it.
 *
 * @typedef {RoomOpened | RoomState | {type: "room.watchers", count: number}
 *   | {type: "room.closed", reason: string}} RoomMessage
 *
 * @typedef {object} ServerError
 * @property {string} code
 * @property {string} message
 * @property {number | null} [seq]
 * @property {boolean} retryable
 * @property {number} [retry_after_ms] Milliseconds to wait before trying again.
 *
 * @typedef {Session | (Model & {type: "model.changed"}) | Prediction | Explanation | {type: "pong", id?: string}
 *   | {type: "error", error: ServerError} | {type: "session.updated", session: SessionSettings}
 *   | {type: "session.closing", reason?: string, retry_after_ms: number} | RoomMessage} ServerMessage
 */

export const SUBPROTOCOL = "starcast.v1";
export const SOCKET_PATH = "/ws/v1/classify/";
/** The stars of the probabilities of film ratings, in order. */
export const LABELS = Object.freeze([1, 2, 3, 4, 7, 8, 9, 10]);

const FIRST_FINAL_CLOSE_CODE = 4500;
const LAST_FINAL_CLOSE_CODE = 4999;
const PROBABILITY_SUM_TOLERANCE = 0.01;
// The most JSON bytes per UTF-16 unit: a control character is written as six bytes.
const MAX_JSON_BYTES_PER_UNIT = 6;

const BEARER_PREFIX = "starcast.bearer.";

/** A message that does not follow the protocol. */
export class ProtocolError extends Error {}

/**
 * @param {string | URL} address Address of the server, `http(s)://` or `ws(s)://`, or of its WebSocket.
 * @returns {string} The address of its WebSocket.
 * @throws {TypeError} If the address is not an http or ws URL.
 */
export function socketUrl(address) {
  // "localhost:8000" is a URL too: its scheme is "localhost".
  const url = parsed(address);
  if (!url || !/^(http|ws)s?:$/.test(url.protocol))
    throw new TypeError(`not an http or ws URL: ${address}`);
  url.protocol = url.protocol.replace("http", "ws");
  if (url.pathname === "/") url.pathname = SOCKET_PATH;
  return url.href;
}

/** @param {string | URL} address @returns {URL | null} */
function parsed(address) {
  try {
    return new URL(address);
  } catch {
    return null;
  }
}

/**
 * Browsers cannot set headers on a WebSocket, so a key is sent as a subprotocol, which the server never echoes.
 * @param {string} key
 * @returns {string}
 */
export function bearerSubprotocol(key) {
  const base64 = btoa(String.fromCharCode(...new TextEncoder().encode(key)));
  const base64url = base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  return BEARER_PREFIX + base64url;
}

/**
 * @param {number} seq
 * @param {string} text
 * @returns {string}
 */
export function textUpdate(seq, text) {
  return JSON.stringify({ type: "text.update", seq, text });
}

/**
 * @param {number} seq
 * @returns {string}
 */
export function flush(seq) {
  return JSON.stringify({ type: "flush", seq });
}

/**
 * @param {number} seq
 * @param {boolean} [partial] Whether what is known so far should come first.
 * @returns {string}
 */
export function explain(seq, partial = false) {
  return JSON.stringify({ type: "explain", seq, ...(partial && { partial }) });
}

/** @returns {string} */
export function cancel() {
  return JSON.stringify({ type: "cancel" });
}

/**
 * @param {SessionSettings} settings
 * @returns {string}
 */
export function sessionUpdate(settings) {
  return JSON.stringify({ type: "session.update", session: settings });
}

/**
 * @param {string} [secret] Secret of the room to continue; without one, a new room is opened.
 * @returns {string}
 */
export function roomOpen(secret) {
  return JSON.stringify({ type: "room.open", secret });
}

/** @returns {string} */
export function roomClose() {
  return JSON.stringify({ type: "room.close" });
}

/**
 * @param {string} id
 * @returns {string}
 */
export function ping(id) {
  return JSON.stringify({ type: "ping", id });
}

/**
 * Reads one frame from the server.
 * @param {unknown} frame
 * @param {number} [count] Number of labels of the model that answers.
 * @returns {ServerMessage}
 * @throws {ProtocolError} If the frame does not follow the protocol, or its type is unknown.
 */
export function parse(frame, count = LABELS.length) {
  const message = parseObject(frame);
  if (!Object.hasOwn(CHECKS, message.type)) {
    throw new ProtocolError(`unknown message type ${JSON.stringify(message.type)}`);
  }
  if (!CHECKS[message.type](message, count)) {
    throw new ProtocolError(`malformed ${message.type}`);
  }
  return message;
}

/**
 * @param {number} code A WebSocket close code.
 * @returns {boolean} Whether a reconnect would be refused again.
 */
export function isFinalClose(code) {
  return code >= FIRST_FINAL_CLOSE_CODE && code <= LAST_FINAL_CLOSE_CODE;
}

/**
 * @param {readonly number[]} labels
 * @returns {boolean} Whether the server uses the same labels as this page.
 */
export function areOurLabels(labels) {
  return labels.length === LABELS.length && labels.every((label, i) => label === LABELS[i]);
}

/**
 * Cuts a text to the server's limits. Counts code points as Python does, and never splits one.
 * @param {string} text
 * @param {Limits} limits
 * @returns {{text: string, isCut: boolean, chars: number}} chars: code points of the returned text
 *   if it was cut, else 0.
 */
export function fitText(text, { max_chars: maxChars, max_message_bytes: maxBytes }) {
  let end = unitsOfFirst(text, maxChars);
  const roomBytes = maxBytes - textUpdate(Number.MAX_SAFE_INTEGER, "").length;
  if (end * MAX_JSON_BYTES_PER_UNIT > roomBytes) {
    end = unitsWithin(text, end, roomBytes);
  }
  if (end === text.length) return { text, isCut: false, chars: 0 };
  const kept = text.slice(0, end);
  return { text: kept, isCut: true, chars: [...kept].length };
}

/**
 * @param {string} text
 * @param {number} maxChars
 */
function unitsOfFirst(text, maxChars) {
  if (text.length <= maxChars) return text.length;
  let end = 0;
  for (let chars = 0; chars < maxChars && end < text.length; chars++) {
    end += Number(text.codePointAt(end)) > 0xffff ? 2 : 1;
  }
  return end;
}

/**
 * Finds the longest prefix, up to `end`, whose JSON fits, by bisection. It never ends inside a surrogate
 * pair: JSON escapes half a pair as six bytes, so where half a pair fits, the whole pair of four does too.
 * @param {string} text
 * @param {number} end
 * @param {number} roomBytes
 */
function unitsWithin(text, end, roomBytes) {
  const encoder = new TextEncoder();
  const fits = (/** @type {number} */ units) =>
    encoder.encode(JSON.stringify(text.slice(0, units))).length - 2 <= roomBytes;
  if (fits(end)) return end;
  let low = 0;
  let high = end;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/**
 * @param {unknown} frame
 * @returns {any}
 */
function parseObject(frame) {
  if (typeof frame !== "string") throw new ProtocolError("a binary frame");
  let message;
  try {
    message = JSON.parse(frame);
  } catch (cause) {
    throw new ProtocolError("a frame that is not JSON", { cause });
  }
  if (message === null || typeof message !== "object") {
    throw new ProtocolError("a frame that is not an object");
  }
  return message;
}

/** @typedef {(value: any) => boolean} Check */

const isNumber = Number.isFinite;
/** @type {Check} */
const isText = (value) => typeof value === "string";
/** @type {Check} */
const isShare = (value) => isNumber(value) && value >= 0 && value <= 1;
/** @type {Check} */
const isWait = (value) => isNumber(value) && value >= 0;
/** @type {Check} */
const isCount = (value) => Number.isSafeInteger(value) && value >= 0;
/** @type {Check} */
const isSpan = (value) =>
  isCount(value?.begin) &&
  isCount(value.end) &&
  value.begin <= value.end &&
  isNumber(value.weight) &&
  isText(value.unit);

/** @param {unknown} values @param {number} count */
function isDistribution(values, count) {
  if (!Array.isArray(values) || values.length !== count) return false;
  const sum = values.reduce((total, value) => total + value, 0);
  return values.every(isShare) && Math.abs(sum - 1) <= PROBABILITY_SUM_TOLERANCE;
}

/** @type {Check} */
const isInterval = (value) => Array.isArray(value) && value.length === 2 && value.every(isNumber);

/** @type {Check} */
const isFilmRating = (value) =>
  isNumber(value.stars) &&
  isNumber(value.expected_stars) &&
  isInterval(value.interval) &&
  isShare(value.positive);

/** @type {Check} */
const isLabelled = (value) =>
  isText(value.label) &&
  (value.expected_value === undefined || isNumber(value.expected_value)) &&
  (value.interval === undefined || isInterval(value.interval)) &&
  (value.positive === undefined || isShare(value.positive));

/** @param {any} value @param {number} count */
const isRating = (value, count) =>
  isDistribution(value?.probabilities, count) &&
  (value.stars === undefined ? isLabelled(value) : isFilmRating(value)) &&
  isCount(value.tokens) &&
  (value.legible === undefined || isShare(value.legible)) &&
  (value.state === undefined || isText(value.state));

/** @type {Check} */
const isLabel = (value) =>
  isText(value?.name) && (value.value === undefined || isNumber(value.value));

/** @type {Check} */
const isModel = (m) =>
  (m.classes === undefined
    ? Array.isArray(m.labels)
    : Array.isArray(m.classes) && m.classes.length > 1 && m.classes.every(isLabel)) &&
  (m.labels === undefined || (Array.isArray(m.labels) && m.labels.every(isNumber))) &&
  (m.prior === undefined || isDistribution(m.prior, (m.classes ?? LABELS).length)) &&
  (m.states === undefined || Object.values(m.states).every(isNumber)) &&
  isText(m.model?.name);

/** @type {Record<string, (value: any, count: number) => boolean>} */
const CHECKS = {
  "model.changed": isModel,
  "session.created": (m) =>
    isModel(m) &&
    isNumber(m.heartbeat_interval_ms) &&
    isCount(m.limits?.max_chars) &&
    isCount(m.limits?.max_message_bytes),
  prediction: (m, count) => isCount(m.seq) && isRating(m, count),
  explanation: (m) =>
    isCount(m.seq) && isText(m.method) && Array.isArray(m.spans) && m.spans.every(isSpan),
  pong: () => true,
  error: (m) =>
    isText(m.error?.code) &&
    typeof m.error.retryable === "boolean" &&
    (m.error.retry_after_ms === undefined || isWait(m.error.retry_after_ms)),
  "session.updated": (m) => typeof m.session === "object" && m.session !== null,
  "session.closing": (m) => isWait(m.retry_after_ms),
  "room.opened": (m) => isText(m.room_id) && isText(m.secret) && isCount(m.max_watchers),
  "room.watchers": (m) => isCount(m.count),
  "room.closed": (m) => isText(m.reason),
  "room.state": (m) =>
    isText(m.text) &&
    typeof m.is_fresh === "boolean" &&
    typeof m.is_typist_here === "boolean" &&
    (m.classes === undefined || (Array.isArray(m.classes) && m.classes.every(isLabel))) &&
    (m.rating === undefined || isRating(m.rating, (m.classes ?? LABELS).length)),
};
