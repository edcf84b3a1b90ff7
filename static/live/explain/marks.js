/** Prepares explanations for drawing: nested marks, their strength, and the strongest parts. Uses no DOM. */

/** @import { Span } from "../client/protocol.js" */

/**
 * @typedef {Span} Span
 * @typedef {{span: Span, pieces: Piece[]}} Mark
 * @typedef {string | Mark} Piece
 */

// The strongest word gets the strongest mark, unless all effects are small.
const LEAST_SCALE = 0.5;
// Of a probability.
const LEAST_SHARE = 0.05;
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

/** @param {{counted_in?: string}} explanation @returns {number} The weight that gets the strongest mark at least. */
export function leastScale({ counted_in: countedIn }) {
  return countedIn === "probability" ? LEAST_SHARE : LEAST_SCALE;
}

/**
 * @param {readonly Span[]} spans
 * @param {readonly {begin: number, end: number}[]} unread In the same units, and in the order of the text.
 * @returns {Span[]} The spans, cut where a part is not read, and each such part as a span of the unit "unread".
 */
export function withUnread(spans, unread) {
  /** @type {Span[]} */
  let parts = [...spans];
  for (const { begin, end } of unread) {
    parts = parts.flatMap((span) =>
      [
        { ...span, end: Math.min(span.end, begin) },
        { ...span, begin: Math.max(span.begin, end) },
      ].filter((part) => part.begin < part.end),
    );
    parts.push({ begin, end, weight: 0, unit: "unread" });
  }
  return parts.sort((one, other) => one.begin - other.begin || other.end - one.end);
}

/**
 * @param {readonly Span[]} spans
 * @param {number} [least] See `leastScale`.
 * @returns {(span: Span) => number} Strength from 0 (no effect) to 4, relative to spans of the same unit.
 */
export function strengths(spans, least = LEAST_SCALE) {
  const scales = {
    sentence: scaleOf(spans.filter(isSentence), least),
    other: scaleOf(words(spans), least),
  };
  return (span) => strength(span, scales[isSentence(span) ? "sentence" : "other"]);
}

/**
 * @param {readonly Span[]} spans
 * @param {string} text
 * @returns {{up: Span[], down: Span[], sentences: Span[]}} The words that raise and lower the stars most, and the sentences that move them most, strongest first. Of what the text repeats, the strongest place. A lone sentence is the text.
 */
export function extremes(spans, text) {
  const telling = spans
    .filter(({ weight }) => weight !== 0)
    .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight));
  /** @param {Span[]} parts */
  const strongest = (parts) => onceEach(parts, text).slice(0, MOST_NAMED);
  const isOneOfMany = spans.filter(isSentence).length > 1;
  return {
    up: strongest(words(telling.filter(({ weight }) => weight > 0))),
    down: strongest(words(telling.filter(({ weight }) => weight < 0))),
    sentences: isOneOfMany ? strongest(telling.filter(isSentence)) : [],
  };
}

/**
 * @param {readonly Span[]} spans
 * @param {string} text
 * @returns {Span[]} The first span of each words, whatever their case.
 */
function onceEach(spans, text) {
  /** @type {Map<string, Span>} */
  const first = new Map();
  for (const span of spans) {
    const named = text.slice(span.begin, span.end).toLowerCase();
    if (!first.has(named)) first.set(named, span);
  }
  return [...first.values()];
}

/** @param {Span} span */
const isSentence = ({ unit }) => unit === "sentence";

/** @param {readonly Span[]} spans */
const words = (spans) => spans.filter((span) => !isSentence(span));

/** @param {readonly Span[]} spans @param {number} least */
const scaleOf = (spans, least) =>
  spans.reduce((scale, { weight }) => Math.max(scale, Math.abs(weight)), least);

/**
 * @param {Span} span
 * @param {number} scale
 */
function strength({ weight }, scale) {
  // The server has left out what is noise.
  return weight === 0 ? 0 : Math.max(1, Math.round((STRENGTHS * Math.abs(weight)) / scale));
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
