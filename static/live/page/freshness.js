/** The badge that says whether the bars are for the visible text. Bars that are not, for long, are dimmed. */

import { byId, say } from "../lib/dom.js";
import { hasNumber } from "../lib/headline.js";
import { dimmer } from "../lib/rating.js";
import { FRESHNESS, MATCHES_WHAT_IT_READ, PAUSED } from "../lib/strings.js";

/** @import { Page } from "./page.js" */

// Words that change at every key are noise, so they change only for slow answers.
const STALE_WORDS_AFTER_MS = 250;

/**
 * @param {Page} page
 * @returns {boolean} Whether the newest rating shown is of the visible text.
 */
function isFresh({ socket, editor, display: { shown } }) {
  return shown?.seq === socket.seq && socket.isSettled && editor.isTold;
}

/**
 * @param {Page} page
 * @returns {"fresh" | "prior" | "stale" | "offline" | "past"}
 */
export function freshness(page) {
  const { socket, display } = page;
  if (display.past !== null) return "past";
  if (isFresh(page)) return hasNumber(display.headline) ? "fresh" : "prior";
  return socket.state === "open" || socket.state === "connecting" ? "stale" : "offline";
}

/** @param {Page} page */
export function attachFreshness(page) {
  const { socket, editor, display } = page;
  const panel = byId("rating");
  const dim = dimmer(panel);
  /** @type {number | undefined} */
  let wordsTimer;

  function show() {
    const state = freshness(page);
    const isGivenUp = display.refused !== null && !display.refused.retryable;
    let words = FRESHNESS[state];
    if (state === "fresh" && display.shown?.truncated) words = MATCHES_WHAT_IT_READ;
    else if (state === "stale" && display.isPaused) words = PAUSED;
    else if (state === "stale" && isGivenUp) words = FRESHNESS.offline;
    byId("freshness").dataset.state = state;
    clearTimeout(wordsTimer);
    wordsTimer = setTimeout(
      () => say("freshness-words", words),
      state === "stale" && !display.isPaused ? STALE_WORDS_AFTER_MS : 0,
    );
    panel.dataset.past = String(state === "past");
    dim(state === "stale" || state === "offline");
  }

  // An answer for an older text is late, but not old: the wait begins anew.
  display.addEventListener("shown", () => dim(false));
  editor.addEventListener("text", show);
  socket.addEventListener("state", show);
  for (const name of /** @type {const} */ (["shown", "headline", "refused", "pause", "past"])) {
    display.addEventListener(name, show);
  }
  show();
}
