/** Marks in the field what words and sentences add to the stars, after a pause in typing, and names the strongest. */

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
import { freshness } from "../page/freshness.js";
import { extremes, leastScale, nest, strengths, withUnread } from "./marks.js";

/**
 * @import { Explanation, Span } from "../client/protocol.js"
 * @import { Page } from "../page/page.js"
 * @import { Piece } from "./marks.js"
 */

// Longer than the pause between two words, but too short to feel like waiting.
const IDLE_MS = 700;
// A text that ends with a line break has one line more.
const LAST_LINE = "\u200b";

/** @param {Page} page */
export function attachContributions(page) {
  const { socket, editor, display } = page;
  const panel = byId("contributions");
  const field = byId("review");
  const marked = byId("marked");
  /** @type {number | undefined} */
  let timer;

  function drop() {
    clearTimeout(timer);
    timer = setTimeout(ask, IDLE_MS);
    if (panel.dataset.state === "waiting") return;
    // Keep the height, so that nothing below moves while typing.
    panel.style.minHeight = `${panel.offsetHeight}px`;
    panel.dataset.state = "waiting";
    marked.replaceChildren();
    byId("extremes").replaceChildren();
  }

  function ask() {
    timer = undefined;
    if (editor.text === "") panel.style.minHeight = "";
    if (panel.dataset.state === "waiting" && freshness(page) === "fresh") {
      socket.explain({ partial: true });
    }
  }

  /** @param {Explanation} explanation @param {string} text */
  function show(explanation, text) {
    if (text !== editor.text) return;
    const spans = utf16Spans(text, explanation.spans);
    const unread = utf16Spans(text, explanation.unread ?? []);
    // Asked before anything changes: the answer would take a layout after it.
    const { scrollTop } = field;
    marked.replaceChildren(
      ...drawPieces(
        nest(text, withUnread(spans, unread)),
        strengths(spans, leastScale(explanation)),
      ),
      LAST_LINE,
    );
    if (scrollTop > 0) marked.scrollTop = scrollTop;
    const textOf = explanation.counted_in === "probability" ? shareText : weightText;
    byId("extremes").replaceChildren(...drawExtremes(extremes(spans), text, textOf));
    say("about-words", aboutWords(explanation));
    if (!explanation.partial) panel.style.minHeight = "";
    panel.dataset.state = explanation.partial ? "partial" : "shown";
  }

  // The marks lie behind the field, letter under letter, and never touch it.
  function fit() {
    const { offsetHeight, clientWidth, clientLeft } = field;
    marked.style.height = `${offsetHeight}px`;
    marked.style.width = `${clientWidth + 2 * clientLeft}px`;
    scroll();
  }

  function scroll() {
    if (marked.hasChildNodes()) marked.scrollTop = field.scrollTop;
  }

  editor.addEventListener("text", drop);
  display.addEventListener("labels", () => {
    say("contributions-title", display.labels.isFilm ? MOVES_THE_STARS : MOVES_THE_RATING);
    drop();
  });
  field.addEventListener("scroll", scroll, { passive: true });
  new ResizeObserver(fit).observe(field);
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
