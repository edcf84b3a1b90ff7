/** Announces the headline to screen readers: after a pause in typing, if its state or side has changed. */

import { say } from "../lib/dom.js";
import { announcement } from "../lib/strings.js";
import { isFresh } from "./freshness.js";

/** @import { Page } from "./page.js" */

const ANNOUNCE_AFTER_MS = 1_200;

/** @param {Page} page */
export function attachAnnouncer(page) {
  const { editor, display } = page;
  /** @type {number | undefined} */
  let timer;
  let isQuiet = true;
  let announced = "";

  function announce() {
    const { headline, past } = display;
    if (!isQuiet || past !== null || headline.text !== editor.text || !isFresh(page)) return;
    const about = `${headline.state} ${headline.side} ${headline.labels && headline.rating?.label}`;
    if (about === announced) return;
    announced = about;
    say("status", headline.state === "nothing" ? "" : announcement(headline));
  }

  editor.addEventListener("text", () => {
    isQuiet = false;
    clearTimeout(timer);
    timer = setTimeout(() => {
      isQuiet = true;
      announce();
    }, ANNOUNCE_AFTER_MS);
  });
  display.addEventListener("headline", announce);
}
