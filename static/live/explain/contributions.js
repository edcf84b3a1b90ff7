/** Marks in the field what words and sentences add to the stars, after a pause in typing, and names the strongest. */

import { byId, say } from "../lib/dom.js";
import { NO_WORDS, WORKING_OUT_WORDS } from "../lib/strings.js";
import { freshness } from "../page/freshness.js";
import { clearExplanation, drawExplanation, nameExplanation } from "./drawing.js";

/**
 * @import { Explanation } from "../client/protocol.js"
 * @import { Page } from "../page/page.js"
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
  /** @type {{begin: number, end: number}[]} What of the newest text was too long to be sent. */
  let unsent = [];

  /** @param {"asked" | "refused"} state @param {string} words */
  function showState(state, words) {
    panel.dataset.state = state;
    say("about-words", words);
  }

  function drop() {
    clearTimeout(timer);
    timer = setTimeout(ask, IDLE_MS);
    clearExplanation();
    if (marked.hasChildNodes()) marked.replaceChildren();
  }

  function ask() {
    timer = undefined;
    if (editor.text === "") panel.style.minHeight = "";
    const canAsk = socket.state === "open" && freshness(page) === "fresh";
    if (canAsk && panel.dataset.state === "waiting") {
      showState("asked", WORKING_OUT_WORDS);
      socket.explain({ partial: true });
    }
  }

  const isAsked = () => ["asked", "partial"].includes(String(panel.dataset.state));

  /** @param {Explanation} explanation @param {string} text */
  function show(explanation, text) {
    if (text !== editor.text) return;
    // Asked before anything changes: the answer would take a layout after it.
    const { scrollTop } = field;
    const unread = [...(explanation.unread ?? []), ...unsent];
    marked.replaceChildren(...drawExplanation({ ...explanation, unread }, text), LAST_LINE);
    if (scrollTop > 0) marked.scrollTop = scrollTop;
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
    nameExplanation(display.labels);
    drop();
  });
  field.addEventListener("scroll", scroll, { passive: true });
  new ResizeObserver(fit).observe(field);
  for (const name of /** @type {const} */ (["headline", "past"])) {
    display.addEventListener(name, () => {
      if (timer === undefined) ask();
    });
  }
  socket.addEventListener("sent", ({ detail: { text, isCut, chars } }) => {
    unsent = isCut ? [{ begin: chars, end: [...text].length }] : [];
  });
  socket.addEventListener("state", ({ detail: { state } }) => {
    if (state !== "open" && isAsked()) drop();
  });
  socket.addEventListener("refused", ({ detail: { retry_after_ms: retryAfterMs } }) => {
    // The connection asks again by itself if it is told when.
    if (isAsked() && socket.isSettled && !retryAfterMs) showState("refused", NO_WORDS);
  });
  socket.addEventListener("explanation", ({ detail }) => show(detail.explanation, detail.text));
  timer = setTimeout(ask, IDLE_MS);
}
