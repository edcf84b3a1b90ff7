/**
 * The watch page: text and bars of a typist, live.
 *
 * Selectors for tests and style sheets, besides the bars, `#freshness`, `#connection`, `#note` and `#timeline` of the live
 * page:
 * - `#watched-text`: the text; `#contributions` and the marks in the text, as on the live page
 * - `#typist[data-state]`: `looking`, `here`, `away` (a lost connection), `left`, `none` (no such room), `full`
 */

import { socketUrl } from "../client/protocol.js";
import { RatingSocket } from "../client/socket.js";
import { clearExplanation, drawExplanation, nameExplanation } from "../explain/drawing.js";
import { byId, say, tell } from "../lib/dom.js";
import { hasNumber } from "../lib/headline.js";
import { dimmer } from "../lib/rating.js";
import {
  CONNECTION,
  FRESHNESS,
  MATCHES_WHAT_IT_READ,
  PAUSE_BARS,
  PAUSED,
  RESUME_BARS,
  readNote,
} from "../lib/strings.js";
import { attachAnnouncer } from "../page/announcer.js";
import { RatingView } from "../page/bars.js";
import { attachConnection } from "../page/connection.js";
import { TYPIST, WATCHED_FRESH, WATCHED_OVER, WATCHED_STALE } from "../share/strings.js";
import { attachTimeline } from "../timeline/timeline.js";
import { Watched } from "./watched.js";

/** @import { Explained } from "../explain/drawing.js" */

const ROOM_ENDED = "4522";
const NEAR_END_PX = 24;
// How long to wait for a room, and how often to look for it: after a restart of the server, a room exists only once its
// typist has reconnected.
const WAIT_FOR_WRITER_MS = 20_000;
const ASK_AGAIN_MS = 1_000;

const roomId = location.pathname.split("/").filter(Boolean).at(-1);
const socket = new RatingSocket(socketUrl(new URL(`/ws/v1/watch/${roomId}/`, location.href)));
const view = new RatingView();
const textBox = byId("watched-text");
const pause = byId("pause");
const dim = dimmer(byId("rating"));

const watched = new Watched();
let isOver = false;
/** @type {number | null} When the room was lost; null while it is there. */
let lostAtMs = null;
/** @type {Explained | undefined} What is drawn in the text. */
let drawn;

/** @param {keyof typeof TYPIST} state */
function showTypist(state) {
  byId("typist").dataset.state = state;
  tell("typist-words", TYPIST[state]);
}

/** Nobody can tell without a connection. The alert has announced it, so this does not. */
function lookForTypist() {
  const typist = byId("typist");
  if (typist.dataset.state !== "here") return;
  typist.dataset.state = "looking";
  say("typist-words", TYPIST.looking);
}

function show() {
  showText();
  say("note", readNote(watched.rating));
  if (watched.rating !== null) view.showBars(watched.rating);
  view.showHeadline(watched.headline);
  showFreshness();
}

/** Shows the text and its marks, and scrolls to its end, unless the watcher has scrolled up. */
function showText() {
  const { text, explanation } = watched;
  if (textBox.textContent === text && drawn === explanation) return;
  drawn = explanation;
  const belowPx = textBox.scrollHeight - textBox.clientHeight - textBox.scrollTop;
  if (explanation === undefined) {
    textBox.textContent = text;
    clearExplanation();
  } else {
    textBox.replaceChildren(...drawExplanation(explanation, text));
  }
  if (belowPx < NEAR_END_PX) textBox.scrollTop = textBox.scrollHeight;
}

function showFreshness() {
  const [state, words] = freshness();
  byId("freshness").dataset.state = state;
  byId("rating").dataset.past = String(state === "past");
  dim(state === "stale" || state === "offline");
  say("freshness-words", words);
}

/** @returns {[state: string, words: string]} */
function freshness() {
  const { newest, past, isPaused, headline, rating } = watched;
  const isFresh = newest?.is_fresh === true && newest.rating !== undefined;
  if (past !== null) return ["past", FRESHNESS.past];
  if (isPaused) return ["stale", PAUSED];
  // What was written last is rated for good.
  if (isOver) return [isFresh ? "over" : "offline", newest === null ? "" : WATCHED_OVER];
  if (socket.state !== "open") {
    return ["offline", CONNECTION[newest === null ? "connecting" : "reconnecting"]];
  }
  if (newest?.is_typist_here === false) return ["offline", FRESHNESS.offline];
  if (!isFresh) return ["stale", WATCHED_STALE];
  if (!hasNumber(headline)) return ["prior", FRESHNESS.prior];
  return ["fresh", rating?.truncated ? MATCHES_WHAT_IT_READ : WATCHED_FRESH];
}

function roomIsNotThere() {
  if (watched.newest !== null && performance.now() - (lostAtMs ?? 0) < WAIT_FOR_WRITER_MS) {
    showTypist("away");
    setTimeout(() => socket.start(), ASK_AGAIN_MS);
    return;
  }
  isOver = true;
  byId("rating").dataset.over = "true";
  showTypist(watched.newest === null ? "none" : "left");
}

socket.addEventListener("session", ({ detail: { prior, states } }) => {
  watched.scale = { prior, states };
});
socket.addEventListener("room", ({ detail: message }) => {
  if (message.type === "room.state") {
    if (message.is_typist_here) lostAtMs = null;
    showTypist(message.is_typist_here ? "here" : "away");
    watched.take(message);
  } else if (message.type === "room.closed") {
    isOver = true;
    showTypist("left");
  }
  showFreshness();
});
socket.addEventListener("refused", ({ detail: { code } }) => {
  if (code === "room_full") showTypist("full");
});
socket.addEventListener("state", ({ detail: { state, code } }) => {
  if (state !== "open") {
    lostAtMs ??= performance.now();
    lookForTypist();
  }
  if (state === "closed" && code === ROOM_ENDED && !isOver) roomIsNotThere();
  showFreshness();
});
pause.addEventListener("click", () => {
  watched.togglePause();
  pause.dataset.paused = String(watched.isPaused);
  pause.textContent = watched.isPaused ? RESUME_BARS : PAUSE_BARS;
});
watched.addEventListener("labels", () => {
  view.labels = watched.labels;
  nameExplanation(watched.labels);
});
watched.addEventListener("change", show);
// A rating of an older text is late, but not old: the wait begins anew.
watched.addEventListener("answer", () => dim(false));
attachAnnouncer({ editor: watched, display: watched });
attachTimeline({ editor: watched, display: watched });

attachConnection({ socket, isOver: () => isOver, lost: CONNECTION.reconnecting });
showFreshness();
socket.start();
