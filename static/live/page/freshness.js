/**
 * The badge: it says what of the connection or of the bars matters most now. Bars that are not for the visible text, for
 * long, are dimmed.
 */

import { byId, say } from "../lib/dom.js";
import { hasNumber } from "../lib/headline.js";
import { dimmer } from "../lib/rating.js";
import {
  CONNECTION,
  FRESHNESS,
  LIVE_OVER_HTTP,
  MATCHES_WHAT_IT_READ,
  PAUSED,
} from "../lib/strings.js";

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

/** @param {Page} page @returns {string} */
function wordsOf(page) {
  const { socket, session, display } = page;
  const state = freshness(page);
  if (state === "past") return FRESHNESS.past;
  if (display.isPaused) return PAUSED;
  if (socket.state !== "open") return CONNECTION[socket.state];
  if (state === "stale") return FRESHNESS[display.refused?.retryable === false ? "offline" : state];
  if (session?.transport === "http") return LIVE_OVER_HTTP;
  if (state === "fresh" && display.shown?.truncated) return MATCHES_WHAT_IT_READ;
  return FRESHNESS[state];
}

/** @param {Page} page */
export function attachFreshness(page) {
  const { socket, editor, display } = page;
  const panel = byId("rating");
  const dim = dimmer(panel);
  /** @type {number | undefined} */
  let wordsTimer;
  let wordsToCome = "";

  function show() {
    const state = freshness(page);
    const words = wordsOf(page);
    byId("freshness").dataset.state = display.isPaused && state !== "past" ? "stale" : state;
    // Further keys do not put off the words of the first one that waits.
    if (words !== wordsToCome) {
      clearTimeout(wordsTimer);
      wordsTimer = setTimeout(
        () => say("freshness-words", words),
        words === FRESHNESS.stale ? STALE_WORDS_AFTER_MS : 0,
      );
      wordsToCome = words;
    }
    panel.dataset.past = String(state === "past");
    dim(state === "stale" || state === "offline");
  }

  // An answer for an older text is late, but not old: the wait begins anew.
  display.addEventListener("shown", () => {
    dim(false);
    if (wordsToCome === FRESHNESS.stale) wordsToCome = "";
  });
  editor.addEventListener("text", show);
  socket.addEventListener("state", show);
  for (const name of /** @type {const} */ (["shown", "headline", "refused", "pause", "past"])) {
    display.addEventListener(name, show);
  }
  show();
}
