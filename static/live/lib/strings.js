/** Words of the page for predictions, errors, states, moments and contributions. */

import { LABELS } from "../client/protocol.js";
import { hasNumber } from "./headline.js";
import { fill, formatNumber, formatSigned, gettext, ngettext } from "./i18n.js";
import { expectedOf, mostProbable } from "./labels.js";

/**
 * @import { Explanation, Rating, ServerError, Span } from "../client/protocol.js"
 * @import { Headline } from "./headline.js"
 * @import { Labels } from "./labels.js"
 */

const START_TYPING = gettext("Start typing");
const OF_TEN = gettext("%(stars)s of 10 stars");
const INTERVAL_CHANCE = 0.8;
const MAX_PHRASE_CHARS = 32;
const TAIL_CHARS = 240;

/** @param {number} p @returns {string} As printed on a bar: "41%", "<1%". */
export function percentText(p) {
  const percent = Math.round(p * 100);
  if (percent === 0 && p > 0) return "<1%";
  if (percent === 100 && p < 1) return ">99%";
  return `${percent}%`;
}

/** @param {number} p @returns {string} Percent with one decimal and no sign; the same in all languages, for meters. */
export function percentNumber(p) {
  return (p * 100).toFixed(1);
}

/** @param {number} stars @param {number} p @returns {string} The words of a bar for screen readers. */
export function meterWords(stars, p) {
  const words = ngettext("%(stars)s star, %(percent)s", "%(stars)s stars, %(percent)s", stars);
  return fill(words, { stars, percent: percentWords(p) });
}

/** @param {string} label @param {number} p @returns {string} The words of a bar for screen readers. */
export function labelMeterWords(label, p) {
  return `${label}, ${percentWords(p)}`;
}

/** @param {number} p */
function percentWords(p) {
  const about = percentText(p);
  let percent = gettext("%(percent)s percent");
  if (about.startsWith("<")) percent = gettext("less than %(percent)s percent");
  if (about.startsWith(">")) percent = gettext("more than %(percent)s percent");
  return fill(percent, { percent: about.replace(/[<>%]/g, "") });
}

const POSITIVE = gettext("Positive %(percent)s");
const NEGATIVE = gettext("Negative %(percent)s");
const LEANS_POSITIVE = gettext("Leans positive %(percent)s");
const LEANS_NEGATIVE = gettext("Leans negative %(percent)s");
const EITHER_WAY = gettext("Could go either way");
const NO_OPINION = gettext("No opinion yet");
const UNREADABLE = gettext("Cannot read this");

/** @param {Headline} headline @returns {[verdict: string, why: string]} Two lines: the verdict, and what it rests on. */
export function headlineWords({ state, side, rating, text, labels }) {
  if (state === "nothing" || rating === null) return [START_TYPING, ""];
  if (state === "no_opinion") return [NO_OPINION, gettext("It found too little to rate.")];
  if (state === "unreadable") {
    // Without letters it is of no language.
    const isOfALanguage = /\p{L}/u.test(text);
    const why = isOfALanguage
      ? gettext("It reads English only.")
      : gettext("Nothing here it can read.");
    return [UNREADABLE, why];
  }
  const { positive = 0, interval } = rating;
  if (labels !== undefined) return labelWords(state, rating, labels);
  if (side === null) return [EITHER_WAY, fill(POSITIVE, { percent: percentText(positive) })];
  const isPositive = side === "positive";
  const percent = percentText(isPositive ? positive : 1 - positive);
  const leaning = isPositive ? LEANS_POSITIVE : LEANS_NEGATIVE;
  const words = state === "leans" ? leaning : isPositive ? POSITIVE : NEGATIVE;
  return [fill(words, { percent }), interval ? intervalText(interval) : ""];
}

const SAYS_LABEL = gettext("Says %(label)s %(percent)s");
const LEANS_LABEL = gettext("Leans %(label)s %(percent)s");
const TWO_LABELS = gettext("Could be %(label)s or %(other)s");
const LABEL_SHARE = gettext("%(label)s %(percent)s");

/**
 * @param {Headline["state"]} state
 * @param {Rating} rating
 * @param {Labels} labels
 * @returns {[string, string]} The likeliest label, and its interval or its rival.
 */
function labelWords(state, { probabilities, interval }, { names, values }) {
  const first = mostProbable(probabilities);
  const second = mostProbable(probabilities.map((share, i) => (i === first ? -1 : share)));
  const percent = percentText(probabilities[first]);
  const label = names[first];
  const rival = { label: names[second], percent: percentText(probabilities[second]) };
  if (state === "either_way") {
    const shares = [{ label, percent }, rival].map((share) => fill(LABEL_SHARE, share));
    return [fill(TWO_LABELS, { label, other: names[second] }), shares.join(", ")];
  }
  const verdict = fill(state === "leans" ? LEANS_LABEL : SAYS_LABEL, { label, percent });
  if (values === null || interval === undefined) return [verdict, fill(LABEL_SHARE, rival)];
  const isWhole = interval[0] === values[0] && interval[1] === values.at(-1);
  const [from, to] = interval.map((value) => formatNumber(value, 0, 2));
  const words = from === to ? VALUE_CHANCE : VALUES_CHANCE;
  return [verdict, isWhole ? "" : fill(words, { chance: percentText(INTERVAL_CHANCE), from, to })];
}

const VALUE_CHANCE = gettext("%(chance)s likely %(from)s");
const VALUES_CHANCE = gettext("%(chance)s likely %(from)s to %(to)s");

/** @param {[number, number]} interval In stars. @returns {string} Empty for the whole scale, which says nothing. */
export function intervalText([low, high]) {
  if (low === LABELS[0] && high === LABELS[LABELS.length - 1]) return "";
  const [from, to] = [low, high].map((stars) => formatNumber(stars, 0, 1));
  const words =
    from === to
      ? ngettext("%(chance)s likely %(from)s star", "%(chance)s likely %(from)s stars", low)
      : ngettext(
          "%(chance)s likely %(from)s to %(to)s stars",
          "%(chance)s likely %(from)s to %(to)s stars",
          high,
        );
  return fill(words, { chance: percentText(INTERVAL_CHANCE), from, to });
}

/** @param {number} elapsedMs @returns {string} */
export function answerTime(elapsedMs) {
  if (elapsedMs < 1) return gettext("under 1 ms");
  return elapsedMs < 1000
    ? fill(gettext("%(time)s ms"), { time: Math.round(elapsedMs) })
    : fill(gettext("%(time)s s"), { time: formatNumber(elapsedMs / 1000, 1, 1) });
}

/** @param {Headline} headline @returns {string} For screen readers. */
export function announcement(headline) {
  if (headline.state === "nothing") return "";
  const [verdict, why] = headlineWords(headline);
  const stars = numberOf(headline);
  if (stars === "" || headline.labels !== undefined) return `${verdict}. ${why}`;
  return `${verdict}. ${fill(OF_TEN, { stars })}.`;
}

/** @param {Headline} headline @returns {string} Its expected value; empty if there is none. */
export function numberOf(headline) {
  const value = headline.rating && hasNumber(headline) ? expectedOf(headline.rating) : null;
  return value === null ? "" : formatNumber(value, 1, 1);
}

/**
 * @param {Pick<Rating, "truncated"> | null} rating
 * @param {number} [cutAtChars] How much of a text was sent that is too long to send; 0 if all of it.
 * @returns {string} What is read of a long text; empty if all of it.
 */
export function readNote(rating, cutAtChars = 0) {
  if (cutAtChars > 0) {
    const words = gettext(
      "Of a text this long it reads the beginning and the end of the first %(count)s characters.",
    );
    return fill(words, { count: formatNumber(cutAtChars) });
  }
  if (!rating?.truncated) return "";
  return gettext("Of a text this long it reads the beginning and the end only.");
}

export const PAUSED = gettext("Paused");
export const PAUSE_BARS = gettext("Pause bars");
export const RESUME_BARS = gettext("Resume bars");
// On a phone these must fit on one line.
export const CONNECTION_LOST = gettext("The connection is lost. Keep typing.");
export const OFFLINE = gettext("You are offline. Keep typing.");
export const LIVE_OVER_HTTP = gettext("Live, over HTTP");

export const CONNECTION = Object.freeze({
  connecting: gettext("Connecting"),
  reconnecting: gettext("Reconnecting"),
  closed: gettext("Not connected"),
});

export const FRESHNESS = Object.freeze({
  fresh: gettext("Matches your text"),
  stale: gettext("Catching up"),
  offline: gettext("Not up to date"),
  prior: gettext("Live"),
  past: gettext("Looking back"),
});

export const MATCHES_WHAT_IT_READ = gettext("Matches what it read");

/** @type {Readonly<Record<string, string>>} */
const REFUSALS = Object.freeze({
  too_large: gettext("The text is too large to send. The rating is of an earlier version."),
  text_too_long: gettext("The text is too long to rate. The rating is of an earlier version."),
  rate_limited: gettext("Too many requests at once. Trying again in a moment."),
  overloaded: gettext("Many people are typing right now. Trying again in a moment."),
  model_unavailable: gettext("The model is not answering. Trying again in a moment."),
  internal: gettext("This text could not be rated. Keep typing to try again."),
  server_full: gettext("The server is full right now. Trying again in a moment."),
});
const REFUSAL_OTHER = gettext("The server did not accept this text. Keep typing to try again.");

/** @param {Pick<ServerError, "code">} error @returns {string} */
export function refusal(error) {
  return REFUSALS[error.code] ?? REFUSAL_OTHER;
}

const OUTDATED = gettext("This page is out of date. Reload it to continue.");
/** @type {Readonly<Record<string, string>>} */
const GIVEN_UP = Object.freeze({
  4503: gettext("The server requires an API key."),
  4504: gettext("The server does not accept this API key."),
  4520: gettext("The server refuses this page: another site, or a proxy changes Host."),
  4521: CONNECTION.closed,
});

/** @param {string} code Why the connection ended for good. @returns {string} */
export function givenUp(code) {
  return GIVEN_UP[code] ?? OUTDATED;
}

/** @param {number} weight In stars or values. @returns {string} As printed next to a sentence or word: "+0.4". */
export function weightText(weight) {
  return formatSigned(weight, 1, Math.abs(weight) < 0.1 ? 2 : 1);
}

/** @param {number} weight A probability. @returns {string} Likewise: "+12%". */
export function shareText(weight) {
  return `${formatSigned(100 * weight, 0, 1)}%`;
}

export const WORKING_OUT_WORDS = gettext("Working out the words…");
export const NO_WORDS = gettext("The words could not be worked out.");

/**
 * @param {Pick<Explanation, "partial" | "all_words" | "counted_in" | "label"> & {spans: readonly Span[]}} explanation
 * @returns {string} What its numbers are, and of which words.
 */
export function aboutWords({ partial, all_words: allWords, counted_in: countedIn, label, spans }) {
  if (partial) return WORKING_OUT_WORDS;
  if (!spans.some(({ weight, unit }) => weight !== 0 && unit !== "sentence")) {
    return gettext("No word stands out.");
  }
  if (countedIn === "values") {
    return gettext("What parts add to the number. They work together, so they do not add up.");
  }
  if (countedIn === "probability") {
    const words = gettext(
      "What parts add to %(label)s. They work together, so they do not add up.",
    );
    return fill(words, { label: label ?? "" });
  }
  return allWords
    ? gettext("What each part adds, in stars. They work together, so the numbers do not add up.")
    : gettext(
        "What the strongest words add, in stars. They work together, so the numbers do not add up.",
      );
}

/**
 * @param {Headline} headline
 * @param {number} index
 * @param {number} count
 * @returns {string} The words of a moment for screen readers.
 */
export function momentWords(headline, index, count) {
  const place = fill(gettext("Moment %(number)s of %(count)s"), { number: index + 1, count });
  return `${place}: ${announcement(headline)}`;
}

/** @param {string} text @returns {string} On one line; a long text is cut in the middle, between words where it has some. */
export function shortened(text) {
  const chars = [...text.replace(/\s+/g, " ")];
  if (chars.length <= MAX_PHRASE_CHARS) return chars.join("");
  const half = MAX_PHRASE_CHARS / 2;
  const space = chars.lastIndexOf(" ", half);
  const nextSpace = chars.slice(0, -1).indexOf(" ", chars.length - half - 1);
  const head = chars.slice(0, space > 0 ? space : half);
  const end = chars.slice(nextSpace > 0 ? nextSpace + 1 : -half);
  return `${head.join("")} … ${end.join("")}`;
}

/** @param {string} text @returns {string} The end of the text. */
export function tail(text) {
  if (text.length <= TAIL_CHARS) return text;
  return `…${[...text.slice(-TAIL_CHARS)].slice(1).join("")}`;
}

/** @param {number} count @returns {string} */
export function moreLabels(count) {
  return fill(ngettext("%(count)s more label", "%(count)s more labels", count), { count });
}

/** @param {string} title @returns {string} */
export function anotherModel(title) {
  return fill(gettext("Another model answers now: %(title)s"), { title });
}

export const LABEL = gettext("Label");
export const MOVES_THE_STARS = gettext("What moves the stars");
export const MOVES_THE_RATING = gettext("What moves it");
export const STARS = gettext("Stars");
export const RAISES_MOST = gettext("Raises it most");
export const LOWERS_MOST = gettext("Lowers it most");
export const MOVES_MOST = gettext("Sentences");
export const NOW = gettext("Now");
export const GHOST = gettext("An example. Type, and it gives way to your text.");
export const AS_IT_READS_ON = gettext("As it reads on");
export const WORKING_OUT = gettext("Working out the curve…");
export const REPLAY = gettext("Replay");
export const STOP_REPLAY = gettext("Stop");
export const TIMELINE_HINT = gettext(
  "Drag along the curve to see the text and the bars as they were.",
);
export const TIMELINE_ONE = gettext("The curve grows with the text.");
export const TIMELINE_EMPTY = gettext("The curve starts with the first rating.");
