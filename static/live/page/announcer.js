/** Announces the rating to screen readers: one sentence after a pause in typing, if the rating has changed. */

import { say } from "../lib/dom.js";
import { announcement, withoutVerdict } from "../lib/strings.js";
import { freshness } from "./freshness.js";

/** @import { Page } from "./page.js" */

const ANNOUNCE_AFTER_MS = 1_200;

/** @param {Page} page */
export function attachAnnouncer(page) {
  const { editor, display } = page;
  /** @type {number | undefined} */
  let timer;
  let isQuiet = true;
  /** @type {string | number} */
  let announced = `${withoutVerdict({})[0]}.`;

  function announce() {
    const state = freshness(page);
    const { shown } = display;
    if (!isQuiet || shown === null || (state !== "fresh" && state !== "prior")) return;
    const words = state === "prior" ? `${withoutVerdict(shown)[0]}.` : announcement(shown);
    const about = state === "prior" ? words : shown.stars;
    if (about === announced) return;
    announced = about;
    say("status", words);
  }

  editor.addEventListener("text", () => {
    isQuiet = false;
    clearTimeout(timer);
    timer = setTimeout(() => {
      isQuiet = true;
      announce();
    }, ANNOUNCE_AFTER_MS);
  });
  display.addEventListener("shown", announce);
}
