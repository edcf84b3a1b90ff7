/**
 * The live page: wires the textarea, the connection and the drawing together.
 *
 * What tests and style sheets may hold on to:
 * - `textarea#review`
 * - `[role="meter"][data-stars="9"]`: `aria-valuenow` is the percent with one decimal,
 *   `data-probability` the number as the server sent it, absent until the first answer
 * - `td[data-stars="9"]`: the same percent in the table
 * - `#rating`: `data-too-short` true or false, `data-side` positive or negative, absent while too short
 * - `#expected` ("8.4", or "–" while too short), `#verdict` ("Positive 97%"), `#interval`
 * - `#freshness[data-state]`: `fresh`: the bars are for the text you see; `prior`: so they are, and it is
 *   too short to tell; `stale`: an answer is under way, or the bars are paused; `offline`: the bars are
 *   for an older text and there is no connection. The state is exact; the words follow a little later.
 * - `#connection[data-state]`: `connecting`, `open`, `reconnecting`, `closed`
 * - `#answer-time`: from sending to showing
 * - `#note` (limits and refusals), `#status` (role=status), `#alert` (role=alert, lost connection only)
 * - `#pause` (`data-paused` true or false), `button[data-example]`, `#restore` (the text before an example)
 * - `document.documentElement.dataset.shownSeq`: the number of the answer shown
 */

import { RatingView } from "./bars.js";
import { SOCKET_PATH } from "./protocol.js";
import { RatingSocket } from "./socket.js";
import {
  announcement,
  answerTime,
  CONNECTION,
  CONNECTION_LOST,
  cutNote,
  FRESHNESS,
  givenUp,
  isTooShort,
  PAUSE_BARS,
  PAUSED,
  RESUME_BARS,
  refusal,
  TOO_SHORT,
  truncatedNote,
} from "./words.js";

const ANNOUNCE_AFTER_MS = 1_200;
// A badge that changes its words at every key is noise; only slow answers are worth them.
const STALE_WORDS_AFTER_MS = 250;
// One failed try is a hiccup or a restart of the server; a second one is a lost connection.
const LOST_FROM_ATTEMPT = 2;

const byId = (id) => document.getElementById(id);
// Writing the same words again would make a screen reader say them again.
const say = (id, words) => {
  const element = byId(id);
  if (element.textContent !== words) element.textContent = words;
};
const review = byId("review");
const restore = byId("restore");
const examples = [...document.querySelectorAll("button[data-example]")];
const view = new RatingView(document);
const scheme = location.protocol === "https:" ? "wss:" : "ws:";
const socket = new RatingSocket(`${scheme}//${location.host}${SOCKET_PATH}`);

const ownTexts = [];
let session = null;
let shown = null;
let held = null;
let isPaused = false;
let isComposing = false;
let submitted = null;
let cutAtChars = 0;
let refused = null;
let freshnessTimer = null;
let quietTimer = null;
let isQuiet = true;
let announced = TOO_SHORT;

function submitText() {
  if (isComposing || review.value === submitted) return;
  submitted = review.value;
  socket.submit(submitted);
}

function textChanged() {
  submitText();
  showFreshness();
  isQuiet = false;
  clearTimeout(quietTimer);
  quietTimer = setTimeout(() => {
    isQuiet = true;
    announce();
  }, ANNOUNCE_AFTER_MS);
}

/** Only ever at the press of a button: nothing else rewrites what a person wrote. */
function replaceText(text) {
  review.value = text;
  restore.hidden = ownTexts.length === 0;
  textChanged();
}

function flush() {
  submitText();
  socket.flush();
}

function show(prediction) {
  shown = { ...prediction, isTooShort: isTooShort(prediction, session?.prior) };
  view.show(shown, shown.isTooShort);
  document.documentElement.dataset.shownSeq = String(shown.seq);
  showNote();
  showFreshness();
  announce();
}

function freshness() {
  const isForThisText = shown?.seq === socket.seq && socket.isSettled && review.value === submitted;
  if (isForThisText) return shown.isTooShort ? "prior" : "fresh";
  return socket.state === "open" || socket.state === "connecting" ? "stale" : "offline";
}

function showFreshness() {
  const state = freshness();
  const isGivenUp = refused !== null && !refused.retryable;
  let words = FRESHNESS[state];
  if (state === "stale" && isPaused) words = PAUSED;
  else if (state === "stale" && isGivenUp) words = FRESHNESS.offline;
  byId("freshness").dataset.state = state;
  clearTimeout(freshnessTimer);
  freshnessTimer = setTimeout(
    () => say("freshness-words", words),
    state === "stale" && !isPaused ? STALE_WORDS_AFTER_MS : 0,
  );
}

function showNote() {
  let words = "";
  if (refused !== null) words = refusal(refused);
  else if (cutAtChars > 0) words = cutNote(cutAtChars);
  else if (shown?.truncated) words = truncatedNote(session?.model.max_tokens);
  say("note", words);
}

function announce() {
  const state = freshness();
  if (!isQuiet || (state !== "fresh" && state !== "prior")) return;
  const about = state === "prior" ? TOO_SHORT : shown.stars;
  if (about === announced) return;
  announced = about;
  say("status", state === "prior" ? `${TOO_SHORT}.` : announcement(shown));
}

socket.addEventListener("state", ({ detail: { state, attempt, code } }) => {
  byId("connection").dataset.state = state;
  say("connection-words", CONNECTION[state]);
  if (state === "open") say("alert", "");
  else if (state === "closed") say("alert", givenUp(code));
  else if (attempt >= LOST_FROM_ATTEMPT) say("alert", CONNECTION_LOST);
  showFreshness();
});

socket.addEventListener("session", ({ detail }) => {
  session = detail;
  say("model", `${detail.model.name} ${detail.model.version}`);
  // A browser restores a text without an input event, sometimes only now.
  submitText();
});

socket.addEventListener("sent", ({ detail: { isCut, chars } }) => {
  cutAtChars = isCut ? chars : 0;
  showNote();
});

socket.addEventListener("prediction", ({ detail: { prediction, elapsedMs } }) => {
  refused = null;
  if (elapsedMs !== null) say("answer-time", answerTime(elapsedMs));
  if (isPaused) held = prediction;
  else show(prediction);
});

socket.addEventListener("refused", ({ detail }) => {
  refused = detail;
  showNote();
  showFreshness();
});

socket.addEventListener("fault", ({ detail }) => console.error("starcast:", detail));

review.addEventListener("compositionstart", () => {
  isComposing = true;
});
review.addEventListener("compositionend", () => {
  isComposing = false;
  textChanged();
});
review.addEventListener("input", textChanged);
review.addEventListener("blur", flush);
review.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) flush();
});

for (const example of examples) {
  example.addEventListener("click", () => {
    const isOwnText = examples.every(({ dataset }) => dataset.text !== review.value);
    if (isOwnText && review.value !== "") ownTexts.push(review.value);
    replaceText(example.dataset.text);
  });
}

restore.addEventListener("click", () => {
  replaceText(ownTexts.pop());
  review.focus({ preventScroll: true });
});

byId("pause").addEventListener("click", (event) => {
  isPaused = !isPaused;
  event.currentTarget.dataset.paused = String(isPaused);
  event.currentTarget.textContent = isPaused ? RESUME_BARS : PAUSE_BARS;
  if (!isPaused && held !== null) show(held);
  held = null;
  showFreshness();
});

window.addEventListener("pageshow", submitText);
window.addEventListener("online", () => socket.retryNow());
window.addEventListener("offline", () => socket.probe());
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState !== "visible") return;
  socket.retryNow();
  socket.probe();
});

submitText();
showFreshness();
socket.start();
