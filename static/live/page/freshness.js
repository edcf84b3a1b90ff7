/**
 * The badge: it says what of the connection or of the bars matters most now. Bars that are not for the visible text, for
 * long, are dimmed.
 */

import { byId, say } from "../lib/dom.js";
import { hasNumber } from "../lib/headline.js";
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
  /** @type {number | undefined} */
  let wordsTimer;
  /** @type {number | undefined} */
  let dimTimer;

  function show() {
    const state = freshness(page);
    const words = wordsOf(page);
    byId("freshness").dataset.state = state;
    clearTimeout(wordsTimer);
    wordsTimer = setTimeout(
      () => say("freshness-words", words),
      words === FRESHNESS.stale ? STALE_WORDS_AFTER_MS : 0,
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
