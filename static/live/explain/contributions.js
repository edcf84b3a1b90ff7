/** Marks in a copy of the text what words and sentences add to the stars, after a pause in typing. */

import { utf16Spans } from "../client/offsets.js";
import { byId, element } from "../lib/dom.js";
import { LOWERS_MOST, RAISES_MOST, shortened, starsMore, weightText } from "../lib/strings.js";
import { freshness } from "../page/freshness.js";
import { extremes, nest, strengths } from "./marks.js";

/**
 * @import { Explanation, Span } from "../client/protocol.js"
 * @import { Page } from "../page/page.js"
 * @import { Mark, Piece } from "./marks.js"
 */

// Longer than the pause between two words, but too short to feel like waiting.
const IDLE_MS = 700;
// The number of a sentence must not stand on a line of its own.
const WORD_JOINER = "\u2060";

/** @param {Page} page */
export function attachContributions(page) {
  const { socket, editor, display } = page;
  const panel = byId("contributions");
  /** @type {number | undefined} */
  let timer;

  function drop() {
    clearTimeout(timer);
    timer = setTimeout(ask, IDLE_MS);
    if (panel.dataset.state !== "shown") return;
    // Keep the height, so that nothing below moves while typing.
    panel.style.minHeight = `${panel.offsetHeight}px`;
    panel.dataset.state = "waiting";
    byId("marked").replaceChildren();
    byId("extremes").replaceChildren();
  }

  function ask() {
    timer = undefined;
    if (editor.text === "") panel.style.minHeight = "";
    if (panel.dataset.state !== "shown" && freshness(page) === "fresh") socket.explain();
  }

  /** @param {Explanation} explanation @param {string} text */
  function show(explanation, text) {
    if (text !== editor.text) return;
    const spans = utf16Spans(text, explanation.spans);
    byId("marked").replaceChildren(...drawPieces(nest(text, spans), strengths(spans)));
    byId("extremes").replaceChildren(...drawExtremes(extremes(spans), text));
    panel.style.minHeight = "";
    panel.dataset.state = "shown";
  }

  editor.addEventListener("text", drop);
  for (const name of /** @type {const} */ (["headline", "past"])) {
    display.addEventListener(name, () => {
      if (timer === undefined) ask();
    });
  }
  socket.addEventListener("explanation", ({ detail }) => show(detail.explanation, detail.text));
  timer = setTimeout(ask, IDLE_MS);
}

/**
 * @param {Piece[]} pieces
 * @param {(span: Span) => number} strengthOf
 * @returns {(string | HTMLElement)[]}
 */
function drawPieces(pieces, strengthOf) {
  return pieces.map((piece) => (typeof piece === "string" ? piece : drawMark(piece, strengthOf)));
}

/** @param {Mark} mark @param {(span: Span) => number} strengthOf */
function drawMark({ span, pieces }, strengthOf) {
  const strength = strengthOf(span);
  const isSentence = span.unit === "sentence";
  const mark = element("span", isSentence ? "sentence" : "word");
  mark.append(...drawPieces(pieces, strengthOf));
  if (strength > 0) {
    mark.dataset.sign = span.weight > 0 ? "up" : "down";
    mark.dataset.strength = String(strength);
    mark.title = starsMore(span.weight);
    if (isSentence) mark.append(element("bdi", "weight", WORD_JOINER + weightText(span.weight)));
  }
  return mark;
}

/** @param {{up: Span[], down: Span[]}} extremes @param {string} text */
function drawExtremes({ up, down }, text) {
  return [
    ...drawExtreme("up", RAISES_MOST, up, text),
    ...drawExtreme("down", LOWERS_MOST, down, text),
  ];
}

/**
 * @param {"up" | "down"} sign
 * @param {string} title
 * @param {Span[]} spans
 * @param {string} text
 */
function drawExtreme(sign, title, spans, text) {
  if (spans.length === 0) return [];
  const row = element("div", "extreme");
  const items = element("dd", "");
  for (const { begin, end, weight } of spans) {
    const item = element("span", "item");
    const words = element("bdi", "word", shortened(text.slice(begin, end)));
    words.dataset.sign = sign;
    words.dataset.strength = "2";
    item.append(words, element("bdi", "weight", weightText(weight)));
    items.append(item, " ");
  }
  row.append(element("dt", "", title), items);
  return [row];
}
