/** The rating over the text as it was typed: a curve to look back on, moment by moment or as a replay. */

import { byId, say } from "../lib/dom.js";
import {
  isTooShort,
  momentWords,
  NOW,
  REPLAY,
  STOP_REPLAY,
  TIMELINE_EMPTY,
  TIMELINE_HINT,
  TIMELINE_ONE,
  tail,
} from "../lib/words.js";
import { curve, heightOf, placeOf } from "./curve.js";
import { Moments } from "./moments.js";
import { Replay } from "./replay.js";

// Longer than the pause between two keys: whoever types makes a curve of their own.
const LEAD_AFTER_MS = 400;
// As if each beginning had been typed in so long.
const LEAD_STEP_MS = 150;

/** @param {import("../page/page.js").Page} page */
export function attachTimeline(page) {
  const { editor, stage } = page;
  const panel = byId("timeline");
  const slider = byId("moment");
  const replayButton = byId("replay");
  const backButton = byId("now");
  const dot = byId("timeline-dot");
  const moments = new Moments();
  const isCalm = window.matchMedia("(prefers-reduced-motion: reduce)");
  const replay = new Replay({ onMoment: lookAt, onEnd: toNow });
  let leading = new AbortController();
  let leadTimer;

  function lookAt(index) {
    const isNow = index === moments.length - 1 && !replay.isPlaying;
    stage.lookBack(isNow ? null : (moments.at(index) ?? null));
    slider.value = String(index);
    drawPlace(index);
  }

  function toNow() {
    lookAt(moments.length - 1);
  }

  function drawPlace(index) {
    const moment = moments.at(index);
    const isPast = stage.past !== null;
    panel.dataset.state = moments.length === 0 ? "empty" : isPast ? "past" : "now";
    dot.hidden = moment === undefined || moment.isTooShort;
    if (!dot.hidden) {
      dot.style.left = `${placeOf(index, moments.length)}%`;
      dot.style.top = `${heightOf(moment.expected_stars)}%`;
    }
    slider.setAttribute(
      "aria-valuetext",
      isPast ? momentWords(moment, index, moments.length) : NOW,
    );
    const hint = [TIMELINE_EMPTY, TIMELINE_ONE][moments.length] ?? TIMELINE_HINT;
    say("moment-text", isPast ? tail(moment.text) : hint);
    backButton.disabled = !isPast;
    replayButton.dataset.playing = String(replay.isPlaying);
    replayButton.textContent = replay.isPlaying ? STOP_REPLAY : REPLAY;
  }

  function draw() {
    const { line, band } = curve(moments.all);
    byId("timeline-line").setAttribute("d", line);
    byId("timeline-band").setAttribute("d", band);
    slider.max = String(Math.max(1, moments.length - 1));
    slider.disabled = replayButton.disabled = moments.length < 2;
    if (stage.past === null) toNow();
  }

  async function lead() {
    const only = moments.at(0);
    if (moments.length !== 1 || only.text !== editor.text || stage.isPaused) return;
    // Most begin by typing a word, and need none of this.
    if (!/\S\s+\S/.test(only.text)) return;
    leading = new AbortController();
    const { beginningsOf, rateAll } = await import("./beginnings.js");
    const texts = beginningsOf(only.text);
    if (texts.length === 0) return;
    const ratings = await rateAll(texts, leading.signal);
    const before = ratings.map((rating, i) => ({
      ...rating,
      isTooShort: isTooShort(rating, page.session?.prior),
      atMs: only.atMs - LEAD_STEP_MS * (ratings.length - i),
    }));
    moments.lead(before, only.text);
    draw();
  }

  stage.addEventListener("shown", ({ detail }) => {
    moments.add({ ...detail, atMs: performance.now() });
    draw();
    clearTimeout(leadTimer);
    // Without a network the module may not come, and then the one moment has to do.
    if (moments.length === 1) leadTimer = setTimeout(() => lead().catch(() => {}), LEAD_AFTER_MS);
  });
  editor.addEventListener("text", () => {
    clearTimeout(leadTimer);
    leading.abort();
    replay.stop();
    if (stage.past !== null) toNow();
  });
  slider.addEventListener("input", () => {
    const index = Number(slider.value);
    replay.stop();
    lookAt(index);
  });
  replayButton.addEventListener("click", () => {
    if (replay.isPlaying) return replay.stop();
    const timesMs = moments.all.map(({ atMs }) => atMs);
    replay.play(timesMs, isCalm.matches);
    drawPlace(moments.length - 1);
  });
  backButton.addEventListener("click", () => {
    replay.stop();
    toNow();
    slider.focus();
  });
}
