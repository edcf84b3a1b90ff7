/** Announces the headline to screen readers: after a pause in typing, if its state or side has changed. */

import { say } from "../lib/dom.js";
import { announcement } from "../lib/strings.js";

/**
 * @import { Display } from "./display.js"
 *
 * @typedef {object} Told What is announced, on the live page and for watchers.
 * @property {{text: string, addEventListener: (name: "text", listener: () => void) => void}} editor
 * @property {Pick<Display, "headline" | "past">
 *   & {addEventListener: (name: "headline", listener: () => void) => void}} display
 */

const ANNOUNCE_AFTER_MS = 1_200;

/** @param {Told} page */
export function attachAnnouncer({ editor, display }) {
  /** @type {number | undefined} */
  let timer;
  let isQuiet = true;
  let announced = "";

  function announce() {
    const { headline, past } = display;
    if (!isQuiet || past !== null || headline.text !== editor.text) return;
    const about = `${headline.state} ${headline.side} ${headline.labels && headline.rating?.label}`;
    if (about === announced) return;
    announced = about;
    say("status", announcement(headline));
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
