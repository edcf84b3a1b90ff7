/** The rating over the text as it was typed: a curve to look back on, moment by moment or as a replay. */

import { curve, heightOf } from "./curve.js";
import { byId, say } from "./dom.js";
import { Moments } from "./moments.js";
import { Replay } from "./replay.js";
import {
  momentWords,
  NOW,
  REPLAY,
  STOP_REPLAY,
  TIMELINE_EMPTY,
  TIMELINE_HINT,
  tail,
} from "./words.js";

/** @param {import("./page.js").Page} page */
export function attachTimeline({ editor, stage }) {
  const panel = byId("timeline");
  const slider = byId("moment");
  const replayButton = byId("replay");
  const backButton = byId("now");
  const dot = byId("timeline-dot");
  const moments = new Moments();
  const isCalm = window.matchMedia("(prefers-reduced-motion: reduce)");
  const replay = new Replay({ onMoment: lookAt, onEnd: toNow });

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
      dot.style.left = `${(100 * index) / Math.max(1, moments.length - 1)}%`;
      dot.style.top = `${heightOf(moment.expected_stars)}%`;
    }
    slider.setAttribute(
      "aria-valuetext",
      isPast ? momentWords(moment, index, moments.length) : NOW,
    );
    const hint = moments.length < 2 ? TIMELINE_EMPTY : TIMELINE_HINT;
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

  stage.addEventListener("shown", ({ detail }) => {
    moments.add({ ...detail, atMs: performance.now() });
    draw();
  });
  editor.addEventListener("text", () => {
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
