/** The buttons that bring an example, and the one that brings back what was there before. */

import { byId } from "../lib/dom.js";

/** @import { Page } from "./page.js" */

/** @param {Page} page */
export function attachExamples({ editor }) {
  const restore = byId("restore");
  editor.addEventListener("text", () => {
    restore.hidden = !editor.hasKept;
  });
  /** @type {NodeListOf<HTMLButtonElement>} */
  const examples = document.querySelectorAll("button[data-example]");
  for (const example of examples) {
    example.addEventListener("click", () => editor.bring(example.dataset.text ?? ""));
  }
  restore.addEventListener("click", () => {
    editor.bringBack();
    editor.focus();
  });
}
