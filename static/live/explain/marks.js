/** Prepares explanations for drawing: nested marks, their strength, and the strongest words. Uses no DOM. */

/** @import { Span } from "../client/protocol.js" */

/**
 * @typedef {Span} Span
 * @typedef {{span: Span, pieces: Piece[]}} Mark
 * @typedef {string | Mark} Piece
 */

// Hundredths of a star are rounding noise, and a weak word next to a strong one has no visible effect.
const LEAST_WEIGHT = 0.05;
// With less than a quarter of the strongest, nearly every "the" and "of" would be marked.
const LEAST_SHARE = 0.25;
// The strongest word gets the strongest mark, unless all effects are tiny.
const LEAST_SCALE = 0.25;
const STRENGTHS = 4;
const MOST_NAMED = 3;

/**
 * Cuts a text into plain pieces and marks, words within their sentences.
 * @param {string} text
 * @param {readonly Span[]} spans In UTF-16 units and in the order of the text, outer before inner.
 * @returns {Piece[]} The whole text, in order.
 */
export function nest(text, spans) {
  const next = { index: 0 };
  return piecesOf(text, spans, next, 0, text.length);
}

/**
 * @param {readonly Span[]} spans
 * @returns {(span: Span) => number} Strength from 0 (no effect) to 4, relative to spans of the same unit.
 */
export function strengths(spans) {
  const scales = { sentence: scaleOf(spans.filter(isSentence)), other: scaleOf(words(spans)) };
  return (span) => strength(span, scales[isSentence(span) ? "sentence" : "other"]);
}

/**
 * @param {readonly Span[]} spans
 * @returns {{up: Span[], down: Span[]}} The words and phrases that raise and lower the stars most, strongest first.
 */
export function extremes(spans) {
  const scale = scaleOf(words(spans));
  const telling = words(spans)
    .filter((span) => strength(span, scale) > 0)
    .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight));
  return {
    up: telling.filter(({ weight }) => weight > 0).slice(0, MOST_NAMED),
    down: telling.filter(({ weight }) => weight < 0).slice(0, MOST_NAMED),
  };
}

/** @param {Span} span */
const isSentence = ({ unit }) => unit === "sentence";

/** @param {readonly Span[]} spans */
const words = (spans) => spans.filter((span) => !isSentence(span));

/** @param {readonly Span[]} spans */
const scaleOf = (spans) =>
  spans.reduce((scale, { weight }) => Math.max(scale, Math.abs(weight)), LEAST_SCALE);

/**
 * @param {Span} span
 * @param {number} scale
 */
function strength(span, scale) {
  const weight = Math.abs(span.weight);
  if (weight < Math.max(LEAST_WEIGHT, LEAST_SHARE * scale)) return 0;
  return Math.max(1, Math.round((STRENGTHS * weight) / scale));
}

/**
 * @param {string} text
 * @param {readonly Span[]} spans
 * @param {{index: number}} next Index of the first span that is not in a piece yet.
 * @param {number} begin
 * @param {number} end
 * @returns {Piece[]}
 */
function piecesOf(text, spans, next, begin, end) {
  /** @type {Piece[]} */
  const pieces = [];
  let at = begin;
  while (next.index < spans.length && spans[next.index].end <= end) {
    const span = spans[next.index++];
    if (span.begin < at) continue;
    if (span.begin > at) pieces.push(text.slice(at, span.begin));
    pieces.push({ span, pieces: piecesOf(text, spans, next, span.begin, span.end) });
    at = span.end;
  }
  if (at < end) pieces.push(text.slice(at, end));
  return pieces;
}
