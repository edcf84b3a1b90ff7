/** Says the rating to a screen reader: one sentence, once typing has paused, where it is another one. */

import { say } from "../lib/dom.js";
import { announcement, TOO_SHORT } from "../lib/strings.js";
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
  let announced = TOO_SHORT;

  function announce() {
    const state = freshness(page);
    const { shown } = display;
    if (!isQuiet || shown === null || (state !== "fresh" && state !== "prior")) return;
    const about = state === "prior" ? TOO_SHORT : shown.stars;
    if (about === announced) return;
    announced = about;
    say("status", state === "prior" ? `${TOO_SHORT}.` : announcement(shown));
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
