/** The panel of an explanation: the strongest parts, of which words they are, and the marks for the text. */

import { utf16Spans } from "../client/offsets.js";
import { byId, element, say } from "../lib/dom.js";
import {
  aboutWords,
  LOWERS_MOST,
  MOVES_MOST,
  MOVES_THE_RATING,
  MOVES_THE_STARS,
  RAISES_MOST,
  shareText,
  shortened,
  weightText,
} from "../lib/strings.js";
import { extremes, leastScale, nest, strengths, withUnread } from "./marks.js";

/**
 * @import { Explanation, Span } from "../client/protocol.js"
 * @import { Labels } from "../lib/labels.js"
 * @import { Piece } from "./marks.js"
 * @typedef {Omit<Explanation, "type" | "seq">} Explained
 */

/** @param {Labels} labels */
export function nameExplanation(labels) {
  say("contributions-title", labels.isFilm ? MOVES_THE_STARS : MOVES_THE_RATING);
}

/** Empties the panel, and keeps its height until the next explanation, so that nothing below moves while typing. */
export function clearExplanation() {
  const panel = byId("contributions");
  if (panel.dataset.state === "waiting") return;
  panel.style.minHeight = `${panel.offsetHeight}px`;
  panel.dataset.state = "waiting";
  byId("extremes").replaceChildren();
}

/**
 * Fills the panel.
 * @param {Explained} explanation
 * @param {string} text
 * @returns {(string | HTMLElement)[]} The text with its marks.
 */
export function drawExplanation(explanation, text) {
  const spans = utf16Spans(text, explanation.spans);
  const unread = utf16Spans(text, explanation.unread ?? []);
  const textOf = explanation.counted_in === "probability" ? shareText : weightText;
  byId("extremes").replaceChildren(...drawExtremes(extremes(spans, text), text, textOf));
  say("about-words", aboutWords(explanation));
  byId("legend-unread").hidden = unread.length === 0;
  const panel = byId("contributions");
  if (!explanation.partial) panel.style.minHeight = "";
  panel.dataset.state = explanation.partial ? "partial" : "shown";
  return drawPieces(
    nest(text, withUnread(spans, unread)),
    strengths(spans, leastScale(explanation)),
  );
}

/**
 * @param {Piece[]} pieces
 * @param {(span: Span) => number} strengthOf
 * @returns {(string | HTMLElement)[]}
 */
function drawPieces(pieces, strengthOf) {
  return pieces.map((piece) => {
    if (typeof piece === "string") return piece;
    const { span } = piece;
    const mark = element("span", span.unit === "phrase" ? "word" : span.unit);
    mark.append(...drawPieces(piece.pieces, strengthOf));
    sign(mark, span, strengthOf(span));
    return mark;
  });
}

/** @param {HTMLElement} mark @param {Span} span @param {number} strength */
function sign(mark, { weight }, strength) {
  if (strength === 0) return;
  mark.dataset.sign = weight > 0 ? "up" : "down";
  mark.dataset.strength = String(strength);
}

/**
 * @param {ReturnType<typeof extremes>} strongest
 * @param {string} text
 * @param {(weight: number) => string} textOf
 */
function drawExtremes({ up, down, sentences }, text, textOf) {
  return [
    ...drawExtreme("word", RAISES_MOST, up, text, textOf),
    ...drawExtreme("word", LOWERS_MOST, down, text, textOf),
    ...drawExtreme("sentence", MOVES_MOST, sentences, text, textOf),
  ];
}

/**
 * @param {"word" | "sentence"} unit
 * @param {string} title
 * @param {Span[]} spans
 * @param {string} text
 * @param {(weight: number) => string} textOf
 */
function drawExtreme(unit, title, spans, text, textOf) {
  if (spans.length === 0) return [];
  const row = element("div", "extreme");
  const items = element("dd", "");
  for (const span of spans) {
    const item = element("span", "item");
    const words = element("bdi", unit, shortened(text.slice(span.begin, span.end)));
    sign(words, span, 2);
    item.append(words, element("bdi", "weight", textOf(span.weight)));
    items.append(item, " ");
  }
  row.append(element("dt", "", title), items);
  return [row];
}
