/** What the page says: predictions, errors and states in plain English. */

// A word or two says little, whatever the model makes of it.
const MIN_TOKENS = 3;
// Total variation distance: at 0.05, one review in twenty would be rated otherwise than the average.
const MIN_DISTANCE_FROM_PRIOR = 0.05;
const POSITIVE_FROM = 0.5;

/**
 * Whether the answer is little more than what one would say without reading anything.
 * @param {import("./protocol.js").Prediction} prediction
 * @param {number[] | undefined} prior
 * @returns {boolean}
 */
export function isTooShort(prediction, prior) {
  if (prediction.is_prior || prediction.tokens < MIN_TOKENS) return true;
  if (prior === undefined) return false;
  return totalVariation(prediction.probabilities, prior) < MIN_DISTANCE_FROM_PRIOR;
}

/**
 * @param {number[]} p
 * @param {number[]} q
 * @returns {number} Between 0 (the same) and 1 (nothing shared).
 */
export function totalVariation(p, q) {
  return p.reduce((sum, value, i) => sum + Math.abs(value - q[i]), 0) / 2;
}

/** @param {number} p @returns {string} As printed on a bar: "41%", "<1%". */
export function percentText(p) {
  const percent = Math.round(p * 100);
  if (percent === 0 && p > 0) return "<1%";
  if (percent === 100 && p < 1) return ">99%";
  return `${percent}%`;
}

/** @param {number} p @returns {string} With one decimal and no sign, for the table and the meters. */
export function percentNumber(p) {
  return (p * 100).toFixed(1);
}

/** @param {number} stars @param {number} p @returns {string} As a screen reader says a bar. */
export function meterWords(stars, p) {
  const noun = stars === 1 ? "star" : "stars";
  const percent = percentText(p)
    .replace("<", "less than ")
    .replace(">", "more than ")
    .replace("%", " percent");
  return `${stars} ${noun}, ${percent}`;
}

/** @param {number} positive P(rating >= 7). @returns {{isPositive: boolean, text: string}} */
export function verdict(positive) {
  const isPositive = positive >= POSITIVE_FROM;
  const text = isPositive
    ? `Positive ${percentText(positive)}`
    : `Negative ${percentText(1 - positive)}`;
  return { isPositive, text };
}

/** @param {[number, number]} interval In stars. @returns {string} */
export function intervalText([low, high]) {
  const [from, to] = [low, high].map((stars) => String(Number(stars.toFixed(1))));
  return from === to ? `80% likely ${from} stars` : `80% likely ${from} to ${to} stars`;
}

/** @param {number} elapsedMs @returns {string} */
export function answerTime(elapsedMs) {
  if (elapsedMs < 1) return "under 1 ms";
  return elapsedMs < 1000 ? `${Math.round(elapsedMs)} ms` : `${(elapsedMs / 1000).toFixed(1)} s`;
}

/** @param {import("./protocol.js").Prediction} prediction @returns {string} For screen readers. */
export function announcement({ stars, positive }) {
  const side = positive >= POSITIVE_FROM ? "positive" : "negative";
  return `Most likely ${stars} ${stars === 1 ? "star" : "stars"}, ${side}.`;
}

/** @param {number} chars @returns {string} */
export function cutNote(chars) {
  const count = chars.toLocaleString("en");
  return `Only the first ${count} characters are rated. You can go on writing.`;
}

/** @param {number | undefined} maxTokens @returns {string} */
export function truncatedNote(maxTokens) {
  const size = maxTokens === undefined ? "" : ` (${maxTokens} word pieces)`;
  return `This is more than the model reads at once${size}, so a part of it does not count.`;
}

export const TOO_SHORT = "Too short to tell";
export const TOO_SHORT_WHY = "A few more words will tell.";
export const PAUSED = "Paused";
export const PAUSE_BARS = "Pause bars";
export const RESUME_BARS = "Resume bars";
export const CONNECTION_LOST =
  "The connection is lost. Keep typing: your newest text is sent as soon as it is back.";

export const CONNECTION = Object.freeze({
  connecting: "Connecting",
  open: "Live",
  reconnecting: "Reconnecting",
  closed: "Not connected",
});

export const FRESHNESS = Object.freeze({
  fresh: "Matches your text",
  stale: "Catching up",
  offline: "Not up to date",
  prior: "The average review",
});

const REFUSALS = Object.freeze({
  too_large: "The text is too large to send. What you see is the rating of an earlier version.",
  text_too_long: "The text is too long to rate. What you see is the rating of an earlier version.",
  rate_limited: "Too many requests at once. Trying again in a moment.",
  overloaded: "Many people are typing just now. Trying again in a moment.",
  model_unavailable: "The model is not answering. Trying again in a moment.",
  internal: "This text could not be rated. Go on typing to try again.",
  server_full: "The server is full just now. Trying again in a moment.",
});
const REFUSAL_OTHER = "The server did not accept this text. Go on typing to try again.";

/** @param {import("./protocol.js").ServerError} error @returns {string} */
export function refusal(error) {
  return REFUSALS[error.code] ?? REFUSAL_OTHER;
}

const OUTDATED = "This page and the server no longer fit together. Reload the page to go on.";
const NOT_LET_IN = "The server does not let this page in, so nothing is rated.";
const GIVEN_UP = Object.freeze({
  labels_differ: OUTDATED,
  4502: OUTDATED,
  4503: "The server asks for a key, and this page has none, so nothing is rated.",
  4504: "The server does not accept this page's key, so nothing is rated.",
  4512: OUTDATED,
  4520: NOT_LET_IN,
});

/** @param {string} code Why the connection ended for good. @returns {string} */
export function givenUp(code) {
  return GIVEN_UP[code] ?? NOT_LET_IN;
}
