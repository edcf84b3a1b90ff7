/** A text, its rating and its history of ratings, as JSON and CSV. Uses no DOM. */

import { LABELS } from "../client/protocol.js";
import { FILM } from "../lib/labels.js";

/**
 * @import { Labels } from "../lib/labels.js"
 * @import { RatedText } from "../page/display.js"
 * @import { Moment } from "../timeline/recording.js"
 */

const FILM_COLUMNS = Object.freeze([
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
 * @property {Labels} [labels] By default the film ratings.
 */

/**
 * @param {Written} written
 * @returns {string}
 */
export function toJson({ text, shown, moments, model, labels = FILM }) {
  const start = moments[0]?.atMs ?? 0;
  const content = {
    text,
    model: model && { name: model.name, version: model.version },
    labels: labels.values ?? labels.names,
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
export function toCsv({ moments, labels = FILM }) {
  const start = moments[0]?.atMs ?? 0;
  const rows = moments.map((moment) => [
    Math.round(moment.atMs - start),
    ...(labels.isFilm ? filmCells(moment) : labelCells(moment)),
    ...moment.probabilities,
    quoted(harmless(moment.text)),
  ]);
  const columns = labels.isFilm ? FILM_COLUMNS : labelColumns(labels);
  return BYTE_ORDER_MARK + [columns, ...rows].map((row) => `${row.join(",")}\r\n`).join("");
}

/** @param {Moment} moment */
function filmCells({ stars, expected_stars: expected, interval = [0, 0], positive }) {
  return [stars, expected, ...interval, positive];
}

/** @param {Moment} moment */
function labelCells({ label = "", expected_value: expected, interval }) {
  const name = quoted(harmless(label));
  return expected === undefined ? [name] : [name, expected, ...(interval ?? [])];
}

/** @param {Labels} labels */
function labelColumns({ names, values }) {
  const ofValues = values === null ? [] : ["expected_value", "interval_low", "interval_high"];
  return ["at_ms", "label", ...ofValues, ...names.map((name) => quoted(`p_${name}`)), "text"];
}

/** @param {string} text */
const harmless = (text) => (FORMULA.test(text) ? `'${text}` : text);

/** Serializers by file extension. */
export const WRITERS = Object.freeze({ json: toJson, csv: toCsv });
export const TYPES = Object.freeze({ json: "application/json", csv: "text/csv;charset=utf-8" });

/** @param {RatedText} shown */
function ratingOf(shown) {
  const { label, stars, expected_stars, expected_value, interval, positive, probabilities } = shown;
  return { label, stars, expected_stars, expected_value, interval, positive, probabilities };
}

/** @param {string} text */
function quoted(text) {
  return `"${text.replaceAll('"', '""')}"`;
}
