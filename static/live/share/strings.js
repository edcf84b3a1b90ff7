/** Words of the page for links, rooms, files, history and feedback. */

import { fill, formatNumber, gettext, ngettext } from "../lib/i18n.js";

/** @import { Kept } from "./kept-texts.js" */

const BEGINNING_CHARS = 60;

export const COPIED = gettext("Copied");
export const LINK_COPIED = gettext("Link copied. It contains the text itself.");
export const LINK_SHOWN = gettext("Copy this link. It contains the text itself.");
export const LINK_TOO_LONG = gettext("This text is too long for a link. Save it as a file.");
export const LINK_OPENED = gettext("This text came with the link.");
export const LINK_DAMAGED = gettext("The link is damaged, so its text cannot be shown.");
export const NOTHING_TO_SHARE = gettext("There is no text yet.");
export const ROOM_LINK_COPIED = gettext("Link copied. Anyone with it can watch.");
export const ROOM_NEEDS_SOCKET = gettext(
  "Watching needs a live connection: it is blocked here, or a proxy drops Upgrade.",
);

/** @type {Readonly<Record<string, string>>} */
const ROOM_ENDS = Object.freeze({
  taken: gettext("You are now sharing this from another window."),
  too_many_rooms: gettext("Too many people are sharing right now. Try again later."),
});

/** @param {string} reason @returns {string} Why a shared room ended; empty if the typist closed it. */
export function roomEnded(reason) {
  return ROOM_ENDS[reason] ?? "";
}

/** @param {number} count @returns {string} */
export function watchersText(count) {
  if (count === 0) return gettext("No watchers yet");
  const words = ngettext("%(count)s watcher", "%(count)s watchers", count);
  return fill(words, { count: formatNumber(count) });
}

export const ROOM_LOST = gettext("Your connection is lost. Your watchers are waiting.");

export const TYPIST = Object.freeze({
  looking: gettext("Looking for the writer…"),
  here: gettext("You are watching live"),
  away: gettext("The writer’s connection is lost. Waiting for it to come back."),
  left: gettext("The sharing has ended."),
  none: gettext("There is no writer at this link. It may be old or incomplete."),
  full: gettext("Too many people are watching. Trying again in a moment."),
});
export const WATCHED_FRESH = gettext("Matches the text");
export const WATCHED_STALE = gettext("Catching up");
export const WATCHED_OVER = gettext("The last rating");

export const FEEDBACK_STARS = gettext("Seem wrong? What would you give it?");
export const FEEDBACK_LABEL = gettext("Seem wrong? What is it?");
export const CONSENT_STARS = gettext(
  "If you send it, the server stores this text, your stars and the model’s rating, to train later models. Nothing about you is stored.",
);
export const CONSENT_LABEL = gettext(
  "If you send it, the server stores this text, your label and the model’s, to train later models. Nothing about you is stored.",
);
export const FEEDBACK_THANKS = gettext("Thank you. Your rating is stored.");
const FEEDBACK_FAILED = gettext("This could not be stored. Try again later.");
/** @type {Readonly<Record<string, string>>} */
const FEEDBACK_REFUSALS = Object.freeze({
  rate_limited: gettext("Too many ratings at once. Try again in a moment."),
  text_too_long: gettext("The text is too long to be stored."),
  too_large: gettext("The text is too long to be stored."),
});

/** @param {string} code Error code. @returns {string} */
export function feedbackFailed(code) {
  return FEEDBACK_REFUSALS[code] ?? FEEDBACK_FAILED;
}

export const DELETE = gettext("Delete");
export const HISTORY_EMPTY = gettext("Nothing is kept yet.");
export const HISTORY_FAILED = gettext("This browser cannot store texts, or its storage is full.");

/** @param {Kept} kept @returns {string} */
export function keptText({ text, stars, label }) {
  const chars = [...text.replace(/\s+/g, " ").trim()];
  const isLong = chars.length > BEGINNING_CHARS;
  const beginning = isLong ? `${chars.slice(0, BEGINNING_CHARS).join("")}…` : chars.join("");
  if (stars === undefined) return `${label}: ${beginning}`;
  return fill(gettext("%(stars)s stars: %(beginning)s"), {
    stars: formatNumber(stars, 1, 1),
    beginning,
  });
}
