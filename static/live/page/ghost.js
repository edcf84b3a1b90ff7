/**
 * A review types itself into an untouched page, until the first key or touch. It stands in the placeholder, the bars are
 * of a recording, and nothing is sent.
 */

import { LABELS } from "../client/protocol.js";
import { byId, say } from "../lib/dom.js";
import { Settling } from "../lib/headline.js";
import { GHOST } from "../lib/strings.js";
import { MODEL, SHARES, TEXT } from "./ghost-recording.js";

/**
 * @import { Rating, Session } from "../client/protocol.js"
 * @import { RatingView } from "./bars.js"
 * @import { Page } from "./page.js"
 */

// All of it within five seconds: what moves longer by itself needs a button that stops it.
const KEY_MS = 60;
const TAIL = 0.1;

/**
 * @param {Page} page
 * @param {Session} session
 * @param {RatingView} view
 */
export function attachGhost({ editor, display }, { model, prior, states }, view) {
  // The recording of another model would show what this one does not say.
  if (`${model.name} ${model.version}` !== MODEL || editor.text !== "") return;
  /** @type {HTMLTextAreaElement} */
  const field = byId("review");
  const panel = byId("rating");
  const { placeholder } = field;
  const settling = new Settling((headline) => view.showHeadline(headline));
  settling.scale = { prior, states };
  const ratings = SHARES.map(ratingOf);
  const stopping = new AbortController();
  const { signal } = stopping;
  const isCalm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  /** @type {number | undefined} */
  let timer;

  /** @param {number} key */
  function show(key) {
    const text = TEXT.slice(0, key + 1);
    field.placeholder = text;
    view.showBars(ratings[key]);
    settling.take(ratings[key], text);
    if (key + 1 < ratings.length) timer = setTimeout(() => show(key + 1), KEY_MS);
  }

  function stop() {
    stopping.abort();
    clearTimeout(timer);
    settling.clear();
    field.placeholder = placeholder;
    delete panel.dataset.ghost;
    say("note", "");
    if (display.shown !== null) view.showBars(display.shown);
    view.showHeadline(display.headline);
  }

  for (const name of ["keydown", "pointerdown"]) document.addEventListener(name, stop, { signal });
  editor.addEventListener("text", stop, { signal });
  panel.dataset.ghost = "true";
  say("note", GHOST);
  show(isCalm ? ratings.length - 1 : 0);
}

/** @param {readonly number[]} shares @returns {Rating} */
function ratingOf(shares) {
  const sum = shares.reduce((a, b) => a + b);
  const probabilities = shares.map((share) => share / sum);
  /** @param {number} level */
  const quantile = (level) => {
    let below = 0;
    return LABELS.find((_, i) => {
      below += probabilities[i];
      return below >= level;
    });
  };
  return {
    probabilities,
    stars: LABELS[probabilities.indexOf(Math.max(...probabilities))],
    expected_stars: probabilities.reduce((mean, p, i) => mean + p * LABELS[i], 0),
    interval: [quantile(TAIL) ?? 1, quantile(1 - TAIL) ?? 10],
    positive: probabilities.slice(4).reduce((a, b) => a + b),
    tokens: 1,
    truncated: false,
  };
}
