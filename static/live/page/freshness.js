/** The badge that says whether the bars are for the visible text. */

import { byId, say } from "../lib/dom.js";
import { FRESHNESS, PAUSED } from "../lib/strings.js";

/** @import { Page } from "./page.js" */

// Words that change at every key are noise, so they change only for slow answers.
const STALE_WORDS_AFTER_MS = 250;

/**
 * @param {Page} page
 * @returns {"fresh" | "prior" | "stale" | "offline" | "past"}
 */
export function freshness({ socket, editor, display: { shown, past } }) {
  if (past !== null) return "past";
  if (shown?.seq === socket.seq && socket.isSettled && editor.isTold) {
    return shown.isTooShort ? "prior" : "fresh";
  }
  return socket.state === "open" || socket.state === "connecting" ? "stale" : "offline";
}

/** @param {Page} page */
export function attachFreshness(page) {
  const { socket, editor, display } = page;
  /** @type {number | undefined} */
  let timer;

  function show() {
    const state = freshness(page);
    const isGivenUp = display.refused !== null && !display.refused.retryable;
    let words = FRESHNESS[state];
    if (state === "stale" && display.isPaused) words = PAUSED;
    else if (state === "stale" && isGivenUp) words = FRESHNESS.offline;
    byId("freshness").dataset.state = state;
    clearTimeout(timer);
    timer = setTimeout(
      () => say("freshness-words", words),
      state === "stale" && !display.isPaused ? STALE_WORDS_AFTER_MS : 0,
    );
  }

  editor.addEventListener("text", show);
  socket.addEventListener("state", show);
  for (const name of /** @type {const} */ (["shown", "refused", "pause", "past"])) {
    display.addEventListener(name, show);
  }
  show();
}
