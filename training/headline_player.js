/** Plays recorded ratings through the page's headline module at the pace of typing; prints figures. See headline.py. */

import { readFileSync } from "node:fs";
import { hasNumber, headlineOf, Settling } from "../static/live/lib/headline.js";

/**
 * @import { Rating } from "../static/live/client/protocol.js"
 * @import { Headline, Scale } from "../static/live/lib/headline.js"
 *
 * @typedef {Rating & {text: string}} Key
 * @typedef {{keys: Key[], is_positive?: boolean}} Typed
 */

/** @param {Key[]} keys @param {Scale} scale @param {number} intervalMs @returns {Headline[]} One after each key. */
function settled(keys, scale, intervalMs) {
  /** @type {{callback: () => void, ms: number} | null} */
  let due = null;
  const timers = {
    set: (/** @type {() => void} */ callback, /** @type {number} */ ms) => {
      due = { callback, ms };
    },
    clear: () => {
      due = null;
    },
    now: () => 0,
  };
  const settling = new Settling(() => {}, timers);
  settling.scale = scale;
  return keys.map((key) => {
    settling.take(key, key.text);
    if (due !== null && due.ms <= intervalMs) due.callback();
    return settling.headline;
  });
}

/** @param {Headline[]} headlines @param {(headline: Headline) => unknown} of */
const changes = (headlines, of) =>
  headlines.filter((headline, i) => i > 0 && of(headline) !== of(headlines[i - 1])).length;

/** @param {Headline} headline */
const shown = ({ state, side }) => `${state} ${side}`;

/** @param {Headline[][]} played @param {Typed[]} recordings */
function figures(played, recordings) {
  const keys = played.flat().length;
  let right = 0;
  let sided = 0;
  let ends = 0;
  recordings.forEach(({ keys, is_positive }, i) => {
    if (is_positive === undefined) return;
    const isRight = is_positive ? "positive" : "negative";
    keys.forEach(({ text }, k) => {
      // The key that ends a word, after the word.
      if (!/\S\s$/.test(text)) return;
      const { side } = played[i][k];
      ends += 1;
      sided += Number(side !== null);
      right += Number(side === isRight);
    });
  });
  const appears = played.map((headlines) => {
    const flags = [false, ...headlines.map(hasNumber)];
    return flags.filter((flag, i) => i > 0 && flag && !flags[i - 1]).length;
  });
  const goes = played.map((headlines) => {
    const flags = headlines.map(hasNumber);
    return flags.filter((flag, i) => i > 0 && !flag && flags[i - 1]).length;
  });
  const sum = (/** @type {number[]} */ counts) => counts.reduce((a, b) => a + b, 0);
  return {
    keys,
    changes_per_100_keys: (100 * sum(played.map((headlines) => changes(headlines, shown)))) / keys,
    appears: sum(appears),
    goes: sum(goes),
    crosses_the_middle: sum(
      played.map((headlines) =>
        changes(headlines.filter(hasNumber), ({ rating }) => (rating?.expected_stars ?? 0) >= 5.5),
      ),
    ),
    ...(ends > 0 && {
      ends_of_words: ends,
      side_shown: sided / ends,
      right_of_all: right / ends,
      right_of_shown: right / sided,
    }),
  };
}

/** @type {{scale: Scale, interval_ms: number, recordings: Typed[]}} */
const { scale, interval_ms, recordings } = JSON.parse(readFileSync(0, "utf-8"));
const raw = recordings.map(({ keys }) => keys.map((key) => headlineOf(key, key.text, scale)));
const calm = recordings.map(({ keys }) => settled(keys, scale, interval_ms));
const report = {
  raw: figures(raw, recordings),
  headline: figures(calm, recordings),
};
process.stdout.write(JSON.stringify(report));
