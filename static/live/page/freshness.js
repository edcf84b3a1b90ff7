/** The badge that says whether the bars are for the visible text. Bars that are not, for long, are dimmed. */

import { byId, say } from "../lib/dom.js";
import { hasNumber } from "../lib/headline.js";
import { FRESHNESS, MATCHES_WHAT_IT_READ, PAUSED } from "../lib/strings.js";

/** @import { Page } from "./page.js" */

// Words that change at every key are noise, so they change only for slow answers.
const STALE_WORDS_AFTER_MS = 250;
const DIM_AFTER_MS = 500;

/**
 * @param {Page} page
 * @returns {boolean} Whether the newest rating shown is of the visible text.
 */
export function isFresh({ socket, editor, display: { shown } }) {
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
  /** @type {number | undefined} */
  let wordsTimer;
  /** @type {number | undefined} */
  let dimTimer;

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
    showAge(state === "stale" || state === "offline", state === "past");
  }

  /** @param {boolean} isOld @param {boolean} isPast */
  function showAge(isOld, isPast) {
    panel.dataset.past = String(isPast);
    if (!isOld) {
      clearTimeout(dimTimer);
      dimTimer = undefined;
      panel.dataset.old = "false";
    } else {
      dimTimer ??= setTimeout(() => {
        panel.dataset.old = "true";
      }, DIM_AFTER_MS);
    }
  }

  // An answer for an older text is late, but not old: the wait begins anew.
  display.addEventListener("shown", () => showAge(false, false));
  editor.addEventListener("text", show);
  socket.addEventListener("state", show);
  for (const name of /** @type {const} */ (["shown", "headline", "refused", "pause", "past"])) {
    display.addEventListener(name, show);
  }
  show();
}
