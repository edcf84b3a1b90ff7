/** The timeline: a curve of the ratings while the text was typed, with a slider and a replay. */

import { byId, say } from "../lib/dom.js";
import {
  AS_IT_READS_ON,
  momentWords,
  NOW,
  REPLAY,
  STOP_REPLAY,
  TIMELINE_EMPTY,
  TIMELINE_HINT,
  TIMELINE_ONE,
  tail,
  WORKING_OUT,
} from "../lib/strings.js";
import { axisOf, curve, heightOf, placeOf } from "./curve.js";
import { Recording } from "./recording.js";
import { Replay } from "./replay.js";

/**
 * @import { Session } from "../client/protocol.js"
 * @import { Display, RatedText } from "../page/display.js"
 */

/**
 * @typedef {object} Shows
 * @property {((name: "shown", listener: (event: CustomEvent<RatedText>) => void) => void)
 *   & ((name: "labels", listener: () => void) => void)} addEventListener
 *
 * @typedef {object} Typed What a curve is drawn of, on the live page and for watchers.
 * @property {{text: string, addEventListener: (name: "text", listener: () => void) => void}} editor
 * @property {Pick<Display, "past" | "isPaused" | "lookBack" | "rated" | "headlineAt" | "labels"> & Shows} display
 * @property {string | null} [linkedText] What a link has just brought: its curve is played once.
 * @property {Session | null} [session]
 */

// Longer than the pause between two keys: typed texts get their curve from typing.
const LEAD_AFTER_MS = 400;
// The time between two beginnings, as if they had been typed.
const LEAD_STEP_MS = 150;

/** @param {Typed} page @returns {Recording} */
export function attachTimeline(page) {
  const { editor, display } = page;
  const panel = byId("timeline");
  /** @type {HTMLInputElement} */
  const slider = byId("moment");
  /** @type {HTMLButtonElement} */
  const replayButton = byId("replay");
  /** @type {HTMLButtonElement} */
  const backButton = byId("now");
  const dot = byId("timeline-dot");
  // The template has it, since it differs between typists and watchers.
  const title = byId("timeline-title").textContent;
  const recording = new Recording();
  const isCalm = window.matchMedia("(prefers-reduced-motion: reduce)");
  const replay = new Replay({ onMoment: lookAt, onEnd: toNow });
  let leading = new AbortController();
  let isLeading = false;
  let isLed = false;
  /** @type {number | undefined} */
  let leadTimer;

  /** @param {number} index */
  function lookAt(index) {
    const isNow = index === recording.length - 1 && !replay.isPlaying;
    display.lookBack(isNow ? null : (recording.at(index) ?? null));
    slider.value = String(index);
    drawPlace(index);
  }

  function toNow() {
    lookAt(recording.length - 1);
  }

  /** @param {number} index */
  function drawPlace(index) {
    const moment = recording.at(index);
    const past = display.past === null ? undefined : moment;
    panel.dataset.state = recording.length === 0 ? "empty" : past ? "past" : "now";
    panel.dataset.working = String(isLeading);
    dot.hidden = moment === undefined || moment.isTooShort;
    if (moment && !dot.hidden) {
      dot.style.left = `${placeOf(index, recording.length)}%`;
      const scale = axis();
      dot.style.top = `${heightOf(scale.drawnOf(moment), scale)}%`;
    }
    const about = past && momentWords(display.headlineAt(past), index, recording.length);
    slider.setAttribute("aria-valuetext", about ?? NOW);
    say("moment-text", past ? tail(past.text) : hint());
    say("timeline-title", isLed ? AS_IT_READS_ON : title);
    backButton.disabled = !past;
    replayButton.dataset.playing = String(replay.isPlaying);
    replayButton.textContent = replay.isPlaying ? STOP_REPLAY : REPLAY;
  }

  function hint() {
    if (isLeading) return WORKING_OUT;
    if (recording.all.every(({ isTooShort }) => isTooShort)) return TIMELINE_EMPTY;
    return recording.length === 1 ? TIMELINE_ONE : TIMELINE_HINT;
  }

  const axis = () => axisOf(display.labels, recording.at(-1));

  function draw() {
    const scale = axis();
    const { line, unsure, band } = curve(recording.all, scale);
    for (const [i, id] of ["axis-high", "axis-low"].entries()) say(id, scale.names[i]);
    byId("timeline-line").setAttribute("d", line);
    byId("timeline-unsure").setAttribute("d", unsure);
    byId("timeline-band").setAttribute("d", band);
    slider.max = String(Math.max(1, recording.length - 1));
    slider.disabled = replayButton.disabled = recording.length < 2;
    if (display.past === null) toNow();
  }

  async function lead() {
    const only = recording.at(0);
    if (recording.length !== 1 || only?.text !== editor.text || display.isPaused) return;
    // Not needed for most texts, which are typed from the first word on.
    if (!/\S\s+\S/.test(only.text)) return;
    leading = new AbortController();
    const { signal } = leading;
    const { prefixesOf, rateAll } = await import("./prefixes.js");
    const texts = prefixesOf(only.text, page.session?.limits.max_chars);
    if (texts.length === 0 || signal.aborted) return;
    isLeading = true;
    toNow();
    const ratings = await rateAll(texts, signal);
    if (signal.aborted) return;
    isLeading = false;
    const before = ratings.map((rating, i) => ({
      ...display.rated(rating, rating.text),
      atMs: only.atMs - LEAD_STEP_MS * (ratings.length - i),
    }));
    isLed = recording.lead(before, only.text);
    draw();
    // Motion that was not asked for is left to those who do not mind.
    if (isLed && page.linkedText === only.text && !isCalm.matches) play();
    page.linkedText = null;
  }

  function stop() {
    leading.abort();
    isLeading = false;
    replay.stop();
  }

  display.addEventListener("labels", () => {
    // What another model said cannot be drawn on one axis with this one.
    stop();
    recording.clear();
    draw();
  });
  display.addEventListener("shown", ({ detail }) => {
    recording.add({ ...detail, atMs: performance.now() });
    if (recording.length <= 1) isLed = false;
    draw();
    clearTimeout(leadTimer);
    // If the module cannot be loaded, there is only the one moment.
    if (recording.length === 1) leadTimer = setTimeout(() => lead().catch(() => {}), LEAD_AFTER_MS);
  });
  editor.addEventListener("text", () => {
    clearTimeout(leadTimer);
    stop();
    toNow();
  });
  slider.addEventListener("input", () => {
    const index = Number(slider.value);
    replay.stop();
    lookAt(index);
  });
  function play() {
    const timesMs = recording.all.map(({ atMs }) => atMs);
    replay.play(timesMs, isCalm.matches);
    drawPlace(recording.length - 1);
  }

  replayButton.addEventListener("click", () => (replay.isPlaying ? replay.stop() : play()));
  backButton.addEventListener("click", () => {
    replay.stop();
    toNow();
    slider.focus();
  });
  return recording;
}
