/** A text, its rating and its history of ratings, as JSON and CSV. Uses no DOM. */

import { LABELS } from "../client/protocol.js";

/**
 * @import { RatedText } from "../page/display.js"
 * @import { Moment } from "../timeline/recording.js"
 */

const COLUMNS = Object.freeze([
  "at_ms",
  "stars",
  "expected_stars",
  "interval_low",
  "interval_high",
  "positive",
  ...LABELS.map((stars) => `p${stars}`),
  "text",
]);
const BYTE_ORDER_MARK = "\ufeff";
// A spreadsheet would run a text that starts with one of these as a formula.
const FORMULA = /^[=+\-@\t\r]/;

/**
 * @typedef {Moment} Moment
 *
 * @typedef {object} Written
 * @property {string} text
 * @property {RatedText | null} shown The newest rating.
 * @property {readonly Moment[]} moments The ratings while it was typed.
 * @property {{name: string, version: string} | null} model
 */

/**
 * @param {Written} written
 * @returns {string}
 */
export function toJson({ text, shown, moments, model }) {
  const start = moments[0]?.atMs ?? 0;
  const content = {
    text,
    model: model && { name: model.name, version: model.version },
    labels: LABELS,
    rating: shown && { is_of_this_text: shown.text === text, ...ratingOf(shown) },
    timeline: moments.map((moment) => ({
      at_ms: Math.round(moment.atMs - start),
      text: moment.text,
      ...ratingOf(moment),
    })),
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

/**
 * One row per moment, the newest last.
 * @param {Written} written
 * @returns {string} CSV with line ends and quotes as in RFC 4180, after a byte order mark: without it Excel takes UTF-8
 *   for an old encoding.
 */
export function toCsv({ moments }) {
  const start = moments[0]?.atMs ?? 0;
  const rows = moments.map((moment) => [
    Math.round(moment.atMs - start),
    moment.stars,
    moment.expected_stars,
    ...moment.interval,
    moment.positive,
    ...moment.probabilities,
    quoted(FORMULA.test(moment.text) ? `'${moment.text}` : moment.text),
  ]);
  return BYTE_ORDER_MARK + [COLUMNS, ...rows].map((row) => `${row.join(",")}\r\n`).join("");
}

/** Serializers by file extension. */
export const WRITERS = Object.freeze({ json: toJson, csv: toCsv });
export const TYPES = Object.freeze({ json: "application/json", csv: "text/csv;charset=utf-8" });

/** @param {RatedText} shown */
function ratingOf({ stars, expected_stars, interval, positive, probabilities }) {
  return { stars, expected_stars, interval, positive, probabilities };
}

/** @param {string} text */
function quoted(text) {
  return `"${text.replaceAll('"', '""')}"`;
}
