/** Buttons that copy the text of an element: `<button data-copy="id" hidden>`. Shown only if copying is allowed. */

import { byId } from "./dom.js";
import { gettext } from "./i18n.js";

const BACK_AFTER_MS = 2_000;

/** @type {NodeListOf<HTMLButtonElement>} */
const buttons = document.querySelectorAll("button[data-copy]");
for (const button of buttons) {
  // Browsers provide the clipboard only to pages of secure origins.
  if (!navigator.clipboard) break;
  const words = button.textContent;
  const source = byId(button.dataset.copy ?? "");
  /** @type {number | undefined} */
  let timer;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(source.textContent);
    button.textContent = gettext("Copied");
    clearTimeout(timer);
    timer = setTimeout(() => {
      button.textContent = words;
    }, BACK_AFTER_MS);
  });
}
