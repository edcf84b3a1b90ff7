/** Says the rating to a screen reader: one sentence, once typing has paused, where it is another one. */

import { say } from "../lib/dom.js";
import { announcement, TOO_SHORT } from "../lib/strings.js";
import { freshness } from "./freshness.js";

const ANNOUNCE_AFTER_MS = 1_200;

/** @param {import("./page.js").Page} page */
export function attachAnnouncer(page) {
  const { editor, display } = page;
  let timer;
  let isQuiet = true;
  let announced = TOO_SHORT;

  function announce() {
    const state = freshness(page);
    if (!isQuiet || (state !== "fresh" && state !== "prior")) return;
    const about = state === "prior" ? TOO_SHORT : display.shown.stars;
    if (about === announced) return;
    announced = about;
    say("status", state === "prior" ? `${TOO_SHORT}.` : announcement(display.shown));
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
