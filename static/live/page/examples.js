/** The buttons that bring an example, and the one that brings back what was there before. */

import { byId } from "../lib/dom.js";

/** @param {import("./page.js").Page} page */
export function attachExamples({ editor }) {
  const restore = byId("restore");
  editor.addEventListener("text", () => {
    restore.hidden = !editor.hasKept;
  });
  for (const example of document.querySelectorAll("button[data-example]")) {
    example.addEventListener("click", () => editor.bring(example.dataset.text));
  }
  restore.addEventListener("click", () => {
    editor.bringBack();
    editor.focus();
  });
}
